/* SPDX-License-Identifier: Apache-2.0 */
/* mechanism: see mechanism.h. Runs in: keystay-token. */
#include "pkcs11/mechanism.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "pkcs11/ckr.h"

#define LIST_MAX 4096u /* a generous HSM has 300 */

#define NONE KS_NO_MECHANISM

/* Of one signing, in the order of preference: what is hashed here costs the token and its line least. */
static const struct ks_way ways[] = {
	{ KS_SIGNING_RSA_PKCS1, KS_OPERAND_DIGEST_INFO, false, { NONE, CKM_RSA_PKCS, CKM_RSA_PKCS, CKM_RSA_PKCS } },
	{ KS_SIGNING_RSA_PKCS1,
	  KS_OPERAND_INPUT,
	  false,
	  { NONE, CKM_SHA256_RSA_PKCS, CKM_SHA384_RSA_PKCS, CKM_SHA512_RSA_PKCS } },
	{ KS_SIGNING_RSA_PSS,
	  KS_OPERAND_DIGEST,
	  false,
	  { NONE, CKM_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS } },
	{ KS_SIGNING_RSA_PSS,
	  KS_OPERAND_INPUT,
	  false,
	  { NONE, CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384_RSA_PKCS_PSS, CKM_SHA512_RSA_PKCS_PSS } },
	{ KS_SIGNING_RSA_PSS, KS_OPERAND_PSS_ENCODING, true, { NONE, CKM_RSA_X_509, CKM_RSA_X_509, CKM_RSA_X_509 } },
	{ KS_SIGNING_ECDSA, KS_OPERAND_DIGEST, false, { NONE, CKM_ECDSA, CKM_ECDSA, CKM_ECDSA } },
	{ KS_SIGNING_ECDSA, KS_OPERAND_INPUT, false, { NONE, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_ECDSA_SHA512 } },
	{ KS_SIGNING_EDDSA, KS_OPERAND_INPUT, false, { CKM_EDDSA, NONE, NONE, NONE } },
};

#define N_WAYS (sizeof(ways) / sizeof(ways[0]))
_Static_assert(N_WAYS <= KS_WAYS_MAX, "callers have room for so many");

void ks_mechanisms_add(struct ks_mechanisms *mechanisms, CK_MECHANISM_TYPE mechanism)
{
	for (size_t i = 0; i < N_WAYS; i++) {
		for (size_t hash = 0; hash < KS_HASHES; hash++) {
			if (ways[i].mechanism[hash] == mechanism)
				mechanisms->listed[hash] |= 1u << i;
		}
	}
}

CK_RV ks_mechanisms_read(const struct ks_module *module, CK_SLOT_ID slot, struct ks_mechanisms *ret_mechanisms)
{
	struct ks_mechanisms mechanisms = { 0 };
	CK_ULONG n = 0;

	CK_RV rv = module->calls->C_GetMechanismList(slot, NULL, &n);
	if (rv != CKR_OK)
		return rv;
	if (n > LIST_MAX)
		return CKR_GENERAL_ERROR;
	KS_AUTO_FREE CK_MECHANISM_TYPE *list = calloc(n + 1, sizeof(*list));
	if (!list)
		return CKR_HOST_MEMORY;
	CK_ULONG got = n;
	rv = module->calls->C_GetMechanismList(slot, list, &got);
	if (rv != CKR_OK)
		return rv;
	for (CK_ULONG i = 0; i < got && i < n; i++)
		ks_mechanisms_add(&mechanisms, list[i]);
	*ret_mechanisms = mechanisms;
	return CKR_OK;
}

const struct ks_way *ks_mechanism_way(uint8_t way)
{
	return &ways[way];
}

size_t ks_mechanism_ways(const struct ks_mechanisms *mechanisms, const struct ks_scheme *scheme, uint8_t known,
			 uint8_t ret_ways[KS_WAYS_MAX])
{
	size_t n = 0;

	if (known != KS_WAY_NONE)
		ret_ways[n++] = known;
	/* 0: listed, 1: not listed, 2 and 3: the same for last resorts. */
	for (unsigned round = 0; round < 4; round++) {
		for (uint8_t i = 0; i < N_WAYS; i++) {
			bool listed = (mechanisms->listed[scheme->hash] >> i & 1u) != 0;
			unsigned turn = (ways[i].last_resort ? 2u : 0u) + (listed ? 0u : 1u);
			if (i != known && turn == round && ways[i].signing == scheme->signing &&
			    ways[i].mechanism[scheme->hash] != KS_NO_MECHANISM)
				ret_ways[n++] = i;
		}
	}
	return n;
}

CK_MECHANISM ks_mechanism_make(uint8_t way, enum ks_hash hash, CK_RSA_PKCS_PSS_PARAMS *pss)
{
	static const struct {
		CK_MECHANISM_TYPE hash;
		CK_RSA_PKCS_MGF_TYPE mgf;
	} of_hash[KS_HASHES] = {
		[KS_HASH_SHA256] = { CKM_SHA256, CKG_MGF1_SHA256 },
		[KS_HASH_SHA384] = { CKM_SHA384, CKG_MGF1_SHA384 },
		[KS_HASH_SHA512] = { CKM_SHA512, CKG_MGF1_SHA512 },
	};
	CK_MECHANISM mechanism = { ways[way].mechanism[hash], NULL, 0 };

	if (ways[way].signing == KS_SIGNING_RSA_PSS && ways[way].operand != KS_OPERAND_PSS_ENCODING) {
		/* RFC 8446 section 4.2.3: MGF1 with the same hash, salt as long as the hash. */
		*pss = (CK_RSA_PKCS_PSS_PARAMS){ of_hash[hash].hash, of_hash[hash].mgf, ks_hash_size(hash) };
		mechanism.pParameter = pss;
		mechanism.ulParameterLen = sizeof(*pss);
	}
	return mechanism;
}
