/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_line: what keystay-agent tells keystay-token when it starts it.
 *
 * Runs in: keystay-token. Says on standard error what is wrong.
 */
#pragma once

#include <stdbool.h>

#include "pkcs11/confine.h"

struct ks_command_line {
	const char *module; /* its name in keystay.conf; all texts are borrowed from argv */
	const char *path;   /* one of the two */
	const char *p11_kit;
	const char *slots;     /* NULL: all */
	const char *init_args; /* NULL: none */
	unsigned n_sessions;
	bool no_slot_events;
	bool provision; /* the other life (provision.h) */
	enum ks_confine_level sandbox;
	const char *profile; /* of keystay.conf, for the sandbox; NULL: none */
	const char *print;   /* this, and end */
};

/* false after saying why. */
bool ks_command_line_read(int argc, char **argv, struct ks_command_line *ret_command_line);
