/* SPDX-License-Identifier: Apache-2.0 */
/* keyring: see keyring.h. Here: its life, and looking up by hash. Runs in: keystay-agent. */
#include "agent/keyring.h"

#include <stdlib.h>
#include <string.h>

#include "agent/keyring_private.h"
#include "lib/base/buffer.h"
#include "lib/base/clock.h"
#include "lib/base/der.h"
#include "lib/base/log.h"

/* --- life -------------------------------------------------------------------------------------------------------- */

void ks_keyring_entry_free(struct ks_keyring_entry *entry)
{
	if (!entry)
		return;
	struct ks_identity *identity = &entry->identity;
	free(identity->name);
	free(identity->uri);
	free(identity->label);
	free(identity->module);
	free(identity->spki_der);
	free(identity->leaves);
	ks_public_key_free(identity->public_key);
	ks_certificate_unref(identity->certificate);
	for (size_t i = 0; i < entry->n_subjects; i++)
		ks_uri_deinit(&entry->subjects[i].uri);
	free(entry->subjects);
	free(entry);
}

void ks_keyring_free(struct ks_keyring *keyring)
{
	if (!keyring)
		return;
	for (size_t i = 0; i < keyring->n; i++)
		ks_keyring_entry_free(keyring->entries[i]);
	free(keyring->entries);
	free(keyring->hashes);
	ks_chain_pool_free(keyring->pool);
	free(keyring);
}

size_t ks_keyring_count(const struct ks_keyring *keyring)
{
	return keyring->n;
}

struct ks_identity *ks_keyring_at(struct ks_keyring *keyring, size_t index)
{
	return index < keyring->n ? &keyring->entries[index]->identity : NULL;
}

/* --- by hash ----------------------------------------------------------------------------------------------------- */

/* The place of hash in the table, or the empty place where it would stand. SHA-256 is spread well enough as it is. */
static struct ks_keyring_hash *place_of(const struct ks_keyring *keyring, const uint8_t hash[32])
{
	uint64_t start;
	memcpy(&start, hash, sizeof(start));
	for (size_t i = (size_t)start;; i++) {
		struct ks_keyring_hash *place = &keyring->hashes[i & (keyring->n_hashes - 1)];
		if (!place->entry || memcmp(place->hash, hash, 32) == 0)
			return place;
	}
}

static void add_hash(struct ks_keyring *keyring, const uint8_t hash[32], struct ks_keyring_entry *entry)
{
	struct ks_keyring_hash *place = place_of(keyring, hash);
	if (place->entry)
		return;
	memcpy(place->hash, hash, 32);
	place->entry = entry;
}

/* SubjectPublicKeyInfo with id-RSASSA-PSS and no parameters (RFC 4055 section 3.1). */
static int put_pss(struct ks_buffer *out, const struct ks_spki *spki)
{
	static const uint8_t oid[] = {
		0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a
	}; /* 1.2.840.113549.1.1.10 */
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer algorithm = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer numbers = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer key = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };

	ks_der_put(&algorithm, KS_DER_OID, ks_bytes(oid, sizeof(oid)));
	ks_der_put_unsigned(&numbers, spki->modulus);
	ks_der_put_unsigned(&numbers, spki->exponent);
	ks_buffer_put_u8(&key, 0); /* no unused bits */
	ks_der_put(&key, KS_DER_SEQUENCE, ks_buffer_bytes(&numbers));
	ks_der_put(&parts, KS_DER_SEQUENCE, ks_buffer_bytes(&algorithm));
	ks_der_put(&parts, KS_DER_BIT_STRING, ks_buffer_bytes(&key));
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
	const struct ks_buffer *const all[] = { &algorithm, &numbers, &key, &parts, out };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int r = ks_buffer_error(all[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The hash by which somebody knows this key who has seen the other form of an RSA key. */
static int add_other_form(struct ks_keyring *keyring, struct ks_keyring_entry *entry)
{
	const struct ks_spki *spki = &entry->identity.spki;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	uint8_t hash[32] = { 0 };
	int r;

	if (spki->algorithm == KS_KEY_RSA)
		r = put_pss(&der, spki);
	else if (spki->algorithm == KS_KEY_RSA_PSS)
		r = ks_spki_put_rsa(&der, spki->modulus, spki->exponent);
	else
		return 0;
	if (r == 0)
		r = ks_sha256(ks_buffer_bytes(&der), hash);
	if (r < 0)
		return r;
	add_hash(keyring, hash, entry);
	return 0;
}

/* At most half full with both forms of every key. */
static int index_hashes(struct ks_keyring *keyring)
{
	keyring->n_hashes = 16;
	while (keyring->n_hashes < keyring->n * 4)
		keyring->n_hashes *= 2;
	keyring->hashes = calloc(keyring->n_hashes, sizeof(*keyring->hashes));
	if (!keyring->hashes)
		return KS_ERR_NO_MEMORY;
	/* Own hashes first: another form is only a way to a key that nobody else claims. */
	for (size_t i = 0; i < keyring->n; i++)
		add_hash(keyring, keyring->entries[i]->identity.spki_hash, keyring->entries[i]);
	for (size_t i = 0; i < keyring->n; i++) {
		int r = add_other_form(keyring, keyring->entries[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

struct ks_identity *ks_keyring_by_hash(struct ks_keyring *keyring, const uint8_t spki_hash[32])
{
	struct ks_keyring_entry *entry = place_of(keyring, spki_hash)->entry;
	if (!entry)
		return NULL;
	struct ks_identity *identity = &entry->identity;
	if (!identity->public_key && ks_public_key_new(identity->spki.der, &identity->public_key) < 0) {
		ks_log_warning("the public key of \"%s\" is not a good one; nothing is signed with it", identity->name);
		return NULL;
	}
	return identity;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

int ks_keyring_build(const struct ks_settings *settings, const struct ks_keyring_source *sources, size_t n_sources,
		     const struct ks_overlay *overlay, struct ks_keyring **ret_keyring)
{
	KS_CLEANUP(ks_keyring_freep) struct ks_keyring *keyring = calloc(1, sizeof(*keyring));
	if (!keyring)
		return KS_ERR_NO_MEMORY;

	int r = ks_chain_pool_new(&keyring->pool);
	if (r == 0)
		r = ks_keyring_fill(keyring, settings, sources, n_sources, overlay);
	if (r == 0)
		r = ks_keyring_name_all(keyring, settings);
	if (r == 0)
		r = index_hashes(keyring);
	if (r < 0)
		return r;
	*ret_keyring = KS_STEAL(keyring);
	return 0;
}

static bool has_issued(const struct ks_certificate *issuer, void *userdata)
{
	return ks_certificate_issued_by(userdata, issuer);
}

const struct ks_certificate *ks_keyring_issuer(struct ks_keyring *keyring, const struct ks_identity *identity)
{
	struct ks_certificate *leaf = identity->certificate;

	if (!leaf || ks_certificate_is_self_signed(leaf))
		return NULL;
	return ks_chain_find(keyring->pool, ks_certificate_issuer(leaf), (int64_t)ks_clock_wall_s(), has_issued, leaf);
}

void ks_keyring_chain(struct ks_keyring *keyring, struct ks_identity *identity)
{
	if (identity->chain_known)
		return;
	if (identity->certificate)
		identity->n_chain = ks_chain_build(keyring->pool, identity->certificate, identity->locations[0].module,
						   (int64_t)ks_clock_wall_s(), identity->chain);
	identity->chain_known = true;
}

void ks_identity_warning(const struct ks_identity *identity, char out[KS_LIFETIME_TEXT_MAX])
{
	const struct ks_certificate *leaf = identity->certificate;

	out[0] = '\0';
	if (leaf)
		ks_lifetime_words((uint64_t)ks_certificate_not_before(leaf), (uint64_t)ks_certificate_not_after(leaf),
				  ks_clock_wall_s(), out);
}
