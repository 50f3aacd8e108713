/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_work: what changes a token, asked of a worker: a key pair made, a certificate stored, either removed; and what is
 * asked of a keystay-token that provisions. See worker.h.
 *
 * Runs in: keystay-agent.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/worker_private.h"

static uint32_t deadline_ms(const struct ks_worker *worker)
{
	return worker->deadline_ms > 0 ? 2 * worker->deadline_ms : KS_WORKER_LOGIN_DEADLINE_MS;
}

/* A call for this token; n bytes may be put into call->input. */
static int begin(struct ks_worker *worker, uint8_t type, uint32_t token, uint32_t deadline, size_t n,
		 ks_worker_done *done, void *userdata, struct ks_worker_call **ret_call)
{
	if (worker->state == KS_MODULE_FAILED || worker->resting)
		return KS_ERR_MODULE_FAILED;
	if (worker->n_queued >= KS_SIGNATURES_QUEUED)
		return KS_ERR_QUOTA;
	struct ks_worker_call *call = ks_worker_call_new(worker, (uint8_t)(type + 1), deadline, done, userdata);
	if (!call)
		return KS_ERR_NO_MEMORY;
	call->token = token;
	call->owner = UINT64_MAX - call->id; /* of nobody who was served lately: it has its turn */
	call->work_type = type;
	call->input = malloc(n ? n : 1);
	if (!call->input) {
		ks_worker_call_free(call);
		return KS_ERR_NO_MEMORY;
	}
	*ret_call = call;
	return 0;
}

_Static_assert(KS_MSG_WORKER_KEYGEN_REPLY == KS_MSG_WORKER_KEYGEN + 1, "a reply has the next number");
_Static_assert(KS_MSG_WORKER_STORE_REPLY == KS_MSG_WORKER_STORE + 1, "a reply has the next number");
_Static_assert(KS_MSG_WORKER_REMOVE_REPLY == KS_MSG_WORKER_REMOVE + 1, "a reply has the next number");
_Static_assert(KS_MSG_WORKER_PROVISION_REPLY == KS_MSG_WORKER_PROVISION + 1, "a reply has the next number");

/* Copies what run points to behind what is there, and lets it point to the copy. */
static void keep(uint8_t **end, struct ks_bytes *run)
{
	if (run->size > 0)
		memcpy(*end, run->data, run->size);
	run->data = *end;
	*end += run->size;
}

int ks_worker_keygen(struct ks_worker *worker, const struct ks_msg_worker_keygen *keygen, ks_worker_done *done,
		     void *userdata, struct ks_worker_call **ret_call)
{
	struct ks_worker_call *call;
	int error = begin(worker, KS_MSG_WORKER_KEYGEN, keygen->token, KS_WORKER_KEYGEN_DEADLINE_MS,
			  keygen->label.size + keygen->object_id.size, done, userdata, &call);
	if (error < 0)
		return error;
	uint8_t *end = call->input;
	call->work.keygen = *keygen;
	call->work.keygen.version = KS_PROTOCOL_VERSION;
	call->work.keygen.id = call->id;
	keep(&end, &call->work.keygen.label);
	keep(&end, &call->work.keygen.object_id);
	*ret_call = call;
	ks_worker_call_queue(call);
	return 0;
}

int ks_worker_store(struct ks_worker *worker, const struct ks_msg_worker_store *store, ks_worker_done *done,
		    void *userdata, struct ks_worker_call **ret_call)
{
	struct ks_worker_call *call;
	int error = begin(worker, KS_MSG_WORKER_STORE, store->token, deadline_ms(worker),
			  store->object_id.size + store->label.size + store->der.size, done, userdata, &call);
	if (error < 0)
		return error;
	uint8_t *end = call->input;
	call->work.store = *store;
	call->work.store.version = KS_PROTOCOL_VERSION;
	call->work.store.id = call->id;
	keep(&end, &call->work.store.object_id);
	keep(&end, &call->work.store.label);
	keep(&end, &call->work.store.der);
	*ret_call = call;
	ks_worker_call_queue(call);
	return 0;
}

int ks_worker_remove(struct ks_worker *worker, const struct ks_msg_worker_remove *remove, ks_worker_done *done,
		     void *userdata, struct ks_worker_call **ret_call)
{
	struct ks_worker_call *call;
	int error = begin(worker, KS_MSG_WORKER_REMOVE, remove->token, deadline_ms(worker),
			  remove->object_id.size + remove->spki.size + remove->certificate_hash.size, done, userdata,
			  &call);
	if (error < 0)
		return error;
	uint8_t *end = call->input;
	call->work.remove = *remove;
	call->work.remove.version = KS_PROTOCOL_VERSION;
	call->work.remove.id = call->id;
	keep(&end, &call->work.remove.object_id);
	keep(&end, &call->work.remove.spki);
	keep(&end, &call->work.remove.certificate_hash);
	*ret_call = call;
	ks_worker_call_queue(call);
	return 0;
}

int ks_worker_provision(struct ks_worker *worker, struct ks_msg_worker_provision *provision, ks_worker_done *done,
			void *userdata, struct ks_worker_call **ret_call)
{
	if (worker->state != KS_MODULE_READY || !worker->has_channel || worker->sent)
		return KS_ERR_MODULE_FAILED;
	uint32_t deadline = provision->operation == KS_PROVISION_LIST ? KS_PROVISION_LIST_DEADLINE_MS :
									KS_PROVISION_DEADLINE_MS;
	struct ks_worker_call *call =
		ks_worker_call_new(worker, KS_MSG_WORKER_PROVISION_REPLY, deadline, done, userdata);
	if (!call)
		return KS_ERR_NO_MEMORY;
	call->with_pin = true; /* as far as we know, until it says otherwise */
	ks_worker_call_send(call, KS_MSG_WORKER_PROVISION, provision, ret_call);
	return 0;
}
