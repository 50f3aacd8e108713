/* SPDX-License-Identifier: Apache-2.0 */
/* order: see order.h. Runs in: keystay-enroll. */
#include "enrol/order.h"

#include <string.h>

#include "enrol/drivers/driver.h"
#include "enrol/judge.h"
#include "enrol/rekey.h"
#include "enrol/request.h"
#include "enrol/schedule.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

/* What one order needs while it is at the CA. */
struct sending {
	struct ks_client_identity *new_key; /* owned; of a rekey, or NULL */
	struct ks_buffer subject, names, csr;
	struct ks_secret *own_secret; /* owned; of the profile */
	struct ks_enrol_request request;
	struct ks_enrol_answer answer;
};

static void sending_deinit(struct sending *sending)
{
	ks_client_identity_free(sending->new_key);
	ks_buffer_deinit(&sending->subject);
	ks_buffer_deinit(&sending->names);
	ks_buffer_deinit(&sending->csr);
	ks_secret_free(sending->own_secret);
	ks_enrol_answer_deinit(&sending->answer);
}

bool ks_order_has_certificate(const struct ks_order *order)
{
	const struct ks_msg_identity *identity = &order->key->identity;

	return identity->n_certificates > 0 && !identity->revoked && identity->not_before <= order->now &&
	       order->now < identity->not_after;
}

/* --- what is sent ------------------------------------------------------------------------------------------------ */

static int take_secret(const struct ks_order *order, struct sending *sending, struct ks_enrol_problem *problem)
{
	sending->request.secret = order->wish->secret;
	if (sending->request.secret)
		return 0;
	int r = ks_profile_secret(order->profile, &sending->own_secret, problem);
	sending->request.secret = sending->own_secret;
	return r;
}

/* Who signs in at the CA: at a renewal the old certificate. A person who enrols has said what else does, or nothing. */
static void take_old(const struct ks_order *order, struct sending *sending)
{
	bool has = ks_order_has_certificate(order);
	bool wanted = !order->wish->enrol || order->driver->needs_old || !sending->request.secret;

	sending->request.old = has && wanted ? order->key : NULL;
}

/* With `rekey = yes`, at a renewal. An order that is under way stays with the key that it is of. */
static int take_key(struct ks_order *order, struct sending *sending, struct ks_enrol_problem *problem)
{
	bool under_way = order->state.pending.size > 0;
	bool second = under_way ? order->state.new_id != NULL :
				  order->profile->rekey && !order->wish->enrol && ks_order_has_certificate(order) &&
					  order->state.n_previous < KS_ENROL_PREVIOUS_MAX;
	int r = 0;

	if (second)
		r = ks_rekey_ensure(order->wish->profiles, &order->state, order->key, &sending->new_key, problem);
	else if (order->state.new_id)
		r = ks_rekey_abandon(order->wish->profiles->folder, &order->state, problem);
	sending->request.key = sending->new_key ? sending->new_key : order->key;
	return r;
}

/* The typed names are those of an enrolment; a renewal asks for what the profile says now, else for the same again. */
static int take_names(const struct ks_order *order, struct sending *sending, struct ks_enrol_problem *problem)
{
	bool renewal = !order->wish->enrol && ks_order_has_certificate(order);
	const struct ks_request_whom whom = {
		.subject = renewal ? NULL : order->state.subject,
		.san = renewal ? NULL : order->state.san,
		.profile = order->profile,
		.old = order->key->identity.n_certificates > 0 ? order->key : NULL,
	};

	int r = ks_request_names(&whom, &sending->subject, &sending->names, problem);
	sending->request.subject = ks_buffer_bytes(&sending->subject);
	sending->request.names = ks_buffer_bytes(&sending->names);
	return r;
}

/* While an order is pending its request is the same one; but one with a challenge in it is never kept. */
static int take_request(const struct ks_order *order, struct sending *sending, struct ks_enrol_problem *problem)
{
	const struct ks_secret *challenge = order->driver->wants_challenge ? sending->request.secret : NULL;

	sending->request.pending = ks_buffer_bytes(&order->state.pending);
	if (order->driver->makes_no_request && !order->profile->cmp_p10cr)
		return 0;
	if (order->state.pending.size > 0 && order->state.request.size > 0) {
		sending->request.csr = ks_buffer_bytes(&order->state.request);
		return 0;
	}
	sending->csr.secret = challenge != NULL;
	int r = ks_request_make(sending->request.key, order->profile, sending->request.subject, sending->request.names,
				challenge, &sending->csr, problem);
	/* To ask how an order stands needs no token. */
	if (r < 0 && order->state.pending.size > 0) {
		ks_buffer_release(&sending->csr);
		r = 0;
	}
	sending->request.csr = ks_buffer_bytes(&sending->csr);
	return r;
}

static int prepare(struct ks_order *order, struct sending *sending, struct ks_enrol_problem *problem)
{
	sending->request.profile = order->profile;
	int r = take_secret(order, sending, problem);
	take_old(order, sending);
	if (r == 0)
		r = take_key(order, sending, problem);
	if (r == 0)
		r = take_names(order, sending, problem);
	if (r == 0)
		r = take_request(order, sending, problem);
	return r;
}

/* --- what comes back --------------------------------------------------------------------------------------------- */

static int keep(struct ks_buffer *field, struct ks_bytes bytes)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer copy = { .secret = field->secret };

	ks_buffer_put(&copy, bytes);
	int r = ks_buffer_error(&copy);
	if (r < 0)
		return r;
	ks_buffer_deinit(field);
	*field = copy;
	copy = (struct ks_buffer){ 0 };
	return 0;
}

static int take_pending(struct ks_order *order, const struct sending *sending, uint64_t *ret_wait_s,
			struct ks_enrol_problem *problem)
{
	struct ks_enrol_state *state = &order->state;
	uint64_t not_after = ks_order_has_certificate(order) ? order->key->identity.not_after : 0;

	if (state->pending_since == 0)
		state->pending_since = order->now;
	if (order->now > state->pending_since + KS_ENROL_PENDING_MAX_S)
		return ks_enrol_problem_final(
			problem, KS_ERR_TIMEOUT,
			"the CA has not decided about the request for %u days; it was given up. Ask "
			"who runs the CA",
			KS_ENROL_PENDING_MAX_S / (24 * 3600));
	int r = keep(&state->pending, ks_buffer_bytes(&sending->answer.pending));
	/* What a driver keeps may be nothing but that it must come again. */
	if (r == 0 && state->pending.size == 0)
		r = keep(&state->pending, ks_bytes_text("-"));
	if (r == 0 && sending->csr.size > 0 && !sending->csr.secret)
		r = keep(&state->request, ks_buffer_bytes(&sending->csr));
	if (r < 0)
		return ks_enrol_problem_code(problem, r);
	state->n_polls++;
	*ret_wait_s = ks_schedule_poll_s(state->n_polls, sending->answer.retry_after_s, order->now, not_after);
	r = ks_enrol_state_save(order->wish->profiles->folder, state, problem);
	return r < 0 ? r : 1;
}

static int take_issued(struct ks_order *order, const struct sending *sending, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_judgement_deinit) struct ks_judgement judgement = { .not_before = 0 };
	bool renewal = !order->wish->enrol && !order->wish->force && ks_order_has_certificate(order);
	const struct ks_judge_case judged = {
		.profile = order->profile,
		.spki = sending->request.key->identity.spki,
		.certificates = ks_buffer_bytes(&sending->answer.certificates),
		.anchors = ks_buffer_bytes(&sending->answer.anchors),
		.old_not_after = renewal ? order->key->identity.not_after : 0,
		.old = ks_client_identity_leaf(order->key),
		.now = order->now,
	};

	int r = ks_judge(&judged, &judgement, problem);
	if (r < 0)
		return r;
	ks_enrol_state_forget_order(&order->state);
	r = keep(&order->state.issued, ks_buffer_bytes(&judgement.chain));
	if (r < 0)
		return ks_enrol_problem_code(problem, r);
	return ks_enrol_state_save(order->wish->profiles->folder, &order->state, problem);
}

int ks_order_place(struct ks_order *order, uint64_t *ret_wait_s, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(sending_deinit) struct sending sending = { .new_key = NULL };

	int r = prepare(order, &sending, problem);
	/* What is "-" is ours, not the driver's. */
	if (ks_bytes_equal(sending.request.pending, ks_bytes_text("-")))
		sending.request.pending = KS_BYTES_NONE;
	if (r == 0)
		r = order->driver->run(&sending.request, &sending.answer, problem);
	/* That took a while: by the clock from before, a certificate that begins at once would begin later. */
	order->now = ks_clock_wall_s();
	if (r < 0) {
		ks_enrol_problem_hide(problem, sending.request.secret, order->profile->user);
		return r;
	}
	return sending.answer.outcome == KS_ENROL_PENDING ? take_pending(order, &sending, ret_wait_s, problem) :
							    take_issued(order, &sending, problem);
}

int ks_order_revoke(struct ks_order *order, unsigned reason, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(sending_deinit) struct sending sending = { .new_key = NULL };

	if (!order->driver->revoke)
		return ks_enrol_problem_final(problem, KS_ERR_UNSUPPORTED,
					      "protocol %s has no way to revoke a certificate; ask who runs the CA",
					      order->driver->protocol);
	if (order->key->identity.n_certificates == 0)
		return ks_enrol_problem_final(problem, KS_ERR_NO_CERTIFICATE, "the key has no certificate to revoke");
	sending.request.profile = order->profile;
	sending.request.key = order->key;
	sending.request.old = order->key;
	int r = take_secret(order, &sending, problem);
	if (r == 0)
		r = order->driver->revoke(&sending.request, reason, problem);
	if (r < 0)
		ks_enrol_problem_hide(problem, sending.request.secret, order->profile->user);
	return r;
}
