/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_own_status: any bytes as what came over the network for one of our certificates: the certificate, its issuer,
 * and an OCSP response or a revocation list, each behind its length (uint32).
 *
 * Checks beside memory errors: a no has words that may be shown, a yes has a word and times in order; nothing is left
 * in OpenSSL's queue of errors.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "lib/base/cleanup.h"
#include "lib/base/reader.h"
#include "lib/base/text.h"
#include "lib/tls/own_status.h"
#include "lib/tls/revocation.h"
#include "lib/tls/status_sources.h"

#define NOW 1800000000 /* of make_status_corpus.py */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

KS_DEFINE_CLEANUP(struct ks_certificate *, ks_certificate_unref)
KS_DEFINE_CLEANUP(struct ks_revocation *, ks_revocation_free)

static void check_answer(struct ks_bytes response, const struct ks_certificate *leaf,
			 const struct ks_certificate *issuer)
{
	char why[KS_OWN_STATUS_WHY_MAX] = "";
	struct ks_own_status status = { 0 };

	int r = ks_own_status_read(response, leaf, issuer, NOW, &status, why);
	if (r < 0 && (why[0] == '\0' || !ks_text_valid(ks_bytes_text(why)) || status.word != 0))
		abort();
	if (r == 0 && (status.word == 0 || status.until_s < status.said_s || !ks_own_status_reason(status.reason)))
		abort();
}

static void check_list(struct ks_bytes der, const struct ks_certificate *leaf, const struct ks_certificate *issuer)
{
	KS_CLEANUP(ks_revocation_freep) struct ks_revocation *list = NULL;
	int64_t when, from = 0, until = 0;

	if (ks_revocation_new(der, &list) < 0)
		return;
	(void)ks_revocation_names(list, leaf, &when);
	(void)ks_revocation_covers(list, leaf);
	(void)ks_revocation_signed_by(list, issuer);
	if (ks_revocation_times(list, &from, &until) && until < from)
		abort();
}

static void check_sources(const struct ks_certificate *leaf)
{
	struct ks_status_sources sources;

	if (ks_status_sources_read(leaf, &sources) < 0)
		return;
	for (size_t i = 0; i < sources.n_responders; i++) {
		if (!ks_text_valid(ks_bytes_text(sources.responders[i])))
			abort();
	}
	ks_status_sources_deinit(&sources);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_reader reader = ks_reader(ks_bytes(data, size));
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *leaf = NULL;
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *issuer = NULL;
	struct ks_bytes leaf_der = ks_reader_vector32(&reader);
	struct ks_bytes issuer_der = ks_reader_vector32(&reader);
	struct ks_bytes rest = ks_reader_vector32(&reader);

	if (ks_certificate_new(leaf_der, &leaf) < 0 || ks_certificate_new(issuer_der, &issuer) < 0)
		return 0;
	check_sources(leaf);
	check_answer(rest, leaf, issuer);
	check_list(rest, leaf, issuer);
	if (ERR_peek_error() != 0)
		abort();
	return 0;
}
