/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision: keystay-token's other life: no keys, no signatures, no inventory, but tokens that are initialised and whose
 * PINs are set, changed and unblocked.
 *
 * Runs in: keystay-token --provision, which keystay-agent starts after the module's ordinary worker has ended: SoftHSM
 * for one does not see what another process does to a token. One thread; the deadline is the agent's.
 */
#pragma once

#include "pkcs11/module.h"

struct ks_provision_options {
	int fd;                /* the channel to the agent, borrowed */
	const char *slots;     /* which may be looked into (slot.h), borrowed; NULL: all */
	const char *init_args; /* as the module was initialised with; borrowed */
};

/* Answers WORKER_PROVISION until the agent closes the channel (CLOSED) or what comes through it makes no sense. */
int ks_provision_run(const struct ks_module *module, const struct ks_provision_options *options) KS_WARN_UNUSED;
