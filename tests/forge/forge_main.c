/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forge_main: the cases of forge.py against lib/tls, and mutations of the good ones.
 *
 *	keystay-forge cases FILE ROOT               each must end as it says; prints those that do not
 *	keystay-forge mutate FILE ROOT N SEED       N mutations of good cases; what is proven goes to standard output, for
 *	                                            forge.py to judge: uint32 case, string name, string input,
 *	                                            string transcript. Counts go to standard error.
 *
 * Runs in: tests. Signs nothing and holds no key.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "tests/forge/forge_cases.h"
#include "tests/forge/forge_mutate.h"

static int run_cases(const struct forge_cases *cases)
{
	static const char *const ends[] = { "not to be signed", "says nothing", "not proven", "proven" };
	unsigned n_wrong = 0;
	unsigned count[FORGE_ENDS] = { 0 };

	for (size_t i = 0; i < cases->n; i++) {
		const struct forge_case *one = &cases->cases[i];
		char text[256];
		enum forge_end end = forge_case_prove(cases, one, time(NULL), text);
		bool is_right = one->host[0] ? end == FORGE_PROVEN && strcmp(text, one->host) == 0 :
					       end != FORGE_PROVEN && text[0] != '\0';
		(void)printf("%s %s: %s: %s\n", is_right ? "right" : "WRONG", one->name, ends[end], text);
		n_wrong += !is_right;
		count[end]++;
	}
	(void)printf("%zu cases: %u not to be signed, %u say nothing, %u not proven, %u proven; %u wrong\n", cases->n,
		     count[FORGE_NOT_TLS], count[FORGE_NO_CLAIM], count[FORGE_NO_PROOF], count[FORGE_PROVEN], n_wrong);
	return n_wrong ? 1 : 0;
}

static int print_proven(size_t number, const struct forge_case *one, const char *name, struct ks_buffer *record)
{
	ks_buffer_reset(record);
	ks_buffer_put_u32(record, (uint32_t)number);
	ks_buffer_put_string(record, ks_bytes_text(name));
	ks_buffer_put_string(record, one->input);
	ks_buffer_put_string(record, one->transcript);
	struct ks_bytes bytes = ks_buffer_bytes(record);
	return fwrite(bytes.data, 1, bytes.size, stdout) == bytes.size ? 0 : -1;
}

static size_t choose_good(const struct forge_cases *cases, struct forge_random *random)
{
	for (;;) {
		size_t number = (size_t)((forge_random_next(random) >> 11) % cases->n);
		if (cases->cases[number].host[0])
			return number;
	}
}

static int run_mutations(const struct forge_cases *cases, unsigned long long n, struct forge_random random)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer transcript = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer record = { 0 };
	unsigned long long count[FORGE_ENDS] = { 0 };
	int64_t now = time(NULL);

	for (unsigned long long i = 0; i < n; i++) {
		size_t number = choose_good(cases, &random);
		struct forge_case mutated;
		char text[256];
		forge_mutate(cases, &cases->cases[number], &random, &input, &transcript, &mutated);
		enum forge_end end = forge_case_prove(cases, &mutated, now, text);
		count[end]++;
		if (end == FORGE_PROVEN && print_proven(number, &mutated, text, &record) < 0)
			return 1;
	}
	(void)fprintf(stderr, "%llu mutations: %llu not to be signed, %llu say nothing, %llu not proven, %llu proven\n",
		      n, count[FORGE_NOT_TLS], count[FORGE_NO_CLAIM], count[FORGE_NO_PROOF], count[FORGE_PROVEN]);
	return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	KS_CLEANUP(forge_cases_deinit) struct forge_cases cases = { .n = 0 };
	bool is_mutate = argc == 6 && strcmp(argv[1], "mutate") == 0;

	if (!is_mutate && (argc != 4 || strcmp(argv[1], "cases") != 0)) {
		(void)fprintf(stderr, "usage: keystay-forge cases FILE ROOT | mutate FILE ROOT N SEED\n");
		return 2;
	}
	if (forge_cases_read(argv[2], argv[3], &cases) < 0)
		return 2;
	if (!is_mutate)
		return run_cases(&cases);
	struct forge_random random = { .state = strtoull(argv[5], NULL, 10) * 2 + 1 };
	return run_mutations(&cases, strtoull(argv[4], NULL, 10), random);
}
