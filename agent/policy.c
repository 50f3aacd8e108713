/* SPDX-License-Identifier: Apache-2.0 */
/* policy: see policy.h. Runs in: keystay-agent. */
#include "agent/policy.h"

#include "lib/base/text.h"

/* Of a rule or a path, as much as a sentence bears. */
#define SHOWN_MAX 128u

static int refuse_unprovable(const struct ks_policy_question *question, struct ks_policy_answer *answer)
{
	const struct ks_settings_key *rules = question->rules;
	char rule[SHOWN_MAX];
	char file[SHOWN_MAX];

	/* Shortened at whole characters: the answer goes over the wire as text. */
	ks_text_escape(ks_bytes_text(rules->unprovable), rule, sizeof(rule));
	ks_text_escape(ks_bytes_text(rules->unprovable_origin.file), file, sizeof(file));
	(void)ks_text_print(answer->text, sizeof(answer->text),
			    "key \"%s\" is refused: this version of keystay cannot prove its rule \"%s\" yet (%s:%u); "
			    "take the rule out there and run: keystay reload",
			    question->key_name, rule, file, rules->unprovable_origin.line);
	return KS_ERR_RULE_UNPROVABLE;
}

static bool is_tls(const struct ks_signable *signable)
{
	return signable && (signable->kind == KS_SIGNABLE_TLS13_CLIENT || signable->kind == KS_SIGNABLE_TLS12_CLIENT);
}

int ks_policy_decide(const struct ks_policy_question *question, struct ks_policy_answer *ret_answer)
{
	ret_answer->text[0] = '\0';
	if (question->purpose != KS_PURPOSE_TLS_CLIENT || !is_tls(question->signable)) {
		(void)ks_text_print(ret_answer->text, sizeof(ret_answer->text),
				    "key \"%s\" signs TLS client authentication only, and this is something else",
				    question->key_name);
		return KS_ERR_RULE;
	}
	if (question->rules && question->rules->unprovable)
		return refuse_unprovable(question, ret_answer);
	return 0;
}
