/* SPDX-License-Identifier: Apache-2.0 */
/* mechanism: see mechanism.h. Runs in: any program that loads the module. */
#include "client/module/mechanism.h"

#include "client/module/cryptoki.h"
#include "client/module/digest_info.h"
#include "client/module/front.h"

#define RSA_FLAGS CKF_SIGN
#define EC_FLAGS (CKF_SIGN | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)

static const struct row {
	struct ks_mechanism mechanism;
	CK_MECHANISM_INFO info; /* sizes in bits: what lib/protocol/spki.h knows */
} rows[] = {
	{ { CKM_ECDSA_SHA256, KS_SIGNING_ECDSA, KS_HASH_SHA256, false }, { 256, 521, EC_FLAGS } },
	{ { CKM_ECDSA_SHA384, KS_SIGNING_ECDSA, KS_HASH_SHA384, false }, { 256, 521, EC_FLAGS } },
	{ { CKM_ECDSA_SHA512, KS_SIGNING_ECDSA, KS_HASH_SHA512, false }, { 256, 521, EC_FLAGS } },
	{ { CKM_ECDSA, KS_SIGNING_ECDSA, KS_HASH_NONE, true }, { 256, 521, EC_FLAGS } },
	{ { CKM_SHA256_RSA_PKCS, KS_SIGNING_RSA_PKCS1, KS_HASH_SHA256, false }, { 2048, 8192, RSA_FLAGS } },
	{ { CKM_SHA384_RSA_PKCS, KS_SIGNING_RSA_PKCS1, KS_HASH_SHA384, false }, { 2048, 8192, RSA_FLAGS } },
	{ { CKM_SHA512_RSA_PKCS, KS_SIGNING_RSA_PKCS1, KS_HASH_SHA512, false }, { 2048, 8192, RSA_FLAGS } },
	{ { CKM_RSA_PKCS, KS_SIGNING_RSA_PKCS1, KS_HASH_NONE, true }, { 2048, 8192, RSA_FLAGS } },
	{ { CKM_SHA256_RSA_PKCS_PSS, KS_SIGNING_RSA_PSS, KS_HASH_SHA256, false }, { 2048, 8192, RSA_FLAGS } },
	{ { CKM_SHA384_RSA_PKCS_PSS, KS_SIGNING_RSA_PSS, KS_HASH_SHA384, false }, { 2048, 8192, RSA_FLAGS } },
	{ { CKM_SHA512_RSA_PKCS_PSS, KS_SIGNING_RSA_PSS, KS_HASH_SHA512, false }, { 2048, 8192, RSA_FLAGS } },
	{ { CKM_RSA_PKCS_PSS, KS_SIGNING_RSA_PSS, KS_HASH_NONE, true }, { 2048, 8192, RSA_FLAGS } },
	{ { CKM_EDDSA, KS_SIGNING_EDDSA, KS_HASH_NONE, false }, { 256, 256, EC_FLAGS } },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct {
	CK_MECHANISM_TYPE type;
	CK_RSA_PKCS_MGF_TYPE mgf;
	enum ks_hash hash;
} pss_hashes[] = {
	{ CKM_SHA256, CKG_MGF1_SHA256, KS_HASH_SHA256 },
	{ CKM_SHA384, CKG_MGF1_SHA384, KS_HASH_SHA384 },
	{ CKM_SHA512, CKG_MGF1_SHA512, KS_HASH_SHA512 },
};

static const struct row *find_row(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].mechanism.type == type)
			return &rows[i];
	}
	return NULL;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* A key whose certificate says RSASSA-PSS makes nothing else (RFC 4055 section 1.2). */
static bool fits_key(const struct ks_mechanism *mechanism, const struct ks_spki *spki)
{
	switch (spki->algorithm) {
	case KS_KEY_RSA:
		return mechanism->signing == KS_SIGNING_RSA_PKCS1 || mechanism->signing == KS_SIGNING_RSA_PSS;
	case KS_KEY_RSA_PSS:
		return mechanism->signing == KS_SIGNING_RSA_PSS;
	case KS_KEY_EC:
		return mechanism->signing == KS_SIGNING_ECDSA;
	case KS_KEY_ED25519:
		return mechanism->signing == KS_SIGNING_EDDSA;
	}
	return false;
}

static bool take_pss_parameters(const CK_MECHANISM *given, struct ks_mechanism *mechanism)
{
	if (!given->pParameter || given->ulParameterLen != sizeof(CK_RSA_PKCS_PSS_PARAMS))
		return false;
	/* Programs build it in whatever memory they have. */
	CK_RSA_PKCS_PSS_PARAMS parameters;
	memcpy(&parameters, given->pParameter, sizeof(parameters));
	for (size_t i = 0; i < sizeof(pss_hashes) / sizeof(pss_hashes[0]); i++) {
		if (pss_hashes[i].type != parameters.hashAlg)
			continue;
		enum ks_hash hash = pss_hashes[i].hash;
		if (parameters.mgf != pss_hashes[i].mgf || parameters.sLen != ks_hash_size(hash) ||
		    (!mechanism->raw && mechanism->hash != hash))
			return false;
		mechanism->hash = hash;
		return true;
	}
	return false;
}

/* CK_EDDSA_PARAMS (3.0) is for Ed25519ctx and Ed25519ph, which TLS does not have. */
static bool take_parameters(const CK_MECHANISM *given, struct ks_mechanism *mechanism)
{
	if (mechanism->signing == KS_SIGNING_RSA_PSS)
		return take_pss_parameters(given, mechanism);
	return given->ulParameterLen == 0;
}

CK_RV ks_mechanism_read(const CK_MECHANISM *given, const struct ks_spki *spki, struct ks_mechanism *ret_mechanism)
{
	const struct row *row = find_row(given->mechanism);
	if (!row)
		return CKR_MECHANISM_INVALID;
	struct ks_mechanism mechanism = row->mechanism;
	if (!fits_key(&mechanism, spki))
		return CKR_KEY_TYPE_INCONSISTENT;
	if (!take_parameters(given, &mechanism))
		return CKR_MECHANISM_PARAM_INVALID;
	*ret_mechanism = mechanism;
	return CKR_OK;
}

const struct ks_scheme *ks_mechanism_scheme(const struct ks_mechanism *mechanism, const struct ks_spki *spki)
{
	enum ks_hash hash = mechanism->raw && mechanism->hash == KS_HASH_NONE ? KS_HASH_SHA256 : mechanism->hash;

	return ks_scheme_for(spki->algorithm, mechanism->signing, hash);
}

static enum ks_hash hash_of_size(size_t size)
{
	for (enum ks_hash hash = KS_HASH_SHA256; hash <= KS_HASH_SHA512; hash++) {
		if (ks_hash_size(hash) == size)
			return hash;
	}
	return KS_HASH_NONE;
}

CK_RV ks_mechanism_take_digest(const struct ks_mechanism *mechanism, const struct ks_spki *spki, struct ks_bytes data,
			       const struct ks_scheme **ret_scheme, struct ks_bytes *ret_digest)
{
	struct ks_bytes digest = data;
	enum ks_hash hash = mechanism->hash;

	if (mechanism->signing == KS_SIGNING_RSA_PKCS1) {
		if (ks_digest_info_read(data, &hash, &digest) < 0)
			return CKR_DATA_INVALID;
	} else if (mechanism->signing == KS_SIGNING_ECDSA) {
		hash = hash_of_size(data.size);
	}
	if (hash == KS_HASH_NONE || digest.size != ks_hash_size(hash))
		return CKR_DATA_LEN_RANGE;
	*ret_scheme = ks_scheme_for(spki->algorithm, mechanism->signing, hash);
	*ret_digest = digest;
	return *ret_scheme ? CKR_OK : CKR_DATA_INVALID;
}

void ks_mechanism_put_allowed(struct ks_buffer *buffer, const struct ks_spki *spki)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		const CK_MECHANISM_TYPE type = rows[i].mechanism.type;
		if (fits_key(&rows[i].mechanism, spki))
			ks_buffer_put(buffer, ks_bytes(&type, sizeof(type)));
	}
}

/* --- C_GetMechanismList, C_GetMechanismInfo ---------------------------------------------------------------------- */

static CK_RV check_slot(CK_SLOT_ID id)
{
	struct ks_front *front;

	CK_RV rv = ks_front_enter(&front);
	if (rv != CKR_OK)
		return rv;
	const struct ks_slot *slot = ks_front_slot(front, id);
	if (!slot)
		rv = CKR_SLOT_ID_INVALID;
	else if (!slot->present)
		rv = CKR_TOKEN_NOT_PRESENT;
	ks_front_leave();
	return rv;
}

CK_RV ks_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR mechanisms, CK_ULONG_PTR count)
{
	CK_RV rv = check_slot(slot);
	if (rv != CKR_OK)
		return rv;
	if (!count)
		return CKR_ARGUMENTS_BAD;
	CK_ULONG room = *count;
	*count = N_ROWS;
	if (!mechanisms)
		return CKR_OK;
	if (room < N_ROWS)
		return CKR_BUFFER_TOO_SMALL;
	for (size_t i = 0; i < N_ROWS; i++)
		mechanisms[i] = rows[i].mechanism.type;
	return CKR_OK;
}

/* The hashes that PSS parameters may name. Nothing can be done with them alone, and they are not listed; but Java
 * asks for them before it uses PSS (P11PSSSignature). */
static bool is_pss_hash(CK_MECHANISM_TYPE type)
{
	return type == CKM_SHA256 || type == CKM_SHA384 || type == CKM_SHA512;
}

CK_RV ks_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info)
{
	CK_RV rv = check_slot(slot);
	if (rv != CKR_OK)
		return rv;
	if (!info)
		return CKR_ARGUMENTS_BAD;
	const struct row *row = find_row(type);
	if (row)
		*info = row->info;
	else if (is_pss_hash(type))
		*info = (CK_MECHANISM_INFO){ 0 };
	else
		rv = CKR_MECHANISM_INVALID;
	return rv;
}
