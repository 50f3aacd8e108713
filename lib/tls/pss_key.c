/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pss_key: see pss_key.h. Runs in: keystay-agent.
 *
 *	RSASSA-PSS-params ::= SEQUENCE {
 *		hashAlgorithm     [0] HashAlgorithm     DEFAULT sha1,
 *		maskGenAlgorithm  [1] MaskGenAlgorithm  DEFAULT mgf1SHA1,
 *		saltLength        [2] INTEGER           DEFAULT 20,
 *		trailerField      [3] INTEGER           DEFAULT 1 }
 *
 * The defaults are SHA-1, which no scheme of ours has: parameters that leave out a hash allow nothing.
 */
#include "lib/tls/pss_key.h"

#include "lib/base/der.h"

static const uint8_t oid_mgf1[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08 };

/* 2.16.840.1.101.3.4.2.x, with x in the last byte */
static const uint8_t oid_sha2[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02 };

static enum ks_hash hash_of_oid(struct ks_bytes oid)
{
	if (oid.size != sizeof(oid_sha2) + 1 || memcmp(oid.data, oid_sha2, sizeof(oid_sha2)) != 0)
		return KS_HASH_NONE;
	switch (oid.data[sizeof(oid_sha2)]) {
	case 1:
		return KS_HASH_SHA256;
	case 2:
		return KS_HASH_SHA384;
	case 3:
		return KS_HASH_SHA512;
	default:
		return KS_HASH_NONE;
	}
}

/* AlgorithmIdentifier of a hash; its parameters are NULL or absent (RFC 4055 section 2.1). */
static enum ks_hash take_hash(struct ks_reader *reader)
{
	struct ks_reader algorithm = ks_reader(ks_der_take(reader, KS_DER_SEQUENCE));
	enum ks_hash hash = hash_of_oid(ks_der_take(&algorithm, KS_DER_OID));

	if (ks_der_peek(&algorithm) == KS_DER_NULL)
		(void)ks_der_take(&algorithm, KS_DER_NULL);
	return ks_reader_done(&algorithm) ? hash : KS_HASH_NONE;
}

static enum ks_hash take_mask_hash(struct ks_reader *reader)
{
	struct ks_reader algorithm = ks_reader(ks_der_take(reader, KS_DER_SEQUENCE));

	if (!ks_bytes_equal(ks_der_take(&algorithm, KS_DER_OID), ks_bytes(oid_mgf1, sizeof(oid_mgf1))))
		return KS_HASH_NONE;
	enum ks_hash hash = take_hash(&algorithm);
	return ks_reader_done(&algorithm) ? hash : KS_HASH_NONE;
}

/* One of the numbers; more than a byte is more than any salt of ours. */
static unsigned take_number(struct ks_reader *reader)
{
	struct ks_bytes magnitude = ks_der_take_unsigned(reader);

	if (magnitude.size > 1)
		return UINT8_MAX + 1u;
	return magnitude.size == 1 ? magnitude.data[0] : 0;
}

/* The parameters of the AlgorithmIdentifier in spki, none when they are absent. */
static struct ks_reader parameters_of(const struct ks_spki *spki)
{
	struct ks_reader outer = ks_reader(spki->der);
	struct ks_reader inner = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	struct ks_reader algorithm = ks_reader(ks_der_take(&inner, KS_DER_SEQUENCE));

	(void)ks_der_take(&algorithm, KS_DER_OID);
	return algorithm;
}

bool ks_pss_key_allows(const struct ks_spki *spki, const struct ks_scheme *scheme)
{
	if (spki->algorithm != KS_KEY_RSA_PSS)
		return true;
	struct ks_reader algorithm = parameters_of(spki);
	if (ks_reader_done(&algorithm))
		return true;

	struct ks_reader fields = ks_reader(ks_der_take(&algorithm, KS_DER_SEQUENCE));
	enum ks_hash hash = KS_HASH_NONE;
	enum ks_hash mask_hash = KS_HASH_NONE;
	unsigned salt_size = 20;
	unsigned trailer = 1;
	for (uint8_t i = 0; i < 4; i++) {
		uint8_t tag = (uint8_t)(KS_DER_CONTEXT_0 + i);
		if (ks_der_peek(&fields) != tag)
			continue;
		struct ks_reader field = ks_reader(ks_der_take(&fields, tag));
		if (i == 0)
			hash = take_hash(&field);
		else if (i == 1)
			mask_hash = take_mask_hash(&field);
		else if (i == 2)
			salt_size = take_number(&field);
		else
			trailer = take_number(&field);
		if (!ks_reader_done(&field))
			return false;
	}
	return ks_reader_done(&fields) && ks_reader_done(&algorithm) && hash == scheme->hash &&
	       mask_hash == scheme->hash && salt_size <= ks_hash_size(scheme->hash) && trailer == 1;
}
