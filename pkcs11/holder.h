/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holder: who else uses the smart cards of this user?
 *
 * Runs in: keystay-token, when a call has failed and the reader says that its card is used exclusively. PC/SC does not
 * tell by whom; but whoever it is has libpcsclite mapped, and proc(5) shows that of the user's own processes.
 */
#pragma once

#include "pkcs11/problem.h"

/* Appends to the problem's text that another program uses the card exclusively, which programs that may be, and what can
 * be done about it. */
void ks_holder_explain(struct ks_problem *problem);
