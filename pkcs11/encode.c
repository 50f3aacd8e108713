/* SPDX-License-Identifier: Apache-2.0 */
/* encode: see encode.h. Runs in: keystay-token. */
#include "pkcs11/encode.h"

#include <string.h>
#include <sys/random.h>

#include "lib/base/der.h"

#define PSS_TRAILER 0xbcu

/* RFC 8017 appendix B.1: 2.16.840.1.101.3.4.2.n */
static const uint8_t hash_oids[][9] = {
	[KS_HASH_SHA256] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01 },
	[KS_HASH_SHA384] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 },
	[KS_HASH_SHA512] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03 },
};

int ks_encode_digest_info(enum ks_hash hash, struct ks_bytes digest, struct ks_buffer *buffer)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer algorithm = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };

	if (hash == KS_HASH_NONE || digest.size != ks_hash_size(hash))
		return KS_ERR_INVALID;
	ks_der_put(&algorithm, KS_DER_OID, ks_bytes(hash_oids[hash], sizeof(hash_oids[hash])));
	ks_der_put(&algorithm, KS_DER_NULL, KS_BYTES_NONE);
	ks_der_put(&parts, KS_DER_SEQUENCE, ks_buffer_bytes(&algorithm));
	ks_der_put(&parts, KS_DER_OCTET_STRING, digest);
	int r = ks_buffer_error(&algorithm);
	if (r == 0)
		r = ks_buffer_error(&parts);
	if (r < 0)
		return r;
	ks_der_put(buffer, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
	return ks_buffer_error(buffer);
}

/* RFC 8017 appendix B.2.1: xors the mask of seed over block. */
static int apply_mgf1(const struct ks_digest *digests, enum ks_hash hash, struct ks_bytes seed, uint8_t *block,
		      size_t size)
{
	size_t hash_size = ks_hash_size(hash);

	for (size_t done = 0; done < size; done += hash_size) {
		size_t count = done / hash_size; /* below 256: the block is shorter than KS_SIGNATURE_MAX */
		const uint8_t counter[4] = { 0, 0, 0, (uint8_t)count };
		const struct ks_bytes parts[] = { seed, ks_bytes(counter, sizeof(counter)) };
		uint8_t mask[KS_DIGEST_MAX];
		int r = ks_digest_make(digests, hash, parts, 2, mask);
		if (r < 0)
			return r;
		for (size_t i = 0; i < hash_size && done + i < size; i++)
			block[done + i] ^= mask[i];
	}
	return 0;
}

/*	              +------------+----+------+
 *	 DB =         | zeros      | 01 | salt |      H = hash(8 zeros || digest || salt)
 *	              +------------+----+------+
 *	 EM = 00?  ||  DB xor MGF1(H)           || H || bc
 *
 * The zero byte in front is there when modulus_bits - 1 is a multiple of eight. */
int ks_encode_pss(const struct ks_digest *digests, enum ks_hash hash, struct ks_bytes digest, unsigned modulus_bits,
		  struct ks_buffer *buffer)
{
	static const uint8_t zeros[8];
	size_t hash_size = ks_hash_size(hash);
	size_t modulus_size = ((size_t)modulus_bits + 7) / 8;
	size_t encoded_bits = (size_t)modulus_bits - 1;
	size_t encoded_size = (encoded_bits + 7) / 8;
	uint8_t salt[KS_DIGEST_MAX];

	if (hash == KS_HASH_NONE || digest.size != hash_size || modulus_bits < 8 || modulus_bits > 8 * 1024 ||
	    encoded_size < 2 * hash_size + 2)
		return KS_ERR_INVALID;
	if (getrandom(salt, hash_size, 0) != (ssize_t)hash_size)
		return KS_ERR_SYSTEM;
	uint8_t *encoding = ks_buffer_reserve(buffer, modulus_size);
	if (!encoding)
		return ks_buffer_error(buffer);
	memset(encoding, 0, modulus_size);
	uint8_t *block = encoding + (modulus_size - encoded_size);
	size_t block_size = encoded_size - hash_size - 1;
	uint8_t *hash_at = block + block_size;

	const struct ks_bytes parts[] = { ks_bytes(zeros, sizeof(zeros)), digest, ks_bytes(salt, hash_size) };
	uint8_t value[KS_DIGEST_MAX];
	int r = ks_digest_make(digests, hash, parts, 3, value);
	if (r < 0)
		return r;
	memcpy(hash_at, value, hash_size);
	hash_at[hash_size] = PSS_TRAILER;
	block[block_size - hash_size - 1] = 0x01;
	memcpy(block + block_size - hash_size, salt, hash_size);
	r = apply_mgf1(digests, hash, ks_bytes(hash_at, hash_size), block, block_size);
	if (r < 0)
		return r;
	block[0] &= (uint8_t)(0xffu >> (8 * encoded_size - encoded_bits));
	ks_buffer_grow(buffer, modulus_size);
	return 0;
}
