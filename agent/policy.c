/* SPDX-License-Identifier: Apache-2.0 */
/* policy: see policy.h. Runs in: keystay-agent. */
#include "agent/policy.h"

#include <string.h>

#include "lib/base/text.h"

/* Of a rule, a path or a reason, as much as a sentence bears. */
#define SHOWN_MAX 128u

/* The rules of one side: the key's or the socket's. */
struct side {
	const struct ks_rules *rules;
	const char *kind;    /* "key" */
	const char *section; /* its name in keystay.conf */
	const char *shown;   /* its name for a person */
	bool is_spent;
};

/* --- words ------------------------------------------------------------------------------------------------------- */

/* Shortened at whole characters: the answer goes over the wire as text. */
static const char *shown(const char *text, char out[SHOWN_MAX])
{
	ks_text_escape(ks_bytes_text(text), out, SHOWN_MAX);
	return out;
}

static void name_rule(const struct side *side, enum ks_rule rule, struct ks_policy_answer *answer)
{
	char value[SHOWN_MAX], file[SHOWN_MAX], head[SHOWN_MAX];

	if (side->section[0])
		(void)ks_text_print(head, sizeof(head), "[%s \"%s\"]", side->kind, side->section);
	else
		(void)ks_text_print(head, sizeof(head), "[enforce]");
	(void)ks_text_print(answer->rule, sizeof(answer->rule), "%s %s = %s (%s:%u)", head, ks_rule_name(rule),
			    shown(side->rules->at[rule].value, value), shown(side->rules->at[rule].origin.file, file),
			    side->rules->at[rule].origin.line);
}

static bool deny(struct ks_policy_answer *answer, int error)
{
	answer->verdict = KS_VERDICT_DENY;
	answer->error = error;
	return true;
}

/* "key "alice" WORDS VALUE, AND_YET; the rule stands in FILE:LINE" */
static bool deny_by(const struct side *side, enum ks_rule rule, int error, const char *words, const char *and_yet,
		    struct ks_policy_answer *answer)
{
	char value[SHOWN_MAX], file[SHOWN_MAX], why[SHOWN_MAX * 2];

	name_rule(side, rule, answer);
	ks_text_escape(ks_bytes_text(and_yet), why, sizeof(why));
	const char *rule_value = side->rules->at[rule].value;
	(void)ks_text_print(answer->text, sizeof(answer->text), "%s \"%s\" is %s %s; %s (rule %s, %s:%u)", side->kind,
			    side->shown, words, rule_value[0] ? shown(rule_value, value) : "none", why,
			    ks_rule_name(rule), shown(side->rules->at[rule].origin.file, file),
			    side->rules->at[rule].origin.line);
	return deny(answer, error);
}

/* --- who and when ------------------------------------------------------------------------------------------------ */

static bool refuses_peer(const struct side *side, const struct ks_policy_question *question,
			 struct ks_policy_answer *answer)
{
	const struct ks_rules *rules = side->rules;
	char why[64];

	(void)ks_text_print(why, sizeof(why), "this is the user with the number %u", (unsigned)question->uid);
	if (rules->at[KS_RULE_USERS].value && !ks_rules_name_user(rules, question->uid))
		return deny_by(side, KS_RULE_USERS, KS_ERR_RULE, "for the users", why, answer);
	if (rules->at[KS_RULE_GROUPS].value &&
	    !ks_rules_name_group(rules, question->gid, question->groups, question->n_groups))
		return deny_by(side, KS_RULE_GROUPS, KS_ERR_RULE, "for the groups", why, answer);
	return false;
}

static bool refuses_time(const struct side *side, const struct ks_policy_question *question,
			 struct ks_policy_answer *answer)
{
	static const char days[7][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	char why[64];

	if (!side->rules->at[KS_RULE_HOURS].value ||
	    ks_rules_contain_time(side->rules, question->day, question->minute))
		return false;
	(void)ks_text_print(why, sizeof(why), "it is %s %02u:%02u now", days[question->day % 7], question->minute / 60,
			    question->minute % 60);
	return deny_by(side, KS_RULE_HOURS, KS_ERR_RULE, "for the hours", why, answer);
}

static bool refuses_rate(const struct side *side, struct ks_policy_answer *answer)
{
	if (!side->rules->at[KS_RULE_MAX_RATE].value || !side->is_spent)
		return false;
	return deny_by(side, KS_RULE_MAX_RATE, KS_ERR_RULE, "to be used at most", "that many were made, wait a moment",
		       answer);
}

/* --- which server ------------------------------------------------------------------------------------------------ */

static bool refuses_unproven(const struct side *side, const struct ks_policy_question *question,
			     struct ks_policy_answer *answer)
{
	static const char *const words[] = {
		[KS_RULE_SERVERS] = "for the servers",
		[KS_RULE_SERVER_CA] = "for servers with a certificate by",
		[KS_RULE_SERVER_SPKI] = "for servers with the public key",
	};
	enum ks_rule rule = KS_RULE_SERVERS;
	char why[SHOWN_MAX * 2];

	while (!side->rules->at[rule].value)
		rule++;
	(void)ks_text_print(why, sizeof(why), "which one this is could not be proven: %s",
			    question->purpose == KS_PURPOSE_DIGEST ? "a digest says nothing of what it is for" :
								     question->server.why);
	return deny_by(side, rule, KS_ERR_RULE_UNPROVABLE, words[rule], why, answer);
}

static bool refuses_server(const struct side *side, const struct ks_policy_question *question,
			   struct ks_policy_answer *answer)
{
	const struct ks_policy_server *server = &question->server;
	char why[SHOWN_MAX * 2 + 128], name[SHOWN_MAX * 2];

	if (!ks_rules_want_a_server(side->rules))
		return false;
	if (question->purpose == KS_PURPOSE_DIGEST || server->knowledge == KS_SERVER_UNPROVEN)
		return refuses_unproven(side, question, answer);
	if (server->knowledge == KS_SERVER_NOT_LOOKED_AT)
		return false;
	ks_text_escape(ks_bytes_text(server->name), name, sizeof(name));
	(void)ks_text_print(why, sizeof(why), "this one was proven to be %s", name);
	if (side->rules->at[KS_RULE_SERVERS].value && !ks_rules_name_server(side->rules, server->name))
		return deny_by(side, KS_RULE_SERVERS, KS_ERR_RULE, "for the servers", why, answer);
	(void)ks_text_print(why, sizeof(why), "%s has another one now", name);
	if (side->rules->at[KS_RULE_SERVER_SPKI].value && server->spki_hash &&
	    !ks_rules_name_spki(side->rules, server->spki_hash))
		return deny_by(side, KS_RULE_SERVER_SPKI, KS_ERR_RULE, "for servers with the public key", why, answer);
	return false;
}

/* Over the control socket handshakes are signed with one server: that of the key's enrolment profile. Whatever else it is, a
 * sign socket has the rules for it. */
static bool refuses_other_than_ca(const struct ks_policy_question *question, struct ks_policy_answer *answer)
{
	const struct ks_policy_server *server = &question->server;
	const struct ks_rules *rules = question->rules ? &question->rules->rules : NULL;
	char why[SHOWN_MAX * 2];

	if (rules && rules->enrol_host &&
	    (server->knowledge == KS_SERVER_NOT_LOOKED_AT ||
	     (server->knowledge == KS_SERVER_PROVEN && ks_rules_enrol_at(rules, server->name))))
		return false;
	ks_text_escape(ks_bytes_text(server->knowledge == KS_SERVER_PROVEN ? server->name :
				     server->why                           ? server->why :
									     ""),
		       why, sizeof(why));
	(void)ks_text_print(
		answer->text, sizeof(answer->text),
		"key \"%s\" signs in over the control socket at the server of its enrolment profile alone%s%s",
		question->key_name,
		!rules || !rules->enrol_host          ? ", and it has no profile with a server" :
		server->knowledge == KS_SERVER_PROVEN ? "; this one was proven to be " :
							"; which one this is could not be proven: ",
		rules && rules->enrol_host ? why : "");
	return deny(answer, KS_ERR_WRONG_SOCKET);
}

/* --- what -------------------------------------------------------------------------------------------------------- */

bool ks_policy_allows_digest(const struct ks_settings_key *rules, const struct ks_settings_socket *socket)
{
	return rules && rules->allow_digest && socket && socket->allow_digest;
}

bool ks_policy_wants_a_server(const struct ks_settings_key *rules, const struct ks_settings_socket *socket)
{
	return (rules && ks_rules_want_a_server(&rules->rules)) ||
	       (socket && (socket->is_control || ks_rules_want_a_server(&socket->rules)));
}

bool ks_policy_looks_at_servers(const struct ks_settings_key *rules, const struct ks_settings_socket *socket)
{
	/* A person is told whether the server is proven. */
	return ks_policy_wants_a_server(rules, socket) || (rules && rules->rules.confirm != KS_CONFIRM_NO) ||
	       (socket && socket->rules.confirm != KS_CONFIRM_NO);
}

static bool is_tls(const struct ks_signable *signable)
{
	return signable && (signable->kind == KS_SIGNABLE_TLS13_CLIENT || signable->kind == KS_SIGNABLE_TLS12_CLIENT);
}

/* A key without a section of its own has to get one. */
static bool refuse_digest(const struct ks_policy_question *question, struct ks_policy_answer *answer)
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
	return deny(answer, KS_ERR_INPUT_DIGEST);
}

static bool refuse(const struct ks_policy_question *question, const char *why, struct ks_policy_answer *answer)
{
	(void)ks_text_print(answer->text, sizeof(answer->text), "key \"%s\" %s", question->key_name, why);
	return deny(answer, KS_ERR_RULE);
}

/* CMP asks for certificates, of another key too, and revokes them: only where somebody wrote that this key is enrolled. */
static bool refuses_cmp(const struct ks_policy_question *question, struct ks_policy_answer *answer)
{
	char section[SHOWN_MAX] = "";

	if (question->rules && question->rules->profile)
		return false;
	if (question->rules && question->rules->name[0])
		(void)ks_text_print(section, sizeof(section), "into [key \"%s\"]", question->rules->name);
	(void)ks_text_print(answer->text, sizeof(answer->text),
			    "key \"%s\" belongs to no enrolment profile, so it signs nothing of CMP; write "
			    "\"profile = NAME\" %s of keystay.conf, then run: keystay reload",
			    question->key_name,
			    section[0] ? section : "into a [key] section of its own, beside its match,");
	return deny(answer, KS_ERR_RULE);
}

/* Requests come over the control socket and nowhere else, and nothing else comes over it. */
static bool refuses_request(const struct ks_policy_question *question, struct ks_policy_answer *answer)
{
	bool is_here = question->purpose == KS_PURPOSE_REQUEST && question->socket->is_control && question->signable;

	if (is_here && question->signable->kind == KS_SIGNABLE_REQUEST)
		return false;
	if (is_here && question->signable->kind == KS_SIGNABLE_CMP)
		return refuses_cmp(question, answer);
	return refuse(question, "signs certificate requests over the control socket alone, and nothing else there",
		      answer);
}

static bool refuses_purpose(const struct ks_policy_question *question, struct ks_policy_answer *answer)
{
	bool is_digest = question->signable && question->signable->kind == KS_SIGNABLE_DIGEST;

	if (question->purpose == KS_PURPOSE_TLS_CLIENT && question->socket->is_control && is_tls(question->signable))
		return refuses_other_than_ca(question, answer);
	if (question->purpose == KS_PURPOSE_REQUEST || question->socket->is_control)
		return refuses_request(question, answer);

	if (question->purpose != (is_digest ? KS_PURPOSE_DIGEST : KS_PURPOSE_TLS_CLIENT) ||
	    (!is_digest && !is_tls(question->signable)))
		return refuse(question, "signs TLS client authentication only, and this is something else", answer);
	if (is_digest && !ks_policy_allows_digest(question->rules, question->socket))
		return refuse_digest(question, answer);
	return false;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static void ask(const struct side *side, struct ks_policy_answer *answer)
{
	if (side->rules->confirm <= answer->confirm)
		return;
	answer->verdict = KS_VERDICT_ASK;
	answer->confirm = side->rules->confirm;
	name_rule(side, KS_RULE_CONFIRM, answer);
}

void ks_policy_decide(const struct ks_policy_question *question, struct ks_policy_answer *ret_answer)
{
	bool is_for_server = question->purpose != KS_PURPOSE_REQUEST;
	bool has_servers = is_for_server && !(question->socket && question->socket->is_control);
	struct side sides[2];
	size_t n = 0;

	*ret_answer = (struct ks_policy_answer){ .verdict = KS_VERDICT_ALLOW };
	if (!question->socket) {
		(void)refuse(question, "is refused: the socket of this connection is not configured any more",
			     ret_answer);
		return;
	}
	if (refuses_purpose(question, ret_answer))
		return;
	if (question->rules)
		sides[n++] = (struct side){ &question->rules->rules, "key", question->rules->name, question->key_name,
					    question->key_is_spent };
	sides[n++] = (struct side){ &question->socket->rules, "socket", question->socket->name, question->socket->name,
				    question->socket_is_spent };
	for (size_t i = 0; i < n; i++) {
		if (refuses_peer(&sides[i], question, ret_answer) || refuses_time(&sides[i], question, ret_answer) ||
		    (has_servers && refuses_server(&sides[i], question, ret_answer)))
			return;
	}
	if (is_for_server && question->server.knowledge == KS_SERVER_NOT_LOOKED_AT &&
	    ks_policy_looks_at_servers(question->rules, question->socket)) {
		ret_answer->verdict = KS_VERDICT_PROVE;
		return;
	}
	for (size_t i = 0; i < n && is_for_server; i++) {
		if (refuses_rate(&sides[i], ret_answer))
			return;
	}
	for (size_t i = 0; i < n && !question->consented; i++)
		ask(&sides[i], ret_answer);
}
