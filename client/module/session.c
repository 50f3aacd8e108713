/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: see session.h; C_OpenSession to C_Logout (PKCS#11 2.40 section 5.6), C_SessionCancel (3.0).
 *
 * Runs in: any program, in all of its threads. A PIN that a program insists on giving is not looked at and goes
 * nowhere.
 */
#include "client/module/session.h"

#include <stdlib.h>

#include "client/module/cryptoki.h"
#include "client/module/look.h"
#include "client/module/sign.h"

CK_RV ks_session_find(const struct ks_front *front, CK_SESSION_HANDLE handle, struct ks_session **ret_session)
{
	struct ks_session *session = ks_front_session(front, handle);
	if (!session)
		return CKR_SESSION_HANDLE_INVALID;
	*ret_session = session;
	return session->slot->present ? CKR_OK : CKR_DEVICE_REMOVED;
}

CK_RV ks_session_enter(CK_SESSION_HANDLE handle, struct ks_front **ret_front, struct ks_session **ret_session)
{
	CK_RV rv = ks_front_enter(ret_front);
	if (rv != CKR_OK)
		return rv;
	*ret_session = ks_front_session(*ret_front, handle);
	if (*ret_session)
		return CKR_OK;
	ks_front_leave();
	return CKR_SESSION_HANDLE_INVALID;
}

void ks_session_stop_search(struct ks_session *session)
{
	free(session->found);
	session->found = NULL;
	session->n_found = 0;
	session->next_found = 0;
	session->searching = false;
}

/* --- opening and closing ----------------------------------------------------------------------------------------- */

static CK_RV add(struct ks_front *front, struct ks_slot *slot, CK_FLAGS flags, CK_SESSION_HANDLE *ret_handle)
{
	struct ks_session *session = calloc(1, sizeof(*session));
	if (!session)
		return CKR_HOST_MEMORY;
	session->slot = slot;
	session->flags = flags;
	if (ks_front_add_session(front, session) < 0) {
		free(session);
		return CKR_HOST_MEMORY;
	}
	*ret_handle = session->handle;
	return CKR_OK;
}

CK_RV ks_OpenSession(CK_SLOT_ID slot_id, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
		     CK_SESSION_HANDLE_PTR ret_session)
{
	struct ks_front *front;

	(void)application; /* there are no notifications to be given */
	(void)notify;
	CK_RV rv = ks_front_enter(&front);
	if (rv != CKR_OK)
		return rv;
	rv = ks_look(front, KS_LOOK_OLD);
	if (rv != CKR_OK)
		return rv;
	struct ks_slot *slot = ks_front_slot(front, slot_id);
	if (!ret_session)
		rv = CKR_ARGUMENTS_BAD;
	else if (!slot)
		rv = CKR_SLOT_ID_INVALID;
	else if (!(flags & CKF_SERIAL_SESSION))
		rv = CKR_SESSION_PARALLEL_NOT_SUPPORTED;
	else if (!slot->present)
		rv = CKR_TOKEN_NOT_PRESENT;
	else if (flags & CKF_RW_SESSION)
		rv = CKR_TOKEN_WRITE_PROTECTED;
	else
		rv = add(front, slot, flags, ret_session);
	ks_front_leave();
	return rv;
}

/* The last session of a token takes the login along (section 5.6). */
static void drop(struct ks_front *front, struct ks_session *session)
{
	struct ks_slot *slot = session->slot;
	bool used = false;

	ks_front_drop_session(front, session);
	for (size_t i = 0; i < front->n_sessions; i++)
		used = used || front->sessions[i]->slot == slot;
	slot->logged_in = slot->logged_in && used;
}

CK_RV ks_CloseSession(CK_SESSION_HANDLE handle)
{
	struct ks_front *front;
	struct ks_session *session;

	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	drop(front, session);
	ks_front_leave();
	return CKR_OK;
}

CK_RV ks_CloseAllSessions(CK_SLOT_ID slot_id)
{
	struct ks_front *front;

	CK_RV rv = ks_front_enter(&front);
	if (rv != CKR_OK)
		return rv;
	struct ks_slot *slot = ks_front_slot(front, slot_id);
	for (size_t i = front->n_sessions; slot && i > 0; i--) {
		if (front->sessions[i - 1]->slot == slot)
			drop(front, front->sessions[i - 1]);
	}
	ks_front_leave();
	return slot ? CKR_OK : CKR_SLOT_ID_INVALID;
}

CK_RV ks_GetSessionInfo(CK_SESSION_HANDLE handle, CK_SESSION_INFO_PTR info)
{
	struct ks_front *front;
	struct ks_session *session;

	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	if (!info)
		rv = CKR_ARGUMENTS_BAD;
	else if (!session->slot->present)
		rv = CKR_DEVICE_REMOVED;
	else
		*info = (CK_SESSION_INFO){ .slotID = session->slot->id,
					   .state = session->slot->logged_in ? CKS_RO_USER_FUNCTIONS :
									       CKS_RO_PUBLIC_SESSION,
					   .flags = session->flags };
	ks_front_leave();
	return rv;
}

/* --- users ------------------------------------------------------------------------------------------------------- */

/* No login is needed. Programs that insist on one are told that it went well, as all that they would do after it
 * works. */
static CK_RV login(struct ks_session *session, CK_USER_TYPE user_type)
{
	switch (user_type) {
	case CKU_USER:
		if (session->slot->logged_in)
			return CKR_USER_ALREADY_LOGGED_IN;
		session->slot->logged_in = true;
		return CKR_OK;
	case CKU_CONTEXT_SPECIFIC:
		return session->operation ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
	case CKU_SO:
		return CKR_SESSION_READ_ONLY_EXISTS;
	default:
		return CKR_USER_TYPE_INVALID;
	}
}

CK_RV ks_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE user_type, CK_UTF8CHAR_PTR pin, CK_ULONG pin_size)
{
	struct ks_front *front;
	struct ks_session *session;

	(void)pin;
	(void)pin_size;
	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	rv = session->slot->present ? login(session, user_type) : CKR_DEVICE_REMOVED;
	ks_front_leave();
	return rv;
}

CK_RV ks_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user_type, CK_UTF8CHAR_PTR pin, CK_ULONG pin_size,
		   CK_UTF8CHAR_PTR name, CK_ULONG name_size)
{
	(void)name;
	(void)name_size;
	return ks_Login(session, user_type, pin, pin_size);
}

CK_RV ks_Logout(CK_SESSION_HANDLE handle)
{
	struct ks_front *front;
	struct ks_session *session;

	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	rv = session->slot->logged_in ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
	session->slot->logged_in = false;
	ks_front_leave();
	return rv;
}

CK_RV ks_SessionCancel(CK_SESSION_HANDLE handle, CK_FLAGS flags)
{
	struct ks_front *front;
	struct ks_session *session;

	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	if (flags & KS_CKF_FIND_OBJECTS)
		ks_session_stop_search(session);
	if (flags & CKF_SIGN) {
		/* What is at the agent already cannot be called back. */
		rv = session->signing ? KS_CKR_OPERATION_CANCEL_FAILED : CKR_OK;
		ks_operation_free(session->operation);
		session->operation = NULL;
	}
	ks_front_leave();
	return rv;
}
