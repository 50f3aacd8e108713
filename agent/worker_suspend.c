/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_suspend: a worker rests while another process has its module for itself. See worker.h.
 *
 * Runs in: keystay-agent. A warm session makes C_InitToken and the login of the SO fail, and SoftHSM rewrites a file that
 * another process of it holds open. So nothing more is sent, what is with the process is finished, the process ends by
 * itself (C_Finalize) or is killed, and only then is whoever wants the module told so.
 *
 *	ks_worker_suspend() --> DRAINING --nothing is with the process--> ENDING --its process was waited for--> done(0)
 *	                           '--KS_PROVISION_DRAIN_MS--> done(BUSY), as before
 */
#include "agent/worker_private.h"

#include "lib/base/log.h"
#include "lib/base/text.h"

#define END_PATIENCE_US 1500000ull /* for C_Finalize; keystay-token gives it a second */

void ks_worker_suspend_forget(struct ks_worker *worker)
{
	worker->suspend_timer = sd_event_source_disable_unref(worker->suspend_timer);
	worker->suspend_step = sd_event_source_disable_unref(worker->suspend_step);
	worker->suspend_done = NULL;
}

static void tell(struct ks_worker *worker, int error)
{
	ks_worker_suspended *done = worker->suspend_done;
	void *userdata = worker->suspend_userdata;

	ks_worker_suspend_forget(worker);
	if (done)
		done(error, userdata);
}

/* The process is gone. */
static void rest(struct ks_worker *worker)
{
	worker->draining = false;
	for (size_t i = 0; i < worker->inventory.n_tokens; i++)
		worker->inventory.tokens[i].logged_in = false;
	ks_worker_tell_changed(worker);
	tell(worker, 0);
}

bool ks_worker_suspend_ended(struct ks_worker *worker)
{
	if (!worker->suspended || worker->draining)
		return false; /* it died by itself, with something on its mind */
	ks_worker_forget_process(worker, 0);
	rest(worker);
	return true;
}

static int on_patience_end(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_worker *worker = userdata;

	ks_worker_forget_process(worker, 0);
	rest(worker);
	return 0;
}

/* A closed channel is what it takes as the end. Who waits is told, looks again, and finds a module that comes back. */
static void end_process(struct ks_worker *worker)
{
	worker->draining = false;
	worker->suspend_timer = sd_event_source_disable_unref(worker->suspend_timer);
	ks_worker_fail_calls(worker, KS_ERR_BUSY, worker->note);
	ks_worker_forget_rescan(worker);
	if (worker->has_channel)
		ks_channel_deinit(&worker->channel);
	worker->has_channel = false;
	worker->start_timer = sd_event_source_disable_unref(worker->start_timer);
	ks_worker_set_waiting(worker);
	if (worker->pid == 0) {
		rest(worker);
		return;
	}
	if (sd_event_add_time_relative(worker->event, &worker->suspend_timer, CLOCK_MONOTONIC, END_PATIENCE_US, 0,
				       on_patience_end, worker) < 0)
		(void)on_patience_end(NULL, 0, worker);
}

static int on_step(sd_event_source *source, void *userdata)
{
	(void)source;
	struct ks_worker *worker = userdata;

	worker->suspend_step = sd_event_source_disable_unref(worker->suspend_step);
	if (worker->suspended && worker->draining && worker->n_sent == 0)
		end_process(worker);
	return 0;
}

void ks_worker_suspend_look(struct ks_worker *worker)
{
	if (!worker->suspended || !worker->draining || worker->n_sent > 0 || worker->suspend_step)
		return;
	if (sd_event_add_defer(worker->event, &worker->suspend_step, on_step, worker) < 0)
		ks_log_error("module \"%s\": the event loop refuses work", worker->name);
}

static int on_drain_end(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_worker *worker = userdata;

	worker->suspended = worker->draining = false;
	worker->note[0] = '\0';
	ks_worker_send_queued(worker);
	tell(worker, KS_ERR_BUSY); /* last: who is told may free the worker */
	return 0;
}

int ks_worker_suspend(struct ks_worker *worker, const char *why, ks_worker_suspended *done, void *userdata)
{
	if (worker->suspended)
		return KS_ERR_BUSY;
	if (sd_event_add_time_relative(worker->event, &worker->suspend_timer, CLOCK_MONOTONIC,
				       KS_PROVISION_DRAIN_MS * 1000ull, 0, on_drain_end, worker) < 0)
		return KS_ERR_SYSTEM;
	worker->suspended = worker->draining = true;
	worker->suspend_done = done;
	worker->suspend_userdata = userdata;
	worker->backoff_timer = sd_event_source_disable_unref(worker->backoff_timer);
	(void)ks_text_print(worker->note, sizeof(worker->note), "%s", why);
	ks_log_info("module \"%s\": its keystay-token (pid %d) is stopped: %s", worker->name, (int)worker->pid, why);
	ks_worker_suspend_look(worker);
	return 0;
}

void ks_worker_resume(struct ks_worker *worker)
{
	if (!worker->suspended)
		return;
	bool was_draining = worker->draining;
	ks_worker_suspend_forget(worker);
	worker->suspended = worker->draining = false;
	worker->note[0] = '\0';
	if (was_draining && worker->pid != 0) {
		ks_worker_send_queued(worker);
		return;
	}
	ks_worker_forget_process(worker, 0); /* one that has not ended yet */
	ks_worker_start(worker);
	ks_worker_tell_changed(worker);
}
