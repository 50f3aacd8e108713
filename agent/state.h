/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state: all that the agent knows: settings, workers, identities, which tokens are unlocked. No clients.
 *
 * Runs in: keystay-agent. Handlers ask it; it asks the workers. Whenever something changes (a worker came, went, told
 * news; a token was locked; a reload) it builds a new keyring and then tells those who wait, so nobody polls and nobody
 * keeps a pointer to an identity over a wait: they look again (invariant I11).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/audit.h"
#include "agent/keyring.h"
#include "agent/overlay.h"
#include "agent/no_pss.h"
#include "agent/prompt.h"
#include "agent/prove.h"
#include "agent/rate.h"
#include "agent/settings.h"
#include "agent/tally.h"
#include "agent/tries.h"
#include "agent/unlock.h"
#include "agent/worker.h"
#include "lib/base/error.h"
#include "lib/protocol/message.h"

/* Somebody who waits for news. Called once for each change, from the event loop, until it is taken off the list; may
 * take itself and others off and put itself on. */
struct ks_waiter {
	void (*changed)(struct ks_waiter *waiter);
	struct ks_waiter *next, *previous;
	bool listed;
};

struct ks_monitor;

struct ks_state {
	sd_event *event;           /* borrowed */
	const char *configuration; /* file of --config, or NULL; borrowed */
	char *folder;              /* where what outlives the agent is kept, owned */
	char *worker_program;      /* keystay-token, owned */
	char *prompt_program;      /* keystay-prompt, owned */
	char *prove_program;       /* keystay-prove, owned */
	struct ks_prover *prover;
	uint64_t n_reloads;  /* good ones */
	char *audit_program; /* keystay-audit, owned */
	struct ks_audit *audit;
	struct ks_monitor *monitor;
	struct ks_tally tally;
	struct ks_expiry *expiry; /* warnings of certificates that expire */
	struct ks_settings *settings;
	struct ks_overlay overlay;
	struct ks_worker **workers;
	size_t n_workers;
	struct ks_keyring *keyring;
	uint64_t generation;
	struct ks_unlock unlock;
	struct ks_tries *tries;
	struct ks_rate rate; /* uses of keys and sockets lately */
	struct ks_no_pss no_pss;
	struct ks_prompts *prompts;
	struct ks_token_login *logins;         /* under way (login.c) */
	struct ks_asking *askings;             /* under way (asking.c) */
	struct ks_scouts *scouts;              /* under way (scout.c) */
	struct ks_provisioning *provisionings; /* under way (provisioning.c) */
	struct ks_consents *consents;          /* under way and remembered (consent.c); NULL until somebody is asked */
	struct ks_notifier *notifier;          /* of touches (notify.c); NULL until a token may want one */
	struct ks_waiter waiters;              /* head of a ring */
	sd_event_source *news;                 /* deferred: rebuild once, however many changes came */
	sd_event_source *settle_timer;
	bool settled;
	bool news_pending;
	bool keyring_is_old;         /* the pending news has to build a new one */
	uint64_t built_ms;           /* when that was done last */
	bool crowded;                /* ... and that was soon after the one before */
	sd_event_source *news_timer; /* news that came too soon after others */
	void (*all_quiet)(
		void *userdata); /* after ks_state_lock_all(): the workers have answered; NULL = nobody asks */
	void *all_quiet_userdata;
	void (*reloaded)(void *userdata); /* after a reload that was good; NULL = nobody asks */
	void *reloaded_userdata;
	uint64_t started_s;
	char reload_problem[1024]; /* of the last reload, "" when it was good */
	unsigned n_connections;    /* told by session.c, for status */
};

/* Takes settings. Workers are started; nothing blocks. */
int ks_state_init(struct ks_state *state, sd_event *event, const char *configuration, struct ks_settings *settings)
	KS_WARN_UNUSED;
void ks_state_deinit(struct ks_state *state);

/* Reads the configuration again. A wrong one changes nothing and is returned as CONFIG with ret_error filled. Never to
 * be called from inside a worker's callback: workers may be freed. */
int ks_state_reload(struct ks_state *state, struct ks_settings_error *ret_error) KS_WARN_UNUSED;

/* Reads certs/ anew, beside keystay.conf and in the state folder. NO_MEMORY: the old ones stay. Never from inside a worker's
 * callback either: the keyring is made anew at once. */
int ks_state_refresh(struct ks_state *state) KS_WARN_UNUSED;

/* Have all workers told their tokens, given up, or had KS_SETTLE_DEADLINE_MS since the start or a reload? */
bool ks_state_is_settled(const struct ks_state *state);

void ks_state_wait(struct ks_state *state, struct ks_waiter *waiter);
void ks_state_wait_no_more(struct ks_waiter *waiter);

/* Something changed: a new keyring before the next wait, then the waiters. Many changes at once make one keyring. */
void ks_state_news(struct ks_state *state);

/* Something that waiters look at changed, but no key: they are told, no keyring is built. */
void ks_state_wake(struct ks_state *state);

/* No worker has anything to do. */
bool ks_state_is_idle(const struct ks_state *state);

/* Another process for the same module takes the place of workers[index], which is freed. Never from its own callback. */
void ks_state_replace_worker(struct ks_state *state, size_t index, struct ks_worker *worker);

/* One token, with its worker and what is known of its lock. All borrowed, until the next return to the event loop. */
struct ks_token {
	struct ks_worker *worker;
	struct ks_inventory_token *inventory;
	struct ks_unlock_entry *lock;
};

/* The index-th of all tokens, or false. */
bool ks_state_token_at(struct ks_state *state, size_t index, struct ks_token *ret_token);

/* The token of a location; false when its worker or token is gone. */
bool ks_state_token_of(struct ks_state *state, const struct ks_location *location, struct ks_token *ret_token);

/* What a person calls it: label, PKCS#11 URI, the name of one of its keys, "" for the only one that needs a PIN.
 * TOKEN_ABSENT or AMBIGUOUS with a sentence in why. */
int ks_state_token_by_name(struct ks_state *state, struct ks_bytes name, struct ks_token *ret_token, char *why,
			   size_t why_size) KS_WARN_UNUSED;

/* How many identities there are on this token. */
uint32_t ks_state_count_keys(struct ks_state *state, const struct ks_token *token);

enum ks_token_state ks_state_of_token(const struct ks_token *token);

/* "pkcs11:token=…;serial=…" of the token, into out. */
void ks_state_token_uri(const struct ks_token *token, char *out, size_t size);

/* The words that unlock this token: "corp", or with quotes when a shell needs them. */
void ks_state_token_word(const struct ks_token *token, char *out, size_t size);

/* Refuses first, then logs out. Returns whether it was unlocked. */
bool ks_state_lock(struct ks_state *state, const struct ks_token *token);

/* Logs out and stays unlocked: whoever needs it logs in from the kept PIN. */
void ks_state_log_out(struct ks_state *state, const struct ks_token *token);

/* All of them, also those that are out of sight now. Returns how many were unlocked. by_person: only a person unlocks
 * them again, no PIN from a file. */
uint32_t ks_state_lock_all(struct ks_state *state, bool by_person);
