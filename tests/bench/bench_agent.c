/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One signature by keystay-agent, asked for as keystay.so does it: a fresh connection each time. With
 * KEYSTAY_BENCH_HANDSHAKE=FOLDER it is always the one for the input and the transcript that stand there (what is to be
 * proven needs a whole handshake), else for an input that is another one each time.
 *
 * Runs in: keystay-bench.
 */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"

struct asker {
	struct ks_client_sign request;
	uint8_t input[BENCH_INPUT_SIZE];
};

/* Given, for as long as the process lives. */
static struct ks_bytes read_whole(const char *folder, const char *name)
{
	char path[512];
	uint8_t *data = malloc(KS_SIGN_INPUT_MAX);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "rb");
	size_t size = data && file ? fread(data, 1, KS_SIGN_INPUT_MAX, file) : 0;

	if (file)
		(void)fclose(file);
	return (struct ks_bytes){ data, size };
}

static void *asker_prepare(void *userdata)
{
	struct asker *asker = malloc(sizeof(*asker));

	if (!asker)
		return NULL;
	asker->request = *(const struct ks_client_sign *)userdata;
	if (asker->request.input.size == 0)
		asker->request.input = (struct ks_bytes){ asker->input, sizeof(asker->input) };
	return asker;
}

static int asker_sign(void *prepared)
{
	struct asker *asker = prepared;
	uint8_t signature[KS_SIGNATURE_MAX];
	struct ks_client_error error;
	size_t size;
	int r;

	bench_input(asker->input);
	r = ks_client_sign(&asker->request, signature, &size, &error);
	if (r < 0)
		fprintf(stderr, "%s\n", error.text);
	return r;
}

int bench_agent(const char *key, unsigned n_clients, unsigned count)
{
	struct ks_client_sign request = { .name = key, .scheme = strncmp(key, "rsa", 3) == 0 ? 0x0804 : 0x0403 };
	const char *folder = getenv("KEYSTAY_BENCH_HANDSHAKE");
	struct bench_way way = { asker_prepare, asker_sign, &request };
	struct ks_client_identity *identity = NULL;
	struct ks_client_error error;
	int r = ks_client_get(key, &identity, &error);

	if (r < 0) {
		fprintf(stderr, "%s\n", error.text);
		return r;
	}
	memcpy(request.spki_hash, identity->identity.spki_hash.data, sizeof(request.spki_hash));
	ks_client_identity_free(identity);
	if (folder) {
		request.input = read_whole(folder, "input");
		request.transcript = read_whole(folder, "transcript");
	}
	return bench_run(&way, n_clients, count);
}
