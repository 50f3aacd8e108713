/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_verbs: what the parts of `keystay token` share: its options, and one function for each verb.
 *
 * Runs in: keystay.
 */
#pragma once

#include "cli/command.h"
#include "client/token.h"

enum ks_token_option {
	KS_TOKEN_JSON,
	KS_TOKEN_LABEL,
	KS_TOKEN_MODULE,
	KS_TOKEN_SLOT,
	KS_TOKEN_ERASE,
	KS_TOKEN_SO,
	KS_TOKEN_TOKEN,
	KS_TOKEN_TYPE,
	KS_TOKEN_ID,
	KS_TOKEN_CERTIFICATE_ONLY,
	KS_TOKEN_YES,
	KS_TOKEN_PIN_FD,
	KS_TOKEN_SO_PIN_FD,
	KS_TOKEN_NEW_PIN_FD,
	KS_TOKEN_N_OPTIONS,
};

/* operands[0] is the verb. */
enum ks_exit ks_token_list(struct ks_cli *cli, const struct ks_arguments *arguments);   /* cmd_token_list.c */
enum ks_exit ks_token_init(struct ks_cli *cli, const struct ks_arguments *arguments);   /* cmd_token_pin.c */
enum ks_exit ks_token_pin(struct ks_cli *cli, const struct ks_arguments *arguments);    /* cmd_token_pin.c */
enum ks_exit ks_token_keygen(struct ks_cli *cli, const struct ks_arguments *arguments); /* cmd_token_keys.c */
enum ks_exit ks_token_remove(struct ks_cli *cli, const struct ks_arguments *arguments); /* cmd_token_keys.c */
enum ks_exit ks_token_import(struct ks_cli *cli, const struct ks_arguments *arguments); /* cmd_token_import.c */

/* --- slots ------------------------------------------------------------------------------------------------------- */

/* A copy of one record. */
struct ks_token_slot {
	char module[65], description[65], label[65], manufacturer[65], model[65], serial[65];
	uint64_t slot;
	bool token_present, initialised, pin_set, is_piv;
	uint32_t pin_flags;
};

struct ks_token_slots {
	struct ks_token_slot *all; /* owned */
	size_t n;
	char problems[KS_TEXT_MAX];
};

void ks_token_slots_deinit(struct ks_token_slots *slots);

/* All slots of module, or of all modules for NULL; from the agent. */
int ks_token_slots_get(const char *module, struct ks_token_slots *ret_slots, struct ks_client_error *ret_error)
	KS_WARN_UNUSED;

/* "not initialised", "no PIN yet", "PIN blocked" … of the token in it. Never NULL. */
const char *ks_token_slot_pin_state(const struct ks_token_slot *slot);
