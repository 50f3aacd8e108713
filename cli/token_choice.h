/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_choice: which token a person means, found out before they are asked for its PIN.
 *
 * The agent decides in the end; but a PIN must be asked for by the token's name, and must then go to that very token,
 * so the request names it by its URI.
 *
 * Runs in: keystay unlock. Pure.
 */
#pragma once

#include "lib/base/error.h"
#include "lib/protocol/message.h"

/* A copy of what is needed of a token_status record. */
struct ks_token_choice {
	char label[65];
	char module[65];
	char uri[1025];
	uint32_t state;     /* enum ks_token_state */
	uint32_t pin_flags; /* enum ks_pin_flag */
	uint32_t submissions;
	uint64_t unlocked_for_s;
	uint32_t n_keys;
};

/* Why there is no choice: one sentence, or several lines of choices. */
struct ks_token_choice_problem {
	char text[KS_TEXT_MAX];
};

/* Does name mean this token? A label, or a PKCS#11 URI (of the token or of one of its keys). */
bool ks_token_choice_fits(struct ks_bytes name, const struct ks_msg_token_status *token);

/* tokens: LIST of token_status records. name: as above, "" = the only one that is locked.
 * NOT_FOUND when no token has that name (it may be a key's: ask the agent); AMBIGUOUS or TOKEN_ABSENT with ret_problem
 * filled. When name is "" and none is locked, an unlocked or open one is chosen, so that the caller can say so. */
int ks_token_choice_find(struct ks_bytes tokens, struct ks_bytes name, struct ks_token_choice *ret_choice,
			 struct ks_token_choice_problem *ret_problem) KS_WARN_UNUSED;

/* The token that holds this key. Where several have its label, what is known of them all stands for it (flags or-ed, the
 * highest count of submissions), and ret_choice->uri is the name of the key. NOT_FOUND when none has it. */
int ks_token_choice_of_key(struct ks_bytes tokens, const struct ks_msg_identity *key,
			   struct ks_token_choice *ret_choice) KS_WARN_UNUSED;
