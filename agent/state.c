/* SPDX-License-Identifier: Apache-2.0 */
/* state: see state.h. Looking up tokens is in state_tokens.c. Runs in: keystay-agent. */
#include "agent/state.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/asking.h"
#include "agent/consent.h"
#include "agent/expiry.h"
#include "agent/login.h"
#include "agent/monitor.h"
#include "agent/notify.h"
#include "agent/provisioning.h"
#include "agent/scout.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* --- waiting ----------------------------------------------------------------------------------------------------- */

void ks_state_wait(struct ks_state *state, struct ks_waiter *waiter)
{
	if (waiter->listed)
		return;
	waiter->previous = state->waiters.previous;
	waiter->next = &state->waiters;
	waiter->previous->next = waiter;
	waiter->next->previous = waiter;
	waiter->listed = true;
}

void ks_state_wait_no_more(struct ks_waiter *waiter)
{
	if (!waiter->listed)
		return;
	waiter->previous->next = waiter->next;
	waiter->next->previous = waiter->previous;
	waiter->listed = false;
}

/* Each waiter once, though they come and go meanwhile: all are moved to a ring of their own first. */
static void tell_waiters(struct ks_state *state)
{
	struct ks_waiter ring = state->waiters;

	if (ring.next == &state->waiters)
		return;
	ring.next->previous = &ring;
	ring.previous->next = &ring;
	state->waiters.next = state->waiters.previous = &state->waiters;
	while (ring.next != &ring) {
		struct ks_waiter *waiter = ring.next;
		ks_state_wait_no_more(waiter);
		ks_state_wait(state, waiter);
		waiter->changed(waiter);
	}
}

bool ks_state_is_settled(const struct ks_state *state)
{
	return state->settled;
}

static void look_whether_settled(struct ks_state *state)
{
	for (size_t i = 0; i < state->n_workers; i++) {
		if (!ks_worker_is_settled(state->workers[i]))
			return;
	}
	state->settled = true;
	state->settle_timer = sd_event_source_disable_unref(state->settle_timer);
}

static int on_settle_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_state *state = userdata;

	state->settle_timer = sd_event_source_disable_unref(state->settle_timer);
	state->settled = true;
	ks_log_warning("not every module has told its tokens yet; going on with those that have");
	ks_state_news(state);
	return 0;
}

/* --- the keyring ------------------------------------------------------------------------------------------------- */

static int build_keyring(const struct ks_state *state, const struct ks_settings *settings,
			 const struct ks_overlay *overlay, struct ks_keyring **ret_keyring)
{
	struct ks_keyring_source sources[KS_MODULES_MAX];

	for (size_t i = 0; i < state->n_workers; i++)
		sources[i] = (struct ks_keyring_source){ .module = ks_worker_name(state->workers[i]),
							 .inventory = ks_worker_inventory(state->workers[i]) };
	return ks_keyring_build(settings, sources, state->n_workers, overlay, ret_keyring);
}

/* A token that is gone is locked: who puts it back in shows that they may use it by its PIN. While a worker is being
 * started again nothing is known, and its tokens keep their state. */
static void lock_what_is_gone(struct ks_state *state)
{
	for (size_t i = 0; i < state->unlock.n_entries; i++) {
		struct ks_unlock_entry *entry = state->unlock.entries[i];
		bool here = !entry->unlocked && !ks_asking_is_under_way(state, entry);
		struct ks_token token;
		for (size_t k = 0; !here && ks_state_token_at(state, k, &token); k++)
			here = token.lock == entry;
		for (size_t k = 0; !here && k < state->n_workers; k++)
			here = strcmp(ks_worker_name(state->workers[k]), entry->module) == 0 &&
			       ks_worker_state(state->workers[k]) != KS_MODULE_READY &&
			       ks_worker_state(state->workers[k]) != KS_MODULE_FAILED;
		if (here)
			continue;
		if (ks_unlock_close(entry))
			ks_log_notice("token \"%s\" has gone and is locked", entry->label);
		ks_login_revoke(state, entry);
		ks_asking_revoke(state, entry);
	}
}

/* A token whose login is gone and whose PIN was not kept is locked, whatever the clock says; also at once when its process
 * has died. */
static void lock_what_is_logged_out(struct ks_state *state)
{
	struct ks_token token;

	for (size_t i = 0; ks_state_token_at(state, i, &token); i++) {
		if (token.lock->unlocked && !token.inventory->logged_in && !token.lock->pin &&
		    !ks_login_is_under_way(state, token.lock)) {
			(void)ks_unlock_close(token.lock);
			ks_log_notice("token \"%s\" was logged out and is locked", token.lock->label);
		}
	}
}

static void renew_keyring(struct ks_state *state)
{
	struct ks_keyring *keyring;

	state->keyring_is_old = false;
	state->built_ms = ks_clock_monotonic_ms();
	int error = build_keyring(state, state->settings, &state->overlay, &keyring);
	if (error < 0) {
		ks_log_error("the list of keys was not brought up to date: %s", ks_error_text(error));
		return;
	}
	ks_keyring_free(state->keyring);
	state->keyring = keyring;
	state->generation++;
}

static int on_news_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_state *state = userdata;

	state->news_timer = sd_event_source_disable_unref(state->news_timer);
	ks_state_wake(state);
	return 0;
}

/* A worker that reports again and again makes a keyring each KS_KEYRING_INTERVAL_MS, no more. */
static bool is_too_soon(struct ks_state *state)
{
	uint64_t since = ks_clock_monotonic_ms() - state->built_ms;

	if (since >= KS_KEYRING_INTERVAL_MS)
		return false;
	return state->news_timer ||
	       sd_event_add_time_relative(state->event, &state->news_timer, CLOCK_MONOTONIC,
					  (KS_KEYRING_INTERVAL_MS - since) * 1000, 1, on_news_timer, state) >= 0;
}

static int on_news(sd_event_source *source, void *userdata)
{
	struct ks_state *state = userdata;

	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	state->news_pending = false;
	look_whether_settled(state);
	lock_what_is_gone(state);
	lock_what_is_logged_out(state);
	if (state->keyring_is_old && state->crowded && is_too_soon(state))
		return 0;
	if (state->keyring_is_old) {
		state->crowded = ks_clock_monotonic_ms() - state->built_ms < KS_KEYRING_INTERVAL_MS;
		renew_keyring(state);
	}
	tell_waiters(state);
	return 0;
}

void ks_state_wake(struct ks_state *state)
{
	if (state->news_pending)
		return;
	if (sd_event_source_set_enabled(state->news, SD_EVENT_ONESHOT) < 0)
		ks_log_error("the event loop refuses work");
	else
		state->news_pending = true;
}

void ks_state_news(struct ks_state *state)
{
	state->keyring_is_old = true;
	ks_state_wake(state);
}

static void on_worker_changed(struct ks_worker *worker, void *userdata)
{
	(void)worker;
	ks_state_news(userdata);
	ks_scout_look_around(userdata);
}

bool ks_state_is_idle(const struct ks_state *state)
{
	for (size_t i = 0; i < state->n_workers; i++) {
		if (!ks_worker_is_idle(state->workers[i]))
			return false;
	}
	return true;
}

/* card-login = per-signature: whoever needs the card next logs in anew, from the kept PIN or by a person. */
static void log_out_what_is_done(struct ks_state *state, const struct ks_worker *worker)
{
	struct ks_token token;

	for (size_t i = 0; ks_state_token_at(state, i, &token); i++) {
		if (token.worker != worker || !token.inventory->logged_in ||
		    token.lock->n_signatures == token.lock->n_seen)
			continue;
		token.lock->n_seen = token.lock->n_signatures;
		if (token.lock->pin)
			ks_state_log_out(state, &token);
		else
			(void)ks_state_lock(state, &token);
	}
}

static void on_worker_idle(struct ks_worker *worker, void *userdata)
{
	struct ks_state *state = userdata;

	for (size_t i = 0; i < state->n_workers; i++) {
		if (state->workers[i] == worker && state->settings->modules[i].login_per_signature)
			log_out_what_is_done(state, worker);
	}
	ks_scout_look_around(state);
	if (state->all_quiet && ks_state_is_idle(state))
		state->all_quiet(state->all_quiet_userdata);
}

/* --- start, reload, end ------------------------------------------------------------------------------------------ */

static void on_unlock_expired(struct ks_unlock_entry *entry, void *userdata)
{
	struct ks_state *state = userdata;
	struct ks_token token;

	ks_log_info("token \"%s\" is locked: its time is over", entry->label);
	for (size_t i = 0; ks_state_token_at(state, i, &token); i++) {
		if (token.lock == entry)
			(void)ks_state_lock(state, &token);
	}
}

static bool is_among(struct ks_worker *const *workers, size_t n, const struct ks_worker *worker)
{
	for (size_t i = 0; i < n; i++) {
		if (workers[i] == worker)
			return true;
	}
	return false;
}

static struct ks_worker *find_worker(const struct ks_state *state, const struct ks_settings_module *module)
{
	for (size_t i = 0; i < state->n_workers; i++) {
		if (ks_worker_is_for(state->workers[i], module))
			return state->workers[i];
	}
	return NULL;
}

/* Workers for the modules of settings: those that run already for the same words are kept. Changes nothing on failure. */
static int make_workers(struct ks_state *state, const struct ks_settings *settings, struct ks_worker **workers)
{
	const struct ks_worker_watcher watcher = { .changed = on_worker_changed,
						   .idle = on_worker_idle,
						   .userdata = state };

	for (size_t i = 0; i < settings->n_modules; i++) {
		workers[i] = find_worker(state, &settings->modules[i]);
		if (workers[i])
			continue;
		int error = ks_worker_new(state->event, state->worker_program, &settings->modules[i], &watcher,
					  &workers[i]);
		if (error == 0)
			continue;
		for (size_t k = 0; k < i; k++) {
			if (!is_among(state->workers, state->n_workers, workers[k]))
				ks_worker_free(workers[k]);
		}
		return error;
	}
	return 0;
}

static void begin_settling(struct ks_state *state)
{
	state->settled = false;
	state->settle_timer = sd_event_source_disable_unref(state->settle_timer);
	if (sd_event_add_time_relative(state->event, &state->settle_timer, CLOCK_MONOTONIC,
				       KS_SETTLE_DEADLINE_MS * 1000ull, 0, on_settle_deadline, state) < 0)
		state->settled = true;
}

/* At once, not by the event loop: nobody may see a state whose keyring is of other settings. */
static struct ks_keyring *make_keyring(struct ks_state *state)
{
	static const struct ks_overlay none;
	struct ks_keyring *keyring;

	if (build_keyring(state, state->settings, &state->overlay, &keyring) == 0)
		return keyring;
	ks_log_error("memory ran out while the list of keys was made");
	if (ks_keyring_build(state->settings, NULL, 0, &none, &keyring) < 0)
		abort(); /* not even an empty list: nothing can be served any more */
	return keyring;
}

/* What is open keeps to the new rules too: a PIN that may not be kept, a time that became shorter. */
static void narrow_unlocks(struct ks_state *state)
{
	for (size_t i = 0; i < state->unlock.n_entries; i++)
		ks_unlock_narrow(state->unlock.entries[i], state->settings->unlock_for_ms, state->settings->keep_pin);
}

/* A module that is taken out, or whose file is another one now, takes its unlocked tokens with it. */
static void drop_worker(struct ks_state *state, struct ks_worker *worker)
{
	for (size_t i = 0; i < state->unlock.n_entries; i++) {
		if (strcmp(state->unlock.entries[i]->module, ks_worker_name(worker)) == 0)
			(void)ks_unlock_close(state->unlock.entries[i]);
	}
	ks_worker_free(worker);
}

void ks_state_replace_worker(struct ks_state *state, size_t index, struct ks_worker *worker)
{
	const struct ks_worker_watcher watcher = { .changed = on_worker_changed,
						   .idle = on_worker_idle,
						   .userdata = state };
	struct ks_worker *old = state->workers[index];
	struct ks_keyring *old_keyring = state->keyring;

	ks_worker_watch(worker, &watcher);
	state->workers[index] = worker;
	state->keyring = make_keyring(state);
	state->generation++;
	ks_keyring_free(old_keyring);
	ks_worker_free(old);
	ks_state_news(state);
}

/* Those that people put beside keystay.conf, and those that keystay-enroll got. */
static int read_overlay(const struct ks_state *state, const struct ks_settings *settings,
			struct ks_overlay *ret_overlay)
{
	KS_AUTO_FREE char *enrolled = ks_path_join(state->folder, "certs");
	KS_AUTO_FREE char *status = ks_path_join(state->folder, "status");
	struct ks_overlay overlay;

	int r = enrolled && status ? ks_overlay_read(settings, enrolled, &overlay) : KS_ERR_NO_MEMORY;
	if (r < 0)
		return r;
	r = ks_overlay_read_status(&overlay, &state->overlay, status);
	if (r < 0) {
		ks_overlay_deinit(&overlay);
		return r;
	}
	*ret_overlay = overlay;
	return 0;
}

int ks_state_refresh(struct ks_state *state)
{
	struct ks_overlay overlay, old_overlay = state->overlay;
	struct ks_keyring *old_keyring = state->keyring;

	int error = read_overlay(state, state->settings, &overlay);
	if (error < 0)
		return error;
	state->overlay = overlay;
	state->keyring = make_keyring(state);
	state->generation++;
	ks_keyring_free(old_keyring);
	ks_overlay_deinit(&old_overlay);
	ks_state_news(state);
	return 0;
}

static int adopt(struct ks_state *state, struct ks_settings *settings)
{
	if (settings->n_modules > KS_MODULES_MAX)
		return KS_ERR_LIMIT;
	struct ks_overlay overlay;
	int error = read_overlay(state, settings, &overlay);
	if (error < 0)
		return error;
	struct ks_worker **workers = calloc(settings->n_modules + 1, sizeof(struct ks_worker *));
	error = workers ? make_workers(state, settings, workers) : KS_ERR_NO_MEMORY;
	if (error < 0) {
		free(workers);
		ks_overlay_deinit(&overlay);
		return error;
	}
	/* From here on nothing fails. All that is new is in place before anything old is freed: the end of a worker
	 * answers its callers, and they look around. */
	struct ks_state old = *state;
	state->workers = workers;
	state->n_workers = settings->n_modules;
	state->overlay = overlay;
	state->settings = settings;
	begin_settling(state);
	state->keyring = make_keyring(state);
	state->generation++;
	narrow_unlocks(state);
	ks_keyring_free(old.keyring);
	for (size_t i = 0; i < old.n_workers; i++) {
		if (!is_among(workers, settings->n_modules, old.workers[i]))
			drop_worker(state, old.workers[i]);
	}
	free(old.workers);
	ks_scout_free_all(state);
	ks_overlay_deinit(&old.overlay);
	ks_settings_free(old.settings);
	ks_provisioning_keep_resting(state);
	for (size_t i = 0; i < state->n_workers; i++)
		ks_worker_start(state->workers[i]);
	ks_state_news(state);
	return 0;
}

/* Where counts are kept. A home that cannot be written to (a read-only one, a service without one) must not mean that
 * nothing is counted: then it is the folder of the sockets, which lives as long as the user is logged in. */
static int open_tries(struct ks_state *state, bool is_system)
{
	KS_AUTO_FREE char *folder = NULL;
	KS_AUTO_FREE char *runtime = NULL;

	int error = is_system ? ks_path_system_state(&folder) : ks_path_state_home(&folder);
	if (error == 0)
		error = ks_tries_open(folder, &state->tries);
	if (error == 0 || error == KS_ERR_NO_MEMORY)
		return error;
	ks_log_warning("counts of PINs cannot be kept in %s: %s; they are kept until %s",
		       folder ? folder : "the state folder", ks_error_text(error),
		       is_system ? "the machine restarts" : "you log out");
	error = is_system ? ks_path_system_runtime(&runtime) : ks_path_runtime(&runtime);
	if (error < 0)
		return error;
	KS_AUTO_FREE char *instead = ks_path_join(runtime, "state");
	return instead ? ks_tries_open_instead(folder ? folder : instead, instead, &state->tries) : KS_ERR_NO_MEMORY;
}

/* That of those counts. */
static int choose_folder(struct ks_state *state)
{
	state->folder = ks_text_copy(ks_bytes_text(ks_tries_file(state->tries)));
	if (!state->folder)
		return KS_ERR_NO_MEMORY;
	*strrchr(state->folder, '/') = '\0';
	return 0;
}

/* All files that any rule names as server-ca. */
static int follow_anchors(struct ks_state *state, const struct ks_settings *settings)
{
	const char *files[KS_ANCHOR_FILES_MAX];
	size_t n = ks_settings_anchor_files(settings, files, KS_ANCHOR_FILES_MAX);

	return ks_prover_follow(state->prover, files, n);
}

int ks_state_init(struct ks_state *state, sd_event *event, const char *configuration, struct ks_settings *settings)
{
	*state = (struct ks_state){ .event = event,
				    .configuration = configuration,
				    .started_s = ks_clock_wall_s(),
				    /* A client that knew another agent must not take our list for its. */
				    .generation = ks_clock_wall_s() << 20 };
	state->waiters.next = state->waiters.previous = &state->waiters;
	ks_unlock_init(&state->unlock, event, on_unlock_expired, state);

	KS_AUTO_FREE char *folder = NULL;
	int error = ks_path_own_folder(&folder);
	if (error == 0) {
		state->worker_program = ks_path_join(folder, "keystay-token");
		error = state->worker_program ? 0 : KS_ERR_NO_MEMORY;
	}
	if (error == 0) {
		state->prompt_program = ks_path_join(folder, "keystay-prompt");
		error = state->prompt_program ? ks_prompts_new(event, state->prompt_program, &state->prompts) :
						KS_ERR_NO_MEMORY;
	}
	if (error == 0) {
		state->prove_program = ks_path_join(folder, "keystay-prove");
		error = state->prove_program ? ks_prover_new(event, state->prove_program, &state->prover) :
					       KS_ERR_NO_MEMORY;
	}
	if (error == 0)
		error = follow_anchors(state, settings);
	if (error == 0) {
		state->audit_program = ks_path_join(folder, "keystay-audit");
		error = state->audit_program ? ks_audit_new(event, state->audit_program, settings, &state->audit) :
					       KS_ERR_NO_MEMORY;
	}
	if (error == 0)
		error = ks_monitor_new(event, &state->monitor);
	if (error == 0)
		error = open_tries(state, settings->is_system);
	if (error == 0)
		error = choose_folder(state);
	if (error == 0)
		error = ks_expiry_new(state, state->folder, &state->expiry);
	if (error == 0 && (sd_event_add_defer(event, &state->news, on_news, state) < 0 ||
			   sd_event_source_set_enabled(state->news, SD_EVENT_OFF) < 0))
		error = KS_ERR_SYSTEM;
	if (error == 0)
		error = adopt(state, settings);
	if (error < 0) {
		ks_settings_free(settings);
		return error;
	}
	return 0;
}

int ks_state_reload(struct ks_state *state, struct ks_settings_error *ret_error)
{
	struct ks_settings *settings = NULL;

	int error = state->settings->is_system ? ks_settings_read_system(state->configuration, &settings, ret_error) :
						 ks_settings_read(state->configuration, &settings, ret_error);
	if (error == 0) {
		error = adopt(state, settings);
		if (error < 0) {
			ks_settings_free(settings);
			(void)ks_text_print(ret_error->text, sizeof(ret_error->text), "%s", ks_error_text(error));
		}
	}
	state->reload_problem[0] = '\0';
	if (error == 0) {
		state->n_reloads++;
		state->no_pss = (struct ks_no_pss){ .n = 0 };
		ks_consent_forget(state, false);
		ks_audit_follow(state->audit, settings);
		/* Whatever stays undone here leaves a rule that cannot be proven, and refuses. */
		if (follow_anchors(state, settings) < 0)
			ks_log_error("the files of server-ca could not be handed to keystay-prove");
	}
	if (error == 0 && state->reloaded)
		state->reloaded(state->reloaded_userdata);
	if (error < 0) {
		(void)ks_text_print(state->reload_problem, sizeof(state->reload_problem), "%s", ret_error->text);
		return error;
	}
	return 0;
}

void ks_state_deinit(struct ks_state *state)
{
	if (state->waiters.next) {
		ks_asking_free_all(state);
		ks_consent_free_all(state);
		ks_login_free_all(state);
		ks_scout_free_all(state);
		ks_provisioning_free_all(state);
	}
	ks_expiry_free(state->expiry);
	ks_notify_free_all(state);
	ks_prompts_free(state->prompts);
	ks_prover_free(state->prover);
	ks_audit_free(state->audit);
	ks_monitor_free(state->monitor);
	for (size_t i = 0; i < state->n_workers; i++)
		ks_worker_free(state->workers[i]);
	free(state->workers);
	ks_keyring_free(state->keyring);
	ks_unlock_deinit(&state->unlock);
	ks_overlay_deinit(&state->overlay);
	ks_settings_free(state->settings);
	ks_tries_close(state->tries);
	ks_rate_deinit(&state->rate);
	sd_event_source_disable_unref(state->news);
	sd_event_source_disable_unref(state->news_timer);
	sd_event_source_disable_unref(state->settle_timer);
	free(state->folder);
	free(state->worker_program);
	free(state->prompt_program);
	free(state->prove_program);
	free(state->audit_program);
}
