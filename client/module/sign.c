/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign: see sign.h; PKCS#11 2.40 section 5.11.
 *
 *	C_SignInit ── operation ──┬─ C_Sign ───────────────────┐
 *	                          └─ C_SignUpdate … C_SignFinal ┴─ taken out of the session, the agent asked, freed
 *
 * How long a signature will be is known from the key, so a program that asks for the size, or has too little room,
 * costs no signature. While the agent is asked the session has no operation and says so; no lock is held.
 *
 * Runs in: any program, in all of its threads.
 */
#include "client/module/sign.h"

#include <stdlib.h>

#include "client/module/ask.h"
#include "client/module/cryptoki.h"
#include "client/module/mechanism.h"
#include "client/module/raw_signature.h"
#include "client/module/session.h"
#include "lib/base/cleanup.h"

struct ks_operation {
	struct ks_ask_key key;
	uint8_t spki_der[KS_SPKI_MAX];
	struct ks_spki spki; /* borrows from spki_der */
	struct ks_mechanism mechanism;
	struct ks_buffer input; /* of C_SignUpdate */
	bool updated;
};

void ks_operation_free(struct ks_operation *operation)
{
	if (!operation)
		return;
	ks_ask_key_deinit(&operation->key);
	ks_buffer_deinit(&operation->input);
	free(operation);
}
KS_DEFINE_CLEANUP(struct ks_operation *, ks_operation_free)

/* --- beginning --------------------------------------------------------------------------------------------------- */

/* All that the operation needs when the key is gone from the list. */
static CK_RV fill_operation(const struct ks_front *front, const struct ks_key *key, const CK_MECHANISM *mechanism,
			    struct ks_operation *operation)
{
	CK_RV rv = ks_mechanism_read(mechanism, &key->spki, &operation->mechanism);
	if (rv != CKR_OK)
		return rv;
	memcpy(operation->spki_der, key->spki.der.data, key->spki.der.size);
	if (ks_spki_read(ks_bytes(operation->spki_der, key->spki.der.size), &operation->spki) < 0)
		return CKR_GENERAL_ERROR;
	ks_buffer_init(&operation->input, KS_SIGN_INPUT_MAX);
	return ks_ask_key_copy(front, key, &operation->key) < 0 ? CKR_HOST_MEMORY : CKR_OK;
}

/* A raw mechanism on a key without `digest`: the agent is asked all the same, for nothing, so that it says who wanted
 * what and how to allow it. Any other answer than that refusal means that digests are allowed by now. */
static CK_RV ask_for_digests(const struct ks_operation *operation)
{
	const struct ks_scheme *scheme = ks_mechanism_scheme(&operation->mechanism, &operation->spki);
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size;

	int r = scheme ? ks_ask_sign_digest(&operation->key, scheme->code, KS_BYTES_NONE, signature, &size) :
			 KS_ERR_INPUT_SCHEME;
	switch (ks_ask_rv(r)) {
	case CKR_DATA_INVALID:
	case CKR_DATA_LEN_RANGE:
		return CKR_OK;
	case CKR_OK:
		return CKR_GENERAL_ERROR; /* nobody signs a digest of no bytes */
	default:
		return ks_ask_rv(r);
	}
}

static CK_RV find_key(const struct ks_front *front, const struct ks_session *session, CK_OBJECT_HANDLE handle,
		      const struct ks_key **ret_key)
{
	const struct ks_object *object = ks_front_object(front, handle);
	if (!object || object->slot != session->slot || object->class != CKO_PRIVATE_KEY || !object->key->listed)
		return CKR_KEY_HANDLE_INVALID;
	*ret_key = object->key;
	return CKR_OK;
}

/* 3.0: without a mechanism whatever is active ends (section 5.13.1). operation is empty. */
static CK_RV begin(struct ks_front *front, struct ks_session *session, const CK_MECHANISM *mechanism,
		   CK_OBJECT_HANDLE key_handle, struct ks_operation *operation, bool *ret_allowed)
{
	const struct ks_key *key;

	if (!session->slot->present)
		return CKR_DEVICE_REMOVED;
	if (!mechanism) {
		ks_operation_free(session->operation);
		session->operation = NULL;
		return CKR_OK;
	}
	if (session->operation || session->signing)
		return CKR_OPERATION_ACTIVE;
	CK_RV rv = find_key(front, session, key_handle, &key);
	if (rv == CKR_OK)
		rv = fill_operation(front, key, mechanism, operation);
	if (rv == CKR_OK)
		*ret_allowed = !operation->mechanism.raw || key->digest;
	return rv;
}

/* Without the lock, which is held again on CKR_OK alone. */
static CK_RV ask_and_return(const struct ks_operation *operation, CK_SESSION_HANDLE handle,
			    struct ks_session **ret_session)
{
	struct ks_front *front;

	CK_RV rv = ask_for_digests(operation);
	if (rv == CKR_OK)
		rv = ks_front_return(operation->key.epoch, &front);
	if (rv != CKR_OK)
		return rv;
	rv = ks_session_find(front, handle, ret_session);
	if (rv == CKR_OK && ((*ret_session)->operation || (*ret_session)->signing))
		rv = CKR_OPERATION_ACTIVE;
	if (rv != CKR_OK)
		ks_front_leave();
	return rv;
}

CK_RV ks_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
	KS_CLEANUP(ks_operation_freep) struct ks_operation *operation = calloc(1, sizeof(*operation));
	struct ks_front *front;
	struct ks_session *session;
	bool allowed = true;

	if (!operation)
		return CKR_HOST_MEMORY;
	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	rv = begin(front, session, mechanism, key, operation, &allowed);
	if (!allowed) {
		ks_front_leave();
		rv = ask_and_return(operation, handle, &session);
		if (rv != CKR_OK)
			return rv;
	}
	if (rv == CKR_OK && mechanism)
		session->operation = KS_STEAL(operation);
	ks_front_leave();
	return rv;
}

/* --- signing ----------------------------------------------------------------------------------------------------- */

static CK_RV sign_digest(const struct ks_operation *operation, struct ks_bytes data, uint8_t *signature,
			 size_t *ret_size)
{
	const struct ks_scheme *scheme;
	struct ks_bytes digest;

	CK_RV rv = ks_mechanism_take_digest(&operation->mechanism, &operation->spki, data, &scheme, &digest);
	if (rv != CKR_OK)
		return rv;
	return ks_ask_rv(ks_ask_sign_digest(&operation->key, scheme->code, digest, signature, ret_size));
}

static CK_RV sign_input(const struct ks_operation *operation, struct ks_bytes input, uint8_t *signature,
			size_t *ret_size)
{
	const struct ks_scheme *scheme = ks_mechanism_scheme(&operation->mechanism, &operation->spki);

	if (!scheme)
		return CKR_MECHANISM_INVALID;
	return ks_ask_rv(ks_ask_sign(&operation->key, scheme->code, input, signature, ret_size));
}

/* Without the lock. out has room for what ks_raw_signature_size() says. */
static CK_RV sign(const struct ks_operation *operation, struct ks_bytes data, uint8_t *out, CK_ULONG *ret_size)
{
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size;

	CK_RV rv = operation->mechanism.raw ? sign_digest(operation, data, signature, &size) :
					      sign_input(operation, data, signature, &size);
	if (rv != CKR_OK)
		return rv;
	if (ks_raw_signature_make(&operation->spki, ks_bytes(signature, size), out) < 0)
		return CKR_DEVICE_ERROR;
	*ret_size = ks_raw_signature_size(&operation->spki);
	return CKR_OK;
}

/* With the lock: takes the operation out of its session; NULL with the answer in *ret_rv when it stays there. */
static struct ks_operation *take(struct ks_session *session, bool wants_updates, const uint8_t *signature,
				 CK_ULONG *signature_size, CK_RV *ret_rv)
{
	struct ks_operation *operation = session->operation;

	*ret_rv = CKR_OPERATION_NOT_INITIALIZED;
	if (!operation)
		return NULL;
	if (operation->updated && !wants_updates) {
		*ret_rv = CKR_OPERATION_ACTIVE;
		return NULL;
	}
	size_t size = ks_raw_signature_size(&operation->spki);
	if (!signature || *signature_size < size) {
		*ret_rv = signature ? CKR_BUFFER_TOO_SMALL : CKR_OK;
		*signature_size = size;
		return NULL;
	}
	session->operation = NULL;
	session->signing = true;
	*ret_rv = CKR_OK;
	return operation;
}

/* After the agent has answered. The session may have been closed, and the module finalised, meanwhile. */
static CK_RV end_signing(const struct ks_operation *operation, CK_SESSION_HANDLE handle, CK_RV rv)
{
	struct ks_front *front;
	CK_RV returned = ks_front_enter(&front);

	if (returned != CKR_OK)
		return returned;
	struct ks_session *session = ks_front_session(front, handle);
	if (front->epoch != operation->key.epoch)
		rv = CKR_CRYPTOKI_NOT_INITIALIZED;
	else if (!session)
		rv = CKR_SESSION_CLOSED;
	else
		session->signing = false;
	ks_front_leave();
	return rv;
}

CK_RV ks_Sign(CK_SESSION_HANDLE handle, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR signature,
	      CK_ULONG_PTR signature_size)
{
	struct ks_front *front;
	struct ks_session *session;

	if (!signature_size || (!data && size > 0))
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	KS_CLEANUP(ks_operation_freep)
	struct ks_operation *operation = take(session, false, signature, signature_size, &rv);
	ks_front_leave();
	if (!operation)
		return rv;
	return end_signing(operation, handle, sign(operation, ks_bytes(data, size), signature, signature_size));
}

CK_RV ks_SignUpdate(CK_SESSION_HANDLE handle, CK_BYTE_PTR part, CK_ULONG size)
{
	struct ks_front *front;
	struct ks_session *session;

	if (!part && size > 0)
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	struct ks_operation *operation = session->operation;
	if (operation) {
		operation->updated = true;
		ks_buffer_put(&operation->input, ks_bytes(part, size));
		int r = ks_buffer_error(&operation->input);
		rv = r == KS_ERR_NO_MEMORY ? CKR_HOST_MEMORY : r < 0 ? CKR_DATA_LEN_RANGE : CKR_OK;
	} else {
		rv = CKR_OPERATION_NOT_INITIALIZED;
	}
	if (rv != CKR_OK && operation) {
		ks_operation_free(operation);
		session->operation = NULL;
	}
	ks_front_leave();
	return rv;
}

CK_RV ks_SignFinal(CK_SESSION_HANDLE handle, CK_BYTE_PTR signature, CK_ULONG_PTR signature_size)
{
	struct ks_front *front;
	struct ks_session *session;

	if (!signature_size)
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	KS_CLEANUP(ks_operation_freep)
	struct ks_operation *operation = take(session, true, signature, signature_size, &rv);
	ks_front_leave();
	if (!operation)
		return rv;
	rv = sign(operation, ks_buffer_bytes(&operation->input), signature, signature_size);
	return end_signing(operation, handle, rv);
}
