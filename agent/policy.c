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

bool ks_policy_allows_digest(const struct ks_settings_key *rules, const struct ks_settings_socket *socket)
{
	return rules && rules->allow_digest && socket && socket->allow_digest;
}

/* A key without a section of its own has to get one. */
static int refuse_digest(const struct ks_policy_question *question, struct ks_policy_answer *answer)
{
	bool key_allows = question->rules && question->rules->allow_digest;
	bool socket_allows = question->socket->allow_digest;
	char section[SHOWN_MAX];

	(void)ks_text_print(section, sizeof(section), "[key \"%s\"]",
			    question->rules && question->rules->name[0] ? question->rules->name : question->key_name);
	(void)ks_text_print(answer->text, sizeof(answer->text),
			    "key \"%s\": %s sent only a digest, which keystay cannot check; to allow it: write "
			    "\"allow = tls, digest\" into %s%s%s%s%s of keystay.conf, then run: keystay reload",
			    question->key_name, question->program ? question->program : "a program",
			    key_allows ? "" : section, key_allows || socket_allows ? "" : " and ",
			    socket_allows ? "" : "[socket \"", socket_allows ? "" : question->socket->name,
			    socket_allows ? "" : "\"]");
	return KS_ERR_INPUT_DIGEST;
}

static int refuse(const struct ks_policy_question *question, struct ks_policy_answer *answer, const char *why)
{
	(void)ks_text_print(answer->text, sizeof(answer->text), "key \"%s\" %s", question->key_name, why);
	return KS_ERR_RULE;
}

int ks_policy_decide(const struct ks_policy_question *question, struct ks_policy_answer *ret_answer)
{
	bool is_digest = question->signable && question->signable->kind == KS_SIGNABLE_DIGEST;

	ret_answer->text[0] = '\0';
	if (!question->socket)
		return refuse(question, ret_answer,
			      "is refused: the socket of this connection is not configured any more");
	if (question->purpose != (is_digest ? KS_PURPOSE_DIGEST : KS_PURPOSE_TLS_CLIENT) ||
	    (!is_digest && !is_tls(question->signable)))
		return refuse(question, ret_answer, "signs TLS client authentication only, and this is something else");
	if (question->rules && question->rules->unprovable)
		return refuse_unprovable(question, ret_answer);
	if (is_digest && !ks_policy_allows_digest(question->rules, question->socket))
		return refuse_digest(question, ret_answer);
	return 0;
}
