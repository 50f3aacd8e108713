/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asking_words: what a PIN dialog says: which token, which key, for whom, for which server, and what a wrong PIN costs.
 *
 * Runs in: keystay-agent. Pure. Words of clients and tokens are shown with their control characters escaped and cut to
 * a length, so that they can neither hide nor forge a line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/state.h"

#define KS_PROMPT_DESCRIPTION_SIZE 2048
#define KS_PROMPT_PROBLEM_SIZE 512

struct ks_asking_reason;

/* A copy of the reason: the client may go, the dialog stays for others. */
struct ks_asking_words {
	char who[128];
	char key[128];
	char server[256];
	char warning[KS_LIFETIME_TEXT_MAX];
	char work[384];     /* what it wants instead of signing in, or "" */
	char word[256];     /* what `keystay unlock` takes */
	bool for_signature; /* of a key that asks each time */
};

void ks_asking_words_init(struct ks_asking_words *words, const struct ks_token *token,
			  const struct ks_asking_reason *reason);

/* submissions: PINs without success that we know of. at_reader: the PIN is not typed here. */
void ks_asking_words_describe(const struct ks_asking_words *words, const struct ks_token *token, unsigned submissions,
			      bool at_reader, char *out, size_t size);
