/* SPDX-License-Identifier: Apache-2.0 */
/* signature_algorithm: see signature_algorithm.h. Runs in: keystay-agent. */
#include "lib/tls/signature_algorithm.h"

#include "lib/base/der.h"

/* 1.2.840.113549.1.1, 1.2.840.10045.4.3, 2.16.840.1.101.3.4.2: the last number of each is to come. */
static const uint8_t oid_pkcs1[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01 };
static const uint8_t oid_ecdsa_with_sha2[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03 };
static const uint8_t oid_sha2[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02 };
static const uint8_t oid_ed25519[] = { 0x2b, 0x65, 0x70 };

#define MGF1 8
#define RSASSA_PSS 10
#define SHA256_WITH_RSA 11
#define ECDSA_WITH_SHA256 2
#define SHA256 1

/* Is oid stem.last? */
static bool is_oid(struct ks_bytes oid, const uint8_t *stem, size_t size, unsigned last)
{
	return oid.size == size + 1 && memcmp(oid.data, stem, size) == 0 && oid.data[size] == last;
}

/* SHA-256, SHA-384 and SHA-512 have numbers in a row in every family of OIDs. */
static unsigned step_of(enum ks_hash hash)
{
	return (unsigned)(hash - KS_HASH_SHA256);
}

/* Nothing, or NULL. */
static bool has_no_parameters(struct ks_reader *reader, bool may_be_null)
{
	if (ks_reader_left(reader) > 0 && (!may_be_null || ks_der_take(reader, KS_DER_NULL).size > 0))
		return false;
	return ks_reader_done(reader);
}

/* AlgorithmIdentifier of the hash, with NULL or without (RFC 4055 section 2.1). */
static bool is_hash(struct ks_bytes contents, enum ks_hash hash)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes oid = ks_der_take(&reader, KS_DER_OID);

	return is_oid(oid, oid_sha2, sizeof(oid_sha2), SHA256 + step_of(hash)) && has_no_parameters(&reader, true);
}

static bool is_mgf1(struct ks_bytes contents, enum ks_hash hash)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes oid = ks_der_take(&reader, KS_DER_OID);
	struct ks_bytes of = ks_der_take(&reader, KS_DER_SEQUENCE);

	return ks_reader_done(&reader) && is_oid(oid, oid_pkcs1, sizeof(oid_pkcs1), MGF1) && is_hash(of, hash);
}

/* The one element in the next, explicit tag. */
static struct ks_bytes take_tagged(struct ks_reader *reader, unsigned number, uint8_t tag)
{
	struct ks_reader inner = ks_reader(ks_der_take(reader, (uint8_t)(KS_DER_CONTEXT_0 + number)));
	struct ks_bytes contents = ks_der_take(&inner, tag);

	if (!ks_reader_done(&inner))
		ks_reader_fail(reader);
	return contents;
}

/* RSASSA-PSS-params (RFC 4055 section 3.1) with a salt as long as the hash. */
static bool is_pss(struct ks_reader *reader, enum ks_hash hash)
{
	struct ks_reader parameters = ks_reader(ks_der_take(reader, KS_DER_SEQUENCE));
	struct ks_bytes digest = take_tagged(&parameters, 0, KS_DER_SEQUENCE);
	struct ks_bytes mask = take_tagged(&parameters, 1, KS_DER_SEQUENCE);
	struct ks_bytes salt = take_tagged(&parameters, 2, KS_DER_INTEGER);

	return ks_reader_done(reader) && ks_reader_done(&parameters) && is_hash(digest, hash) && is_mgf1(mask, hash) &&
	       salt.size == 1 && salt.data[0] == ks_hash_size(hash);
}

bool ks_signature_algorithm_is(struct ks_bytes der, const struct ks_scheme *scheme)
{
	struct ks_reader outer = ks_reader(der);
	struct ks_reader reader = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	struct ks_bytes oid = ks_der_take(&reader, KS_DER_OID);
	unsigned step = step_of(scheme->hash);

	if (!ks_reader_done(&outer))
		return false;
	switch (scheme->signing) {
	case KS_SIGNING_RSA_PKCS1:
		return is_oid(oid, oid_pkcs1, sizeof(oid_pkcs1), SHA256_WITH_RSA + step) &&
		       has_no_parameters(&reader, true);
	case KS_SIGNING_RSA_PSS:
		return is_oid(oid, oid_pkcs1, sizeof(oid_pkcs1), RSASSA_PSS) && is_pss(&reader, scheme->hash);
	case KS_SIGNING_ECDSA:
		return is_oid(oid, oid_ecdsa_with_sha2, sizeof(oid_ecdsa_with_sha2), ECDSA_WITH_SHA256 + step) &&
		       has_no_parameters(&reader, false);
	case KS_SIGNING_EDDSA:
		return ks_bytes_equal(oid, ks_bytes(oid_ed25519, sizeof(oid_ed25519))) &&
		       has_no_parameters(&reader, false);
	}
	return false;
}
