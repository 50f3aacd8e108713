/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ckr: the border between CK_RV and the rest: what a return value asks of us, which of our errors it is, its words.
 *
 * Runs in: keystay-token. No CK_RV leaves this room, and none is shown to a person as a bare number.
 */
#pragma once

#include <p11-kit/pkcs11.h>
#include <stddef.h>

#include "pkcs11/problem.h"

/* What is to be done about it. */
enum ks_ckr_kind {
	KS_CKR_GOOD,
	KS_CKR_FAILED,       /* nothing but to say so */
	KS_CKR_SESSION_LOST, /* the session is gone; another one may do */
	KS_CKR_SESSION_BUSY, /* an operation is left over in the session; another one will do */
	KS_CKR_SESSION_FULL, /* the token has no room for another session */
	KS_CKR_OBJECT_LOST,  /* the handle means nothing any more; the object may be found again */
	KS_CKR_MECHANISM,    /* not this way; another mechanism may do */
	KS_CKR_LOGGED_OUT,
	KS_CKR_ABSENT, /* token, card or reader have gone */
};

enum ks_ckr_kind ks_ckr_kind(CK_RV rv);

/* KS_ERR_*; 0 for CKR_OK. */
int ks_ckr_error(CK_RV rv);

/* "the device was removed (CKR_DEVICE_REMOVED)" */
void ks_ckr_describe(CK_RV rv, char *out, size_t size);

/* Sets problem to "WHOSE: FUNCTION failed: the device was removed (CKR_DEVICE_REMOVED)" and returns its error. whose:
 * "token \"corp\"". */
int ks_ckr_problem(struct ks_problem *problem, CK_RV rv, const char *whose, const char *function);
