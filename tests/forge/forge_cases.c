/* SPDX-License-Identifier: Apache-2.0 */
/* forge_cases: see forge_cases.h. Runs in: tests. */
#include "tests/forge/forge_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/reader.h"
#include "lib/tls/server_claim.h"
#include "lib/tls/server_proof.h"
#include "lib/tls/signable.h"

static int read_file(const char *path, struct ks_buffer *out)
{
	char piece[4096];
	size_t size;
	FILE *file = fopen(path, "rb");

	if (!file) {
		perror(path);
		return KS_ERR_NOT_FOUND;
	}
	while ((size = fread(piece, 1, sizeof(piece), file)) > 0)
		ks_buffer_put(out, ks_bytes(piece, size));
	(void)fclose(file);
	return ks_buffer_error(out);
}

static int read_trust(const char *path, struct ks_server_trust **ret_trust)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };

	int r = read_file(path, &pem);
	if (r == 0)
		r = ks_server_trust_new(ret_trust);
	if (r == 0)
		r = ks_server_trust_add_pem(*ret_trust, ks_buffer_bytes(&pem));
	return r < 0 ? r : 0;
}

static void copy_text(struct ks_bytes text, char *out, size_t size)
{
	(void)snprintf(out, size, "%.*s", (int)text.size, (const char *)text.data);
}

static int read_cases(struct forge_cases *cases)
{
	struct ks_reader reader = ks_reader(ks_buffer_bytes(&cases->file));
	uint32_t n = ks_reader_u32(&reader);

	cases->cases = calloc(n ? n : 1, sizeof(*cases->cases));
	if (!cases->cases)
		return KS_ERR_NO_MEMORY;
	for (; cases->n < n; cases->n++) {
		struct forge_case *one = &cases->cases[cases->n];
		copy_text(ks_reader_vector32(&reader), one->name, sizeof(one->name));
		copy_text(ks_reader_vector32(&reader), one->host, sizeof(one->host));
		one->spki = ks_reader_vector32(&reader);
		one->scheme = ks_reader_u32(&reader);
		one->input = ks_reader_vector32(&reader);
		one->transcript = ks_reader_vector32(&reader);
	}
	return n > 0 && ks_reader_done(&reader) ? 0 : KS_ERR_MALFORMED;
}

int forge_cases_read(const char *file, const char *root_pem, struct forge_cases *ret_cases)
{
	struct forge_cases cases = { .n = 0 };

	int r = read_file(file, &cases.file);
	if (r == 0)
		r = read_cases(&cases);
	if (r == 0)
		r = read_trust(root_pem, &cases.trust);
	if (r < 0) {
		(void)fprintf(stderr, "keystay-forge: %s, %s: %s\n", file, root_pem, ks_error_text(r));
		forge_cases_deinit(&cases);
		return r;
	}
	*ret_cases = cases;
	return 0;
}

void forge_cases_deinit(struct forge_cases *cases)
{
	ks_buffer_deinit(&cases->file);
	ks_server_trust_free(cases->trust);
	free(cases->cases);
}

enum forge_end forge_case_prove(const struct forge_cases *cases, const struct forge_case *one, int64_t now,
				char ret_text[256])
{
	KS_CLEANUP(ks_server_claim_deinit) struct ks_server_claim claim = { 0 };
	const struct ks_server_trust *anchors[] = { cases->trust };
	struct ks_signable_refusal refusal = { "" };
	struct ks_signable signable;
	struct ks_spki spki;
	uint8_t spki_hash[32];

	ret_text[0] = '\0';
	if (ks_spki_read(one->spki, &spki) < 0)
		abort();
	if (ks_signable_check(one->input, one->scheme, &spki, &signable, &refusal) < 0) {
		memcpy(ret_text, refusal.text, sizeof(refusal.text));
		return FORGE_NOT_TLS;
	}
	if (ks_server_claim_read(&signable, one->input, one->transcript, &spki, &claim, ret_text) < 0)
		return FORGE_NO_CLAIM;
	if (ks_server_proof_make(&claim, anchors, 1, now, spki_hash, ret_text) < 0)
		return FORGE_NO_PROOF;
	memcpy(ret_text, claim.server_name, sizeof(claim.server_name));
	return FORGE_PROVEN;
}
