/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key: see key.h.
 *
 * Runs in: any program that loads the provider. Never has anything secret to keep, and never talks to the agent.
 */
#include "client/openssl/key.h"

#include <stdlib.h>
#include <string.h>

int ks_key_new(struct ks_bytes spki, struct ks_bytes name, bool is_private, struct ks_key **ret_key)
{
	struct ks_spki parsed;
	int r = ks_spki_read(spki, &parsed);
	if (r < 0)
		return r;
	struct ks_key *key = calloc(1, sizeof(*key) + spki.size + name.size + 1);
	if (!key)
		return KS_ERR_NO_MEMORY;

	memcpy(key->memory, spki.data, spki.size);
	if (name.size > 0)
		memcpy(key->memory + spki.size, name.data, name.size);
	key->name = (const char *)key->memory + spki.size;
	/* Read again, so that all of it points into our own memory. */
	r = ks_spki_read(ks_bytes(key->memory, spki.size), &key->spki);
	if (r < 0) {
		free(key);
		return r;
	}
	ks_client_sha256(ks_bytes(key->memory, spki.size), key->spki_hash);
	key->is_private = is_private;
	atomic_init(&key->references, 1);
	*ret_key = key;
	return 0;
}

struct ks_key *ks_key_new_empty(enum ks_key_algorithm algorithm)
{
	struct ks_key *key = calloc(1, sizeof(*key) + 1);

	if (!key)
		return NULL;
	key->spki.algorithm = algorithm;
	key->name = (const char *)key->memory;
	atomic_init(&key->references, 1);
	return key;
}

struct ks_key *ks_key_ref(struct ks_key *key)
{
	if (key)
		atomic_fetch_add_explicit(&key->references, 1, memory_order_relaxed);
	return key;
}

void ks_key_unref(struct ks_key *key)
{
	/* Release and acquire: whoever frees it sees all that others did with it. */
	if (key && atomic_fetch_sub_explicit(&key->references, 1, memory_order_acq_rel) == 1)
		free(key);
}

const char *ks_key_type(const struct ks_key *key)
{
	switch (key->spki.algorithm) {
	case KS_KEY_RSA:
		return "RSA";
	case KS_KEY_RSA_PSS:
		return "RSA-PSS";
	case KS_KEY_EC:
		return "EC";
	case KS_KEY_ED25519:
		return "ED25519";
	}
	return "";
}

const char *ks_key_group(const struct ks_key *key)
{
	switch (key->spki.curve) {
	case KS_CURVE_P256:
		return "prime256v1";
	case KS_CURVE_P384:
		return "secp384r1";
	case KS_CURVE_P521:
		return "secp521r1";
	case KS_CURVE_NONE:
		break;
	}
	return NULL;
}

/* Bytes of a DER element with contents of this size, below 64 KiB. */
static size_t element_size(size_t contents)
{
	return contents + (contents < 128 ? 2 : contents < 256 ? 3 : 4);
}

size_t ks_key_signature_max(const struct ks_key *key)
{
	switch (key->spki.algorithm) {
	case KS_KEY_RSA:
	case KS_KEY_RSA_PSS:
		return (key->spki.bits + 7) / 8;
	case KS_KEY_EC:
		/* ECDSA-Sig-Value (RFC 3279 section 2.2.3): two integers of the group order's bits and a sign bit. */
		return element_size(2 * element_size(key->spki.bits / 8 + 1));
	case KS_KEY_ED25519:
		return 64;
	}
	return 0;
}

static int rsa_security_bits(unsigned bits)
{
	static const struct {
		unsigned bits;
		int strength;
	} steps[] = { { 8192, 200 }, { 7680, 192 }, { 6144, 176 }, { 4096, 152 }, { 3072, 128 }, { 2048, 112 } };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (bits >= steps[i].bits)
			return steps[i].strength;
	}
	return 0;
}

int ks_key_security_bits(const struct ks_key *key)
{
	switch (key->spki.algorithm) {
	case KS_KEY_RSA:
	case KS_KEY_RSA_PSS:
		return rsa_security_bits(key->spki.bits);
	case KS_KEY_EC:
		return key->spki.bits >= 512 ? 256 : (int)key->spki.bits / 2;
	case KS_KEY_ED25519:
		return 128;
	}
	return 0;
}
