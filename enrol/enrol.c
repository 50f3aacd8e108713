/* SPDX-License-Identifier: Apache-2.0 */
/* enrol: see enrol.h. Runs in: keystay-enroll. */
#include "enrol/enrol.h"

#include <string.h>

#include "enrol/console.h"
#include "enrol/deploy.h"
#include "enrol/drivers/driver.h"
#include "enrol/install.h"
#include "enrol/order.h"
#include "enrol/rekey.h"
#include "enrol/schedule.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/tls/certificate_dates.h"

uint64_t ks_enrol_due(const struct ks_client_identity *identity, const struct ks_enrol_state *state)
{
	uint64_t begin = identity->identity.not_before;

	if (identity->identity.n_certificates == 0)
		return 0;
	if (state->installed_at > begin && state->installed_at < identity->identity.not_after)
		begin = state->installed_at;
	return ks_schedule_due(begin, identity->identity.not_after,
			       ks_schedule_random(ks_client_identity_leaf(identity)));
}

const struct ks_profile *ks_enrol_profile(const struct ks_profiles *profiles, const struct ks_enrol_state *state,
					  const char *typed, struct ks_enrol_problem *problem)
{
	uint8_t hash[32];
	size_t size = 0;
	const char *name = typed;

	if (!name && ks_text_unhex(state->spki, hash, sizeof(hash), &size) == 0)
		name = ks_profiles_of_key(profiles, hash);
	if (!name)
		name = state->profile;
	if (name)
		return ks_profiles_find(profiles, name, problem);
	(void)ks_enrol_problem_final(problem, KS_ERR_CONFIG,
				     "the key has no enrolment profile: keystay enroll NAME --profile PROFILE, or "
				     "profile = in its [key] section of keystay.conf");
	return NULL;
}

/* --- how it went ------------------------------------------------------------------------------------------------- */

/* Only a person or a hand at the reader helps; nothing is wrong. */
static bool is_waiting(int code)
{
	switch (code) {
	case KS_ERR_TOKEN_LOCKED:
	case KS_ERR_TOKEN_ABSENT:
	case KS_ERR_NO_PROMPT:
	case KS_ERR_NEEDS_DIALOG:
	case KS_ERR_PIN_FINAL_TRY:
	case KS_ERR_CANCELLED:
		return true;
	default:
		return false;
	}
}

/* What is to be known of it the next time. That it cannot be kept is said; the problem itself is worse. */
static void keep_outcome(struct ks_order *order, struct ks_enrol_report *report)
{
	struct ks_enrol_state *state = &order->state;
	struct ks_enrol_problem other;

	/* A key that nobody looks after gets no state by a command that went wrong. */
	if (!order->profile && !state->profile)
		return;
	report->is_old = state->error && strcmp(state->error, report->problem.text) == 0;
	ks_enrol_state_note_failure(state, &report->problem);
	state->waits = report->result == KS_ENROL_WAITS;
	state->next = report->next;
	state->failed_at = order->now;
	if (ks_enrol_state_save(order->wish->profiles->folder, state, &other) < 0)
		ks_console_warn("%s", other.text);
}

/* The agent goes on with a certificate that began later than the new one: only one that is asked for later can take its
 * place. Where it refuses for another reason, asking again would bring the same, each hour. */
static bool is_overtaken(const struct ks_order *order, const struct ks_enrol_problem *problem)
{
	const struct ks_enrol_state *state = &order->state;
	int64_t from, until;

	return problem->code == KS_ERR_RULE && !state->new_spki[0] && order->key &&
	       ks_certificate_dates_read(ks_install_leaf(ks_buffer_bytes(&state->issued)), &from, &until) == 0 &&
	       from < (int64_t)order->key->identity.not_before;
}

static void fail(struct ks_order *order, struct ks_enrol_report *report)
{
	struct ks_enrol_state *state = &order->state;
	uint64_t end = order->key ? order->key->identity.not_after : 0;

	if (report->problem.is_final && (!state->issued.size || is_overtaken(order, &report->problem)))
		ks_enrol_state_forget_order(state);
	report->for_token = is_waiting(report->problem.code);
	report->result = report->for_token ? KS_ENROL_WAITS : KS_ENROL_FAILED;
	if (report->for_token)
		report->next = 0;
	else if (report->problem.later > order->now)
		report->next = report->problem.later;
	else if (report->problem.is_final)
		report->next = order->now + ks_schedule_longest_s(order->now, end);
	else
		report->next = order->now + ks_schedule_retry_s(++state->n_failures, order->now, end,
								ks_clock_monotonic_ms() * 2654435761u >> 8);
	keep_outcome(order, report);
}

static void wait_until(struct ks_order *order, struct ks_enrol_report *report, uint64_t next)
{
	report->result = KS_ENROL_WAITS;
	report->next = next;
	keep_outcome(order, report);
}

/* --- the steps --------------------------------------------------------------------------------------------------- */

/* What was typed holds for what is begun now, and for its end in later runs. */
static int take_wish(struct ks_order *order, struct ks_enrol_problem *problem)
{
	const struct ks_enrol_wish *wish = order->wish;
	struct ks_enrol_state *state = &order->state;
	int r = 0;

	if (wish->force && state->issued.size == 0)
		ks_enrol_state_forget_order(state);
	if (wish->profile)
		r = ks_enrol_state_set(&state->profile, wish->profile);
	if (r == 0 && wish->subject)
		r = ks_enrol_state_set(&state->subject, wish->subject);
	if (r == 0 && wish->san)
		r = ks_enrol_state_set(&state->san, wish->san);
	if (r == 0 && order->key) {
		KS_AUTO_FREE char *name = ks_text_copy(order->key->identity.name);
		r = name ? ks_enrol_state_set(&state->key, name) : KS_ERR_NO_MEMORY;
	}
	return r < 0 ? ks_enrol_problem_code(problem, r) : 0;
}

static bool is_under_way(const struct ks_enrol_state *state)
{
	return state->pending.size > 0 || state->issued.size > 0;
}

/* Is it time? *ret_next when not. */
static bool is_time(const struct ks_order *order, uint64_t *ret_next)
{
	const struct ks_enrol_state *state = &order->state;
	uint64_t due = ks_enrol_due(order->key, state);

	*ret_next = state->next;
	if (order->wish->force || order->wish->enrol)
		return true;
	if (!is_under_way(state) && ks_order_has_certificate(order) && order->now < due) {
		*ret_next = due;
		return false;
	}
	return order->now >= state->next;
}

/* An order that ends with a judged chain in the state. 1: not yet, *ret_next says when. */
static int order_chain(struct ks_order *order, uint64_t *ret_next, struct ks_enrol_problem *problem)
{
	uint64_t wait_s = 0;

	if (order->state.issued.size > 0)
		return 0;
	int r = ks_order_place(order, &wait_s, problem);
	if (r == 1) {
		*ret_next = order->now + wait_s;
		(void)ks_enrol_problem_set(problem, KS_ERR_BUSY,
					   "the CA has not decided yet; keystay renew asks again");
	}
	return r;
}

static void tell(const struct ks_order *order, const struct ks_deploy_result *result, uint64_t *ret_next)
{
	char until[KS_CONSOLE_TIME_MAX], due[KS_CONSOLE_TIME_MAX];

	*ret_next = ks_schedule_due(result->not_before, result->not_after, result->random);
	ks_console_time(result->not_after, order->now, until);
	ks_console_time(*ret_next, order->now, due);
	ks_console_tell("%s: new certificate until %s, the next one is due %s", result->name, until, due);
}

/* Both ends of it: what an earlier run left to be told, and what this one does. */
static void work(struct ks_order *order, struct ks_enrol_report *report)
{
	struct ks_enrol_problem *problem = &report->problem;
	struct ks_deploy_result result = { .next = 0 };

	int r = order_chain(order, &report->next, problem);
	if (r == 1) {
		wait_until(order, report, report->next);
		return;
	}
	if (r == 0)
		r = ks_deploy(order, &result, problem);
	if (r == 1) {
		wait_until(order, report, result.next);
		return;
	}
	if (result.installed)
		tell(order, &result, &report->next);
	if (r < 0 && result.installed) {
		/* The certificate is there; a program has not been told of it. The state is the new one's already. */
		report->result = KS_ENROL_FAILED;
		return;
	}
	if (r < 0) {
		fail(order, report);
		return;
	}
	report->result = KS_ENROL_DONE;
	report->problem = (struct ks_enrol_problem){ .code = 0 };
}

/* What an earlier run was killed in the midst of, and keys whose time is over. */
static int tidy(struct ks_order *order, struct ks_enrol_problem *problem)
{
	struct ks_enrol_problem note = { .code = 0 };
	const char *folder = order->wish->profiles->folder;
	bool changed = false;
	int r = 0;

	if (order->state.hook_due && order->state.issued.size == 0)
		r = ks_deploy_tell(order, problem);
	if (r < 0)
		return r;
	/* A clock that is years ahead would end them all; by such a clock the key that took their place has no certificate. */
	if (ks_order_has_certificate(order))
		ks_rekey_remove_previous(folder, &order->state, order->now, &changed, &note);
	if (note.code < 0)
		ks_console_warn("%s: a key that was replaced is still there: %s",
				order->state.key ? order->state.key : order->state.spki, note.text);
	return changed ? ks_enrol_state_save(folder, &order->state, problem) : 0;
}

/* A person who enrols a key that has what is asked for has mistaken one for another. */
static bool is_again(const struct ks_order *order, struct ks_enrol_report *report)
{
	char until[KS_CONSOLE_TIME_MAX];

	if (!order->wish->enrol || order->wish->force || is_under_way(&order->state) ||
	    !ks_order_has_certificate(order))
		return false;
	ks_console_time(order->key->identity.not_after, order->now, until);
	report->result = KS_ENROL_FAILED;
	(void)ks_enrol_problem_final(&report->problem, KS_ERR_BUSY,
				     "the key has a certificate that holds until %s; to get another one all the same: "
				     "--force",
				     until);
	return true;
}

static int get_key(struct ks_order *order, struct ks_enrol_problem *problem)
{
	struct ks_client_error error;

	int r = ks_client_get(order->state.spki, &order->key, &error);
	if (r == KS_ERR_UNKNOWN_KEY)
		return ks_enrol_problem_set(problem, KS_ERR_TOKEN_ABSENT, "its token is not here");
	return r < 0 ? ks_enrol_problem_client(problem, &error) : 0;
}

static int find_driver(struct ks_order *order, struct ks_enrol_problem *problem)
{
	order->profile = ks_enrol_profile(order->wish->profiles, &order->state, order->wish->profile, problem);
	if (!order->profile)
		return problem->code;
	order->driver = ks_enrol_driver_of(order->profile->protocol);
	if (!order->driver)
		return ks_enrol_problem_final(problem, KS_ERR_UNSUPPORTED,
					      "%s: this keystay-enroll does not speak protocol %s",
					      order->profile->origin, order->profile->protocol);
	return 0;
}

/* Too early to ask the CA again: still nothing is done, and a script is to know. */
static void say_it_waits(const struct ks_order *order, struct ks_enrol_report *report)
{
	char when[KS_CONSOLE_TIME_MAX];

	report->result = KS_ENROL_WAITS;
	report->is_old = true;
	ks_console_time(report->next, order->now, when);
	(void)ks_enrol_problem_set(&report->problem, KS_ERR_BUSY, "%s (not before %s)",
				   order->state.error ? order->state.error : "an order is under way", when);
}

static void go(struct ks_order *order, struct ks_enrol_report *report)
{
	struct ks_enrol_problem *problem = &report->problem;

	int r = get_key(order, problem);
	if (r == 0)
		r = find_driver(order, problem);
	if (r == 0 && is_again(order, report))
		return;
	if (r == 0)
		r = take_wish(order, problem);
	if (r == 0)
		r = tidy(order, problem);
	if (r < 0)
		fail(order, report);
	else if (is_time(order, &report->next))
		work(order, report);
	else if (is_under_way(&order->state))
		say_it_waits(order, report);
}

static void order_deinit(struct ks_order *order)
{
	ks_enrol_state_deinit(&order->state);
	ks_client_identity_free(order->key);
}

void ks_enrol_key(const struct ks_enrol_wish *wish, const char *spki, struct ks_enrol_report *ret_report)
{
	KS_CLEANUP(order_deinit) struct ks_order order = { .wish = wish, .now = ks_clock_wall_s() };
	KS_AUTO_CLOSE int lock = -1;
	const char *folder = wish->profiles->folder;

	*ret_report = (struct ks_enrol_report){ .result = KS_ENROL_NOTHING };
	struct ks_enrol_problem *problem = &ret_report->problem;
	int r = ks_enrol_state_lock(folder, spki, wish->lock_ms, &lock, problem);
	if (r == 0)
		r = ks_enrol_state_load(folder, spki, &order.state, problem);
	if (r < 0) {
		ret_report->result = r == KS_ERR_BUSY ? KS_ENROL_WAITS : KS_ENROL_FAILED;
		ret_report->next = order.now + 1;
		return;
	}
	go(&order, ret_report);
}
