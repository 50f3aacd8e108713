/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explanation: all that was found out about a server and the keys, and how it is said.
 *
 * Text of certificates, tokens and servers is escaped before it is shown. JSON keys, once there, stay (man keystay).
 *
 * Runs in: keystay-explain.
 */
#pragma once

#include <stdio.h>

#include "explain/attempt.h"
#include "explain/keys.h"
#include "explain/link.h"

struct ks_explanation {
	const struct ks_explain_options *options;
	struct ks_link link; /* stopped where the server asked, or finished where it did not */
	bool has_keys;       /* else error says why */
	struct ks_explain_keys keys;
	struct ks_client_error error;
	struct ks_attempt attempt;
};

/* The connection on which the server asked: the first one, or that of the attempt (for a path, after the handshake).
 * NULL = it did not. */
const struct ks_link *ks_explanation_asker(const struct ks_explanation *explanation);

/* Was the server verified, as every client of it would? */
bool ks_explanation_is_verified(const struct ks_explanation *explanation);

void ks_explanation_print(const struct ks_explanation *explanation, FILE *out);
int ks_explanation_print_json(const struct ks_explanation *explanation, FILE *out) KS_WARN_UNUSED;
