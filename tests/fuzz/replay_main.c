/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_main: gives each file named on the command line to a fuzz target once, for builds without libFuzzer.
 * Fails when no file was named: a corpus that has gone missing must not look like a success.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		return -1;
	}
	static const size_t limit = (size_t)4 << 20;
	uint8_t *data = malloc(limit);
	size_t size = data ? fread(data, 1, limit, file) : 0;
	(void)fclose(file);
	if (!data)
		return -1;
	/* An exact allocation, so that a sanitizer sees a read of one byte too many. */
	uint8_t *exact = realloc(data, size ? size : 1);
	if (!exact)
		exact = data;
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		(void)fprintf(stderr, "%s: no corpus file was named\n", argv[0]);
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		if (replay(argv[i]) < 0)
			return 1;
	}
	(void)printf("%d inputs replayed\n", argc - 1);
	return 0;
}
