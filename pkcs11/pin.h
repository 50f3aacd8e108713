/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin: may this PIN be given to this token, and what has a refused one cost? The same for a login and for the
 * context-specific login of one signature.
 *
 * Runs in: keystay-token, main thread, while nobody signs. Holds invariant I6 at its lowest point together with user.c
 * and sign.c: nothing is submitted where the token's own flags warn of it. Never submits anything itself.
 */
#pragma once

#include "lib/base/secret.h"
#include "pkcs11/token.h"

/* What the agent says of a PIN. */
struct ks_pin_terms {
	uint32_t told;   /* KS_PIN_COUNT_LOW, KS_PIN_FINAL_TRY: what a dialog told the person */
	bool unattended; /* a kept PIN or one from a file: nobody was asked */
};

/* Reads the token's flags anew and says why this PIN must not be submitted: PIN_BLOCKED, PIN_EXPIRED, PIN_FINAL_TRY,
 * PIN_LENGTH; TOKEN_ABSENT when the token has gone. size: of the PIN; 0 is for a reader with keys of its own. */
int ks_pin_check(struct ks_token *token, struct ks_pin_terms terms, size_t size, struct ks_problem *problem)
	KS_WARN_UNUSED;

/* What C_Login said, and for a wrong PIN what that has cost. Returns the problem's error. */
int ks_pin_explain(struct ks_token *token, CK_RV rv, struct ks_problem *problem);
