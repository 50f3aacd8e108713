/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent: a rule (confirm = first-use, always) wants a person's yes before a signature: asks for it, and remembers it.
 *
 * Runs in: keystay-agent. Decides nothing: whether a yes is needed is said by policy.h, and whether it is still what was
 * asked for is looked at again by who waited (invariant I11). Must never say yes by itself, and never show as proven
 * what only a client said.
 *
 *	ks_consent_ask() --> QUEUED --its turn--> SHOWN --yes--> answered(0); first-use and proven: remembered
 *	                        |                   |---no-----> answered(CANCELLED), so is all that the same program asks
 *	                        |                   |            with this key; then a cool-down
 *	                        |                   '---time over, cannot be shown --> answered(error)
 *	                        '--a yes for the same key, socket and proven server --> answered(0)
 *
 * One question of all stands in the queue of prompt.h, the others wait here: a PIN dialog has at most one of them before
 * it, however many there are. Questions of one process and of one socket are bounded, sockets and processes take turns.
 * The last one who waits and goes away closes the dialog.
 *
 * Who shares a dialog: first-use requests of one process for the same key, socket and proven server. Another process has
 * a question of its own, since a dialog names one program; a yes that is remembered meanwhile answers it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/prompt.h"
#include "agent/rules.h"
#include "agent/state.h"

/* All borrowed for the time of the call. */
struct ks_consent_question {
	enum ks_confirm level; /* FIRST_USE or ALWAYS */
	const char *program;   /* claimed: a label */
	pid_t pid;
	uid_t uid;
	const char *socket, *key, *token;   /* names; key: the short one */
	const uint8_t *spki_hash;           /* 32 bytes */
	const char *server;                 /* "" = none is named */
	bool server_proven;                 /* else server is what the client claims */
	const char *unverified;             /* why it is not proven, one clause; "" when it is */
	bool is_request;                    /* for a certificate: nothing is said of servers */
	bool is_cmp;                        /* of these: it may be a revocation as well; purpose says what it is */
	char warning[KS_LIFETIME_TEXT_MAX]; /* of the key's certificate: ks_identity_warning() */
	const char *purpose; /* "TLS 1.3 client authentication", "a bare digest, which nobody can check" */
	struct ks_prompt_place place;
	bool may_prompt;     /* socket and client let a dialog be shown */
	uint32_t timeout_ms; /* of the dialog, from the moment it is shown */
};

struct ks_consent;

/* Who waits; embedded in what waits. */
struct ks_consenter {
	struct ks_consenter *next, *previous;
	struct ks_consent *consent; /* NULL = does not wait */
	/* 0: a person said yes; else error with one sentence. The consenter waits no more. From the event loop, never
	 * from within ks_consent_ask() or ks_consent_leave(). */
	void (*answered)(struct ks_consenter *consenter, int error, const char *text);
};

/* 0: a person is being asked, the consenter waits. Else nothing is asked, with a sentence in why (KS_TEXT_MAX bytes):
 * NO_PROMPT (no dialog may be shown), CANCELLED (a person said no a moment ago), QUOTA (too many questions are open),
 * NO_MEMORY, SYSTEM. Who waits already may call this again, and goes on waiting. */
int ks_consent_ask(struct ks_state *state, const struct ks_consent_question *question, struct ks_consenter *consenter,
		   char *why) KS_WARN_UNUSED;

/* Did a person say yes to this key, this socket and this proven server, since the agent started and since
 * ks_consent_forget()? Only to be asked for a server that is proven now. */
bool ks_consent_is_given(const struct ks_state *state, const uint8_t spki_hash[32], const char *socket,
			 const char *server);

/* Waits no more. Safe for one that does not wait. */
void ks_consent_leave(struct ks_consenter *consenter);

/* Nothing is remembered any more, neither yes nor no; a yes to a dialog that is open now counts once. end_all (a lock,
 * by a person or by what the person does): those who wait are answered CANCELLED. */
void ks_consent_forget(struct ks_state *state, bool end_all);

/* Ends all without answers, for ks_state_deinit(). */
void ks_consent_free_all(struct ks_state *state);
