/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: one keystay-token process: started, watched, asked, killed, started again.
 *
 * Runs in: keystay-agent. The worker is hostile (invariant I4): what it sends is bounded and checked, what it does not
 * send has a deadline, and the only cure is SIGKILL. Vendor code can thus take neither the agent nor another token
 * down.
 *
 *	             start()                 inventory
 *	 FAILED ----------------> STARTING -------------> READY
 *	   ^  file refused          |  |                    |
 *	   +------------------------+  | death, deadline,   | death, deadline,
 *	                               v nonsense           v nonsense
 *	                            WAITING <---------------+ suspended (worker_suspend.c)
 *	                               |  back-off timer; resumed
 *	                               +-----> STARTING
 *
 * set_state() in worker.c is the only place that moves along these arrows.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "agent/inventory.h"
#include "agent/settings.h"
#include "lib/base/error.h"
#include "lib/base/secret.h"
#include "lib/protocol/message.h"

struct ks_worker;
struct ks_worker_call;

struct ks_worker_watcher {
	/* State or inventory changed: identities may have come or gone. */
	void (*changed)(struct ks_worker *worker, void *userdata);
	/* The last call that was with the process has been answered. NULL is allowed. */
	void (*idle)(struct ks_worker *worker, void *userdata);
	void *userdata;
};

/* The outcome of a call. error 0: reply is the body of the awaited message, borrowed. Else text says why, borrowed.
 * BUSY: the call never reached the module (its worker died while the call was queued); asking again is safe.
 * TOKEN_ABSENT also when its token was taken out while the call was under way. */
typedef void ks_worker_done(int error, const char *text, struct ks_bytes reply, void *userdata);

/* Of a login or a signature with a PIN: may the token have been given it? Inside done(), or before. false when the call was
 * never sent, or when its worker says that it failed before that. */
bool ks_worker_call_gave_pin(const struct ks_worker_call *call);

/* Whoever started the call is gone, but its outcome is still wanted. */
void ks_worker_call_hand_over(struct ks_worker_call *call, ks_worker_done *done, void *userdata);

/* program: the path of keystay-token, borrowed for ever. Starts nothing yet. */
int ks_worker_new(sd_event *event, const char *program, const struct ks_settings_module *module,
		  const struct ks_worker_watcher *watcher, struct ks_worker **ret_worker) KS_WARN_UNUSED;

/* Lets the process end by itself (C_Finalize), or kills it soon after; fails all calls. */
void ks_worker_free(struct ks_worker *worker);
KS_DEFINE_CLEANUP(struct ks_worker *, ks_worker_free)

/* From now on another one watches it. */
void ks_worker_watch(struct ks_worker *worker, const struct ks_worker_watcher *watcher);

/* STARTING, or FAILED with a note when the module's file is missing or must not be loaded. */
void ks_worker_start(struct ks_worker *worker);

/* Somebody needs it: one that is FAILED looks at its file again, when its last look was KS_WORKER_WAKE_MS ago. */
void ks_worker_wake(struct ks_worker *worker);

/* Was it made from the same words of the configuration? Then a reload may keep it. */
bool ks_worker_is_for(const struct ks_worker *worker, const struct ks_settings_module *module);

const char *ks_worker_name(const struct ks_worker *worker);
const char *ks_worker_path(const struct ks_worker *worker); /* or the p11-kit name */
const char *ks_worker_note(const struct ks_worker *worker); /* what went wrong last, "" */
enum ks_module_state ks_worker_state(const struct ks_worker *worker);
pid_t ks_worker_pid(const struct ks_worker *worker); /* 0 = none */
unsigned ks_worker_restarts(const struct ks_worker *worker);

/* Kills the process; it is started again as after any death. why is a sentence for the log and for status. */
void ks_worker_kill(struct ks_worker *worker, const char *why);

/* What is known of its tokens. While a dead worker is started again this is what it last said, with every token logged
 * out, so that keys do not flicker in and out of sight. */
struct ks_inventory *ks_worker_inventory(struct ks_worker *worker);

/* Has it told its inventory once, or given up? */
bool ks_worker_is_settled(const struct ks_worker *worker);

/* Nothing is with the process or waits for it. */
bool ks_worker_is_idle(const struct ks_worker *worker);

/* It died too often and rests: what is asked of it is refused at once. */
bool ks_worker_is_resting(const struct ks_worker *worker);

/* How it learns that tokens come and go, as it said last. */
enum ks_token_events ks_worker_events(const struct ks_worker *worker);

struct ks_worker_sign {
	uint32_t token, key, scheme;
	struct ks_bytes input; /* copied */
	bool is_digest;        /* input is the digest itself, of the scheme's hash */
	uint64_t owner;        /* any number that stands for the asking process: they are served in turns */
	/* A context-specific login for this one signature (CKA_ALWAYS_AUTHENTICATE). pin is taken, whatever the outcome;
	 * an empty one is typed at the reader. */
	bool authenticate;
	uint32_t told; /* KS_PIN_COUNT_LOW, KS_PIN_FINAL_TRY: what a dialog told of */
	bool unattended;
	struct ks_secret *pin;
};

/* Each starts a call; done is called exactly once unless the call is cancelled, never before the function returns. */
int ks_worker_sign(struct ks_worker *worker, const struct ks_worker_sign *sign, ks_worker_done *done, void *userdata,
		   struct ks_worker_call **ret_call) KS_WARN_UNUSED;

struct ks_worker_login {
	uint32_t token;
	const char *serial;          /* of the token that the PIN was given for */
	const uint8_t *digest;       /* of the same, KS_TOKEN_DIGEST_SIZE bytes */
	uint32_t told;               /* as above */
	bool unattended;             /* a kept PIN or one from a file */
	const struct ks_secret *pin; /* borrowed during the call of ks_worker_login() only */
};
int ks_worker_login(struct ks_worker *worker, const struct ks_worker_login *login, ks_worker_done *done, void *userdata,
		    struct ks_worker_call **ret_call) KS_WARN_UNUSED;

int ks_worker_logout(struct ks_worker *worker, uint32_t token, ks_worker_done *done, void *userdata,
		     struct ks_worker_call **ret_call) KS_WARN_UNUSED;

/* --- what changes a token (worker_work.c) ------------------------------------------------------------------------- */

/* As a signature each waits for its turn, and goes when nothing else is with the process: nothing that has a deadline
 * stands behind a key that is made for minutes. All is copied. The token's new inventory is there when done() is called.
 * Beside what a signature can end with: UNSUPPORTED, and INVALID (what is asked does not fit what is on the token). */
int ks_worker_keygen(struct ks_worker *worker, const struct ks_msg_worker_keygen *keygen, ks_worker_done *done,
		     void *userdata, struct ks_worker_call **ret_call) KS_WARN_UNUSED;
int ks_worker_store(struct ks_worker *worker, const struct ks_msg_worker_store *store, ks_worker_done *done,
		    void *userdata, struct ks_worker_call **ret_call) KS_WARN_UNUSED;
int ks_worker_remove(struct ks_worker *worker, const struct ks_msg_worker_remove *remove, ks_worker_done *done,
		     void *userdata, struct ks_worker_call **ret_call) KS_WARN_UNUSED;

/* Before ks_worker_start(): the process is `keystay-token --provision`. It tells no inventory, is READY at once and
 * FAILED when it ends; it is never started again. */
void ks_worker_make_provisioner(struct ks_worker *worker);

/* Of such a one. ks_worker_call_gave_pin() says whether a PIN may have been given. The PINs are borrowed during the call
 * of ks_worker_provision() only. */
int ks_worker_provision(struct ks_worker *worker, struct ks_msg_worker_provision *provision, ks_worker_done *done,
			void *userdata, struct ks_worker_call **ret_call) KS_WARN_UNUSED;

/* --- a rest that somebody wants (worker_suspend.c) ----------------------------------------------------------------- */

/* 0: the process has ended, and none is started until ks_worker_resume(). BUSY: what was with it took longer than
 * KS_PROVISION_DRAIN_MS; it goes on as before. From the event loop. */
typedef void ks_worker_suspended(int error, void *userdata);

/* What is with the process is finished first; what waits is told BUSY, and finds the module WAITING, with why as its note
 * (a clause, borrowed during the call). BUSY when it is suspended already. done() may free the worker. A provisioner is
 * ended so, by who has to know when it is gone. */
int ks_worker_suspend(struct ks_worker *worker, const char *why, ks_worker_suspended *done, void *userdata)
	KS_WARN_UNUSED;

/* It is started again; done() will not be called. Of one that is not suspended: nothing happens. */
void ks_worker_resume(struct ks_worker *worker);

/* Asks for a fresh inventory; its coming is told by changed(). all: every token is read anew, else only those that have
 * come. While one is under way a further one is sent when it has ended, however often it is asked for. */
int ks_worker_rescan(struct ks_worker *worker, bool all) KS_WARN_UNUSED;

/* done will not be called. A signature under way is finished and thrown away. NULL is allowed. */
void ks_worker_call_cancel(struct ks_worker_call *call);

/* It still owes an answer that nobody waits for any more: perhaps its module hangs. */
bool ks_worker_is_behind(const struct ks_worker *worker);
