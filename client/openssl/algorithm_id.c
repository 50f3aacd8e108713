/* SPDX-License-Identifier: Apache-2.0 */
/*
 * algorithm_id: see algorithm_id.h.
 *
 * Runs in: any program that loads the provider.
 */
#include "client/openssl/algorithm_id.h"

#include "lib/base/cleanup.h"
#include "lib/base/der.h"

#define RSA 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01 /* 1.2.840.113549.1.1 */

static const uint8_t oid_rsassa_pss[] = { RSA, 0x0a };
static const uint8_t oid_mgf1[] = { RSA, 0x08 };
static const uint8_t oid_ed25519[] = { 0x2b, 0x65, 0x70 }; /* RFC 8410 section 3 */

/* sha256WithRSAEncryption (RFC 4055 section 5), ecdsa-with-SHA256 (RFC 5758 section 3.2), id-sha256 (RFC 5754). */
static const struct {
	uint8_t pkcs1[9];
	uint8_t ecdsa[8];
	uint8_t hash[9];
} oids[] = {
	[KS_HASH_SHA256] = { { RSA, 0x0b },
			     { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 },
			     { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01 } },
	[KS_HASH_SHA384] = { { RSA, 0x0c },
			     { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03 },
			     { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 } },
	[KS_HASH_SHA512] = { { RSA, 0x0d },
			     { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04 },
			     { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03 } },
};

#undef RSA

/* SEQUENCE { OID, parameters }. */
static void put_identifier(struct ks_buffer *buffer, struct ks_bytes oid, struct ks_bytes parameters)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer contents = { 0 };

	ks_der_put(&contents, KS_DER_OID, oid);
	ks_buffer_put(&contents, parameters);
	ks_der_put(buffer, KS_DER_SEQUENCE, ks_buffer_bytes(&contents));
	if (ks_buffer_error(&contents) < 0 && ks_buffer_error(buffer) == 0)
		buffer->error = ks_buffer_error(&contents);
}

/* [number] EXPLICIT, constructed. */
static void put_tagged(struct ks_buffer *buffer, unsigned number, const struct ks_buffer *contents)
{
	ks_der_put(buffer, (uint8_t)(KS_DER_CONTEXT_0 + number), ks_buffer_bytes(contents));
}

/* RSASSA-PSS-params (RFC 4055 section 3.1): the hash, MGF1 with the same one, a salt as long; the usual trailer. */
static void put_pss(struct ks_buffer *buffer, enum ks_hash hash)
{
	static const uint8_t null[] = { KS_DER_NULL, 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer digest = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer mgf1 = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer salt = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer fields = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parameters = { 0 };
	const uint8_t size = (uint8_t)ks_hash_size(hash);

	put_identifier(&digest, ks_bytes(oids[hash].hash, sizeof(oids[hash].hash)), ks_bytes(null, sizeof(null)));
	put_identifier(&mgf1, ks_bytes(oid_mgf1, sizeof(oid_mgf1)), ks_buffer_bytes(&digest));
	ks_der_put_unsigned(&salt, ks_bytes(&size, sizeof(size)));
	put_tagged(&fields, 0, &digest);
	put_tagged(&fields, 1, &mgf1);
	put_tagged(&fields, 2, &salt);
	ks_der_put(&parameters, KS_DER_SEQUENCE, ks_buffer_bytes(&fields));
	put_identifier(buffer, ks_bytes(oid_rsassa_pss, sizeof(oid_rsassa_pss)), ks_buffer_bytes(&parameters));
}

void ks_algorithm_id_put(struct ks_buffer *buffer, const struct ks_scheme *scheme)
{
	static const uint8_t null[] = { KS_DER_NULL, 0 };
	enum ks_hash hash = scheme->hash;

	switch (scheme->signing) {
	case KS_SIGNING_RSA_PKCS1:
		put_identifier(buffer, ks_bytes(oids[hash].pkcs1, sizeof(oids[hash].pkcs1)),
			       ks_bytes(null, sizeof(null)));
		break;
	case KS_SIGNING_RSA_PSS:
		put_pss(buffer, hash);
		break;
	case KS_SIGNING_ECDSA:
		put_identifier(buffer, ks_bytes(oids[hash].ecdsa, sizeof(oids[hash].ecdsa)), KS_BYTES_NONE);
		break;
	case KS_SIGNING_EDDSA:
		put_identifier(buffer, ks_bytes(oid_ed25519, sizeof(oid_ed25519)), KS_BYTES_NONE);
		break;
	}
}
