/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_judge: certificates that a CA answered with, to where one of them would be installed. The first byte says whether the
 * server vouched for CAs (bit 0: for all of the answer but its last certificate) and was verified (bit 1), the rest is the
 * answer, in any form that bundle.h reads. The key is that of its last certificate.
 *
 * Checks beside memory errors: a no has a sentence that may be shown and leaves no chain; a yes is of that key, holds, is
 * not a CA's, and begins its chain, which is whole certificates.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "enrol/base/bundle.h"
#include "enrol/judge.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/spki.h"
#include "lib/tls/certificate.h"

#define NOW 1800000000u /* of make_proof_corpus.py */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

KS_DEFINE_CLEANUP(struct ks_certificate *, ks_certificate_unref)

static void require(int condition)
{
	if (!condition)
		abort();
}

static struct ks_bytes last_of(struct ks_bytes certificates)
{
	struct ks_bytes der = KS_BYTES_NONE;

	while (ks_bundle_next(&certificates, &der))
		continue;
	return der;
}

static struct ks_bytes all_but_last(struct ks_bytes certificates)
{
	return ks_bytes(certificates.data, certificates.size - last_of(certificates).size);
}

static void check_yes(const struct ks_judge_case *judged, const struct ks_judgement *judgement)
{
	struct ks_bytes rest = ks_buffer_bytes(&judgement->chain), der, spki;
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *leaf = NULL;
	unsigned n = 1;

	require(ks_bundle_next(&rest, &der) && ks_certificate_new(der, &leaf) == 0);
	require(ks_spki_of_certificate(der, &spki) == 0 && ks_bytes_equal(spki, judged->spki));
	require(!ks_certificate_is_ca(leaf) && ks_certificate_allows(leaf, "clientAuth"));
	require(judgement->not_after > judged->now && judgement->not_after > judgement->not_before);
	require((int64_t)judgement->not_after == ks_certificate_not_after(leaf));
	require(ks_text_valid(ks_bytes_text(judgement->subject)));
	while (ks_bundle_next(&rest, &der))
		n++;
	require(rest.size == 0 && n <= KS_CHAIN_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer certificates = { 0 };
	KS_CLEANUP(ks_judgement_deinit) struct ks_judgement judgement = { 0 };
	struct ks_enrol_problem problem = { 0 };
	char name[] = "corp", origin[] = "keystay.conf:1", verified[] = "https://ca/", plain[] = "http://ca/";
	struct ks_bytes spki;

	if (size == 0 || ks_bundle_read(ks_bytes(data + 1, size - 1), "it", &certificates, &problem) < 0 ||
	    ks_spki_of_certificate(last_of(ks_buffer_bytes(&certificates)), &spki) < 0)
		return 0;
	struct ks_profile profile = { .name = name, .origin = origin, .url = data[0] & 2 ? verified : plain };
	struct ks_judge_case judged = {
		.profile = &profile, .spki = spki, .certificates = ks_buffer_bytes(&certificates), .now = NOW
	};
	if (data[0] & 1)
		judged.anchors = all_but_last(judged.certificates);
	problem = (struct ks_enrol_problem){ 0 };
	int r = ks_judge(&judged, &judgement, &problem);
	if (r == 0)
		check_yes(&judged, &judgement);
	else
		require(problem.code == r && problem.text[0] && ks_text_valid(ks_bytes_text(problem.text)) &&
			judgement.chain.size == 0);
	return 0;
}
