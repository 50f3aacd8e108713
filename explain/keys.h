/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys: the agent's identities, judged by what the server asks for (client/best.h) and by the rules for this server.
 *
 * Runs in: keystay-explain.
 */
#pragma once

#include <stdbool.h>

#include "client/best.h"
#include "client/client.h"

struct ks_explain_key {
	struct ks_best best;                 /* first: keys are sorted by it */
	struct ks_client_identity *identity; /* owned */
	struct ks_client_policy policy;      /* what the rules say for this server */
};

struct ks_explain_keys {
	struct ks_explain_key *at; /* owned; those that fit first, the best of them first of all */
	size_t n, n_reserved;
	char *wanted; /* name of the one of --key, owned; NULL = the best one */
};

/* name: this one alone counts as the chosen one, and must exist; NULL = the best one. */
int ks_explain_keys_gather(const char *name, struct ks_explain_keys *ret_keys, struct ks_client_error *ret_error)
	KS_WARN_UNUSED;
void ks_explain_keys_deinit(struct ks_explain_keys *keys);

/* Fills best and policy of each, and sorts. */
int ks_explain_keys_judge(struct ks_explain_keys *keys, const struct ks_best_asked *asked, const char *server,
			  struct ks_client_error *ret_error) KS_WARN_UNUSED;

/* Fits and no rule forbids it. */
bool ks_explain_key_is_good(const struct ks_explain_key *key);

/* The one that would be used: the best one, or the wanted one whether it fits or not. NULL when there is none. */
const struct ks_explain_key *ks_explain_keys_chosen(const struct ks_explain_keys *keys);
