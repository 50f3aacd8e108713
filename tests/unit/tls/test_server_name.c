/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of ks_server_chain_check_name() (RFC 9525), seen from a whole proof. */
#include "tests/unit/tls/proof_scene.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"

static struct scene scene;

static int setup(void **state)
{
	(void)state;
	scene_init(&scene);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_deinit(&scene);
	return 0;
}

/* A server whose certificate is for names, as OpenSSL's configuration writes them, asked for by asked. */
static void make(const char *names, const char *asked)
{
	scene_deinit(&scene);
	scene_init(&scene);
	scene_set(&scene.leaf_plan, "subjectAltName", names);
	(void)snprintf(scene.claim.server_name, sizeof(scene.claim.server_name), "%s", asked);
	scene_make(&scene);
}

static void expect_match(const char *names, const char *asked)
{
	make(names, asked);
	scene_expect_proven(&scene);
}

static void expect_no_match(const char *names, const char *asked, const char *words)
{
	make(names, asked);
	scene_expect_refused(&scene, words);
}

static void test_name_of_another_server_is_refused_and_both_are_said(void **state)
{
	(void)state;
	expect_no_match("DNS:www.example.org", "db.corp.example",
			"its certificate is for www.example.org, not for db.corp.example");
	expect_no_match("DNS:a.example.org,DNS:b.example.org,DNS:c.example.org", "db.corp.example",
			"its certificate is for a.example.org and 2 more, not for db.corp.example");
}

static void test_name_may_be_any_of_several(void **state)
{
	(void)state;
	expect_match("DNS:a.example.org,IP:192.0.2.1,DNS:www.corp.example", "www.corp.example");
}

static void test_name_has_no_case(void **state)
{
	(void)state;
	expect_match("DNS:WWW.Corp.Example", "www.corp.example");
	expect_match("DNS:www.corp.example", "WWW.CORP.EXAMPLE");
	expect_match("DNS:*.CORP.example", "www.corp.EXAMPLE");
}

static void test_name_is_never_the_common_name(void **state)
{
	(void)state;
	scene_set(&scene.leaf_plan, "subjectAltName", NULL);
	scene.leaf_plan.common_name = SCENE_NAME;
	scene_make(&scene);
	scene_expect_refused(&scene, "its certificate has no DNS name");
}

static void test_name_is_never_an_address_or_a_mailbox_or_a_uri(void **state)
{
	(void)state;
	expect_no_match("IP:192.0.2.1,email:a@www.corp.example,URI:https://www.corp.example", "www.corp.example",
			"its certificate has no DNS name");
}

static void test_name_that_is_part_of_another_is_refused(void **state)
{
	(void)state;
	expect_no_match("DNS:www.corp.example.org", "www.corp.example", "not for");
	expect_no_match("DNS:corp.example", "www.corp.example", "not for");
	expect_no_match("DNS:www.corp", "www.corp.example", "not for");
	expect_no_match("DNS:*.corp.exam", "www.corp.example", "not for");
	expect_no_match("DNS:*.corp.example.org", "www.corp.example", "not for");
	expect_no_match("DNS:www.corp.example", "corp.example", "not for");
	expect_no_match("DNS:.corp.example", "www.corp.example", "not for");
	expect_no_match("DNS:www.corp.example.", "www.corp.example", "not for");
}

static void test_name_wildcard_stands_for_one_label(void **state)
{
	(void)state;
	expect_match("DNS:*.corp.example", "www.corp.example");
	expect_no_match("DNS:*.corp.example", "a.www.corp.example", "not for");
	expect_no_match("DNS:*.corp.example", "corp.example", "not for");
}

static void test_name_wildcard_is_the_whole_left_most_label(void **state)
{
	(void)state;
	expect_no_match("DNS:w*.corp.example", "www.corp.example", "not for");
	expect_no_match("DNS:*w.corp.example", "www.corp.example", "not for");
	expect_no_match("DNS:www.*.example", "www.corp.example", "not for");
	expect_no_match("DNS:*.*.example", "www.corp.example", "not for");
	expect_no_match("DNS:**.corp.example", "www.corp.example", "not for");
}

static void test_name_wildcard_never_stands_above_a_single_label(void **state)
{
	(void)state;
	expect_no_match("DNS:*.example", "corp.example", "not for");
	expect_no_match("DNS:*", "example", "not for");
	expect_no_match("DNS:*.", "example.", "not a DNS name");
}

static void test_name_that_was_asked_for_must_be_one(void **state)
{
	(void)state;
	static const char *const no_names[] = { "192.0.2.1",    "www.corp.example.",        ".corp.example",
						"www..example", "*.corp.example",           "www corp.example",
						"2001:db8::1",  "www.corp.exa\xc3\xa9mple", "a/b" };

	for (size_t i = 0; i < sizeof(no_names) / sizeof(no_names[0]); i++)
		expect_no_match("DNS:www.corp.example", no_names[i],
				"the name that the client asked for is not a DNS name");
}

static void test_name_with_a_nul_inside_is_refused(void **state)
{
	(void)state;
	/* www.corp.example NUL .evil.example: C would see the first part alone. */
	expect_no_match("DER:3020821e7777772e636f72702e6578616d706c65002e6576696c2e6578616d706c65", "www.corp.example",
			"not for");
	assert_non_null(strstr(scene.reason, "www.corp.example\\x00.evil.example"));
}

static void test_name_with_control_characters_is_escaped(void **state)
{
	(void)state;
	expect_no_match("DER:30078205611b5b324a", "www.corp.example", "its certificate is for a\\x1b[2J, not for");
}

static void test_name_of_the_internal_net_may_have_one_label(void **state)
{
	(void)state;
	expect_match("DNS:intranet", "intranet");
	expect_match("DNS:my_host.corp.example", "my_host.corp.example");
	expect_match("DNS:xn--bcher-kva.example", "xn--bcher-kva.example");
}

static void test_name_longest_is_taken_and_said_cut(void **state)
{
	(void)state;
	char longest[254], names[300];

	for (size_t i = 0; i < 253; i++)
		longest[i] = i % 64 == 63 ? '.' : 'a';
	longest[253] = '\0';
	(void)snprintf(names, sizeof(names), "DNS:%s", longest);
	expect_match(names, longest);
	expect_no_match(names, "www.corp.example", "..., not for www.corp.example");
	expect_no_match("DNS:www.corp.example", longest, "its certificate is for www.corp.example, not for aaaa");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_name_of_another_server_is_refused_and_both_are_said, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_name_may_be_any_of_several, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_has_no_case, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_is_never_the_common_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_is_never_an_address_or_a_mailbox_or_a_uri, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_that_is_part_of_another_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_wildcard_stands_for_one_label, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_wildcard_is_the_whole_left_most_label, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_wildcard_never_stands_above_a_single_label, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_that_was_asked_for_must_be_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_with_a_nul_inside_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_with_control_characters_is_escaped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_of_the_internal_net_may_have_one_label, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_longest_is_taken_and_said_cut, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
