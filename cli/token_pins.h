/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_pins: where the PINs of `keystay token` come from: a descriptor, or the terminal without echo; nothing else.
 *
 * Runs in: keystay token. Each stands in a struct ks_secret from its first byte on (invariant I7).
 */
#pragma once

#include "cli/command.h"
#include "lib/base/secret.h"

struct ks_token_pins {
	const struct ks_cli *cli;
	int terminal; /* -1 until it is needed */
};

void ks_token_pins_deinit(struct ks_token_pins *pins);

struct ks_token_pin {
	const char *option; /* "--so-pin-fd" */
	const char *fd;     /* its value, or NULL */
	const char *what;   /* "new PIN of token \"corp\"": the question */
	bool is_new;        /* typed twice */
};

/* Given. Trouble is said; then the exit code is another than GOOD. */
enum ks_exit ks_token_pins_get(struct ks_token_pins *pins, const struct ks_token_pin *pin,
			       struct ks_secret **ret_secret);
