/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_transcript12: any bytes as a TLS 1.2 transcript, for the key of tls_key.h.
 *
 * Checks beside memory errors: what is accepted is read once more by a reader that knows only types and lengths. It must
 * be whole messages in an order that RFC 5246 allows, end with ClientKeyExchange, show this key's certificate to the
 * server, and have in it the scheme that was asked for.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tls/signable.h"
#include "tests/fuzz/tls_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGES_MAX 9

static void require(int condition)
{
	if (!condition)
		abort();
}

static size_t u24(const uint8_t *at)
{
	return (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
}

/* The types of all messages as a string: "\1\2\13\14\15\16\13\20". */
static void read_types(struct ks_bytes input, char types[MESSAGES_MAX + 1], struct ks_bytes bodies[MESSAGES_MAX])
{
	size_t at = 0;
	size_t n = 0;

	while (at < input.size) {
		require(n < MESSAGES_MAX && input.size - at >= 4);
		size_t size = u24(input.data + at + 1);
		require(input.size - at - 4 >= size);
		types[n] = (char)input.data[at];
		bodies[n++] = ks_bytes(input.data + at + 4, size);
		at += 4 + size;
	}
	types[n] = '\0';
}

static int is_good_order(const char *types)
{
	return strcmp(types, "\1\2\13\14\15\16\13\20") == 0 ||    /* with ServerKeyExchange */
	       strcmp(types, "\1\2\13\26\14\15\16\13\20") == 0 || /* and a staple */
	       strcmp(types, "\1\2\13\15\16\13\20") == 0 ||       /* static RSA */
	       strcmp(types, "\1\2\13\26\15\16\13\20") == 0;
}

static int has_scheme(struct ks_bytes request, uint16_t code)
{
	size_t at = 1 + (size_t)request.data[0];
	size_t end = at + 2 + ((size_t)request.data[at] << 8 | request.data[at + 1]);

	for (at += 2; at + 1 < end; at += 2) {
		if ((request.data[at] << 8 | request.data[at + 1]) == code)
			return 1;
	}
	return 0;
}

static void check_accepted(struct ks_bytes input, const struct ks_signable *signable)
{
	char types[MESSAGES_MAX + 1];
	struct ks_bytes bodies[MESSAGES_MAX];

	if (signable->kind != KS_SIGNABLE_TLS12_CLIENT)
		return; /* fuzz_certificate_verify13 looks at those */
	read_types(input, types, bodies);
	require(is_good_order(types));
	size_t n = strlen(types);
	struct ks_bytes certificate = bodies[n - 2];
	size_t leaf_size = u24(certificate.data + 3);
	/* the public point, 65 bytes, in the first certificate */
	require(memmem(certificate.data + 6, leaf_size, tls_key_spki + sizeof(tls_key_spki) - 65, 65) != NULL);
	require(has_scheme(bodies[n - 4], signable->scheme->code));
	require(memcmp(bodies[0].data, "\3\3", 2) == 0 && memcmp(bodies[1].data, "\3\3", 2) == 0);
	require(strlen(signable->server_name) < sizeof(signable->server_name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes input = ks_bytes(data, size);
	struct ks_spki spki = tls_key();
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);

	for (size_t i = 0; i < n; i++) {
		struct ks_signable signable = { .kind = (enum ks_signable_kind)99 };
		struct ks_signable_refusal refusal = { "" };
		int r = ks_signable_check(input, schemes[i].code, &spki, &signable, &refusal);
		if (r == 0)
			check_accepted(input, &signable);
		else
			require(r < 0 && refusal.text[0] != '\0' && signable.kind == (enum ks_signable_kind)99);
	}
	return 0;
}
