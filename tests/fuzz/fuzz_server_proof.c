/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_server_proof: any bytes as the body of a PROVE: certificates, an OCSP response, a signature, as clients may send
 * them; the last certificate of the chain is the one that is trusted, so that every path can be taken.
 *
 * Checks beside memory errors: a no has words that may be shown to a person; a yes has a hash; nothing is left in
 * OpenSSL's queue of errors. No process is made here.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/message.h"
#include "lib/tls/server_proof.h"

#define NOW 1800000000 /* of make_proof_corpus.py */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

KS_DEFINE_CLEANUP(struct ks_server_trust *, ks_server_trust_free)

static bool read_claim(struct ks_bytes body, struct ks_server_claim *claim)
{
	struct ks_msg_prove message;
	struct ks_msg_certificate record;

	if (ks_message_read(KS_MSG_PROVE, body, &message, sizeof(message)) < 0)
		return false;
	memcpy(claim->server_name, message.server_name.data, message.server_name.size);
	claim->scheme = message.scheme;
	claim->signature = message.signature;
	claim->ocsp_response = message.ocsp_response;
	claim->is_tls13 = message.is_tls13;
	ks_buffer_put(&claim->signed_input, message.signed_input);
	struct ks_reader chain = ks_reader(message.chain);
	while (claim->n_certificates < KS_PROOF_CERTIFICATES_MAX &&
	       ks_record_read(&chain, KS_RECORD(certificate), &record, sizeof(record)) > 0)
		claim->certificates[claim->n_certificates++] = record.der;
	return true;
}

static void check(const struct ks_server_claim *claim)
{
	KS_CLEANUP(ks_server_trust_freep) struct ks_server_trust *trust = NULL;
	uint8_t hash[32] = { 0 };
	static const uint8_t no_hash[32];
	char reason[256] = "";

	if (ks_server_trust_new(&trust) < 0)
		abort();
	size_t last = claim->n_certificates ? claim->n_certificates - 1 : 0;
	if (claim->n_certificates > 0 && ks_server_trust_add_der(trust, claim->certificates[last]) < 0)
		ERR_clear_error();
	const struct ks_server_trust *anchors[] = { trust };
	int r = ks_server_proof_make(claim, anchors, 1, NOW, hash, reason);
	if (r == 0 && memcmp(hash, no_hash, sizeof(hash)) == 0)
		abort();
	if (r < 0 && (reason[0] == '\0' || !ks_text_valid(ks_bytes(reason, strnlen(reason, sizeof(reason))))))
		abort();
	if (strnlen(reason, sizeof(reason)) == sizeof(reason) || ERR_peek_error() != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_server_claim claim = { .n_certificates = 0 };

	if (read_claim(ks_bytes(data, size), &claim))
		check(&claim);
	ks_buffer_deinit(&claim.signed_input);
	return 0;
}
