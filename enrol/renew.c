/* SPDX-License-Identifier: Apache-2.0 */
/* renew: see renew.h. Runs in: keystay-enroll. */
#include "enrol/renew.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "enrol/console.h"
#include "enrol/drivers/driver.h"
#include "enrol/keep_fresh.h"
#include "enrol/keys.h"
#include "enrol/status/status_run.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

/* --- one key ----------------------------------------------------------------------------------------------------- */

/* A first certificate comes by itself only where somebody has said whom it is to name, and that the key is to have one. */
static bool may_begin(const struct ks_profiles *profiles, const struct ks_cared_key *key)
{
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state state = { 0 };
	struct ks_enrol_problem problem;

	if (!key->is_here || key->has_certificate)
		return true;
	if (ks_enrol_state_load(profiles->folder, key->spki, &state, &problem) < 0)
		return false;
	const struct ks_profile *profile = ks_enrol_profile(profiles, &state, NULL, &problem);
	const struct ks_enrol_driver *driver = profile ? ks_enrol_driver_of(profile->protocol) : NULL;
	if (!driver || driver->needs_old)
		return false;
	return state.pending.size > 0 || state.issued.size > 0 || state.subject || state.san || profile->subject ||
	       profile->san;
}

static void add_up(const struct ks_cared_key *key, const struct ks_enrol_report *report, struct ks_renew_sum *sum)
{
	char name[257];

	ks_text_escape(ks_bytes_text(key->name), name, sizeof(name));
	switch (report->result) {
	case KS_ENROL_NOTHING:
		break;
	case KS_ENROL_DONE:
		sum->n_done++;
		break;
	case KS_ENROL_WAITS:
		sum->n_waiting++;
		sum->for_token |= report->for_token;
		break;
	case KS_ENROL_FAILED:
		sum->n_failed++;
		break;
	}
	if (report->problem.code < 0 && !(sum->is_watch && report->is_old))
		ks_console_warn("%s: %s%s", name, report->problem.text, report->for_token ? " (waits for it)" : "");
	if (report->next > 0 && report->next < sum->next)
		sum->next = report->next;
}

/* A card in somebody's pocket: nothing to say, and nothing that a run could do. But what was removed is not waited for. */
static void forget_removed(const struct ks_enrol_wish *wish, const struct ks_cared_key *key)
{
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state state = { 0 };
	const char *folder = wish->profiles->folder;
	struct ks_enrol_problem problem;
	KS_AUTO_CLOSE int lock = -1;
	char name[257];

	if (ks_enrol_state_lock(folder, key->spki, 0, &lock, &problem) < 0)
		return;
	int r = ks_enrol_state_load(folder, key->spki, &state, &problem);
	if (r == 0 && !ks_enrol_state_is_over(folder, &state))
		return;
	if (r == 0)
		r = ks_enrol_state_remove(folder, key->spki, &problem);
	ks_text_escape(ks_bytes_text(key->name), name, sizeof(name));
	if (r < 0)
		ks_console_warn("%s: %s", name, problem.text);
	else
		ks_console_tell("%s: key and certificate were removed; it is not looked after any more", name);
}

static void renew_one(const struct ks_enrol_wish *wish, const struct ks_cared_key *key, struct ks_renew_sum *sum)
{
	struct ks_enrol_report report;

	if (!key->is_here)
		forget_removed(wish, key);
	if (!key->is_here || !may_begin(wish->profiles, key))
		return;
	ks_enrol_key(wish, key->spki, &report);
	add_up(key, &report, sum);
}

/* --- one run ----------------------------------------------------------------------------------------------------- */

static int renew_all(const struct ks_enrol_wish *wish, struct ks_renew_sum *sum, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_cared_keys_deinit) struct ks_cared_keys keys = { 0 };
	struct ks_enrol_problem fresh = { .code = 0 };
	size_t n_written = 0;

	int r = ks_cared_keys_get(wish->profiles, &keys, problem);
	if (r < 0)
		return r;
	sum->generation = keys.generation;
	for (size_t i = 0; i < keys.n; i++)
		renew_one(wish, &keys.keys[i], sum);
	/* Also what somebody put into certs/ by hand. */
	if (ks_keep_fresh_run(wish->profiles->folder, &n_written, &fresh) < 0) {
		ks_console_warn("%s", fresh.text);
		sum->n_failed++;
	}
	return 0;
}

/* A CA that cannot be asked is no failed renewal. In a watch it is the agent's log that says so, once. */
static void tell_status(const struct ks_enrol_problem *problem, void *userdata)
{
	const struct ks_renew_sum *sum = userdata;

	if (!sum->is_watch)
		ks_console_warn("%s", problem->text);
}

static void look_at_status(const struct ks_profiles *profiles, const char *name, struct ks_renew_sum *sum)
{
	struct ks_enrol_problem problem;
	struct ks_status_sum status;

	if (ks_status_run(profiles->folder, name, false, tell_status, sum, &status, &problem) < 0) {
		tell_status(&problem, sum);
		return;
	}
	uint64_t next = ks_clock_wall_s() + status.next_ms / 1000;
	sum->next = next < sum->next ? next : sum->next;
}

static int renew_named(const struct ks_enrol_wish *wish, const char *name, struct ks_renew_sum *sum,
		       struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_cared_key key = { .is_here = true };
	struct ks_enrol_report report;
	struct ks_client_error error;

	if (ks_client_get(name, &found, &error) < 0)
		return ks_enrol_problem_client(problem, &error);
	ks_text_hex(found->identity.spki_hash, key.spki);
	int r = ks_cared_keys_owner(wish->profiles, key.spki, problem);
	if (r < 0)
		return r;
	KS_AUTO_FREE char *own = ks_text_copy(found->identity.name);
	key.name = own;
	if (!own)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	ks_enrol_key(wish, key.spki, &report);
	add_up(&key, &report, sum);
	if (report.result == KS_ENROL_NOTHING && report.problem.code == 0) {
		char due[KS_CONSOLE_TIME_MAX];
		ks_console_time(report.next, ks_clock_wall_s(), due);
		ks_console_tell("%s: nothing to do until %s; to renew it now: --force", own, due);
	}
	return 0;
}

int ks_renew_run(const struct ks_enroll_options *options, struct ks_renew_sum *ret_sum,
		 struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_profiles_deinit) struct ks_profiles profiles = { 0 };
	struct ks_renew_sum sum = { .next = UINT64_MAX, .is_watch = options->watch };

	int r = ks_profiles_get(&profiles, problem);
	if (r < 0)
		return r;
	const struct ks_enrol_wish wish = {
		.profiles = &profiles,
		.force = options->force,
		.lock_ms = options->name ? KS_ENROL_LOCK_MS : KS_ENROL_LOCK_UNATTENDED_MS,
	};
	r = options->name ? renew_named(&wish, options->name, &sum, problem) : renew_all(&wish, &sum, problem);
	if (r < 0)
		return r;
	look_at_status(&profiles, options->name, &sum);
	*ret_sum = sum;
	return 0;
}

/* --- for ever ---------------------------------------------------------------------------------------------------- */

static bool is_changed(uint64_t generation)
{
	struct ks_client_error error;
	uint64_t now = generation;

	return ks_client_generation(KS_CLIENT_SIGN, &now, &error) == 0 && now != generation;
}

/* Until the next time, or until the agent shows something else: a token was unlocked, a card came, somebody else put a
 * certificate there. Never longer than KS_ENROL_WATCH_MS without a look; a suspended machine finds the time gone by. */
static void sleep_until_next(const struct ks_renew_sum *sum)
{
	uint64_t step_ms = sum->for_token ? KS_ENROL_WATCH_WAITING_MS : KS_ENROL_WATCH_MS;
	uint64_t tried_ms = ks_clock_boot_ms();

	for (;;) {
		uint64_t now_ms = ks_clock_wall_ms();
		uint64_t left_ms = UINT64_MAX;
		if (sum->next <= UINT64_MAX / 1000)
			left_ms = sum->next * 1000 > now_ms ? sum->next * 1000 - now_ms : 0;
		if (left_ms == 0)
			return;
		(void)poll(NULL, 0, (int)(left_ms < step_ms ? left_ms : step_ms));
		if (is_changed(sum->generation))
			return;
		/* What waits for a token is tried now and then even without news. */
		if (ks_clock_boot_ms() - tried_ms >= KS_ENROL_WATCH_MS)
			return;
	}
}

enum ks_enroll_exit ks_renew_watch(const struct ks_enroll_options *options)
{
	struct ks_enrol_problem problem;
	char last[sizeof(problem.text)] = "";

	if (setenv("KEYSTAY_PROMPT", "never", 1) < 0)
		return KS_ENROLL_FAILED;
	for (;;) {
		struct ks_renew_sum sum = { .next = UINT64_MAX };
		if (ks_renew_run(options, &sum, &problem) < 0) {
			/* Said once: an agent that is away for an hour is one line, not thousands. */
			if (strcmp(problem.text, last) != 0)
				ks_console_warn("%s", problem.text);
			(void)ks_text_print(last, sizeof(last), "%s", problem.text);
			sum = (struct ks_renew_sum){ .next = UINT64_MAX, .for_token = true };
		} else {
			last[0] = '\0';
		}
		sleep_until_next(&sum);
	}
}
