/* SPDX-License-Identifier: Apache-2.0 */
/* deploy: see deploy.h. Runs in: keystay-enroll. */
#include "enrol/deploy.h"

#include <string.h>

#include "enrol/console.h"
#include "enrol/hook.h"
#include "enrol/install.h"
#include "enrol/keep_fresh.h"
#include "enrol/schedule.h"
#include "enrol/status/status.h"
#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"
#include "lib/tls/certificate.h"

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)
KS_DEFINE_CLEANUP(struct ks_certificate *, ks_certificate_unref)

/* --- telling programs -------------------------------------------------------------------------------------------- */

static char *name_of(const char *spki)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_client_error error;

	return ks_client_get(spki, &found, &error) == 0 ? ks_text_copy(found->identity.name) : NULL;
}

/* Files first: the hook's program reads them. A failure of either is said and kept, and not tried again: the next
 * renewal is the next time. */
static int tell_programs(const struct ks_profiles *profiles, const struct ks_profile *profile,
			 struct ks_enrol_state *state, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *name = name_of(state->spki);
	struct ks_enrol_problem other;
	size_t n_written;

	int r = ks_keep_fresh_run(profiles->folder, &n_written, problem);
	if (profile->deploy_hook) {
		int hook = ks_hook_run(profile->deploy_hook, name ? name : state->key, state->installed,
				       r < 0 ? &other : problem);
		if (r < 0 && hook < 0)
			ks_console_warn("%s", other.text);
		r = r < 0 ? r : hook;
	}
	if (r < 0)
		ks_enrol_state_note_failure(state, problem);
	state->hook_due = false;
	int saved = ks_enrol_state_save(profiles->folder, state, r < 0 ? &other : problem);
	return r < 0 ? r : saved;
}

int ks_deploy_tell(struct ks_order *order, struct ks_enrol_problem *problem)
{
	int r = ks_install_refresh(problem);

	/* The old file may be there still. */
	if (r == 0 && order->state.installed)
		r = ks_install_clean(order->wish->profiles->folder, order->state.spki, order->state.installed, problem);
	if (r < 0 || !order->state.installed)
		return r;
	return tell_programs(order->wish->profiles, order->profile, &order->state, problem);
}

/* --- the swap ---------------------------------------------------------------------------------------------------- */

static int look(struct ks_order *order, struct ks_deploy_result *result, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *leaf = NULL;
	struct ks_bytes der = ks_install_leaf(ks_buffer_bytes(&order->state.issued));
	char when[KS_CONSOLE_TIME_MAX];

	int r = ks_certificate_new(der, &leaf);
	if (r < 0) {
		ks_enrol_state_forget_order(&order->state);
		return ks_enrol_problem_set(problem, r, "the certificate in the key's state is damaged");
	}
	result->not_before = (uint64_t)ks_certificate_not_before(leaf);
	result->not_after = (uint64_t)ks_certificate_not_after(leaf);
	result->random = ks_schedule_random(der);
	result->next = result->not_before;
	if (order->now >= result->not_after) {
		ks_enrol_state_forget_order(&order->state);
		return ks_enrol_problem_set(problem, KS_ERR_DENIED,
					    "the new certificate expired before it could be installed");
	}
	if (order->now >= result->not_before) {
		result->not_before = order->now;
		return 0;
	}
	ks_console_time(result->not_before, order->now, when);
	(void)ks_enrol_problem_set(
		problem, KS_ERR_BUSY,
		"the new certificate holds from %s on and is installed then; the old one stays until "
		"then",
		when);
	return 1;
}

/* The second key gets a state of its own, with what the old one's says but for the order; the old key is in it. */
static int inherit(const struct ks_order *order, struct ks_enrol_state *heir, struct ks_enrol_problem *problem)
{
	const struct ks_enrol_state *state = &order->state;
	int r = ks_enrol_state_load(order->wish->profiles->folder, state->new_spki, heir, problem);
	bool known = false;

	if (r < 0)
		return r;
	r = ks_enrol_state_set(&heir->key, state->key);
	if (r == 0)
		r = ks_enrol_state_set(&heir->profile, state->profile);
	if (r == 0)
		r = ks_enrol_state_set(&heir->subject, state->subject);
	if (r == 0)
		r = ks_enrol_state_set(&heir->san, state->san);
	if (r < 0)
		return ks_enrol_problem_code(problem, r);
	for (size_t i = 0; i < heir->n_previous; i++)
		known |= strcmp(heir->previous[i].spki, state->spki) == 0;
	/* Those before it, too: their certificates may still hold. */
	for (size_t i = 0; !known && i < state->n_previous && heir->n_previous < KS_ENROL_PREVIOUS_MAX; i++)
		heir->previous[heir->n_previous++] = state->previous[i];
	if (!known && heir->n_previous < KS_ENROL_PREVIOUS_MAX) {
		struct ks_enrol_state_previous *previous = &heir->previous[heir->n_previous++];
		memcpy(previous->spki, state->spki, sizeof(previous->spki));
		previous->remove_after = order->key->identity.not_after;
	}
	return 0;
}

/* Everything up to the point at which the agent shows it. Nothing of the old one has been touched then. */
static int swap(const struct ks_order *order, struct ks_enrol_state *target, struct ks_enrol_problem *problem)
{
	const char *folder = order->wish->profiles->folder;
	struct ks_bytes chain = ks_buffer_bytes(&order->state.issued);
	KS_AUTO_FREE char *path = NULL;

	/* Before the swap: from it on programs are to be told, whoever is killed. */
	target->hook_due = true;
	int r = ks_enrol_state_save(folder, target, problem);
	if (r == 0)
		r = ks_install_write(folder, order->state.key, chain, &path, problem);
	if (r == 0)
		r = ks_install_take_over(folder, target->spki, path, ks_install_leaf(chain), problem);
	if (r == 0)
		r = ks_enrol_state_set(&target->installed, path);
	return r;
}

/* Before the agent has it: a key with `revocation = require` must not be refused until the next look. What hinders is
 * no matter of the new certificate. */
static void ask_status(const struct ks_order *order)
{
	struct ks_reader reader = ks_reader(ks_buffer_bytes(&order->state.issued));
	struct ks_bytes chain[KS_CHAIN_MAX];
	struct ks_enrol_problem note;
	uint64_t next_ms;
	bool changed = false;
	size_t n = 0;

	while (n < KS_CHAIN_MAX && ks_reader_left(&reader) > 0)
		chain[n++] = ks_der_take_any(&reader, NULL);
	if (n > 1 && ks_reader_ok(&reader) &&
	    ks_status_refresh_chain(order->wish->profiles->folder, order->state.key, chain, n, false, &next_ms,
				    &changed, &note) < 0)
		ks_console_warn("%s", note.text);
}

/* What a card can hold it gets, for other machines; here the file counts. */
static void copy_to_token(const struct ks_order *order, const struct ks_enrol_state *target)
{
	struct ks_enrol_problem note;
	bool same_key = strcmp(target->spki, order->state.spki) == 0;
	struct ks_bytes old = same_key ? ks_client_identity_leaf(order->key) : KS_BYTES_NONE;

	if (order->profile->store_on_token &&
	    !ks_install_on_token(target->spki, ks_install_leaf(ks_buffer_bytes(&order->state.issued)), old, &note) &&
	    note.code != KS_ERR_UNSUPPORTED)
		ks_console_warn("%s: the new certificate is in use, but not on the token: %s", target->key, note.text);
}

/* The order is done: its state says so, the old certificate's file goes, and of a rekey the old key's state. */
static int settle(struct ks_order *order, struct ks_enrol_state *target, struct ks_enrol_problem *problem)
{
	const char *folder = order->wish->profiles->folder;
	KS_AUTO_FREE char *name = name_of(target->spki);

	copy_to_token(order, target);
	int r = name ? ks_enrol_state_set(&target->key, name) : 0;
	if (r < 0)
		return ks_enrol_problem_code(problem, r);
	ks_enrol_state_forget_order(target);
	ks_enrol_state_forget_failure(target);
	target->installed_at = order->now;
	r = ks_enrol_state_save(folder, target, problem);
	if (r == 0)
		r = ks_install_clean(folder, target->spki, target->installed, problem);
	if (r == 0 && target != &order->state)
		r = ks_enrol_state_remove(folder, order->state.spki, problem);
	return r;
}

static int deploy_to(struct ks_order *order, struct ks_enrol_state *target, struct ks_deploy_result *result,
		     struct ks_enrol_problem *problem)
{
	ask_status(order);
	int r = swap(order, target, problem);
	if (r == 0)
		r = settle(order, target, problem);
	if (r < 0)
		return r;
	result->installed = true;
	ks_text_escape(ks_bytes_text(target->key), result->name, sizeof(result->name));
	return tell_programs(order->wish->profiles, order->profile, target, problem);
}

int ks_deploy(struct ks_order *order, struct ks_deploy_result *ret_result, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state heir = { 0 };
	KS_AUTO_CLOSE int lock = -1;
	const char *folder = order->wish->profiles->folder;

	int r = look(order, ret_result, problem);
	if (r != 0)
		return r;
	if (!order->state.new_spki[0])
		return deploy_to(order, &order->state, ret_result, problem);
	/* The old key's lock is held: nobody else waits for that one while holding this. */
	r = ks_enrol_state_lock(folder, order->state.new_spki, KS_ENROL_LOCK_UNATTENDED_MS, &lock, problem);
	if (r == 0)
		r = inherit(order, &heir, problem);
	return r < 0 ? r : deploy_to(order, &heir, ret_result, problem);
}
