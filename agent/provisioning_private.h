/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provisioning_private: what provisioning.c (the story), provisioning_choice.c (which token, and may it be done),
 * provisioning_tries.c (counts of PINs) and provisioning_end.c (record and answer) share. Nobody else includes it.
 */
#pragma once

#include "agent/asking.h"
#include "agent/audit.h"
#include "agent/prompt.h"
#include "agent/slots.h"
#include "agent/state.h"

enum ks_provisioning_state {
	KS_PROVISIONING_LOOKING,   /* for the slots; KS_PROVISION_LIST_DEADLINE_MS, kept by the processes' calls */
	KS_PROVISIONING_ASKING,    /* for a person's yes; the dialog's deadline */
	KS_PROVISIONING_STOPPING,  /* for the end of the signing worker; KS_PROVISION_DRAIN_MS, kept by it, and ours */
	KS_PROVISIONING_AT_TOKEN,  /* KS_PROVISION_DEADLINE_MS, kept by the call */
	KS_PROVISIONING_LEAVING,   /* for the end of the process that did it */
	KS_PROVISIONING_RETURNING, /* for the signing worker and the keyring; KS_SETTLE_DEADLINE_MS */
	KS_PROVISIONING_ENDING,    /* for the record; KS_AUDIT_DEADLINE_MS, kept by audit.c */
};

struct ks_provisioning {
	struct ks_waiter waiter; /* first, so that the waiter is the provisioning; of RETURNING */
	struct ks_provisioning *next;
	struct ks_state *owner;
	struct ks_request *request; /* NULL: the client is gone */
	enum ks_provisioning_state state;
	struct ks_msg_provision message; /* borrows from the request's body: not after LOOKING and ASKING */
	struct ks_secret *so_pin, *pin, *new_pin;
	struct ks_prompt_place place;
	struct ks_slots *slots;
	struct ks_slot chosen;
	char label[65]; /* of INIT */
	char erase[65];
	struct ks_worker *provisioner; /* owned, once chosen */
	struct ks_worker_call *call;
	struct ks_worker *stopped; /* the signing worker; a reload may have freed it: look for it among all */
	struct ks_prompt *prompt;
	sd_event_source *timer;
	uint32_t told; /* what a dialog told of the token (enum ks_pin_flag) */
	bool counted;  /* its PIN was counted, and no outcome yet */

	struct ks_slot after; /* the token as it is now */
	bool has_after;

	/* For the record, also when the client is gone. */
	char socket[65], program[64];
	uid_t uid;
	gid_t gid;
	pid_t pid;
	uint64_t number;
	bool pin_used;
	struct ks_audit_entry *audit;
	int error;
	char text[KS_TEXT_MAX];
};

/* Whose PIN goes to the token: at most one of both. */
bool ks_provisioning_gives_user_pin(const struct ks_provisioning *job);
bool ks_provisioning_gives_so_pin(const struct ks_provisioning *job);

/* "SO PIN", of a PIV card "PUK"; "PIN" for the user's. */
const char *ks_provisioning_pin_word(const struct ks_provisioning *job);

/* --- provisioning_choice.c --------------------------------------------------------------------------------------- */

/* Which of the slots is meant, and whether it can be done to what is in it, as far as that can be said without asking the
 * token. Fills in chosen; else an error with a sentence in job->text. */
int ks_provisioning_choose(struct ks_provisioning *job) KS_WARN_UNUSED;

/* --- provisioning_tries.c ---------------------------------------------------------------------------------------- */

/* 0: its PIN may be given. NEEDS_DIALOG: only after a person's yes. PIN_BLOCKED. With a sentence in job->text. */
int ks_provisioning_may_try(struct ks_provisioning *job) KS_WARN_UNUSED;

/* The words of the dialog for NEEDS_DIALOG. */
void ks_provisioning_describe_try(const struct ks_provisioning *job, char *out, size_t size);

/* One more, before it goes out. Otherwise nothing must go out. */
int ks_provisioning_count(struct ks_provisioning *job) KS_WARN_UNUSED;

/* given: may the token have seen it? */
void ks_provisioning_count_outcome(struct ks_provisioning *job, int error, bool given);

/* Is the user's PIN perhaps another one now? It is when it was done, and nobody knows where a token, or its module, failed
 * after it had what it needs. */
bool ks_provisioning_may_have_set_pin(const struct ks_provisioning *job, int error, bool given);

/* What is kept of the old PIN is forgotten, and the token is locked here. */
void ks_provisioning_forget_pins(const struct ks_provisioning *job);

/* --- provisioning_end.c ------------------------------------------------------------------------------------------ */

void ks_provisioning_tell_asked(struct ks_provisioning *job);
void ks_provisioning_tell_wait(struct ks_provisioning *job, const char *what);

/* Records error and job->text, answers, and frees job. */
void ks_provisioning_end(struct ks_provisioning *job);

/* Frees it without an answer. */
void ks_provisioning_free(struct ks_provisioning *job);
