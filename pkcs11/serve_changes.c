/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_changes: requests that change what is on a token: a new key pair, a certificate, something removed.
 *
 * Runs in: keystay-token, main thread, alone with the module. After each, whatever became of it, the token is told anew,
 * and then the answer: the agent knows what there is when it hears of the end.
 */
#include "pkcs11/serve_private.h"

#include "lib/protocol/message.h"
#include "pkcs11/keygen.h"
#include "pkcs11/remove.h"
#include "pkcs11/store.h"

/* Called with the write lock held; userdata is the handler's own. */
typedef int make_function(struct ks_serve *serve, struct ks_token *token, void *userdata, struct ks_problem *problem);

static int make_change(struct ks_serve *serve, uint32_t number, make_function *make, void *userdata,
		       struct ks_problem *problem)
{
	(void)pthread_rwlock_wrlock(&serve->lock);
	struct ks_token *token = ks_serve_find_token(serve, number, problem);
	int r = KS_ERR_TOKEN_ABSENT;
	if (token) {
		r = ks_serve_explain_failure(serve, number, make(serve, token, userdata, problem), problem);
		r = ks_serve_report_after(serve, token, r);
	}
	(void)pthread_rwlock_unlock(&serve->lock);
	return r;
}

struct keygen_change {
	const struct ks_msg_worker_keygen *request;
	struct ks_keygen_made made;
};

static int make_key(struct ks_serve *serve, struct ks_token *token, void *userdata, struct ks_problem *problem)
{
	struct keygen_change *change = userdata;
	const struct ks_keygen wanted = { .algorithm = (enum ks_key_algorithm)change->request->key_type,
					  .bits = change->request->bits,
					  .label = change->request->label,
					  .object_id = change->request->object_id,
					  .digests = serve->digests };

	return ks_keygen(token, &wanted, &change->made, problem);
}

int ks_serve_take_keygen(struct ks_serve *serve, const void *message, struct ks_problem *problem)
{
	struct keygen_change change = { .request = message };

	int r = make_change(serve, change.request->token, make_key, &change, problem);
	if (r < 0)
		return r;
	const struct ks_msg_worker_keygen_reply reply = {
		KS_MESSAGE_HEAD(change.request->id),
		.object_id = ks_bytes(change.made.id, change.made.id_size),
		.spki = ks_bytes(change.made.spki, change.made.spki_size),
	};
	return ks_wire_send(&serve->wire, KS_MSG_WORKER_KEYGEN_REPLY, &reply);
}

static int store(struct ks_serve *serve, struct ks_token *token, void *userdata, struct ks_problem *problem)
{
	(void)serve;
	const struct ks_msg_worker_store *request = userdata;
	const struct ks_store wanted = { .object_id = request->object_id,
					 .label = request->label,
					 .der = request->der };

	return ks_store(token, &wanted, problem);
}

int ks_serve_take_store(struct ks_serve *serve, const void *message, struct ks_problem *problem)
{
	struct ks_msg_worker_store request = *(const struct ks_msg_worker_store *)message;
	const struct ks_msg_worker_store_reply reply = { KS_MESSAGE_HEAD(request.id) };

	int r = make_change(serve, request.token, store, &request, problem);
	return r < 0 ? r : ks_wire_send(&serve->wire, KS_MSG_WORKER_STORE_REPLY, &reply);
}

struct remove_change {
	const struct ks_msg_worker_remove *request;
	uint32_t n_removed;
};

static int remove_objects(struct ks_serve *serve, struct ks_token *token, void *userdata, struct ks_problem *problem)
{
	struct remove_change *change = userdata;
	const struct ks_remove wanted = { .object_id = change->request->object_id,
					  .spki = change->request->spki,
					  .keys = change->request->keys,
					  .certificates = change->request->certificates,
					  .certificate_hash = change->request->certificate_hash,
					  .digests = serve->digests };

	return ks_remove(token, &wanted, &change->n_removed, problem);
}

int ks_serve_take_remove(struct ks_serve *serve, const void *message, struct ks_problem *problem)
{
	struct remove_change change = { .request = message };

	int r = make_change(serve, change.request->token, remove_objects, &change, problem);
	if (r < 0)
		return r;
	const struct ks_msg_worker_remove_reply reply = { KS_MESSAGE_HEAD(change.request->id),
							  .n_removed = change.n_removed };
	return ks_wire_send(&serve->wire, KS_MSG_WORKER_REMOVE_REPLY, &reply);
}
