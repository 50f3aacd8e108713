/* SPDX-License-Identifier: Apache-2.0 */
/* scout: see scout.h. Runs in: keystay-agent. */
#include "agent/scout.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/login.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/protocol/limits.h"
#include "lib/tls/verify_signature.h"

struct scout {
	struct ks_state *state;
	size_t index;             /* of the worker whose module it looks at */
	struct ks_worker *old;    /* that worker, to see that it still is */
	struct ks_worker *worker; /* the scout; NULL = none is out */
	bool back;                /* it has told its inventory, and waits for the old one to be idle */
	bool may_lock;            /* its news is worth a token that gets locked */
};

struct ks_scouts {
	struct scout at[KS_MODULES_MAX];
	uint64_t sent_ms;
	uint64_t rescan_ms;
	bool rescanning; /* those that are there already were asked to read their tokens anew */
	bool has_wanted;
	uint8_t wanted[32];
	sd_event_source *end; /* deferred: a scout is not freed from its own callback */
};

static struct ks_scouts *get_scouts(struct ks_state *state)
{
	if (!state->scouts)
		state->scouts = calloc(1, sizeof(*state->scouts));
	return state->scouts;
}

/* --- what it found ----------------------------------------------------------------------------------------------- */

static bool is_same_certificates(const struct ks_inventory_token *a, const struct ks_inventory_token *b)
{
	if (a->n_certificates != b->n_certificates)
		return false;
	for (size_t i = 0; i < a->n_certificates; i++) {
		bool found = false;
		for (size_t k = 0; k < b->n_certificates && !found; k++)
			found = ks_bytes_equal(ks_certificate_der(a->certificates[i].certificate),
					       ks_certificate_der(b->certificates[k].certificate));
		if (!found)
			return false;
	}
	return true;
}

static const struct ks_inventory_token *find_same(const struct ks_inventory *inventory,
						  const struct ks_inventory_token *token)
{
	for (size_t i = 0; i < inventory->n_tokens; i++) {
		const struct ks_inventory_token *other = &inventory->tokens[i];
		if (strcmp(other->serial, token->serial) == 0 && strcmp(other->label, token->label) == 0 &&
		    strcmp(other->model, token->model) == 0 && strcmp(other->manufacturer, token->manufacturer) == 0)
			return other;
	}
	return NULL;
}

/* The old one may see more, since it is logged in: only what the new one sees is looked for in the old. */
static bool knows_more(const struct ks_inventory *fresh, const struct ks_inventory *old)
{
	if (fresh->n_tokens > old->n_tokens)
		return true;
	/* One that is in use and was not seen may be a hiccup of a call; its next use tells. */
	for (size_t i = 0; i < old->n_tokens; i++) {
		if (!old->tokens[i].logged_in && !find_same(fresh, &old->tokens[i]))
			return true;
	}
	for (size_t i = 0; i < fresh->n_tokens; i++) {
		const struct ks_inventory_token *token = &fresh->tokens[i];
		const struct ks_inventory_token *same = find_same(old, token);
		if (!same || (!same->logged_in && memcmp(same->digest, token->digest, sizeof(same->digest)) != 0) ||
		    (!same->logged_in && !is_same_certificates(token, same)))
			return true;
		for (size_t k = 0; same->logged_in && k < token->n_certificates; k++) {
			struct ks_inventory_token one = { .certificates = &token->certificates[k],
							  .n_certificates = 1 };
			bool found = false;
			for (size_t m = 0; m < same->n_certificates && !found; m++) {
				const struct ks_inventory_token other = { .certificates = &same->certificates[m],
									  .n_certificates = 1 };
				found = is_same_certificates(&one, &other);
			}
			if (!found)
				return true;
		}
	}
	return false;
}

static bool has_wanted(const struct ks_inventory *inventory, const uint8_t wanted[32])
{
	uint8_t hash[32];

	for (size_t i = 0; i < inventory->n_tokens; i++) {
		const struct ks_inventory_token *token = &inventory->tokens[i];
		for (size_t k = 0; k < token->n_keys; k++) {
			if (ks_sha256(token->keys[k].spki.der, hash) == 0 && memcmp(hash, wanted, 32) == 0)
				return true;
		}
		for (size_t k = 0; k < token->n_certificates; k++) {
			if (ks_sha256(ks_certificate_spki(token->certificates[k].certificate), hash) == 0 &&
			    memcmp(hash, wanted, 32) == 0)
				return true;
		}
	}
	return false;
}

/* Is somebody logged in there whose PIN is not kept? Then a new process is a locked token. */
static bool would_lock(struct ks_state *state, const struct ks_worker *worker)
{
	struct ks_token token;

	for (size_t i = 0; ks_state_token_at(state, i, &token); i++) {
		if (token.worker == worker && token.lock->unlocked && !token.lock->pin)
			return true;
	}
	return false;
}

/* --- its return -------------------------------------------------------------------------------------------------- */

static void call_back(struct scout *scout)
{
	ks_worker_free(scout->worker);
	*scout = (struct scout){ .worker = NULL };
}

static bool is_login_under_way(struct ks_state *state, const struct ks_worker *worker)
{
	struct ks_token token;

	for (size_t i = 0; ks_state_token_at(state, i, &token); i++) {
		if (token.worker == worker && ks_login_is_under_way(state, token.lock))
			return true;
	}
	return false;
}

/* Back with its inventory: takes the old one's place, waits until that is idle, or ends. */
static void settle(struct ks_state *state, struct scout *scout)
{
	struct ks_scouts *scouts = state->scouts;

	if (scout->index >= state->n_workers || state->workers[scout->index] != scout->old) {
		call_back(scout); /* a reload came between */
		return;
	}
	const struct ks_inventory *fresh = ks_worker_inventory(scout->worker);
	const struct ks_inventory *old = ks_worker_inventory(scout->old);
	bool worth_it = scout->may_lock || !would_lock(state, scout->old) ||
			(scouts->has_wanted && has_wanted(fresh, scouts->wanted));
	if (ks_worker_state(scout->worker) != KS_MODULE_READY || !knows_more(fresh, old) || !worth_it) {
		call_back(scout);
	} else if (!ks_worker_is_idle(scout->old) || is_login_under_way(state, scout->old)) {
		scout->back = true;
	} else {
		ks_log_info("module \"%s\": what is on its tokens has changed; its new process takes over",
			    ks_worker_name(scout->old));
		struct ks_worker *worker = scout->worker;
		size_t index = scout->index;
		*scout = (struct scout){ .worker = NULL };
		ks_state_replace_worker(state, index, worker);
	}
}

static int on_end(sd_event_source *source, void *userdata)
{
	struct ks_state *state = userdata;

	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	for (size_t i = 0; i < KS_MODULES_MAX; i++) {
		struct scout *scout = &state->scouts->at[i];
		if (scout->worker && ks_worker_is_settled(scout->worker))
			settle(state, scout);
	}
	ks_state_news(state);
	return 0;
}

void ks_scout_look_around(struct ks_state *state)
{
	struct ks_scouts *scouts = state->scouts;
	bool due = false;

	if (scouts && scouts->rescanning && ks_state_is_idle(state)) {
		scouts->rescanning = false;
		ks_state_wake(state);
	}
	for (size_t i = 0; scouts && i < KS_MODULES_MAX; i++)
		due = due || (scouts->at[i].worker && ks_worker_is_settled(scouts->at[i].worker));
	if (!due)
		return;
	if (!scouts->end && sd_event_add_defer(state->event, &scouts->end, on_end, state) < 0)
		return;
	(void)sd_event_source_set_enabled(scouts->end, SD_EVENT_ONESHOT);
}

static void on_changed(struct ks_worker *worker, void *userdata)
{
	struct ks_state *state = userdata;

	(void)worker;
	ks_scout_look_around(state);
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static bool is_wanted_of(const struct ks_worker *worker, enum ks_scout_reason reason)
{
	if (ks_worker_state(worker) != KS_MODULE_READY)
		return false; /* a new process of it comes anyway */
	return reason == KS_SCOUT_CERTIFICATE || reason == KS_SCOUT_RELOAD ||
	       ks_worker_events(worker) == KS_EVENTS_NONE;
}

static void send_one(struct ks_state *state, size_t index, enum ks_scout_reason reason)
{
	struct scout *scout = &state->scouts->at[index];
	struct ks_worker *old = state->workers[index];
	const struct ks_worker_watcher watcher = { .changed = on_changed, .userdata = state };

	if (scout->worker && scout->old != old)
		call_back(scout);
	if (scout->worker) {
		scout->may_lock = scout->may_lock || reason == KS_SCOUT_RELOAD;
		return;
	}
	if (is_login_under_way(state, old))
		return;
	struct ks_worker *worker;
	if (ks_worker_new(state->event, state->worker_program, &state->settings->modules[index], &watcher, &worker) < 0)
		return;
	*scout = (struct scout){
		.state = state, .index = index, .old = old, .worker = worker, .may_lock = reason == KS_SCOUT_RELOAD
	};
	ks_worker_start(worker);
}

/* Too soon for a process; but a token that was there, and was lost to a module's bad moment, is seen by the one that runs
 * already. */
static void look_in_place(struct ks_state *state, struct ks_scouts *scouts, uint64_t now)
{
	if (now - scouts->rescan_ms < KS_SCOUT_RESCAN_MS)
		return;
	scouts->rescan_ms = now;
	for (size_t i = 0; i < state->n_workers; i++) {
		if (ks_worker_rescan(state->workers[i], false) == 0)
			scouts->rescanning = true;
	}
}

void ks_scout_send(struct ks_state *state, enum ks_scout_reason reason, const uint8_t *wanted)
{
	struct ks_scouts *scouts = get_scouts(state);
	uint64_t now = ks_clock_monotonic_ms();

	if (!scouts)
		return;
	if (reason != KS_SCOUT_RELOAD && scouts->sent_ms != 0 && now - scouts->sent_ms < KS_SCOUT_INTERVAL_MS) {
		if (reason == KS_SCOUT_UNKNOWN_KEY)
			look_in_place(state, scouts, now);
		return;
	}
	scouts->sent_ms = scouts->rescan_ms = now;
	scouts->has_wanted = wanted != NULL;
	if (wanted)
		memcpy(scouts->wanted, wanted, sizeof(scouts->wanted));
	for (size_t i = 0; i < state->n_workers; i++) {
		ks_worker_wake(state->workers[i]);
		/* What a process of its own would not see either: objects that came to a token that is logged in. */
		if (ks_worker_state(state->workers[i]) == KS_MODULE_READY && reason != KS_SCOUT_DEVICE &&
		    ks_worker_rescan(state->workers[i], true) == 0)
			scouts->rescanning = true;
		if (is_wanted_of(state->workers[i], reason))
			send_one(state, i, reason);
	}
}

bool ks_scout_is_out(const struct ks_state *state)
{
	if (state->scouts && state->scouts->rescanning)
		return true;
	for (size_t i = 0; state->scouts && i < KS_MODULES_MAX; i++) {
		if (state->scouts->at[i].worker && !state->scouts->at[i].back)
			return true;
	}
	return false;
}

void ks_scout_free_all(struct ks_state *state)
{
	struct ks_scouts *scouts = state->scouts;

	if (!scouts)
		return;
	for (size_t i = 0; i < KS_MODULES_MAX; i++)
		call_back(&scouts->at[i]);
	sd_event_source_disable_unref(scouts->end);
	free(scouts);
	state->scouts = NULL;
}

/* --- a request that waits for it --------------------------------------------------------------------------------- */

struct waiting {
	struct ks_waiter waiter; /* first, so that the waiter is the waiting */
	struct ks_request *request;
	void (*answer)(struct ks_request *request);
	enum ks_scout_reason reason;
	bool sent;
	sd_event_source *timer;
};

static void waiting_free(struct waiting *waiting)
{
	ks_state_wait_no_more(&waiting->waiter);
	sd_event_source_disable_unref(waiting->timer);
	free(waiting);
}

static void on_drop(struct ks_request *request)
{
	waiting_free(request->pending);
}

static void end_waiting(struct waiting *waiting)
{
	struct ks_request *request = waiting->request;
	void (*answer)(struct ks_request *) = waiting->answer;

	waiting_free(waiting);
	request->pending = NULL;
	request->drop = NULL;
	answer(request);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	end_waiting(userdata);
	return 0;
}

static void on_news(struct ks_waiter *waiter)
{
	struct waiting *waiting = (struct waiting *)waiter;
	struct ks_state *state = waiting->request->state;

	if (!ks_state_is_settled(state))
		return;
	if (!waiting->sent) {
		waiting->sent = true;
		ks_scout_send(state, waiting->reason, NULL);
	}
	if (!ks_scout_is_out(state)) {
		end_waiting(waiting);
		return;
	}
	if (!waiting->timer && sd_event_add_time_relative(state->event, &waiting->timer, CLOCK_MONOTONIC,
							  KS_SCOUT_DEADLINE_MS * 1000ull, 0, on_timeout, waiting) < 0)
		end_waiting(waiting);
}

void ks_scout_then(struct ks_request *request, enum ks_scout_reason reason, void (*answer)(struct ks_request *request))
{
	struct ks_state *state = request->state;
	bool settled = ks_state_is_settled(state);

	if (settled)
		ks_scout_send(state, reason, NULL);
	if (settled && !ks_scout_is_out(state)) {
		answer(request);
		return;
	}
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	if (!waiting) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	*waiting = (struct waiting){
		.waiter.changed = on_news, .request = request, .answer = answer, .reason = reason, .sent = settled
	};
	request->pending = waiting;
	request->drop = on_drop;
	ks_state_wait(state, &waiting->waiter);
	if (settled)
		on_news(&waiting->waiter);
}
