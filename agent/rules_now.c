/* SPDX-License-Identifier: Apache-2.0 */
/* rules_now: see rules_now.h. Runs in: keystay-agent. */
#include "agent/rules_now.h"

#include <time.h>

#include "agent/state.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

#define NAME_SIZE 96u

static const char *name_of_key(const struct ks_identity *identity, char out[NAME_SIZE])
{
	char digits[65];

	ks_text_hex(ks_bytes(identity->spki_hash, sizeof(identity->spki_hash)), digits);
	(void)ks_text_print(out, NAME_SIZE, "key:%s", digits);
	return out;
}

static const char *name_of_socket(const struct ks_settings_socket *socket, char out[NAME_SIZE])
{
	(void)ks_text_print(out, NAME_SIZE, "socket:%s", socket->name);
	return out;
}

static bool is_spent(const struct ks_state *state, const struct ks_rules *rules, const char *name)
{
	return rules->rate > 0 &&
	       !ks_rate_has_room(&state->rate, name, rules->rate, rules->rate_window_ms, ks_clock_boot_ms());
}

static void tell_time(struct ks_policy_question *question)
{
	time_t now = (time_t)ks_clock_wall_s();
	struct tm local = { 0 };

	(void)localtime_r(&now, &local);
	question->day = (unsigned)(local.tm_wday + 6) % 7;
	question->minute = (unsigned)(local.tm_hour * 60 + local.tm_min);
}

const struct ks_settings_socket *ks_rules_socket(const struct ks_request *request)
{
	return request->where == KS_ON_CONTROL ? &request->state->settings->control : ks_request_socket(request);
}

static enum ks_purpose purpose_of(const struct ks_signable *signable)
{
	switch (signable->kind) {
	case KS_SIGNABLE_DIGEST:
		return KS_PURPOSE_DIGEST;
	case KS_SIGNABLE_REQUEST:
	case KS_SIGNABLE_CMP:
		return KS_PURPOSE_REQUEST;
	case KS_SIGNABLE_TLS13_CLIENT:
	case KS_SIGNABLE_TLS12_CLIENT:
		break;
	}
	return KS_PURPOSE_TLS_CLIENT;
}

void ks_rules_now(const struct ks_request *request, const struct ks_identity *identity,
		  const struct ks_signable *signable, struct ks_policy_question *ret_question)
{
	const struct ks_state *state = request->state;
	char name[NAME_SIZE];

	*ret_question = (struct ks_policy_question){
		.key_name = identity->name,
		.rules = identity->rules,
		.socket = ks_rules_socket(request),
		.program = ks_request_program(request),
		.uid = request->peer.uid,
		.gid = request->peer.gid,
		.groups = request->groups,
		.n_groups = request->n_groups,
		.purpose = purpose_of(signable),
		.signable = signable,
	};
	tell_time(ret_question);
	if (identity->rules)
		ret_question->key_is_spent = is_spent(state, &identity->rules->rules, name_of_key(identity, name));
	if (ret_question->socket)
		ret_question->socket_is_spent =
			is_spent(state, &ret_question->socket->rules, name_of_socket(ret_question->socket, name));
}

static int count(struct ks_state *state, const struct ks_rules *rules, const char *name)
{
	return rules->rate > 0 ? ks_rate_count(&state->rate, name, rules->rate_window_ms, ks_clock_boot_ms()) : 0;
}

int ks_rules_count(const struct ks_policy_question *question, struct ks_state *state,
		   const struct ks_identity *identity)
{
	char name[NAME_SIZE];

	if (question->purpose == KS_PURPOSE_REQUEST)
		return 0;
	int error = question->rules ? count(state, &question->rules->rules, name_of_key(identity, name)) : 0;

	if (error == 0 && question->socket)
		error = count(state, &question->socket->rules, name_of_socket(question->socket, name));
	return error;
}
