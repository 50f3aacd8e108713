/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing_cmp: what a message of CMP asks for, held against what is known here; see signing_private.h.
 *
 * Runs in: keystay-agent. A key update is signed by the old key and may ask for a certificate of another one. That must be
 * of a token here: else whoever reaches the control socket could carry a certificate away, for a key of their own.
 */
#include "agent/signing_private.h"
#include "lib/base/text.h"
#include "lib/tls/cmp_part.h"
#include "lib/tls/refusal.h"
#include "lib/tls/verify_signature.h"

/* The key that a certificate is asked for, by the hash that names it. */
static int hash_asked(const struct ks_cmp_part *part, uint8_t hash[32])
{
	uint8_t memory[KS_SPKI_MAX];
	struct ks_spki spki;
	int r = ks_cmp_part_key(part, memory, &spki);

	return r < 0 ? r : ks_sha256(spki.der, hash);
}

static int look_at_key(struct ks_signing_job *signing, const struct ks_cmp_part *part,
		       struct ks_signable_refusal *refusal)
{
	uint8_t hash[32];
	char digits[65];
	int r = hash_asked(part, hash);

	if (r < 0)
		return ks_refusal_give(refusal, KS_ERR_INPUT_CMP, "the key that it asks for could not be read");
	const struct ks_identity *asked = ks_keyring_by_hash(signing->request->state->keyring, hash);
	ks_text_hex(ks_bytes(hash, sizeof(hash)), digits);
	if (!asked)
		return ks_refusal_give(refusal, KS_ERR_INPUT_CMP,
				       "it asks for a certificate of the key sha256:%s, which no token here has",
				       digits);
	(void)ks_text_print(signing->cmp, sizeof(signing->cmp), "a key update (kur) of CMP, for key \"%s\" (sha256:%s)",
			    asked->name, digits);
	return 0;
}

int ks_signing_look_at_cmp(struct ks_signing_job *signing, const struct ks_signable *signable,
			   struct ks_signable_refusal *ret_refusal)
{
	struct ks_cmp_part part;
	int r = ks_cmp_part_read(signing->message.input, &part, ret_refusal);

	if (r < 0)
		return r;
	if (part.kind == KS_CMP_KEY_UPDATE)
		return look_at_key(signing, &part, ret_refusal);
	(void)ks_text_print(signing->cmp, sizeof(signing->cmp), "%s", signable->cmp);
	return 0;
}
