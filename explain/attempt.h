/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempt: `--try`: the handshake with the key, and what the server says to it.
 *
 * Runs in: keystay-explain. The agent signs, and may ask its person; here is nothing secret.
 */
#pragma once

#include "explain/keys.h"
#include "explain/link.h"

struct ks_attempt {
	bool done;                          /* there was one */
	bool good;                          /* the server has not said no */
	char key[257];                      /* that was given to the server; "" = none */
	char status[KS_EXPLAIN_STATUS_MAX]; /* the first line of its answer to GET, or "" */
	int http_status;                    /* 0 = none */
	char why[1024];                     /* not good: one sentence */
	struct ks_link link;                /* open, for what was asked on it */
};

/* keys are judged anew by what is asked here. */
void ks_attempt_run(const struct ks_openssl *openssl, const struct ks_explain_options *options,
		    struct ks_explain_keys *keys, struct ks_attempt *attempt);
void ks_attempt_deinit(struct ks_attempt *attempt);
