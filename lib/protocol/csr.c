/* SPDX-License-Identifier: Apache-2.0 */
/* csr: see csr.h. */
#include "lib/protocol/csr.h"

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/protocol/limits.h"

#define BOOLEAN 0x01
#define CONTEXT_1 (KS_DER_CONTEXT_0 + 1)
#define CONTEXT_2 (KS_DER_CONTEXT_0 + 2)

#define OID(name, ...) static const uint8_t name[] = { __VA_ARGS__ }
OID(oid_extension_request, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e);  /* 1.2.840.113549.1.9.14 */
OID(oid_challenge_password, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07); /* 1.2.840.113549.1.9.7 */
OID(oid_subject_alt_name, 0x55, 0x1d, 0x11);                                       /* 2.5.29.17 */
OID(oid_rsassa_pss, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a);         /* 1.2.840.113549.1.1.10 */
OID(oid_mgf1, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08);               /* 1.2.840.113549.1.1.8 */
OID(oid_ed25519, 0x2b, 0x65, 0x70);                                                /* 1.3.101.112 */
/* The last byte says which SHA-2. */
OID(oid_rsa_with_sha2, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01); /* 1.2.840.113549.1.1.x */
OID(oid_ecdsa_with_sha2, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03);     /* 1.2.840.10045.4.3.x */
OID(oid_sha2, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02);          /* 2.16.840.1.101.3.4.2.x */
#undef OID

#define BYTES_OF(array) ks_bytes(array, sizeof(array))

/* Appends an element whose contents were written into inner, an error of which sticks to out. */
static void put_built(struct ks_buffer *out, uint8_t tag, struct ks_buffer *inner)
{
	int error = ks_buffer_error(inner);

	if (error == 0)
		ks_der_put(out, tag, ks_buffer_bytes(inner));
	else if (out->error == 0)
		out->error = error;
	ks_buffer_reset(inner);
}

/* --- the request ------------------------------------------------------------------------------------------------- */

/* Attribute ::= SEQUENCE { type, SET { value } } */
static void put_attribute(struct ks_buffer *out, struct ks_bytes type, struct ks_bytes value)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };

	ks_der_put(&parts, KS_DER_OID, type);
	ks_der_put(&parts, KS_DER_SET, value);
	put_built(out, KS_DER_SEQUENCE, &parts);
}

/* RFC 5280 section 4.2.1.6: critical where there is no subject. */
static void put_names(struct ks_buffer *out, struct ks_bytes names, bool critical)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer extension = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer extensions = { 0 };

	ks_der_put(&parts, KS_DER_OID, BYTES_OF(oid_subject_alt_name));
	if (critical)
		ks_der_put(&parts, BOOLEAN, ks_bytes("\xff", 1));
	ks_der_put(&parts, KS_DER_OCTET_STRING, names);
	put_built(&extension, KS_DER_SEQUENCE, &parts);
	put_built(&extensions, KS_DER_SEQUENCE, &extension);
	if (ks_buffer_error(&extensions) == 0)
		put_attribute(out, BYTES_OF(oid_extension_request), ks_buffer_bytes(&extensions));
	else if (out->error == 0)
		out->error = ks_buffer_error(&extensions);
}

static void put_challenge(struct ks_buffer *out, struct ks_bytes challenge)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer value = { .secret = true };

	ks_der_put(&value, KS_DER_UTF8_STRING, challenge);
	put_attribute(out, BYTES_OF(oid_challenge_password), ks_buffer_bytes(&value));
}

/* A SET OF is in ascending order (X.690 section 11.6): the shorter of two different ones, by its length, first. */
static void put_in_order(struct ks_buffer *out, struct ks_bytes a, struct ks_bytes b)
{
	size_t n = a.size < b.size ? a.size : b.size;
	bool is_a_first = n == 0 || memcmp(a.data, b.data, n) <= 0;

	ks_buffer_put(out, is_a_first ? a : b);
	ks_buffer_put(out, is_a_first ? b : a);
}

int ks_csr_put_info(struct ks_buffer *out, const struct ks_csr *csr)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer extension = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer challenge = { .secret = true };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer attributes = { .secret = true };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { .secret = true };
	static const size_t empty_name_size = 2;

	if (csr->names.size > 0)
		put_names(&extension, csr->names, csr->subject.size == empty_name_size);
	if (csr->challenge.size > 0)
		put_challenge(&challenge, csr->challenge);
	int r = ks_buffer_error(&extension);
	if (r == 0)
		r = ks_buffer_error(&challenge);
	if (r < 0)
		return r;
	put_in_order(&attributes, ks_buffer_bytes(&extension), ks_buffer_bytes(&challenge));
	ks_der_put_unsigned(&parts, KS_BYTES_NONE); /* version 0 */
	ks_buffer_put(&parts, csr->subject);
	ks_buffer_put(&parts, csr->spki);
	put_built(&parts, KS_DER_CONTEXT_0, &attributes);
	r = ks_buffer_error(&parts);
	if (r < 0)
		return r;
	size_t before = out->size;
	put_built(out, KS_DER_SEQUENCE, &parts);
	r = ks_buffer_error(out);
	return r == 0 && out->size - before > KS_REQUEST_INFO_MAX ? KS_ERR_LIMIT : r;
}

/* --- its signature ----------------------------------------------------------------------------------------------- */

const struct ks_scheme *ks_csr_scheme(const struct ks_spki *spki, bool pss, enum ks_hash hash)
{
	static const enum ks_hash of_curve[] = {
		[KS_CURVE_P256] = KS_HASH_SHA256, [KS_CURVE_P384] = KS_HASH_SHA384, [KS_CURVE_P521] = KS_HASH_SHA512
	};
	bool is_rsa = spki->algorithm == KS_KEY_RSA || spki->algorithm == KS_KEY_RSA_PSS;

	if (is_rsa)
		return ks_scheme_for(spki->algorithm,
				     pss || spki->algorithm == KS_KEY_RSA_PSS ? KS_SIGNING_RSA_PSS :
										KS_SIGNING_RSA_PKCS1,
				     hash == KS_HASH_NONE ? KS_HASH_SHA256 : hash);
	if (pss || hash != KS_HASH_NONE)
		return NULL;
	return spki->algorithm == KS_KEY_EC ? ks_scheme_for(KS_KEY_EC, KS_SIGNING_ECDSA, of_curve[spki->curve]) :
					      ks_scheme_for(KS_KEY_ED25519, KS_SIGNING_EDDSA, KS_HASH_NONE);
}

static void put_oid(struct ks_buffer *out, struct ks_bytes stem, uint8_t last)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer oid = { 0 };

	ks_buffer_put(&oid, stem);
	ks_buffer_put_u8(&oid, last);
	put_built(out, KS_DER_OID, &oid);
}

/* 0 for SHA-256, 1 for SHA-384, 2 for SHA-512: in this order in every family of OIDs. */
static uint8_t step_of(enum ks_hash hash)
{
	return (uint8_t)(hash - KS_HASH_SHA256);
}

/* AlgorithmIdentifier of the hash, with NULL (RFC 4055 section 2.1). */
static void put_hash(struct ks_buffer *out, enum ks_hash hash)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };

	put_oid(&parts, BYTES_OF(oid_sha2), (uint8_t)(1 + step_of(hash)));
	ks_der_put(&parts, KS_DER_NULL, KS_BYTES_NONE);
	put_built(out, KS_DER_SEQUENCE, &parts);
}

/* RSASSA-PSS-params (RFC 4055 section 3.1): MGF1 with the same hash, a salt as long as it. */
static void put_pss_parameters(struct ks_buffer *out, enum ks_hash hash)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parameters = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer mask = { 0 };
	uint8_t salt_size = (uint8_t)ks_hash_size(hash);

	put_hash(&parts, hash);
	put_built(&parameters, KS_DER_CONTEXT_0, &parts);
	ks_der_put(&mask, KS_DER_OID, BYTES_OF(oid_mgf1));
	put_hash(&mask, hash);
	put_built(&parts, KS_DER_SEQUENCE, &mask);
	put_built(&parameters, CONTEXT_1, &parts);
	ks_der_put_unsigned(&parts, ks_bytes(&salt_size, 1));
	put_built(&parameters, CONTEXT_2, &parts);
	put_built(out, KS_DER_SEQUENCE, &parameters);
}

/* AlgorithmIdentifier (RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410 section 3). */
static void put_algorithm(struct ks_buffer *out, const struct ks_scheme *scheme)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };

	switch (scheme->signing) {
	case KS_SIGNING_RSA_PKCS1:
		put_oid(&parts, BYTES_OF(oid_rsa_with_sha2), (uint8_t)(11 + step_of(scheme->hash)));
		ks_der_put(&parts, KS_DER_NULL, KS_BYTES_NONE);
		break;
	case KS_SIGNING_RSA_PSS:
		ks_der_put(&parts, KS_DER_OID, BYTES_OF(oid_rsassa_pss));
		put_pss_parameters(&parts, scheme->hash);
		break;
	case KS_SIGNING_ECDSA:
		put_oid(&parts, BYTES_OF(oid_ecdsa_with_sha2), (uint8_t)(2 + step_of(scheme->hash)));
		break;
	case KS_SIGNING_EDDSA:
		ks_der_put(&parts, KS_DER_OID, BYTES_OF(oid_ed25519));
		break;
	}
	put_built(out, KS_DER_SEQUENCE, &parts);
}

int ks_csr_put(struct ks_buffer *out, struct ks_bytes info, const struct ks_scheme *scheme, struct ks_bytes signature)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bits = { 0 };

	ks_buffer_put(&parts, info);
	put_algorithm(&parts, scheme);
	ks_buffer_put_u8(&bits, 0); /* no unused bits */
	ks_buffer_put(&bits, signature);
	put_built(&parts, KS_DER_BIT_STRING, &bits);
	put_built(out, KS_DER_SEQUENCE, &parts);
	return ks_buffer_error(out);
}
