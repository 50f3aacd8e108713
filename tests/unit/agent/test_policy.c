/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/policy.h as a table: the question, the answer, and the sentence. */
#include "agent/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/settings_private.h"
#include "lib/base/text.h"

static const struct ks_signable tls13 = { .kind = KS_SIGNABLE_TLS13_CLIENT };
static const struct ks_signable tls12 = { .kind = KS_SIGNABLE_TLS12_CLIENT };
static const struct ks_signable unknown_kind = { .kind = (enum ks_signable_kind)99 };

static const struct ks_signable request = { .kind = KS_SIGNABLE_REQUEST };
static const struct ks_signable cmp = { .kind = KS_SIGNABLE_CMP };
static const struct ks_signable digest = { .kind = KS_SIGNABLE_DIGEST };

/* rules: what stands in [key "alice"] behind its eku, or NULL for a key without a section. */
struct row {
	const char *name;
	const char *rules;
	const char *socket; /* what stands in [socket "module"], by which the client came; NULL = nothing */
	const struct ks_signable *signable;
	int purpose;        /* enum ks_purpose, or none of them */
	const char *server; /* proven to be this one, "?" = unproven, NULL = not looked at */
	int verdict;        /* enum ks_verdict, or the error of a refusal */
	const char *text;   /* of a refusal; else the rule that decides */
};

#define TLS KS_PURPOSE_TLS_CLIENT
#define DIGEST KS_PURPOSE_DIGEST
#define REQUEST KS_PURPOSE_REQUEST
#define ALLOW KS_VERDICT_ALLOW
#define ASK KS_VERDICT_ASK
#define PROVE KS_VERDICT_PROVE
#define NO KS_ERR_RULE
#define UNPROVABLE KS_ERR_RULE_UNPROVABLE
#define NOT_CHECKED                                                                                                    \
	"key \"alice\": curl sent only a digest, which keystay cannot check; to allow it: write \"allow = tls, digest\" into "
#define AND_RELOAD " of keystay.conf, then run: keystay reload"
#define SOMETHING_ELSE "key \"alice\" signs TLS client authentication only, and this is something else"
#define ONLY_OVER_CONTROL                                                                                              \
	"key \"alice\" signs certificate requests over the control socket alone, and nothing else there"
#define CORP "servers = *.corp.example\n"
#define ENROLS "profile = p\n[profile \"p\"]\nprotocol = est\nurl = https://CA.other.example:8443/x\n"
#define CORP_ONLY "key \"alice\" is for the servers *.corp.example; "
#define HERE(rule) " (rule " rule ", /home/a/keystay.conf:3)"
#define NAMED(rule) "[key \"alice\"] " rule " (/home/a/keystay.conf:3)"
#define SPKI "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define BOTH_DIGEST "allow = tls, digest\n", "allow = tls, digest\n"

static const struct row rows[] = {
	/* nothing asks for anything */
	{ "allows_tls13_without_a_section", NULL, NULL, &tls13, TLS, NULL, ALLOW, "" },
	{ "allows_tls12_without_a_section", NULL, NULL, &tls12, TLS, NULL, ALLOW, "" },
	{ "allows_tls13_without_rules", "", NULL, &tls13, TLS, "?", ALLOW, "" },
	{ "allows_tls12_without_rules", "", NULL, &tls12, TLS, "evil.example", ALLOW, "" },
	{ "allows_by_rules_that_restrict_nothing", "confirm = no\nallow = tls\n", NULL, &tls13, TLS, "?", ALLOW, "" },
	/* what it is */
	{ "allows_tls_where_digests_are_allowed", "allow = tls, digest\n", NULL, &tls13, TLS, "?", ALLOW, "" },
	{ "refuses_what_was_not_understood", NULL, NULL, NULL, TLS, "?", NO, SOMETHING_ELSE },
	{ "refuses_what_was_not_understood_where_digests_are_allowed", "allow = tls, digest\n", NULL, NULL, TLS, "?",
	  NO, SOMETHING_ELSE },
	{ "refuses_an_unknown_kind", NULL, NULL, &unknown_kind, TLS, "?", NO, SOMETHING_ELSE },
	{ "refuses_no_purpose", NULL, NULL, &tls13, 0, "?", NO, SOMETHING_ELSE },
	{ "refuses_an_unknown_purpose", NULL, NULL, &tls13, 99, "?", NO, SOMETHING_ELSE },
	{ "refuses_tls_as_a_digest", BOTH_DIGEST, &tls13, DIGEST, "?", NO, SOMETHING_ELSE },
	{ "refuses_a_digest_as_tls", BOTH_DIGEST, &digest, TLS, "?", NO, SOMETHING_ELSE },
	{ "allows_a_digest_where_key_and_socket_do", BOTH_DIGEST, &digest, DIGEST, "?", ALLOW, "" },
	{ "refuses_a_digest_where_neither_does", NULL, NULL, &digest, DIGEST, "?", KS_ERR_INPUT_DIGEST,
	  NOT_CHECKED "[key \"alice\"] and [socket \"module\"]" AND_RELOAD },
	{ "refuses_a_digest_where_the_key_does_not", "", "allow = tls, digest\n", &digest, DIGEST, "?",
	  KS_ERR_INPUT_DIGEST, NOT_CHECKED "[key \"alice\"]" AND_RELOAD },
	{ "refuses_a_digest_where_the_socket_does_not", "allow = tls, digest\n", NULL, &digest, DIGEST, "?",
	  KS_ERR_INPUT_DIGEST, NOT_CHECKED "[socket \"module\"]" AND_RELOAD },
	{ "refuses_a_request_over_a_sign_socket", NULL, NULL, &request, REQUEST, NULL, NO, ONLY_OVER_CONTROL },
	{ "refuses_a_request_where_digests_are_allowed", BOTH_DIGEST, &request, REQUEST, NULL, NO, ONLY_OVER_CONTROL },
	{ "refuses_cmp_over_a_sign_socket", ENROLS, NULL, &cmp, REQUEST, NULL, NO, ONLY_OVER_CONTROL },
	{ "refuses_cmp_as_tls", ENROLS, NULL, &cmp, TLS, "?", NO, SOMETHING_ELSE },
	{ "refuses_cmp_as_a_digest",
	  "profile = p\nallow = tls, digest\n[profile \"p\"]\nprotocol = est\nurl = https://a\n",
	  "allow = tls, digest\n", &cmp, DIGEST, "?", NO, SOMETHING_ELSE },
	{ "refuses_a_request_as_tls", NULL, NULL, &request, TLS, "?", NO, SOMETHING_ELSE },
	{ "refuses_a_request_as_a_digest", BOTH_DIGEST, &request, DIGEST, "?", NO, SOMETHING_ELSE },
	/* which server */
	{ "wants_a_proof_for_servers", CORP, NULL, &tls13, TLS, NULL, PROVE, "" },
	{ "wants_a_proof_for_server_ca", "server-ca = /ca.pem\n", NULL, &tls12, TLS, NULL, PROVE, "" },
	{ "wants_a_proof_for_server_spki", "server-spki = " SPKI "\n", NULL, &tls12, TLS, NULL, PROVE, "" },
	{ "wants_a_proof_for_the_rule_of_a_socket", NULL, CORP, &tls12, TLS, NULL, PROVE, "" },
	{ "wants_a_proof_for_a_first_use", "confirm = first-use\n", NULL, &tls12, TLS, NULL, PROVE, "" },
	{ "allows_a_proven_server", CORP, NULL, &tls13, TLS, "a.corp.example", ALLOW, "" },
	{ "allows_a_proven_server_in_capitals", CORP, NULL, &tls13, TLS, "A.CORP.example", ALLOW, "" },
	{ "allows_a_proven_server_of_several", "servers = b.example, a.example\n", NULL, &tls13, TLS, "a.example",
	  ALLOW, "" },
	{ "refuses_the_server_of_the_enrolment_profile_over_a_sign_socket", CORP ENROLS, NULL, &tls13, TLS,
	  "ca.other.example", NO, CORP_ONLY "this one was proven to be ca.other.example" HERE("servers") },
	{ "refuses_the_server_of_the_enrolment_profile_unproven", CORP ENROLS, NULL, &tls13, TLS, "?", UNPROVABLE,
	  CORP_ONLY "which one this is could not be proven: of this test" HERE("servers") },
	{ "refuses_a_server_below_that_of_the_enrolment_profile", CORP ENROLS, NULL, &tls13, TLS, "x.ca.other.example",
	  NO, CORP_ONLY "this one was proven to be x.ca.other.example" HERE("servers") },
	{ "refuses_the_server_of_the_enrolment_profile_by_the_socket", ENROLS, "servers = b.corp.example\n", &tls13,
	  TLS, "ca.other.example", NO,
	  "socket \"module\" is for the servers b.corp.example; this one was proven to be ca.other.example (rule "
	  "servers, /home/a/keystay.conf:9)" },
	{ "refuses_another_server", CORP, NULL, &tls13, TLS, "corp.example.evil.example", NO,
	  CORP_ONLY "this one was proven to be corp.example.evil.example" HERE("servers") },
	{ "refuses_the_name_above_a_pattern", CORP, NULL, &tls13, TLS, "corp.example", NO,
	  CORP_ONLY "this one was proven to be corp.example" HERE("servers") },
	{ "refuses_a_server_that_ends_alike", CORP, NULL, &tls13, TLS, "notcorp.example", NO,
	  CORP_ONLY "this one was proven to be notcorp.example" HERE("servers") },
	{ "refuses_an_unproven_server", CORP, NULL, &tls13, TLS, "?", UNPROVABLE,
	  CORP_ONLY "which one this is could not be proven: of this test" HERE("servers") },
	{ "refuses_an_unproven_server_by_its_ca", "server-ca = /ca.pem\n", NULL, &tls13, TLS, "?", UNPROVABLE,
	  "key \"alice\" is for servers with a certificate by /ca.pem; which one this is could not be proven: of this "
	  "test" HERE("server-ca") },
	{ "allows_any_server_of_a_ca", "server-ca = /ca.pem\n", NULL, &tls13, TLS, "any.example", ALLOW, "" },
	{ "allows_a_named_public_key", "server-spki = " SPKI "\n", NULL, &tls13, TLS, "any.example", ALLOW, "" },
	{ "refuses_by_the_servers_of_the_socket", CORP, "servers = b.corp.example\n", &tls13, TLS, "a.corp.example", NO,
	  "socket \"module\" is for the servers b.corp.example; this one was proven to be a.corp.example (rule servers, "
	  "/home/a/keystay.conf:6)" },
	/* asking */
	{ "proves_what_a_person_is_told", "confirm = always\n", NULL, &tls13, TLS, NULL, PROVE, "" },
	{ "asks_always", "confirm = always\n", NULL, &tls13, TLS, "?", ASK, NAMED("confirm = always") },
	{ "asks_for_a_digest", "confirm = always\nallow = tls, digest\n", "allow = tls, digest\n", &digest, DIGEST, "?",
	  ASK, NAMED("confirm = always") },
	{ "asks_once_for_a_proven_server", "confirm = first-use\n", NULL, &tls13, TLS, "a.example", ASK,
	  NAMED("confirm = first-use") },
	{ "asks_for_an_unproven_server", "confirm = first-use\n", NULL, &tls13, TLS, "?", ASK,
	  NAMED("confirm = first-use") },
	{ "asks_as_often_as_the_stricter_side", "confirm = first-use\n", "confirm = always\n", &tls13, TLS, "?", ASK,
	  "[socket \"module\"] confirm = always (/home/a/keystay.conf:6)" },
	{ "does_not_ask_for_what_is_refused", CORP "confirm = always\n", NULL, &tls13, TLS, "b.example", NO,
	  CORP_ONLY "this one was proven to be b.example" HERE("servers") },
	{ "proves_before_it_asks", CORP "confirm = always\n", NULL, &tls13, TLS, NULL, PROVE, "" },
	/* who and when: it is Wednesday, 12:30, and user 1000 with the groups 100 and 20 asks */
	{ "allows_in_hours", "hours = Mon-Fri 12:30-12:31\n", NULL, &tls13, TLS, NULL, ALLOW, "" },
	{ "refuses_out_of_hours", "hours = Mon-Fri 12:31-13:00\n", NULL, &tls13, TLS, NULL, NO,
	  "key \"alice\" is for the hours Mon-Fri 12:31-13:00; it is Wed 12:30 now" HERE("hours") },
	{ "refuses_out_of_the_hours_of_a_socket", NULL, "hours = Thu-Tue 00:00-24:00\n", &tls13, TLS, NULL, NO,
	  "socket \"module\" is for the hours Thu-Tue 00:00-24:00; it is Wed 12:30 now (rule hours, "
	  "/home/a/keystay.conf:5)" },
	{ "allows_a_named_user", "users = 0, 1000\n", NULL, &tls13, TLS, NULL, ALLOW, "" },
	{ "refuses_another_user", "users = 0\n", NULL, &tls13, TLS, NULL, NO,
	  "key \"alice\" is for the users 0; this is the user with the number 1000" HERE("users") },
	{ "allows_a_first_group", "groups = 100\n", NULL, &tls13, TLS, NULL, ALLOW, "" },
	{ "allows_a_further_group", "groups = 0, 20\n", NULL, &tls13, TLS, NULL, ALLOW, "" },
	{ "refuses_another_group", "groups = 0\n", NULL, &tls13, TLS, NULL, NO,
	  "key \"alice\" is for the groups 0; this is the user with the number 1000" HERE("groups") },
	{ "refuses_unless_user_and_group_fit", "users = 1000\ngroups = 0\n", NULL, &tls13, TLS, NULL, NO,
	  "key \"alice\" is for the groups 0; this is the user with the number 1000 (rule groups, "
	  "/home/a/keystay.conf:4)" },
	{ "refuses_a_user_before_the_proof", CORP "users = 0\n", NULL, &tls13, TLS, NULL, NO,
	  "key \"alice\" is for the users 0; this is the user with the number 1000 (rule users, /home/a/keystay.conf:4)" },
	{ "allows_what_is_not_spent", "max-rate = 10/m\n", NULL, &tls13, TLS, NULL, ALLOW, "" },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static struct ks_settings *read_rules(const char *rules, const char *socket)
{
	char text[2048];
	struct ks_settings *settings = NULL;
	struct ks_settings_error error;

	(void)snprintf(text, sizeof(text), "[key \"alice\"]\neku = clientAuth\n%s\n[socket \"module\"]\n%s", rules,
		       socket ? socket : "");
	const struct ks_settings_source source = { .file = "/home/a/keystay.conf", .text = text, .size = strlen(text) };
	assert_int_equal(ks_settings_read_memory(&source, 1, &settings, &error), 0);
	return settings;
}

static const uint8_t spki_hash[32] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
				       0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
				       0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
static const gid_t groups[] = { 20 };

static struct ks_policy_question ask_of(const struct ks_settings *settings, const struct row *row)
{
	struct ks_policy_question question = { .key_name = "alice",
					       .rules = row->rules ? &settings->keys[0] : NULL,
					       .socket = ks_settings_socket_of(settings, "module"),
					       .program = "curl",
					       .uid = 1000,
					       .gid = 100,
					       .groups = groups,
					       .n_groups = 1,
					       .purpose = (enum ks_purpose)row->purpose,
					       .signable = row->signable,
					       .day = 2,
					       .minute = 12 * 60 + 30 };

	if (row->server && strcmp(row->server, "?") == 0)
		question.server = (struct ks_policy_server){ .knowledge = KS_SERVER_UNPROVEN, .why = "of this test" };
	else if (row->server)
		question.server = (struct ks_policy_server){ .knowledge = KS_SERVER_PROVEN,
							     .name = row->server,
							     .spki_hash = spki_hash };
	return question;
}

static void check_row(void **state)
{
	const struct row *row = *state;
	KS_CLEANUP(ks_settings_freep)
	struct ks_settings *settings = read_rules(row->rules ? row->rules : "", row->socket);
	const struct ks_policy_question question = ask_of(settings, row);
	struct ks_policy_answer answer = { .text = "from before", .rule = "from before" };

	ks_policy_decide(&question, &answer);
	assert_int_equal(answer.verdict, row->verdict < 0 ? KS_VERDICT_DENY : row->verdict);
	assert_int_equal(answer.error, row->verdict < 0 ? row->verdict : 0);
	assert_string_equal(answer.text, row->verdict < 0 ? row->text : "");
	if (row->verdict > 0)
		assert_string_equal(answer.rule, row->text);
}

static void decide(const struct ks_policy_question *question, enum ks_verdict verdict, const char *words)
{
	struct ks_policy_answer answer;

	ks_policy_decide(question, &answer);
	assert_int_equal(answer.verdict, verdict);
	assert_non_null(strstr(answer.text, words));
}

static void test_policy_refuses_another_public_key(void **state)
{
	(void)state;
	KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = read_rules("server-spki = " SPKI "\n", NULL);
	const struct row row = { .rules = "", .signable = &tls13, .purpose = TLS, .server = "a.example" };
	struct ks_policy_question question = ask_of(settings, &row);
	uint8_t other[32] = { 0 };

	question.server.spki_hash = other;
	decide(&question, KS_VERDICT_DENY, "a.example has another one now (rule server-spki,");
	/* The server of a profile that `servers` names as well keeps what it is known by. */
	KS_CLEANUP(ks_settings_freep)
	struct ks_settings *enrolling = read_rules("servers = a.example\nserver-spki = " SPKI "\nprofile = p\n"
						   "[profile \"p\"]\nprotocol = est\nurl = https://a.example\n",
						   NULL);
	question = ask_of(enrolling, &row);
	question.server.spki_hash = other;
	decide(&question, KS_VERDICT_DENY, "a.example has another one now (rule server-spki,");
	question.server.spki_hash = NULL; /* EXPLAIN */
	decide(&question, KS_VERDICT_ALLOW, "");
}

static void test_policy_refuses_a_digest_where_the_socket_has_servers(void **state)
{
	(void)state;
	/* In one section that is an error of the configuration; a key and a socket may meet so. */
	KS_CLEANUP(ks_settings_freep)
	struct ks_settings *settings = read_rules("allow = tls, digest\n", "allow = tls, digest\n");
	KS_CLEANUP(ks_settings_freep) struct ks_settings *strict = read_rules(CORP, NULL);
	const struct row row = { .rules = "", .signable = &digest, .purpose = DIGEST };
	struct ks_policy_question question = ask_of(settings, &row);
	struct ks_settings_socket socket = *question.socket;

	socket.rules = strict->keys[0].rules;
	question.socket = &socket;
	decide(&question, KS_VERDICT_DENY, "a digest says nothing of what it is for");
}

static void test_policy_refuses_what_is_spent(void **state)
{
	(void)state;
	KS_CLEANUP(ks_settings_freep)
	struct ks_settings *settings = read_rules("max-rate = 10/m\nconfirm = always\n", "max-rate = 1/s\n");
	const struct row row = { .rules = "", .signable = &tls13, .purpose = TLS, .server = "?" };
	struct ks_policy_question question = ask_of(settings, &row);

	decide(&question, KS_VERDICT_ASK, "");
	question.socket_is_spent = true;
	decide(&question, KS_VERDICT_DENY,
	       "socket \"module\" is to be used at most 1/s; that many were made, wait a moment");
	question.key_is_spent = true;
	decide(&question, KS_VERDICT_DENY, "key \"alice\" is to be used at most 10/m");
}

static void test_policy_does_not_ask_again_after_a_yes(void **state)
{
	(void)state;
	KS_CLEANUP(ks_settings_freep)
	struct ks_settings *settings = read_rules(CORP "confirm = always\n", NULL);
	const struct row row = { .rules = "", .signable = &tls13, .purpose = TLS, .server = "a.corp.example" };
	struct ks_policy_question question = ask_of(settings, &row);

	question.consented = true;
	decide(&question, KS_VERDICT_ALLOW, "");
	question.server.name = "b.example"; /* a yes allows nothing that a rule refuses */
	decide(&question, KS_VERDICT_DENY, "this one was proven to be b.example");
}

/* What goes over the wire as text must be text, however long the rule or the path is. */
static void test_policy_shortens_long_rules_to_valid_text(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 2; shift++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer rule = { 0 };
		ks_buffer_printf(&rule, "server-ca = /%s", shift ? "x" : "");
		for (size_t i = 0; i < 400; i++)
			ks_buffer_printf(&rule, "\xc3\xab");
		ks_buffer_put_u8(&rule, '\n');
		ks_buffer_put_u8(&rule, '\0');
		KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = read_rules((const char *)rule.data, NULL);
		char name[65];
		memset(name, 'n', sizeof(name));
		name[64] = '\0';
		const struct ks_policy_question question = { .key_name = name,
							     .rules = &settings->keys[0],
							     .socket = &settings->sockets[0],
							     .purpose = TLS,
							     .signable = &tls13,
							     .server = { .knowledge = KS_SERVER_UNPROVEN,
									 .why = (const char *)rule.data } };
		struct ks_policy_answer answer;
		ks_policy_decide(&question, &answer);
		assert_int_equal(answer.error, KS_ERR_RULE_UNPROVABLE);
		assert_true(ks_text_valid(ks_bytes_text(answer.text)));
		assert_true(ks_text_valid(ks_bytes_text(answer.rule)));
		assert_non_null(strstr(answer.text, ", /home/a/keystay.conf:3)"));
	}
}

/* Over the control socket: what concerns servers and counts signatures is not for it, all else is. */
static void test_policy_of_requests_asks_who_when_and_a_person(void **state)
{
	(void)state;
	static const struct {
		const char *rules;
		enum ks_verdict verdict;
		const char *words;
	} asked[] = {
		{ "", KS_VERDICT_ALLOW, "" },
		{ CORP "server-ca = /ca.pem\nmax-rate = 1/h\n", KS_VERDICT_ALLOW, "" },
		{ "users = 0\n", KS_VERDICT_DENY, "key \"alice\" is for the users 0" },
		{ "groups = 0\n", KS_VERDICT_DENY, "key \"alice\" is for the groups 0" },
		{ "hours = Mon 00:00-01:00\n", KS_VERDICT_DENY, "key \"alice\" is for the hours Mon" },
		{ "confirm = always\n", KS_VERDICT_ASK, "" },
		{ "confirm = first-use\n", KS_VERDICT_ASK, "" },
	};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = read_rules(asked[i].rules, NULL);
		const struct row row = { .rules = "", .signable = &request, .purpose = REQUEST };
		struct ks_policy_question question = ask_of(settings, &row);
		question.socket = &settings->control;
		question.key_is_spent = question.socket_is_spent = true;
		decide(&question, asked[i].verdict, asked[i].words);
	}
}

static void test_policy_of_the_control_socket_signs_requests_alone(void **state)
{
	(void)state;
	KS_CLEANUP(ks_settings_freep)
	struct ks_settings *settings = read_rules("allow = tls, digest\n", "allow = tls, digest\n");
	const struct ks_signable *const others[] = { &tls13, &tls12, &digest, &unknown_kind, NULL };

	assert_null(ks_settings_socket_of(settings, "control"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		for (int purpose = 0; purpose <= KS_PURPOSE_REQUEST; purpose++) {
			const struct row row = { .rules = "", .signable = others[i], .purpose = purpose };
			struct ks_policy_question question = ask_of(settings, &row);
			bool is_handshake = purpose == TLS && (others[i] == &tls13 || others[i] == &tls12);
			question.socket = &settings->control;
			decide(&question, KS_VERDICT_DENY,
			       is_handshake ? "alone, and it has no profile with a server" :
					      "over the control socket alone, and nothing else there");
		}
	}
}

/* keystay-enroll's own handshakes. */
static void test_policy_of_the_control_socket_signs_in_at_the_key_s_ca_alone(void **state)
{
	(void)state;
	static const struct {
		const char *rules, *server;
		enum ks_verdict verdict;
		const char *text;
	} rows_of_ca[] = {
		{ ENROLS, NULL, KS_VERDICT_PROVE, "" },
		{ ENROLS, "CA.other.example", KS_VERDICT_ALLOW, "" },
		{ CORP ENROLS, "ca.other.example", KS_VERDICT_ALLOW, "" },
		{ "server-spki = " SPKI "\n" ENROLS, "ca.other.example", KS_VERDICT_ALLOW, "" },
		{ ENROLS, "x.ca.other.example", KS_VERDICT_DENY,
		  "at the server of its enrolment profile alone; this one was proven to be x.ca.other.example" },
		{ CORP ENROLS, "a.corp.example", KS_VERDICT_DENY, "this one was proven to be a.corp.example" },
		{ ENROLS, "?", KS_VERDICT_DENY, "which one this is could not be proven: of this test" },
		{ "confirm = always\n" ENROLS, "ca.other.example", KS_VERDICT_ASK, "" },
		{ "users = 0\n" ENROLS, "ca.other.example", KS_VERDICT_DENY, "key \"alice\" is for the users 0" },
	};

	for (size_t i = 0; i < sizeof(rows_of_ca) / sizeof(rows_of_ca[0]); i++) {
		KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = read_rules(rows_of_ca[i].rules, NULL);
		const struct row row = {
			.rules = "", .signable = &tls13, .purpose = TLS, .server = rows_of_ca[i].server
		};
		struct ks_policy_question question = ask_of(settings, &row);
		question.socket = &settings->control;
		decide(&question, rows_of_ca[i].verdict, rows_of_ca[i].text);
	}
}

/* Only where a [key] section names a profile; then what holds for requests holds. */
static void test_policy_of_cmp_wants_a_profile(void **state)
{
	(void)state;
	static const struct {
		const char *rules;
		enum ks_verdict verdict;
		const char *words;
	} asked[] = {
		{ "", KS_VERDICT_DENY, "write \"profile = NAME\" into [key \"alice\"] of keystay.conf" },
		{ "confirm = always\n", KS_VERDICT_DENY,
		  "belongs to no enrolment profile, so it signs nothing of CMP" },
		{ ENROLS, KS_VERDICT_ALLOW, "" },
		{ CORP ENROLS, KS_VERDICT_ALLOW, "" },
		{ "confirm = always\n" ENROLS, KS_VERDICT_ASK, "" },
		{ "users = 0\n" ENROLS, KS_VERDICT_DENY, "key \"alice\" is for the users 0" },
	};
	const struct row row = { .rules = "", .signable = &cmp, .purpose = REQUEST };

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = read_rules(asked[i].rules, NULL);
		struct ks_policy_question question = ask_of(settings, &row);
		question.socket = &settings->control;
		decide(&question, asked[i].verdict, asked[i].words);
	}
	KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = read_rules("", NULL);
	struct ks_policy_question question = ask_of(settings, &row);
	question.rules = NULL;
	question.socket = &settings->control;
	decide(&question, KS_VERDICT_DENY, "into a [key] section of its own, beside its match, of keystay.conf");
}

static void test_policy_refuses_by_a_socket_that_has_gone(void **state)
{
	(void)state;
	const struct ks_policy_question question = { .key_name = "alice", .purpose = TLS, .signable = &tls13 };
	struct ks_policy_answer answer;

	ks_policy_decide(&question, &answer);
	assert_int_equal(answer.error, KS_ERR_RULE);
	assert_string_equal(answer.text,
			    "key \"alice\" is refused: the socket of this connection is not configured any more");
}

static void test_policy_of_sockets_admits_whom_it_names(void **state)
{
	(void)state;
	static const char text[] = "[socket \"web\"]\npath = /s\nusers = 33, 4711\ngroups = 12\nkeys = web-*, alice\n";
	const struct ks_settings_source source = { .file = "f", .text = text, .size = strlen(text) };
	struct ks_settings_error error;
	KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = NULL;

	assert_int_equal(ks_settings_read_memory(&source, 1, &settings, &error), 0);
	const struct ks_settings_socket *web = ks_settings_socket_of(settings, "web");
	assert_non_null(web);
	assert_null(ks_settings_socket_of(settings, "we"));
	assert_false(web->prompt);
	assert_true(ks_settings_socket_of(settings, "module")->prompt);
	const gid_t some[] = { 5, 12 };
	assert_true(ks_settings_socket_admits(web, geteuid(), NULL, 0));
	assert_true(ks_settings_socket_admits(web, 4711, NULL, 0));
	assert_true(ks_settings_socket_admits(web, 99, some, 2));
	assert_false(ks_settings_socket_admits(web, 99, some, 1));
	assert_false(ks_settings_socket_admits(&settings->sockets[0], 4711, some, 2));
	assert_true(ks_settings_socket_has(web, "web-1"));
	assert_true(ks_settings_socket_has(web, "alice"));
	assert_false(ks_settings_socket_has(web, "malice"));
	assert_true(ks_settings_socket_has(&settings->sockets[0], "malice"));
}

int main(void)
{
	static struct CMUnitTest tests[N_ROWS + 10] = {
		cmocka_unit_test(test_policy_refuses_by_a_socket_that_has_gone),
		cmocka_unit_test(test_policy_of_sockets_admits_whom_it_names),
		cmocka_unit_test(test_policy_shortens_long_rules_to_valid_text),
		cmocka_unit_test(test_policy_refuses_another_public_key),
		cmocka_unit_test(test_policy_refuses_a_digest_where_the_socket_has_servers),
		cmocka_unit_test(test_policy_refuses_what_is_spent),
		cmocka_unit_test(test_policy_does_not_ask_again_after_a_yes),
		cmocka_unit_test(test_policy_of_requests_asks_who_when_and_a_person),
		cmocka_unit_test(test_policy_of_the_control_socket_signs_requests_alone),
		cmocka_unit_test(test_policy_of_the_control_socket_signs_in_at_the_key_s_ca_alone),
		cmocka_unit_test(test_policy_of_cmp_wants_a_profile),
	};
	static char names[N_ROWS][96];

	for (size_t i = 0; i < N_ROWS; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "test_policy_%s", rows[i].name);
		tests[10 + i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = check_row,
			.initial_state = (void *)(uintptr_t)&rows[i],
		};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
