/* SPDX-License-Identifier: Apache-2.0 */
/* session: see session.h. Runs in: keystay-token. */
#include "pkcs11/session.h"

#include <string.h>

#include "pkcs11/ckr.h"

int ks_sessions_init(struct ks_sessions *sessions, const struct ks_module *module, CK_SLOT_ID slot,
		     const CK_TOKEN_INFO *token, unsigned limit)
{
	*sessions = (struct ks_sessions){ .module = module, .slot = slot, .token = *token, .limit = limit };
	if (sessions->limit > KS_SESSIONS_MAX)
		sessions->limit = KS_SESSIONS_MAX;
	/* 0 is CK_EFFECTIVELY_INFINITE, all ones CK_UNAVAILABLE_INFORMATION. */
	if (token->ulMaxSessionCount > 0 && token->ulMaxSessionCount < sessions->limit)
		sessions->limit = (unsigned)token->ulMaxSessionCount;
	if (!module->threads || sessions->limit == 0)
		sessions->limit = 1;
	if (pthread_mutex_init(&sessions->mutex, NULL) != 0)
		return KS_ERR_SYSTEM;
	if (pthread_cond_init(&sessions->returned, NULL) != 0) {
		(void)pthread_mutex_destroy(&sessions->mutex);
		return KS_ERR_SYSTEM;
	}
	return 0;
}

void ks_sessions_deinit(struct ks_sessions *sessions)
{
	(void)pthread_cond_destroy(&sessions->returned);
	(void)pthread_mutex_destroy(&sessions->mutex);
}

bool ks_sessions_is_same_token(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b)
{
	return memcmp(a->label, b->label, sizeof(a->label)) == 0 &&
	       memcmp(a->manufacturerID, b->manufacturerID, sizeof(a->manufacturerID)) == 0 &&
	       memcmp(a->model, b->model, sizeof(a->model)) == 0 &&
	       memcmp(a->serialNumber, b->serialNumber, sizeof(a->serialNumber)) == 0;
}

/* Without any session nothing holds on to the token: a card may have been changed for another one. */
static CK_RV check_token(const struct ks_sessions *sessions)
{
	CK_TOKEN_INFO now;

	memset(&now, 0, sizeof(now));
	CK_RV rv = sessions->module->calls->C_GetTokenInfo(sessions->slot, &now);
	if (rv != CKR_OK)
		return rv;
	return ks_sessions_is_same_token(&sessions->token, &now) ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
}

static CK_RV open_session(const struct ks_sessions *sessions, bool check, struct ks_session *ret_session)
{
	CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;

	CK_RV rv = check ? check_token(sessions) : CKR_OK;
	if (rv == CKR_OK)
		rv = sessions->module->calls->C_OpenSession(sessions->slot, CKF_SERIAL_SESSION, NULL, NULL, &handle);
	if (rv == CKR_OK)
		*ret_session = (struct ks_session){ .handle = handle, .fresh = true };
	return rv;
}

/* Waits until there is an idle session (true: in ret_session) or room for another one, which is then counted. */
static bool take_idle_or_room(struct ks_sessions *sessions, struct ks_session *ret_session, bool *ret_first)
{
	bool idle;

	(void)pthread_mutex_lock(&sessions->mutex);
	while (sessions->n_idle == 0 && sessions->n_open >= sessions->limit)
		(void)pthread_cond_wait(&sessions->returned, &sessions->mutex);
	idle = sessions->n_idle > 0;
	if (idle) {
		*ret_session = sessions->idle[--sessions->n_idle];
	} else {
		*ret_first = sessions->n_open == 0;
		sessions->n_open++;
	}
	(void)pthread_mutex_unlock(&sessions->mutex);
	return idle;
}

/* Opening failed: the room is free again. Returns true when waiting for one of those that are open makes sense, since
 * the token has no room for more; that is remembered. */
static bool give_up_room(struct ks_sessions *sessions, CK_RV rv)
{
	bool wait = false;

	(void)pthread_mutex_lock(&sessions->mutex);
	sessions->n_open--;
	if (ks_ckr_kind(rv) == KS_CKR_SESSION_FULL && sessions->n_open > 0) {
		sessions->limit = sessions->n_open;
		wait = true;
	}
	(void)pthread_cond_signal(&sessions->returned);
	(void)pthread_mutex_unlock(&sessions->mutex);
	return wait;
}

CK_RV ks_session_take(struct ks_sessions *sessions, struct ks_session *ret_session)
{
	for (;;) {
		bool first;
		if (take_idle_or_room(sessions, ret_session, &first))
			return CKR_OK;
		CK_RV rv = open_session(sessions, first, ret_session);
		if (rv == CKR_OK || !give_up_room(sessions, rv))
			return rv;
	}
}

static void put_idle(struct ks_sessions *sessions, struct ks_session session)
{
	(void)pthread_mutex_lock(&sessions->mutex);
	sessions->idle[sessions->n_idle++] = session;
	(void)pthread_cond_signal(&sessions->returned);
	(void)pthread_mutex_unlock(&sessions->mutex);
}

void ks_session_give_back(struct ks_sessions *sessions, struct ks_session session)
{
	session.fresh = false;
	put_idle(sessions, session);
}

/* n_open counts the bad one and its replacement as one: the caller's, in another shape. A lost session is replaced as
 * well: some modules say so of one that lives, and to close that would be a logout. */
void ks_session_throw_away(struct ks_sessions *sessions, struct ks_session session, bool lost)
{
	struct ks_session replacement;
	bool last, replaced;

	(void)pthread_mutex_lock(&sessions->mutex);
	last = sessions->n_open == 1;
	(void)pthread_mutex_unlock(&sessions->mutex);
	replaced = last && open_session(sessions, lost, &replacement) == CKR_OK;
	(void)sessions->module->calls->C_CloseSession(session.handle);
	if (replaced) {
		put_idle(sessions, replacement);
		return;
	}
	(void)pthread_mutex_lock(&sessions->mutex);
	sessions->n_open--;
	(void)pthread_cond_signal(&sessions->returned);
	(void)pthread_mutex_unlock(&sessions->mutex);
}

void ks_sessions_close_idle(struct ks_sessions *sessions)
{
	(void)pthread_mutex_lock(&sessions->mutex);
	while (sessions->n_idle > 1) {
		(void)sessions->module->calls->C_CloseSession(sessions->idle[--sessions->n_idle].handle);
		sessions->n_open--;
	}
	(void)pthread_mutex_unlock(&sessions->mutex);
}

void ks_sessions_close_all(struct ks_sessions *sessions)
{
	/* One by one as well: a module without a thought of C_CloseAllSessions keeps them, and with them the login. */
	for (unsigned i = 0; i < sessions->n_idle; i++)
		(void)sessions->module->calls->C_CloseSession(sessions->idle[i].handle);
	(void)sessions->module->calls->C_CloseAllSessions(sessions->slot);
	sessions->n_idle = 0;
	sessions->n_open = 0;
}

CK_RV ks_session_is_logged_in(const struct ks_sessions *sessions, struct ks_session session, bool *ret_logged_in)
{
	CK_SESSION_INFO info;

	memset(&info, 0, sizeof(info));
	CK_RV rv = sessions->module->calls->C_GetSessionInfo(session.handle, &info);
	if (rv == CKR_OK)
		*ret_logged_in = info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS;
	return rv;
}
