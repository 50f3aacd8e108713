/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve: the life of the worker once its module is loaded: the inventory, then requests until the agent goes.
 *
 * Runs in: keystay-token. Never freed: at the end threads may hang in the module, and use it until the process is gone.
 */
#pragma once

#include "pkcs11/module.h"

struct ks_serve;

struct ks_serve_options {
	int fd;              /* the channel to the agent, borrowed */
	unsigned n_sessions; /* at most so many signatures at once on one token */
	const char *slots;   /* which may be looked into (slot.h), borrowed; NULL: all */
	bool slot_events;    /* may the module be asked to wait for events? */
};

int ks_serve_new(const struct ks_module *module, const struct ks_serve_options *options, struct ks_serve **ret_serve)
	KS_WARN_UNUSED;

/* Serves until the agent closes the channel (CLOSED) or what comes through it makes no sense. */
int ks_serve_run(struct ks_serve *serve) KS_WARN_UNUSED;

/* After this no thread enters the module any more. Waits for those that are inside, for ever if they hang. */
void ks_serve_quiesce(struct ks_serve *serve);
