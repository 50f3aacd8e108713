/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256: see sha256.h. Names as in FIPS 180-4 sections 4.1.2 and 6.2.
 *
 * Runs in: keystay and, by the plug-ins, any program. Never given a secret, so it takes no care of timing.
 */
#include "client/sha256.h"

#include <string.h>

#define BLOCK 64u

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes (section 4.2.2). */
static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static uint32_t read_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write_u32(uint8_t *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Section 6.2.2, for one block. */
static void take_block(uint32_t hash[8], const uint8_t *block)
{
	uint32_t w[64];
	for (unsigned t = 0; t < 16; t++)
		w[t] = read_u32(block + 4 * (size_t)t);
	for (unsigned t = 16; t < 64; t++) {
		uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
		uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
		w[t] = s1 + w[t - 7] + s0 + w[t - 16];
	}

	uint32_t v[8]; /* a to h */
	memcpy(v, hash, sizeof(v));
	for (unsigned t = 0; t < 64; t++) {
		uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
		uint32_t ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t t1 = v[7] + s1 + ch + k[t] + w[t];
		uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
		uint32_t maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + s0 + maj;
	}
	for (unsigned i = 0; i < 8; i++)
		hash[i] += v[i];
}

void ks_client_sha256(struct ks_bytes input, uint8_t ret_digest[KS_SHA256_SIZE])
{
	uint32_t hash[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	size_t whole = input.size / BLOCK * BLOCK;
	for (size_t at = 0; at < whole; at += BLOCK)
		take_block(hash, input.data + at);

	/* Section 5.1.1: a one bit, zeros, and the length in bits at the end of a block. */
	uint8_t last[2 * BLOCK] = { 0 };
	size_t rest = input.size - whole;
	if (rest > 0)
		memcpy(last, input.data + whole, rest);
	last[rest] = 0x80;
	size_t size = rest + 1 + 8 <= BLOCK ? BLOCK : 2 * BLOCK;
	uint64_t bits = (uint64_t)input.size * 8;
	write_u32(last + size - 8, (uint32_t)(bits >> 32));
	write_u32(last + size - 4, (uint32_t)bits);
	for (size_t at = 0; at < size; at += BLOCK)
		take_block(hash, last + at);

	for (unsigned i = 0; i < 8; i++)
		write_u32(ret_digest + 4 * (size_t)i, hash[i]);
}
