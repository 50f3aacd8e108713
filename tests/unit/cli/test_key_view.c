/* SPDX-License-Identifier: Apache-2.0 */
/* What `keystay list` and `keystay show` say of keys and of certificates that run out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/key_view.h"
#include "lib/base/cleanup.h"
#include "tests/unit/cli/cli_test.h"

static void print_list(struct cli_test *test, const struct ks_msg_identity *identities, size_t n, bool as_json)
{
	KS_CLEANUP(ks_key_list_deinit) struct ks_key_list list;

	ks_key_list_init(&list, &test->cli, as_json);
	for (size_t i = 0; i < n; i++)
		ks_key_list_add(&list, &identities[i]);
	assert_int_equal(ks_key_list_print(&list), 0);
	cli_test_read(test);
}

static void test_list_is_a_table_with_warnings_on_the_other_stream(void **state)
{
	struct cli_test *test = *state;
	struct ks_msg_identity keys[5];

	for (size_t i = 0; i < 5; i++)
		keys[i] = cli_test_identity("alice");
	keys[1].name = ks_bytes_text("old");
	keys[1].not_after = TEST_NOW_S - TEST_DAY_S;
	keys[2].name = ks_bytes_text("soon");
	keys[2].not_after = TEST_NOW_S + 5 * TEST_DAY_S;
	keys[3].name = ks_bytes_text("early");
	keys[3].not_before = TEST_NOW_S + TEST_DAY_S;
	keys[4].name = ks_bytes_text("bare");
	keys[4].n_certificates = 0;
	keys[4].state = KS_TOKEN_LOCKED;
	print_list(test, keys, 5, false);
	assert_string_equal(test->out, "NAME   TYPE   TOKEN  STATE     EXPIRES                   SUBJECT\n"
				       "alice  P-256  corp   unlocked  2027-03-07                CN=alice,O=Corp\n"
				       "old    P-256  corp   unlocked  2026-06-14 expired        CN=alice,O=Corp\n"
				       "soon   P-256  corp   unlocked  2026-06-20 in 5 days      CN=alice,O=Corp\n"
				       "early  P-256  corp   unlocked  2027-03-07 not yet valid  CN=alice,O=Corp\n"
				       "bare   P-256  corp   locked    -                         (no certificate)\n");
	assert_string_equal(
		test->err,
		"keystay: warning: the certificate of old has expired on 2026-06-14, nothing is signed with it: put "
		"a new one on the token or into certs/, then run: keystay reload\n"
		"keystay: warning: the certificate of soon expires in 5 days (2026-06-20): renew it in time\n"
		"keystay: warning: the certificate of early does not hold before 2026-06-16: is this computer's "
		"clock right?\n");
}

static void test_list_without_keys_says_where_to_look(void **state)
{
	struct cli_test *test = *state;

	print_list(test, NULL, 0, false);
	assert_string_equal(test->out, "");
	cli_test_assert_part(test->err, "there are no keys yet. Look at the modules and tokens: keystay status");
}

static void test_list_json_without_keys_is_an_empty_array(void **state)
{
	struct cli_test *test = *state;

	print_list(test, NULL, 0, true);
	assert_string_equal(test->out, "[]\n");
	assert_string_equal(test->err, "");
}

static void test_list_json_has_its_keys(void **state)
{
	static const char *const names[] = { "name",
					     "type",
					     "token",
					     "module",
					     "state",
					     "label",
					     "uri",
					     "fingerprint",
					     "certificates",
					     "subject",
					     "issuer",
					     "not_before",
					     "not_after",
					     "validity",
					     "days_left",
					     "revocation",
					     "revocation_until",
					     "rules" };
	struct cli_test *test = *state;
	struct ks_msg_identity keys[2] = { cli_test_identity("alice"), cli_test_identity("bare") };

	keys[1].n_certificates = 0;
	keys[1].not_after = 0;
	print_list(test, keys, 2, true);
	json_t *json = cli_test_json(test);
	assert_int_equal(json_array_size(json), 2);
	json_t *alice = json_array_get(json, 0);
	json_t *bare = json_array_get(json, 1);
	assert_int_equal(json_object_size(alice), sizeof(names) / sizeof(*names));
	assert_int_equal(json_object_size(bare), sizeof(names) / sizeof(*names));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_non_null(json_object_get(alice, names[i]));
		assert_non_null(json_object_get(bare, names[i]));
	}
	assert_string_equal(json_string_value(json_object_get(alice, "not_after")), "2027-03-07T12:00:00Z");
	assert_string_equal(json_string_value(json_object_get(alice, "validity")), "good");
	assert_string_equal(json_string_value(json_object_get(alice, "fingerprint")),
			    "abcdef0100000000000000000000000000000000000000000000000000000000");
	assert_true(json_is_null(json_object_get(bare, "subject")));
	assert_true(json_is_null(json_object_get(bare, "not_after")));
	assert_true(json_is_null(json_object_get(bare, "validity")));
	assert_int_equal(json_integer_value(json_object_get(alice, "days_left")), 265);
	assert_true(json_is_null(json_object_get(bare, "days_left")));
	assert_int_equal(json_integer_value(json_object_get(bare, "certificates")), 0);
	json_decref(json);
}

static void test_list_escapes_what_certificates_say(void **state)
{
	struct cli_test *test = *state;
	struct ks_msg_identity key = cli_test_identity("a\u202eb");

	key.subject = ks_bytes_text("CN=\u2028x");
	key.not_after = TEST_NOW_S - 1;
	print_list(test, &key, 1, false);
	cli_test_assert_no_part(test->out, "\u202e");
	cli_test_assert_no_part(test->out, "\u2028");
	cli_test_assert_no_part(test->err, "\u202e");
}

static const struct ks_key_place second = { .place = 2, .n = 3, .reason = "" };

static void test_show_tells_everything(void **state)
{
	struct cli_test *test = *state;
	struct ks_msg_identity key = cli_test_identity("alice");

	key.state = KS_TOKEN_LOCKED;
	key.rules = ks_bytes_text("only for the servers *.corp.example; asks a person each time");
	key.client_auth = true;
	key.revocation = KS_REVOCATION_GOOD;
	key.revocation_until = TEST_NOW_S + 6 * 86400;
	assert_int_equal(ks_key_show(&test->cli, &key, 2, &second, false), 0);
	cli_test_assert_out(test, "Name          alice\n"
				  "Type          P-256\n"
				  "Token         corp\n"
				  "State         locked; unlock with: keystay unlock alice\n"
				  "Label         alice\n"
				  "Module        softhsm\n"
				  "URI           pkcs11:token=corp;object=alice\n"
				  "Fingerprint   abcdef0100000000000000000000000000000000000000000000000000000000\n"
				  "Subject       CN=alice,O=Corp\n"
				  "Issuer        CN=Corp CA\n"
				  "Valid         2026-03-07 12:00 to 2027-03-07 12:00, 265 d left\n"
				  "Revocation    good by its CA's word until 2026-06-21 12:00\n"
				  "Chain         its own certificate and 1 of its issuers\n"
				  "For clients   yes\n"
				  "Order         2 of 3, when keystay chooses (\"auto\")\n"
				  "Rules         only for the servers *.corp.example\n"
				  "              asks a person each time\n");
}

static void test_show_says_why_a_key_is_never_chosen(void **state)
{
	static const struct ks_key_place none = { .place = 0,
						  .n = 3,
						  .reason = "its certificate expired on 2026-01-01" };
	struct cli_test *test = *state;
	struct ks_msg_identity key = cli_test_identity("alice");

	assert_int_equal(ks_key_show(&test->cli, &key, 2, &none, false), 0);
	cli_test_read(test);
	cli_test_assert_part(test->out,
			     "For clients   no: its key usage or extended key usage is for something else\n");
	cli_test_assert_part(test->out, "Order         never chosen: its certificate expired on 2026-01-01\n");
}

static void test_show_without_certificate_says_where_to_put_one(void **state)
{
	struct cli_test *test = *state;
	struct ks_msg_identity key = cli_test_identity("alice");

	key.n_certificates = 0;
	assert_int_equal(ks_key_show(&test->cli, &key, 0, &second, false), 0);
	cli_test_read(test);
	cli_test_assert_part(test->out, "Certificate   none: put one (PEM) into the folder certs/ beside keystay.conf");
	cli_test_assert_part(test->out, "Rules         none: TLS with every server\n");
	cli_test_assert_no_part(test->out, "1970");
}

static void test_show_says_when_a_certificate_is_no_good(void **state)
{
	struct cli_test *test = *state;
	struct ks_msg_identity key = cli_test_identity("alice");

	key.not_after = TEST_NOW_S - 1;
	assert_int_equal(ks_key_show(&test->cli, &key, 1, &second, false), 0);
	key = cli_test_identity("alice");
	key.not_before = TEST_NOW_S + 1;
	assert_int_equal(ks_key_show(&test->cli, &key, 1, &second, false), 0);
	cli_test_read(test);
	cli_test_assert_part(test->out, "2026-06-15 11:59, expired on 2026-06-15\n");
	cli_test_assert_part(test->out, "2027-03-07 12:00, is not valid before 2026-06-15\n");
	cli_test_assert_part(test->out, "Chain         its own certificate alone\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, cli_test_setup, cli_test_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list_is_a_table_with_warnings_on_the_other_stream),
		TEST(test_list_without_keys_says_where_to_look),
		TEST(test_list_json_without_keys_is_an_empty_array),
		TEST(test_list_json_has_its_keys),
		TEST(test_list_escapes_what_certificates_say),
		TEST(test_show_tells_everything),
		TEST(test_show_says_why_a_key_is_never_chosen),
		TEST(test_show_without_certificate_says_where_to_put_one),
		TEST(test_show_says_when_a_certificate_is_no_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
