/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user: the user's login to a token, and the logout.
 *
 * Runs in: keystay-token, main thread, while nobody signs. Holds invariant I6 at its lowest point: one request leads to
 * at most one C_Login, and to none when the token's own flags warn of it. Nothing here repeats a login.
 */
#pragma once

#include "pkcs11/digest.h"
#include "pkcs11/pin.h"

struct ks_user_login {
	const struct ks_secret *pin;     /* borrowed */
	const struct ks_digest *digests; /* borrowed */
	struct ks_bytes serial;          /* of the token that the PIN was given for */
	struct ks_bytes digest;          /* of its contents (contents.h) */
	struct ks_pin_terms terms;
};

/* TOKEN_ABSENT, CHANGED, PIN_BLOCKED, PIN_EXPIRED, PIN_FINAL_TRY, PIN_LENGTH: the PIN was not given to the token.
 * PIN_WRONG and all others: it may have been. *ret_submitted tells which. */
int ks_user_login(struct ks_token *token, const struct ks_user_login *login, bool *ret_submitted,
		  struct ks_problem *problem) KS_WARN_UNUSED;

/* Logs out and closes all sessions. A token that has gone is logged out. */
int ks_user_logout(struct ks_token *token, struct ks_problem *problem) KS_WARN_UNUSED;
