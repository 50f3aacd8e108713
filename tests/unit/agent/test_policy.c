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

static const struct ks_signable digest = { .kind = KS_SIGNABLE_DIGEST };

/* rules: what stands in [key "alice"] behind its eku, or NULL for a key without a section. */
struct row {
	const char *name;
	const char *rules;
	const struct ks_signable *signable;
	int purpose; /* enum ks_purpose, or none of them */
	int answer;
	const char *text;
	const char *socket; /* what stands in [socket "module"], by which the client came; NULL = nothing */
};

#define DIGEST KS_PURPOSE_DIGEST
#define NOT_CHECKED                                                                                                    \
	"key \"alice\": curl sent only a digest, which keystay cannot check; to allow it: write \"allow = tls, digest\" into "
#define AND_RELOAD " of keystay.conf, then run: keystay reload"
#define TLS KS_PURPOSE_TLS_CLIENT
#define SOMETHING_ELSE "key \"alice\" signs TLS client authentication only, and this is something else"
#define UNPROVABLE(rule)                                                                                               \
	"key \"alice\" is refused: this version of keystay cannot prove its rule \"" rule "\" yet "                    \
	"(/home/a/keystay.conf:3); take the rule out there and run: keystay reload"

static const struct row rows[] = {
	{ "allows_tls13_without_a_section", NULL, &tls13, TLS, 0, "", NULL },
	{ "allows_tls12_without_a_section", NULL, &tls12, TLS, 0, "", NULL },
	{ "allows_tls13_without_rules", "", &tls13, TLS, 0, "", NULL },
	{ "allows_tls12_without_rules", "", &tls12, TLS, 0, "", NULL },
	{ "allows_by_rules_that_restrict_nothing", "confirm = no\nallow = tls\n", &tls13, TLS, 0, "", NULL },
	{ "allows_tls_where_digests_are_allowed", "allow = tls, digest\n", &tls13, TLS, 0, "", NULL },
	{ "refuses_what_was_not_understood", NULL, NULL, TLS, KS_ERR_RULE, SOMETHING_ELSE, NULL },
	{ "refuses_what_was_not_understood_where_digests_are_allowed", "allow = tls, digest\n", NULL, TLS, KS_ERR_RULE,
	  SOMETHING_ELSE, NULL },
	{ "refuses_an_unknown_kind", NULL, &unknown_kind, TLS, KS_ERR_RULE, SOMETHING_ELSE, NULL },
	{ "refuses_no_purpose", NULL, &tls13, 0, KS_ERR_RULE, SOMETHING_ELSE, NULL },
	{ "refuses_an_unknown_purpose", NULL, &tls13, 3, KS_ERR_RULE, SOMETHING_ELSE, NULL },
	{ "refuses_tls_as_a_digest", "allow = tls, digest\n", &tls13, DIGEST, KS_ERR_RULE, SOMETHING_ELSE,
	  "allow = tls, digest\n" },
	{ "refuses_a_digest_as_tls", "allow = tls, digest\n", &digest, TLS, KS_ERR_RULE, SOMETHING_ELSE,
	  "allow = tls, digest\n" },
	{ "allows_a_digest_where_key_and_socket_do", "allow = tls, digest\n", &digest, DIGEST, 0, "",
	  "allow = tls, digest\n" },
	{ "refuses_a_digest_where_neither_does", NULL, &digest, DIGEST, KS_ERR_INPUT_DIGEST,
	  NOT_CHECKED "[key \"alice\"] and [socket \"module\"]" AND_RELOAD, NULL },
	{ "refuses_a_digest_where_the_key_does_not", "", &digest, DIGEST, KS_ERR_INPUT_DIGEST,
	  NOT_CHECKED "[key \"alice\"]" AND_RELOAD, "allow = tls, digest\n" },
	{ "refuses_a_digest_where_the_socket_does_not", "allow = tls, digest\n", &digest, DIGEST, KS_ERR_INPUT_DIGEST,
	  NOT_CHECKED "[socket \"module\"]" AND_RELOAD, NULL },
	{ "refuses_a_digest_by_a_rule_before_all", "confirm = always\nallow = tls, digest\n", &digest, DIGEST,
	  KS_ERR_RULE_UNPROVABLE, UNPROVABLE("confirm = always"), "allow = tls, digest\n" },
	{ "refuses_by_servers", "servers = *.corp.example\n", &tls12, TLS, KS_ERR_RULE_UNPROVABLE,
	  UNPROVABLE("servers = *.corp.example"), NULL },
	{ "refuses_by_server_ca", "server-ca = /ca.pem\n", &tls13, TLS, KS_ERR_RULE_UNPROVABLE,
	  UNPROVABLE("server-ca = /ca.pem"), NULL },
	{ "refuses_by_confirm_first_use", "confirm = first-use\n", &tls13, TLS, KS_ERR_RULE_UNPROVABLE,
	  UNPROVABLE("confirm = first-use"), NULL },
	{ "refuses_by_confirm_always", "confirm = always\n", &tls13, TLS, KS_ERR_RULE_UNPROVABLE,
	  UNPROVABLE("confirm = always"), NULL },
	{ "refuses_by_max_rate", "max-rate = 1/s\n", &tls13, TLS, KS_ERR_RULE_UNPROVABLE, UNPROVABLE("max-rate = 1/s"),
	  NULL },
	{ "refuses_by_hours", "hours = 00:00-24:00\n", &tls13, TLS, KS_ERR_RULE_UNPROVABLE,
	  UNPROVABLE("hours = 00:00-24:00"), NULL },
	{ "refuses_by_users", "users = 0\n", &tls13, TLS, KS_ERR_RULE_UNPROVABLE, UNPROVABLE("users = 0"), NULL },
	{ "refuses_by_groups", "groups = 0\n", &tls13, TLS, KS_ERR_RULE_UNPROVABLE, UNPROVABLE("groups = 0"), NULL },
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

static void check_row(void **state)
{
	const struct row *row = *state;
	KS_CLEANUP(ks_settings_freep)
	struct ks_settings *settings = read_rules(row->rules ? row->rules : "", row->socket);
	const struct ks_policy_question question = {
		.key_name = "alice",
		.rules = row->rules ? &settings->keys[0] : NULL,
		.socket = ks_settings_socket_of(settings, "module"),
		.program = "curl",
		.uid = 1000,
		.purpose = (enum ks_purpose)row->purpose,
		.signable = row->signable,
	};
	struct ks_policy_answer answer = { .text = "from before" };

	assert_int_equal(ks_policy_decide(&question, &answer), row->answer);
	assert_string_equal(answer.text, row->text);
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
							     .signable = &tls13 };
		struct ks_policy_answer answer;
		assert_int_equal(ks_policy_decide(&question, &answer), KS_ERR_RULE_UNPROVABLE);
		assert_true(ks_text_valid(ks_bytes_text(answer.text)));
		assert_non_null(strstr(answer.text, "run: keystay reload"));
	}
}

static void test_policy_refuses_by_a_socket_that_has_gone(void **state)
{
	(void)state;
	const struct ks_policy_question question = { .key_name = "alice", .purpose = TLS, .signable = &tls13 };
	struct ks_policy_answer answer;

	assert_int_equal(ks_policy_decide(&question, &answer), KS_ERR_RULE);
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
	const gid_t groups[] = { 5, 12 };
	assert_true(ks_settings_socket_admits(web, geteuid(), NULL, 0));
	assert_true(ks_settings_socket_admits(web, 4711, NULL, 0));
	assert_true(ks_settings_socket_admits(web, 99, groups, 2));
	assert_false(ks_settings_socket_admits(web, 99, groups, 1));
	assert_false(ks_settings_socket_admits(&settings->sockets[0], 4711, groups, 2));
	assert_true(ks_settings_socket_has(web, "web-1"));
	assert_true(ks_settings_socket_has(web, "alice"));
	assert_false(ks_settings_socket_has(web, "malice"));
	assert_true(ks_settings_socket_has(&settings->sockets[0], "malice"));
}

int main(void)
{
	static struct CMUnitTest tests[N_ROWS + 3] = {
		cmocka_unit_test(test_policy_refuses_by_a_socket_that_has_gone),
		cmocka_unit_test(test_policy_of_sockets_admits_whom_it_names),
		cmocka_unit_test(test_policy_shortens_long_rules_to_valid_text),
	};
	static char names[N_ROWS][96];

	for (size_t i = 0; i < N_ROWS; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "test_policy_%s", rows[i].name);
		tests[1 + i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = check_row,
			.initial_state = (void *)(uintptr_t)&rows[i],
		};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
