/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token: which tokens the module has, who they are, and what is known of each.
 *
 * Runs in: keystay-token. A token is known by what it says of itself (label, manufacturer, model, serial), not by its
 * slot: a card that comes back in another reader keeps its number, another card in the same reader gets its own.
 * Changed only by the main thread while nobody signs.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/protocol/limits.h"
#include "pkcs11/contents.h"
#include "pkcs11/key.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/module.h"
#include "pkcs11/places.h"
#include "pkcs11/session.h"

struct ks_token {
	uint32_t number; /* the agent's name for it */
	bool present;
	bool logged_in;
	bool told;          /* the agent knows it as it is, unless one of these: */
	bool went;          /* it was away, perhaps for a moment only */
	bool changed;       /* what it says of itself is not what was told */
	CK_TOKEN_INFO info; /* as it was last read */
	char label[65];
	char manufacturer[65];
	char model[65];
	char serial[65];
	char whose[80]; /* "token \"corp\"", for sentences */
	struct ks_sessions sessions;
	struct ks_mechanisms mechanisms;
	struct ks_keys keys;
	uint8_t digest[KS_CONTENTS_SIZE]; /* contents.h; zeros when it was never seen logged out */
	/* Of signatures, which several threads make. */
	atomic_bool has_signed;
	atomic_uint n_failures;            /* since the last good one */
	_Atomic uint64_t failing_since_ms; /* the first of those */
};

struct ks_tokens {
	const struct ks_module *module;              /* borrowed */
	unsigned n_sessions;                         /* wanted for each token */
	const char *slots;                           /* borrowed; which may be looked into (slot.h), NULL: all */
	struct ks_places *places;                    /* borrowed; where tokens are is written here */
	struct ks_token *list[KS_TOKENS_PER_MODULE]; /* owned */
	size_t n;
	uint32_t last_number;
	bool worked; /* its slots were listed once */
	bool broken; /* and are not any more: a new process may be better off */
};

void ks_tokens_init(struct ks_tokens *tokens, const struct ks_module *module, unsigned n_sessions, const char *slots,
		    struct ks_places *places);
void ks_tokens_deinit(struct ks_tokens *tokens);

/* Looks into all slots that may be looked into. Tokens that went lose their sessions and stay in the list, not present;
 * one whose sessions have died was away, although it is there now. */
int ks_tokens_scan(struct ks_tokens *tokens, struct ks_problem *problem) KS_WARN_UNUSED;

/* What became of a signature: 0, or the error. Is it time for another process (KS_SIGN_FAILURES_RENEW)? A token that
 * never signed here would not do better in another one. Thread-safe. */
bool ks_token_note_outcome(struct ks_token *token, int error);

/* A token that is present; NULL when there is none of that number. */
struct ks_token *ks_tokens_find(const struct ks_tokens *tokens, uint32_t number);

/* Reads CK_TOKEN_INFO anew (flags change with every PIN that is given). TOKEN_ABSENT when it has gone or another one
 * is in its place; then it is not present any more. */
int ks_token_refresh(struct ks_token *token, struct ks_problem *problem) KS_WARN_UNUSED;

/* It is not there any more: forgets its sessions and its login. */
void ks_token_gone(struct ks_token *token);

/* CKF_LOGIN_REQUIRED */
bool ks_token_needs_login(const struct ks_token *token);

/* enum ks_pin_flag, or-ed, without those of the SO PIN. */
uint32_t ks_token_pin_flags(const struct ks_token *token);
uint32_t ks_token_info_pin_flags(const CK_TOKEN_INFO *info);

/* The shortest and the longest PIN; 0 where the token says nothing that could be true. */
void ks_token_pin_limits(const struct ks_token *token, uint32_t *ret_min, uint32_t *ret_max);
void ks_token_info_pin_limits(const CK_TOKEN_INFO *info, uint32_t *ret_min, uint32_t *ret_max);
