/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: from a handle to the session and its token.
 *
 * A session outlives the absence of its token, and the agent: calls answer CKR_DEVICE_REMOVED meanwhile and go on
 * when it is back, as there is no login in it that could be lost.
 *
 * Runs in: any program, in all of its threads.
 */
#pragma once

#include "client/module/front.h"

/* The lock, and the session. CKR_SESSION_HANDLE_INVALID without the lock. */
CK_RV ks_session_enter(CK_SESSION_HANDLE handle, struct ks_front **ret_front, struct ks_session **ret_session)
	KS_WARN_UNUSED;

/* With the lock: CKR_SESSION_HANDLE_INVALID, or CKR_DEVICE_REMOVED while its token is not there. */
CK_RV ks_session_find(const struct ks_front *front, CK_SESSION_HANDLE handle, struct ks_session **ret_session)
	KS_WARN_UNUSED;

void ks_session_stop_search(struct ks_session *session);
