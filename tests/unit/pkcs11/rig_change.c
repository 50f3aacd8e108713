/* SPDX-License-Identifier: Apache-2.0 */
/* rig_change: the part of the rig that asks a worker to change what is on its first token. See rig.h. Runs in: unit tests. */
#include "tests/unit/pkcs11/rig.h"

#include <string.h>
#include <unistd.h>

int rig_keygen(struct rig_worker *worker, const struct rig_new_key *key, struct rig_made *ret_made)
{
	const struct ks_msg_worker_keygen message = { KS_MESSAGE_HEAD(++worker->last_id),
						      .token = worker->tokens[0].number,
						      .key_type = key->type,
						      .bits = key->bits,
						      .label = ks_bytes_text(key->label),
						      .object_id = key->id };
	struct ks_msg_worker_keygen_reply reply;
	struct ks_frame frame;
	unsigned n_before = worker->n_inventories;

	rig_send(worker, KS_MSG_WORKER_KEYGEN, &message);
	int r = rig_await(worker, message.id, KS_MSG_WORKER_KEYGEN_REPLY, &frame);
	/* News of this token, before the answer. */
	assert_int_equal(worker->n_inventories, n_before + 1);
	assert_false(worker->all);
	if (r < 0)
		return r;
	assert_int_equal(ks_message_read(frame.type, frame.body, &reply, sizeof(reply)), 0);
	*ret_made = (struct rig_made){ .id_size = reply.object_id.size, .spki_size = reply.spki.size };
	memcpy(ret_made->id, reply.object_id.data, ret_made->id_size);
	memcpy(ret_made->spki, reply.spki.data, ret_made->spki_size);
	return 0;
}

int rig_store(struct rig_worker *worker, struct ks_bytes id, const char *label, struct ks_bytes der)
{
	const struct ks_msg_worker_store message = { KS_MESSAGE_HEAD(++worker->last_id),
						     .token = worker->tokens[0].number, .object_id = id,
						     .label = ks_bytes_text(label), .der = der };

	rig_send(worker, KS_MSG_WORKER_STORE, &message);
	return rig_await(worker, message.id, KS_MSG_WORKER_STORE_REPLY, NULL);
}

int rig_remove(struct rig_worker *worker, struct ks_bytes id, struct ks_bytes spki, unsigned what, struct ks_bytes hash)
{
	const struct ks_msg_worker_remove message = { KS_MESSAGE_HEAD(++worker->last_id),
						      .token = worker->tokens[0].number,
						      .object_id = id,
						      .spki = spki,
						      .keys = (what & RIG_KEYS) != 0,
						      .certificates = (what & RIG_CERTIFICATES) != 0,
						      .certificate_hash = hash };
	struct ks_msg_worker_remove_reply reply;
	struct ks_frame frame;

	rig_send(worker, KS_MSG_WORKER_REMOVE, &message);
	int r = rig_await(worker, message.id, KS_MSG_WORKER_REMOVE_REPLY, &frame);
	if (r < 0)
		return r;
	assert_int_equal(ks_message_read(frame.type, frame.body, &reply, sizeof(reply)), 0);
	return (int)reply.n_removed;
}

const struct rig_found_key *rig_find_key(const struct rig_worker *worker, const char *label)
{
	for (size_t i = 0; i < worker->n_keys; i++) {
		if (strcmp(worker->keys[i].label, label) == 0)
			return &worker->keys[i];
	}
	return NULL;
}

struct ks_bytes rig_id(const struct rig_found_key *key)
{
	return ks_bytes(key->id, key->id_size);
}

struct ks_bytes rig_spki(const struct rig_found_key *key)
{
	return ks_bytes(key->spki, key->spki_size);
}

/* Objects of a token as SoftHSM itself counts them, seen by the worker's user: in a process of its own. */
struct count {
	CK_ATTRIBUTE_TYPE type;
	const void *value;
	size_t size;
};

static void count_objects(struct rig_writer *writer, void *userdata)
{
	const struct count *count = userdata;
	CK_FUNCTION_LIST *calls = writer->calls;
	CK_UTF8CHAR pin[] = RIG_PIN;
	CK_ATTRIBUTE template[] = { { count->type, (void *)(uintptr_t)count->value, count->size } };
	CK_OBJECT_HANDLE found[16];
	CK_SESSION_HANDLE session;
	CK_SLOT_ID slots[16];
	CK_ULONG n_slots = 16, n = 0;

	if (calls->C_GetSlotList(CK_TRUE, slots, &n_slots) != CKR_OK ||
	    calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK ||
	    calls->C_Login(session, CKU_USER, pin, strlen(RIG_PIN)) != CKR_OK ||
	    calls->C_FindObjectsInit(session, template, 1) != CKR_OK ||
	    calls->C_FindObjects(session, found, 16, &n) != CKR_OK || n > 0)
		_exit(2);
}

void rig_expect_none(const struct rig *rig, CK_ATTRIBUTE_TYPE type, struct ks_bytes value)
{
	struct count count = { type, value.data, value.size };

	rig_write(rig, count_objects, &count);
}
