/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_private: what worker.c (the process) and worker_calls.c (what is asked of it) share; nobody else includes it.
 */
#pragma once

#include "agent/channel.h"
#include "agent/worker.h"
#include "agent/worker_log.h"
#include "lib/protocol/limits.h"

enum call_state {
	CALL_QUEUED, /* waits for its turn or for the worker to be ready */
	CALL_SENT,
	CALL_CANCELLED, /* sent, and nobody wants the answer */
};

struct ks_worker_call {
	struct ks_worker_call *next;
	struct ks_worker *worker;
	enum call_state state;
	int error; /* of one that failed; 0: as its state says */
	bool gone; /* its token was taken out meanwhile */
	uint32_t token;
	uint32_t id;
	uint8_t reply_type;
	uint64_t owner;
	uint64_t deadline_ms; /* monotonic; set when sent */
	uint32_t deadline_after_ms;
	ks_worker_done *done;
	void *userdata;
	/* A queued signature; the input is a copy of ours, since the client may go. */
	struct ks_msg_worker_sign sign;
	uint8_t *input;
	/* With a PIN of its own: it leaves us when it is sent. */
	bool with_pin;
	uint32_t told;
	bool unattended;
	struct ks_secret *pin;
	bool gave_pin; /* sent, and the worker has not said otherwise */
	/* What changes a token: 0, or the type of the message that stands in work; its bytes point into input. */
	uint8_t work_type;
	union {
		struct ks_msg_worker_keygen keygen;
		struct ks_msg_worker_store store;
		struct ks_msg_worker_remove remove;
	} work;
};

/* The owners that were served last, so that all have their turn. */
#define OWNERS_MAX 16

struct ks_worker {
	sd_event *event;
	struct ks_worker_watcher watcher;
	char *program;
	char *name;
	char *path;    /* or NULL */
	char *p11_kit; /* or NULL */
	unsigned sessions;
	char sessions_word[16]; /* the same, for the command line */
	char *init_args;        /* or NULL */
	char *slots;            /* or NULL */
	char *sandbox;
	char *profile;
	char **environment;   /* NULL-terminated */
	uint32_t deadline_ms; /* 0 = the built-in ones */
	bool no_slot_events;  /* its module's wait for events blocks everything else */

	enum ks_module_state state;
	bool settled;
	bool warned;     /* of a key that decrypts */
	bool resting;    /* after too many deaths */
	bool renewing;   /* a new process is wanted, for no fault of this one */
	bool exited;     /* the process has ended and was waited for */
	bool provisions; /* keystay-token --provision */
	bool suspended;
	bool draining;                     /* suspended, and something is still with the process */
	ks_worker_suspended *suspend_done; /* NULL = it was told */
	void *suspend_userdata;
	sd_event_source *suspend_timer; /* while draining, then until the process ends */
	sd_event_source *suspend_step;  /* deferred: never from inside a frame */
	uint64_t renewed_ms;
	uint64_t looked_ms;                           /* at the file of a module that is FAILED */
	uint64_t deaths_ms[KS_WORKER_BREAKER_DEATHS]; /* the last ones, a ring */
	unsigned n_deaths;
	uint64_t resident;   /* bytes in memory when it had told its tokens; 0 = not known */
	uint64_t weighed_ms; /* when that was looked at last */
	char kill_why[256];  /* a kill that waits for the channel to be left */
	char note[512];
	unsigned restarts;
	unsigned failures; /* since it was last READY */
	uint64_t started_ms;
	uint64_t backoff_ms;
	sd_event_source *backoff_timer;
	sd_event_source
		*start_timer; /* until the first inventory; then, until a process that closed its channel ends */

	pid_t pid;
	int pidfd;
	sd_event_source *pid_source;
	struct ks_channel channel;
	bool has_channel;
	struct ks_worker_log log;

	struct ks_inventory inventory;
	struct ks_inventory incoming; /* of a process that is starting */

	struct ks_worker_call *sent;   /* in the order of sending */
	struct ks_worker_call *queued; /* in the order of asking */
	size_t n_sent, n_queued;
	uint32_t next_id;
	uint64_t served[OWNERS_MAX]; /* the last one first */
	bool rescanning;             /* one is under way */
	bool rescan_wanted, rescan_all;
	uint32_t rescan_deadline_ms;
	sd_event_source *deadline_timer;
	uint64_t deadline_armed_ms; /* 0 = not armed */
	sd_event_source *defer;     /* runs failed calls from the loop, never from inside a caller */
	struct ks_worker_call *failed;
	char failed_text[512];
};

/* The card was taken out: its token is forgotten, its calls fail or have little time left. 0: not known which. */
void ks_worker_token_gone(struct ks_worker *worker, uint32_t token);

/* Asks for what has changed, with a deadline. */
void ks_worker_look_again(struct ks_worker *worker, bool all, uint32_t deadline_ms);

/* The process is gone, and with it what was asked of it. */
void ks_worker_forget_rescan(struct ks_worker *worker);

/* The module hangs after a card was taken out: killed and started again at once, no fault that counts. */
void ks_worker_kill_after_removal(struct ks_worker *worker);

/* worker_words.c: copies what it is made from (worker is empty), frees that, and makes its command line of it: the array is
 * given (free()), the words are borrowed; NULL when memory runs out. */
int ks_worker_copy_words(struct ks_worker *worker, const char *program, const struct ks_settings_module *module)
	KS_WARN_UNUSED;
void ks_worker_free_words(struct ks_worker *worker);
char **ks_worker_words(struct ks_worker *worker);

/* worker_growth.c: remembers how large the process is, and says whether it has become far larger. */
void ks_worker_begin_growth(struct ks_worker *worker);
bool ks_worker_has_grown(struct ks_worker *worker);

/* For no fault that counts: another process takes its place, as soon as the channel is left. */
void ks_worker_renew(struct ks_worker *worker);

/* It has told its tokens: what waited for that goes out. */
void ks_worker_begin_calls(struct ks_worker *worker);

/* worker_suspend.c: something has ended that a suspension may wait for. suspend_forget: its timers, before the worker
 * goes. suspend_ended: the process was waited for; false when it is not suspension that ended it. */
void ks_worker_suspend_look(struct ks_worker *worker);
void ks_worker_suspend_forget(struct ks_worker *worker);
bool ks_worker_suspend_ended(struct ks_worker *worker);

/* worker.c, for worker_suspend.c: lets go of the process, which has patience_us to end by itself; tells the watcher. */
void ks_worker_forget_process(struct ks_worker *worker, uint64_t patience_us);
void ks_worker_tell_changed(struct ks_worker *worker);
void ks_worker_set_waiting(struct ks_worker *worker);

/* worker_calls.c, for worker_work.c: a call that is not sent yet; what frees it; into the queue; sent now. */
struct ks_worker_call *ks_worker_call_new(struct ks_worker *worker, uint8_t reply_type, uint32_t deadline_ms,
					  ks_worker_done *done, void *userdata);
void ks_worker_call_free(struct ks_worker_call *call);
void ks_worker_call_queue(struct ks_worker_call *call);
void ks_worker_call_send(struct ks_worker_call *call, uint8_t type, void *message, struct ks_worker_call **ret_call);

/* How long it may take to tell its tokens. */
uint32_t ks_worker_start_deadline_ms(const struct ks_worker *worker);

/* Sends what may be sent now. */
void ks_worker_send_queued(struct ks_worker *worker);

/* Every sent call fails with error (TOKEN_ABSENT when its token is gone) and every queued one with BUSY. */
void ks_worker_fail_calls(struct ks_worker *worker, int error, const char *why);

/* Tells those that ks_worker_fail_calls() has put off, now. */
void ks_worker_run_failed(struct ks_worker *worker);

/* A frame that is no inventory. MALFORMED when nobody asked for it. */
int ks_worker_take_reply(struct ks_worker *worker, const struct ks_frame *frame) KS_WARN_UNUSED;
