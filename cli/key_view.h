/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_view: keys as `keystay list` and `keystay show` print them, with a warning before a certificate runs out.
 *
 * Runs in: keystay.
 */
#pragma once

#include "cli/output.h"
#include "lib/protocol/message.h"

/* A list under way. */
struct ks_key_list {
	const struct ks_cli *cli;
	bool as_json;
	struct ks_table table;
	json_t *json;              /* owned */
	struct ks_buffer warnings; /* lines */
	size_t n_keys;
};

void ks_key_list_init(struct ks_key_list *list, const struct ks_cli *cli, bool as_json);
void ks_key_list_deinit(struct ks_key_list *list);

/* Copies what it needs of identity. */
void ks_key_list_add(struct ks_key_list *list, const struct ks_msg_identity *identity);

/* The table, or JSON, to cli->out; warnings, and what to do when there is no key, to cli->err. */
int ks_key_list_print(struct ks_key_list *list) KS_WARN_UNUSED;

/* Where a key stands when nobody names one (client/best.h). */
struct ks_key_place {
	size_t place;       /* 1 = the best one; 0 = it would not be taken */
	size_t n;           /* keys that would be taken */
	const char *reason; /* why not; "" when it would */
};

/* Everything about one key. n_chain: certificates that came with it, leaf included. */
int ks_key_show(const struct ks_cli *cli, const struct ks_msg_identity *identity, size_t n_chain,
		const struct ks_key_place *place, bool as_json) KS_WARN_UNUSED;
