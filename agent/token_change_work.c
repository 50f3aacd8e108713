/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_change_work: what is asked of the worker, and whether what it answers is true; see token_change_private.h.
 *
 * Runs in: keystay-agent. A certificate that a client sends is never given to OpenSSL here: its public key is found by
 * lib/protocol's own reader, and nothing else of it matters.
 */
#include <string.h>

#include "agent/token_change_private.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/tls/verify_signature.h"

const char *ks_token_change_purpose(const struct ks_token_change *change)
{
	if (change->type == KS_MSG_TOKEN_KEYGEN)
		return "keygen";
	return change->type == KS_MSG_TOKEN_STORE ? "store" : "remove";
}

/* --- the message ------------------------------------------------------------------------------------------------- */

static int refuse(struct ks_token_change *change, int error, const char *text)
{
	(void)ks_text_print(change->text, sizeof(change->text), "%s", text);
	return error;
}

static bool is_known_type(uint32_t type, uint32_t bits)
{
	switch (type) {
	case KS_KEY_RSA:
		return bits == 2048 || bits == 3072 || bits == 4096;
	case KS_KEY_EC:
		return bits == 256 || bits == 384 || bits == 521;
	case KS_KEY_ED25519:
		return bits == 256;
	default:
		return false;
	}
}

static int read_keygen(struct ks_token_change *change)
{
	struct ks_msg_token_keygen *keygen = &change->message.keygen;

	int error = ks_message_read(change->type, change->request->body, keygen, sizeof(*keygen));
	if (error < 0)
		return error;
	change->wait_ms = keygen->wait_ms;
	ks_asking_place(keygen->tty, keygen->term, keygen->display, keygen->wayland_display, &change->place);
	if (keygen->key_type == KS_KEY_ED25519 && keygen->bits == 0)
		keygen->bits = 256;
	ks_text_escape(keygen->label, change->key, sizeof(change->key));
	if (keygen->label.size == 0)
		return refuse(change, KS_ERR_INVALID, "a new key needs a name");
	if (!is_known_type(keygen->key_type, keygen->bits))
		return refuse(change, KS_ERR_UNSUPPORTED,
			      "keystay makes RSA keys of 2048, 3072 or 4096 bits, P-256, P-384, P-521 and Ed25519");
	return 0;
}

static void take_hash(struct ks_token_change *change, struct ks_bytes hash)
{
	memcpy(change->spki_hash, hash.data, sizeof(change->spki_hash));
	change->has_hash = true;
}

static int read_store(struct ks_token_change *change)
{
	struct ks_msg_token_store *store = &change->message.store;
	struct ks_bytes spki;

	int error = ks_message_read(change->type, change->request->body, store, sizeof(*store));
	if (error < 0)
		return error;
	change->wait_ms = store->wait_ms;
	ks_asking_place(store->tty, store->term, store->display, store->wayland_display, &change->place);
	take_hash(change, store->spki_hash);
	if (ks_spki_of_certificate(store->certificate, &spki) < 0)
		return refuse(change, KS_ERR_INVALID, "this is no certificate that keystay can read");
	return 0;
}

static int read_remove(struct ks_token_change *change)
{
	struct ks_msg_token_remove *remove = &change->message.remove;

	int error = ks_message_read(change->type, change->request->body, remove, sizeof(*remove));
	if (error < 0)
		return error;
	change->wait_ms = remove->wait_ms;
	ks_asking_place(remove->tty, remove->term, remove->display, remove->wayland_display, &change->place);
	take_hash(change, remove->spki_hash);
	if (!remove->key && !remove->certificates)
		return refuse(change, KS_ERR_INVALID, "it was not said what is to be removed");
	if (remove->certificate_hash.size != 0 && remove->certificate_hash.size != 32)
		return KS_ERR_MALFORMED;
	return 0;
}

int ks_token_change_read(struct ks_token_change *change)
{
	if (change->type == KS_MSG_TOKEN_KEYGEN)
		return read_keygen(change);
	return change->type == KS_MSG_TOKEN_STORE ? read_store(change) : read_remove(change);
}

void ks_token_change_describe(const struct ks_token_change *change, char *out, size_t size)
{
	if (change->type == KS_MSG_TOKEN_KEYGEN)
		(void)ks_text_print(out, size, "wants to make the key \"%.200s\" on it", change->key);
	else if (change->type == KS_MSG_TOKEN_STORE)
		(void)ks_text_print(out, size, "wants to store a certificate of the key \"%.200s\" on it", change->key);
	else if (change->message.remove.key)
		(void)ks_text_print(out, size, "wants to remove the key \"%.200s\" from it for ever", change->key);
	else
		(void)ks_text_print(out, size, "wants to remove a certificate of the key \"%.200s\" from it",
				    change->key);
}

/* --- what is on the token ---------------------------------------------------------------------------------------- */

static bool has_hash(struct ks_bytes der, const uint8_t hash[32])
{
	uint8_t found[32];

	return ks_sha256(der, found) == 0 && memcmp(found, hash, sizeof(found)) == 0;
}

/* An identity may go by RSASSA-PSS where the token knows just an RSA key: then it is the same key in another form. */
static const struct ks_inventory_key *find_key(const struct ks_token_change *change, const struct ks_token *token)
{
	const struct ks_identity *identity = ks_keyring_by_hash(change->request->state->keyring, change->spki_hash);

	for (size_t i = 0; i < token->inventory->n_keys; i++) {
		const struct ks_inventory_key *key = &token->inventory->keys[i];
		if (has_hash(key->spki.der, change->spki_hash) ||
		    (identity && ks_spki_same_key(&key->spki, &identity->spki)))
			return key;
	}
	return NULL;
}

static bool has_certificate(const struct ks_token *token, struct ks_bytes der)
{
	for (size_t i = 0; i < token->inventory->n_certificates; i++) {
		if (ks_bytes_equal(ks_certificate_der(token->inventory->certificates[i].certificate), der))
			return true;
	}
	return false;
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

static int send_keygen(struct ks_token_change *change, const struct ks_token *token, ks_worker_done *done)
{
	const struct ks_msg_token_keygen *keygen = &change->message.keygen;
	const struct ks_msg_worker_keygen message = { .token = token->inventory->number,
						      .key_type = keygen->key_type,
						      .bits = keygen->bits,
						      .label = keygen->label,
						      .object_id = keygen->object_id };

	return ks_worker_keygen(token->worker, &message, done, change, &change->call);
}

static int refuse_unknown(struct ks_token_change *change, const struct ks_token *token)
{
	(void)ks_text_print(change->text, sizeof(change->text), "token \"%s\" does not show the key \"%s\"",
			    token->inventory->label, change->key);
	return KS_ERR_UNKNOWN_KEY;
}

static int send_store(struct ks_token_change *change, const struct ks_token *token, ks_worker_done *done)
{
	const struct ks_msg_token_store *store = &change->message.store;
	const struct ks_inventory_key *key = find_key(change, token);
	struct ks_bytes der;
	struct ks_spki spki;

	if (!key)
		return refuse_unknown(change, token);
	if (ks_spki_of_certificate(store->certificate, &der) < 0 || ks_spki_read(der, &spki) < 0 ||
	    !ks_spki_same_key(&spki, &key->spki)) {
		(void)ks_text_print(change->text, sizeof(change->text),
				    "this certificate is of another key than \"%s\"", change->key);
		return KS_ERR_INVALID;
	}
	const struct ks_msg_worker_store message = {
		.token = token->inventory->number,
		.object_id = ks_bytes(key->id, key->id_size),
		.label = store->label.size > 0 ? store->label : ks_bytes_text(key->label),
		.der = store->certificate,
	};
	return ks_worker_store(token->worker, &message, done, change, &change->call);
}

static int send_remove(struct ks_token_change *change, const struct ks_token *token, ks_worker_done *done)
{
	const struct ks_msg_token_remove *remove = &change->message.remove;
	const struct ks_inventory_key *key = find_key(change, token);

	if (!key)
		return refuse_unknown(change, token);
	const struct ks_msg_worker_remove message = {
		.token = token->inventory->number,
		.object_id = ks_bytes(key->id, key->id_size),
		.spki = key->spki.der,
		.keys = remove->key,
		.certificates = remove->certificates,
		.certificate_hash = remove->certificate_hash,
	};
	return ks_worker_remove(token->worker, &message, done, change, &change->call);
}

int ks_token_change_send(struct ks_token_change *change, const struct ks_token *token, ks_worker_done *done)
{
	if (change->type == KS_MSG_TOKEN_KEYGEN)
		return send_keygen(change, token, done);
	return change->type == KS_MSG_TOKEN_STORE ? send_store(change, token, done) : send_remove(change, token, done);
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

/* The token's new inventory came before the answer: what the module says must be there to see. */
static int disbelieve(struct ks_token_change *change, const struct ks_token *token, const char *what)
{
	ks_log_error("module \"%s\" %s", ks_worker_name(token->worker), what);
	(void)ks_text_print(change->text, sizeof(change->text), "its module \"%s\" %s", ks_worker_name(token->worker),
			    what);
	if (ks_worker_rescan(token->worker, true) < 0)
		ks_log_debug("no rescan was sent");
	return KS_ERR_TOKEN_FAILED;
}

static bool is_of_type(const struct ks_spki *spki, const struct ks_msg_token_keygen *keygen)
{
	return (uint32_t)spki->algorithm == keygen->key_type && spki->bits == keygen->bits;
}

static int check_keygen(struct ks_token_change *change, const struct ks_token *token, struct ks_bytes body)
{
	struct ks_msg_worker_keygen_reply reply;
	struct ks_spki spki;

	int error = ks_message_read(KS_MSG_WORKER_KEYGEN_REPLY, body, &reply, sizeof(reply));
	if (error < 0 || ks_spki_read(reply.spki, &spki) < 0 || !is_of_type(&spki, &change->message.keygen))
		return disbelieve(change, token, "says that it made a key, but of another kind than was asked for");
	for (size_t i = 0; i < token->inventory->n_keys; i++) {
		const struct ks_inventory_key *key = &token->inventory->keys[i];
		if (!key->private_seen || !ks_bytes_equal(key->spki.der, reply.spki) ||
		    !ks_bytes_equal(ks_bytes(key->id, key->id_size), reply.object_id))
			continue;
		memcpy(change->object_id, reply.object_id.data, reply.object_id.size);
		change->object_id_size = reply.object_id.size;
		memcpy(change->spki, reply.spki.data, reply.spki.size);
		change->spki_size = reply.spki.size;
		change->has_hash = ks_sha256(reply.spki, change->spki_hash) == 0;
		return change->has_hash ? 0 : KS_ERR_INTERNAL;
	}
	return disbelieve(change, token, "says that it made a key, but does not show it");
}

static bool still_has(const struct ks_token_change *change, const struct ks_token *token)
{
	const struct ks_msg_token_remove *remove = &change->message.remove;

	for (size_t i = 0; remove->key && i < token->inventory->n_keys; i++) {
		const struct ks_inventory_key *key = &token->inventory->keys[i];
		if (key->private_seen && has_hash(key->spki.der, change->spki_hash))
			return true;
	}
	for (size_t i = 0; remove->certificates && i < token->inventory->n_certificates; i++) {
		const struct ks_certificate *found = token->inventory->certificates[i].certificate;
		if (remove->certificate_hash.size == 32 ?
			    has_hash(ks_certificate_der(found), remove->certificate_hash.data) :
			    has_hash(ks_certificate_spki(found), change->spki_hash))
			return true;
	}
	return false;
}

int ks_token_change_check(struct ks_token_change *change, const struct ks_token *token, struct ks_bytes body)
{
	struct ks_msg_worker_remove_reply reply;

	if (change->type == KS_MSG_TOKEN_KEYGEN)
		return check_keygen(change, token, body);
	if (change->type == KS_MSG_TOKEN_STORE)
		return has_certificate(token, change->message.store.certificate) ?
			       0 :
			       disbelieve(change, token, "says that it stored the certificate, but does not show it");
	int error = ks_message_read(KS_MSG_WORKER_REMOVE_REPLY, body, &reply, sizeof(reply));
	if (error < 0)
		return error;
	change->n_removed = reply.n_removed;
	return still_has(change, token) ? disbelieve(change, token, "says that it removed this, but still shows it") :
					  0;
}
