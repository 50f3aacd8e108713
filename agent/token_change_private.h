/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_change_private: what token_change.c (the story), token_change_work.c (what is asked of the worker, and whether it
 * is true) and token_change_end.c (record and answer) share. Nobody else includes it.
 */
#pragma once

#include "agent/asking.h"
#include "agent/audit.h"
#include "agent/state.h"

enum ks_token_change_state {
	KS_CHANGE_LOOKING,  /* working, nothing is awaited */
	KS_CHANGE_WAITING,  /* for news of the state or a person; one deadline for all waits together */
	KS_CHANGE_AT_TOKEN, /* for the worker; its deadline is kept by the worker */
	KS_CHANGE_SHOWING,  /* done, for the keyring that shows it */
	KS_CHANGE_ENDING,   /* for the record; KS_AUDIT_DEADLINE_MS, kept by audit.c */
};

struct ks_token_change {
	struct ks_waiter waiter; /* first, so that the waiter is the change */
	struct ks_request *request;
	enum ks_token_change_state state;
	uint8_t type; /* KS_MSG_TOKEN_KEYGEN … */
	union {       /* borrows from the request's body */
		struct ks_msg_token_keygen keygen;
		struct ks_msg_token_store store;
		struct ks_msg_token_remove remove;
	} message;
	/* The fields that all three have. */
	uint32_t wait_ms;
	struct ks_prompt_place place;

	struct ks_unlock_entry *entry; /* held, once the token is known: it stays the same over all waits */
	struct ks_asker asker;
	struct ks_worker_call *call;
	sd_event_source *timer;
	bool timed_out, login_tried, looked_again;

	/* The outcome. */
	uint8_t object_id[256];
	size_t object_id_size;
	uint8_t spki[KS_SPKI_MAX];
	size_t spki_size;
	uint8_t spki_hash[32];
	bool has_hash;
	uint32_t n_removed;

	/* For the record. */
	uint64_t number;       /* for `keystay monitor` */
	const char *waits_for; /* what that was told last */
	char key[257];         /* short name; of a new key its label */
	char token[65];        /* label */
	bool pin_used;
	struct ks_audit_entry *audit;
	int error; /* of the answer */
	char text[KS_TEXT_MAX];
};

/* The purpose of the record: "keygen", "store", "remove". */
const char *ks_token_change_purpose(const struct ks_token_change *change);

/* --- token_change_work.c ----------------------------------------------------------------------------------------- */

/* Reads the message; INVALID, MALFORMED, UNSUPPORTED … with a sentence in change->text. */
int ks_token_change_read(struct ks_token_change *change) KS_WARN_UNUSED;

/* What it does, for a dialog: 'wants to make the key "alice"'. */
void ks_token_change_describe(const struct ks_token_change *change, char *out, size_t size);

/* Asks the worker of token. Of a key that is not on it: UNKNOWN_KEY. Errors with a sentence in change->text, or "". */
int ks_token_change_send(struct ks_token_change *change, const struct ks_token *token, ks_worker_done *done)
	KS_WARN_UNUSED;

/* Takes the worker's answer, and looks whether the token shows what it says. TOKEN_FAILED with a sentence in change->text
 * when it does not. */
int ks_token_change_check(struct ks_token_change *change, const struct ks_token *token, struct ks_bytes reply)
	KS_WARN_UNUSED;

/* --- token_change_end.c ------------------------------------------------------------------------------------------ */

/* Both end the change: the record is written, then the answer leaves. */
void ks_token_change_fail(struct ks_token_change *change, int error, const char *text);
void ks_token_change_succeed(struct ks_token_change *change);

/* The client has gone: what is with the token goes on, and is recorded. */
void ks_token_change_abandon(struct ks_token_change *change);

void ks_token_change_tell_asked(struct ks_token_change *change);
void ks_token_change_tell_wait(struct ks_token_change *change, const char *what);
