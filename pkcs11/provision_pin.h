/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision_pin: what is done to one token and its PINs: initialise it, set, change and unblock them.
 *
 * Runs in: keystay-token --provision. Holds invariant I6 there: a PIN is given to a token once for one request (a second
 * time only where the module wants it again after it was the right one), and not where the token's flags say that a
 * wrong one would cost more than the person was told. Must never erase a token that was not named for it.
 */
#pragma once

#include "lib/base/secret.h"
#include "pkcs11/provision_slots.h"

struct ks_provision_task {
	const struct ks_module *module;
	struct ks_provision_slot *slot;
	const struct ks_msg_worker_provision *request;
	const struct ks_secret *so_pin; /* all three are borrowed; empty where none was given */
	const struct ks_secret *pin;
	const struct ks_secret *new_pin;
};

/* Does it, and reads the slot anew. text: what was done, for a person. problem->not_given stays set while no PIN was
 * given to the token. INVALID, DENIED (what would be erased was not named), TOKEN_FAILED …, PIN_WRONG, PIN_BLOCKED,
 * PIN_FINAL_TRY, PIN_LENGTH, UNSUPPORTED. */
int ks_provision_pin_do(struct ks_provision_task *task, char *text, size_t size, struct ks_problem *problem)
	KS_WARN_UNUSED;
