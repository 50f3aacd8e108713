/* SPDX-License-Identifier: Apache-2.0 */
/* explaining: see explaining.h. Runs in: keystay-agent. */
#include "agent/explaining.h"

#include <stdlib.h>

#include "agent/rules_now.h"
#include "agent/scout.h"
#include "agent/standing.h"
#include "agent/state.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

static const char *words_of(enum ks_verdict verdict, bool has_server)
{
	if (verdict == KS_VERDICT_ASK)
		return "a person is asked first, in a dialog; a yes signs";
	return has_server ? "it is signed, if the server proves to be this one where a rule asks for it" :
			    "it is signed";
}

static void reply(struct ks_request *request, const struct ks_identity *identity, const struct ks_policy_answer *answer,
		  bool has_server)
{
	char text[KS_TEXT_MAX];

	(void)ks_text_print(text, sizeof(text), "%s",
			    answer->verdict == KS_VERDICT_DENY ? answer->text : words_of(answer->verdict, has_server));
	struct ks_msg_explain_reply message = { .verdict = answer->verdict,
						.text = ks_bytes_text(text),
						.rule = ks_bytes_text(answer->rule),
						.key = ks_bytes_text(identity->name) };
	ks_request_answer(request, KS_MSG_EXPLAIN_REPLY, &message);
}

static void answer_explain(struct ks_request *request)
{
	struct ks_state *state = request->state;
	struct ks_msg_explain message;
	struct ks_identity *identity;
	struct ks_policy_question question;
	struct ks_policy_answer answer;
	struct ks_standing standing;
	char why[KS_TEXT_MAX], server[257];

	int error = ks_message_read(KS_MSG_EXPLAIN, request->body, &message, sizeof(message));
	const struct ks_settings_socket *socket = ks_request_socket(request);
	if (error == 0 && !socket)
		error = KS_ERR_UNKNOWN_KEY;
	if (error < 0) {
		ks_request_fail(request, error, NULL);
		return;
	}
	error = ks_keyring_by_name_at(state->keyring, socket, message.name, &identity, why, sizeof(why));
	if (error < 0) {
		ks_request_fail(request, error, "%s", why);
		return;
	}
	const struct ks_signable signable = { .kind = message.digest ? KS_SIGNABLE_DIGEST : KS_SIGNABLE_TLS13_CLIENT };
	(void)ks_text_print(server, sizeof(server), "%.*s", (int)message.server.size,
			    (const char *)message.server.data);
	ks_rules_now(request, identity, &signable, &question);
	question.server.knowledge = server[0] ? KS_SERVER_PROVEN : KS_SERVER_UNPROVEN;
	question.server.name = server;
	question.server.why = "no server was named";
	ks_policy_decide(&question, &answer);
	if (ks_standing_check(identity, KS_BYTES_NONE, (int64_t)ks_clock_wall_s(), &standing) < 0) {
		answer = (struct ks_policy_answer){ .verdict = KS_VERDICT_DENY, .error = standing.error };
		(void)ks_text_print(answer.text, sizeof(answer.text), "%s", standing.text);
		(void)ks_text_print(answer.rule, sizeof(answer.rule), "%s", standing.rule);
	}
	reply(request, identity, &answer, server[0] != '\0');
}

void ks_explaining_begin(struct ks_request *request)
{
	ks_scout_then(request, KS_SCOUT_CERTIFICATE, answer_explain);
}
