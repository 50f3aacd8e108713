/* SPDX-License-Identifier: Apache-2.0 */
/* token: see token.h. Runs in: keystay, keystay-enroll. */
#include "client/token.h"

#include <string.h>

#include "client/error.h"
#include "client/hints.h"
#include "client/sha256.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* One request over a connection of its own; what the reply points to is borrowed from client. */
static int call(struct ks_client *client, uint8_t type, void *request, void *ret_reply, size_t reply_size,
		const char *notice, struct ks_client_error *ret_error)
{
	int r = ks_client_open(KS_CLIENT_CONTROL, client, ret_error);

	return r < 0 ? r :
		       ks_client_call(client, type, request, (uint8_t)(type + 1), ret_reply, reply_size, notice,
				      ret_error);
}

_Static_assert(KS_MSG_PROVISION_REPLY == KS_MSG_PROVISION + 1, "a reply has the next number");
_Static_assert(KS_MSG_TOKEN_KEYGEN_REPLY == KS_MSG_TOKEN_KEYGEN + 1, "a reply has the next number");
_Static_assert(KS_MSG_TOKEN_STORE_REPLY == KS_MSG_TOKEN_STORE + 1, "a reply has the next number");
_Static_assert(KS_MSG_TOKEN_REMOVE_REPLY == KS_MSG_TOKEN_REMOVE + 1, "a reply has the next number");

static void collect(struct ks_hints *hints, bool unattended)
{
	ks_hints_collect(hints);
	if (unattended)
		hints->wait_ms = 0;
}

static int take_key(const struct ks_msg_token_keygen_reply *reply, struct ks_client_new_key *ret_key,
		    struct ks_client_error *ret_error)
{
	struct ks_client_new_key key = { .object_id_size = reply->object_id.size, .spki_size = reply->spki.size };
	struct ks_spki spki;

	if (ks_spki_read(reply->spki, &spki) < 0)
		return ks_client_fail(ret_error, KS_ERR_MALFORMED,
				      "keystay-agent answered with something that is no public key");
	memcpy(key.token, reply->token.data, reply->token.size);
	memcpy(key.object_id, reply->object_id.data, reply->object_id.size);
	memcpy(key.spki, reply->spki.data, reply->spki.size);
	ks_client_sha256(reply->spki, key.spki_hash);
	*ret_key = key;
	return 0;
}

int ks_client_token_keygen(const struct ks_client_keygen *request, struct ks_client_new_key *ret_key,
			   struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_msg_token_keygen_reply reply;
	struct ks_hints hints;

	collect(&hints, request->unattended);
	struct ks_msg_token_keygen message = {
		.token = ks_bytes_text(request->token),
		.label = ks_bytes_text(request->label),
		.object_id = request->object_id,
		.key_type = request->algorithm,
		.bits = request->bits,
		KS_MESSAGE_PERSON(hints),
	};
	int r = call(&client, KS_MSG_TOKEN_KEYGEN, &message, &reply, sizeof(reply),
		     "the token makes a key, which takes some of them minutes", ret_error);
	return r < 0 ? r : take_key(&reply, ret_key, ret_error);
}

int ks_client_token_store(const struct ks_client_store *request, char *ret_token, struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_msg_token_store_reply reply;
	struct ks_hints hints;

	collect(&hints, request->unattended);
	struct ks_msg_token_store message = {
		.spki_hash = ks_bytes(request->spki_hash, 32),
		.certificate = request->certificate,
		.label = ks_bytes_text(request->label),
		KS_MESSAGE_PERSON(hints),
	};
	int r = call(&client, KS_MSG_TOKEN_STORE, &message, &reply, sizeof(reply),
		     "waiting for the token to take the certificate", ret_error);
	if (r == 0 && ret_token)
		(void)ks_text_print(ret_token, 65, "%.*s", (int)reply.token.size, (const char *)reply.token.data);
	return r;
}

int ks_client_token_remove(const struct ks_client_remove *request, unsigned *ret_n_removed,
			   struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_msg_token_remove_reply reply;
	struct ks_hints hints;

	collect(&hints, request->unattended);
	struct ks_msg_token_remove message = {
		.spki_hash = ks_bytes(request->spki_hash, 32),
		.key = request->key,
		.certificates = request->certificates,
		.certificate_hash = request->certificate_hash ? ks_bytes(request->certificate_hash, 32) : KS_BYTES_NONE,
		KS_MESSAGE_PERSON(hints),
	};
	int r = call(&client, KS_MSG_TOKEN_REMOVE, &message, &reply, sizeof(reply),
		     "waiting for the token to remove it", ret_error);
	if (r == 0)
		*ret_n_removed = reply.n_removed;
	return r;
}

/* --- tokens ------------------------------------------------------------------------------------------------------ */

static int tell_slots(struct ks_bytes slots, int (*found)(const struct ks_msg_slot_status *slot, void *userdata),
		      void *userdata, struct ks_client_error *ret_error)
{
	struct ks_reader reader = ks_reader(slots);
	struct ks_msg_slot_status slot;
	int r;

	while ((r = ks_record_read(&reader, KS_RECORD(slot_status), &slot, sizeof(slot))) == 1) {
		r = found ? found(&slot, userdata) : 0;
		if (r < 0)
			return ks_client_fail(ret_error, r, NULL);
	}
	return r < 0 ? ks_client_fail(ret_error, KS_ERR_MALFORMED, "keystay-agent's list of slots is not well-formed") :
		       0;
}

int ks_client_token_provision(const struct ks_client_provision *request,
			      int (*found)(const struct ks_msg_slot_status *slot, void *userdata), void *userdata,
			      char *text, struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_msg_provision_reply reply;
	struct ks_hints hints;

	ks_hints_collect(&hints);
	struct ks_msg_provision message = {
		.operation = request->operation,
		.module = ks_bytes_text(request->module),
		.token = ks_bytes_text(request->token),
		.slot = request->slot,
		.by_slot = request->by_slot,
		.label = ks_bytes_text(request->label),
		.so_pin = request->so_pin,
		.pin = request->pin,
		.new_pin = request->new_pin,
		.erase = ks_bytes_text(request->erase),
		KS_MESSAGE_PERSON(hints),
	};
	int r = call(&client, KS_MSG_PROVISION, &message, &reply, sizeof(reply),
		     request->operation == KS_PROVISION_LIST ? "waiting for the agent to look at its slots" :
							       "waiting for the token",
		     ret_error);
	if (r == 0)
		(void)ks_text_print(text, KS_TEXT_MAX, "%.*s", (int)reply.text.size, (const char *)reply.text.data);
	return r < 0 ? r : tell_slots(reply.slots, found, userdata, ret_error);
}
