/* SPDX-License-Identifier: Apache-2.0 */
/* proof_memory: see proof_memory.h. Runs in: keystay-agent. */
#include "agent/proof_memory.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/tls/server_signature.h"
#include "lib/tls/verify_signature.h"

struct ks_proof_memory_entry {
	uint8_t digest[KS_PROOF_DIGEST_SIZE];
	uint8_t spki_hash[32];
	uint8_t der[KS_SPKI_MAX]; /* spki borrows from it */
	struct ks_spki spki;
	struct ks_public_key *key;
	char reason[256]; /* why not; "" = proven */
	uint64_t until_ms;
};

static void entry_free(struct ks_proof_memory_entry *entry)
{
	if (!entry)
		return;
	ks_public_key_free(entry->key);
	free(entry);
}
KS_DEFINE_CLEANUP(struct ks_proof_memory_entry *, entry_free)

void ks_proof_memory_forget(struct ks_proof_memory *memory)
{
	for (size_t i = 0; i < KS_PROOFS_REMEMBERED; i++) {
		entry_free(memory->entries[i]);
		memory->entries[i] = NULL;
	}
}

/* Each with its length, so that no two claims look alike. */
static void put(struct ks_buffer *buffer, struct ks_bytes bytes)
{
	ks_buffer_put_u32(buffer, (uint32_t)bytes.size);
	ks_buffer_put(buffer, bytes);
}

int ks_proof_memory_digest(const struct ks_server_claim *claim, const char *const *anchor_files, size_t n_anchor_files,
			   uint8_t ret_digest[KS_PROOF_DIGEST_SIZE])
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer whole = { 0 };

	ks_buffer_init(&whole, 2 * KS_FRAME_MAX);
	put(&whole, ks_bytes_text(claim->server_name));
	ks_buffer_put_u32(&whole, (uint32_t)claim->n_certificates);
	for (size_t i = 0; i < claim->n_certificates; i++)
		put(&whole, claim->certificates[i]);
	put(&whole, claim->ocsp_response);
	for (size_t i = 0; i < n_anchor_files; i++)
		put(&whole, ks_bytes_text(anchor_files[i]));
	if (ks_buffer_error(&whole) < 0)
		return KS_ERR_NO_MEMORY;
	return ks_sha256(ks_buffer_bytes(&whole), ret_digest);
}

/* spki_hash NULL: keystay-prove has not told it. */
static int read_key(struct ks_proof_memory_entry *entry, struct ks_bytes leaf, const uint8_t *spki_hash)
{
	struct ks_bytes spki;

	if (ks_spki_of_certificate(leaf, &spki) < 0 || spki.size > sizeof(entry->der) ||
	    ks_sha256(spki, entry->spki_hash) < 0 || (spki_hash && memcmp(entry->spki_hash, spki_hash, 32) != 0))
		return KS_ERR_MALFORMED;
	memcpy(entry->der, spki.data, spki.size);
	int r = ks_spki_read(ks_bytes(entry->der, spki.size), &entry->spki);
	return r < 0 ? r : ks_public_key_new(ks_bytes(entry->der, spki.size), &entry->key);
}

static size_t place_of(const struct ks_proof_memory *memory, const uint8_t digest[KS_PROOF_DIGEST_SIZE])
{
	for (size_t i = 0; i < KS_PROOFS_REMEMBERED; i++) {
		if (memory->entries[i] && memcmp(memory->entries[i]->digest, digest, KS_PROOF_DIGEST_SIZE) == 0)
			return i;
	}
	return KS_PROOFS_REMEMBERED;
}

void ks_proof_memory_keep(struct ks_proof_memory *memory, const uint8_t digest[KS_PROOF_DIGEST_SIZE],
			  const struct ks_server_claim *claim, const uint8_t *spki_hash, const char *reason,
			  uint64_t now_ms)
{
	KS_CLEANUP(entry_freep) struct ks_proof_memory_entry *entry = calloc(1, sizeof(*entry));
	char why[256];

	if (!entry || read_key(entry, claim->certificates[0], spki_hash) < 0 ||
	    ks_server_signature_check(claim, &entry->spki, entry->key, why) < 0)
		return;
	memcpy(entry->digest, digest, KS_PROOF_DIGEST_SIZE);
	(void)ks_text_print(entry->reason, sizeof(entry->reason), "%s", reason);
	entry->until_ms = now_ms + KS_PROOF_REMEMBERED_MS;
	size_t place = place_of(memory, digest);
	if (place == KS_PROOFS_REMEMBERED)
		place = memory->n++ % KS_PROOFS_REMEMBERED;
	entry_free(memory->entries[place]);
	memory->entries[place] = KS_STEAL(entry);
}

bool ks_proof_memory_knows(const struct ks_proof_memory *memory, const uint8_t digest[KS_PROOF_DIGEST_SIZE],
			   const struct ks_server_claim *claim, uint64_t now_ms, uint8_t ret_spki_hash[32],
			   char ret_reason[256])
{
	size_t place = place_of(memory, digest);
	const struct ks_proof_memory_entry *entry = place < KS_PROOFS_REMEMBERED ? memory->entries[place] : NULL;
	char why[256];

	/* When it is another server's signature keystay-prove says so, in its words. */
	if (!entry || now_ms >= entry->until_ms || ks_server_signature_check(claim, &entry->spki, entry->key, why) < 0)
		return false;
	memcpy(ret_spki_hash, entry->spki_hash, sizeof(entry->spki_hash));
	(void)ks_text_print(ret_reason, 256, "%s", entry->reason);
	return true;
}
