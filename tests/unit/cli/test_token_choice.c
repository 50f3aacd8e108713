/* SPDX-License-Identifier: Apache-2.0 */
/* Which token a PIN is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/token_choice.h"
#include "lib/base/cleanup.h"
#include "tests/unit/cli/cli_test.h"

static struct ks_buffer tokens;
static struct ks_token_choice choice;
static struct ks_token_choice_problem problem;

static int setup(void **state)
{
	(void)state;
	choice = (struct ks_token_choice){ .state = 99 };
	problem.text[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ks_buffer_deinit(&tokens);
	return 0;
}

static void add(const char *label, const char *serial, uint32_t state)
{
	char uri[128];
	struct ks_msg_token_status token = cli_test_token(label, state);

	(void)snprintf(uri, sizeof(uri), "pkcs11:token=%s;serial=%s", label, serial);
	token.serial = ks_bytes_text(serial);
	token.uri = ks_bytes_text(uri);
	ks_record_write(&tokens, KS_RECORD(token_status), &token);
	assert_int_equal(ks_buffer_error(&tokens), 0);
}

static int find(const char *name)
{
	return ks_token_choice_find(ks_buffer_bytes(&tokens), ks_bytes_text(name), &choice, &problem);
}

static void test_choice_without_a_name_is_the_only_locked_one(void **state)
{
	(void)state;
	add("a", "1", KS_TOKEN_UNLOCKED);
	add("b", "2", KS_TOKEN_LOCKED);
	add("c", "3", KS_TOKEN_OPEN);
	assert_int_equal(find(""), 0);
	assert_string_equal(choice.label, "b");
	assert_string_equal(choice.uri, "pkcs11:token=b;serial=2");
	assert_string_equal(choice.module, "softhsm");
	assert_int_equal(choice.state, KS_TOKEN_LOCKED);
}

static void test_choice_among_several_locked_ones_is_the_persons(void **state)
{
	(void)state;
	add("a", "1", KS_TOKEN_LOCKED);
	add("b", "2", KS_TOKEN_UNLOCKED);
	add("c", "3", KS_TOKEN_LOCKED);
	assert_int_equal(find(""), KS_ERR_AMBIGUOUS);
	assert_string_equal(problem.text, "more than one token is locked; name one:\n"
					  "  keystay unlock 'pkcs11:token=a;serial=1'\n"
					  "  keystay unlock 'pkcs11:token=c;serial=3'");
	assert_int_equal(choice.state, 99);
}

static void test_choice_where_nothing_is_locked_says_so_with_one(void **state)
{
	(void)state;
	add("a", "1", KS_TOKEN_UNLOCKED);
	add("b", "2", KS_TOKEN_OPEN);
	assert_int_equal(find(""), 0);
	assert_string_equal(choice.label, "a");
	assert_int_equal(choice.state, KS_TOKEN_UNLOCKED);
}

static void test_choice_without_tokens_asks_for_the_card(void **state)
{
	(void)state;
	assert_int_equal(find(""), KS_ERR_TOKEN_ABSENT);
	assert_int_equal(find("corp"), KS_ERR_TOKEN_ABSENT);
	cli_test_assert_part(problem.text, "is the card in its reader?");
}

static void test_choice_by_label(void **state)
{
	(void)state;
	add("a", "1", KS_TOKEN_LOCKED);
	add("b", "2", KS_TOKEN_UNLOCKED);
	assert_int_equal(find("b"), 0);
	assert_string_equal(choice.label, "b");
	assert_int_equal(find("c"), KS_ERR_NOT_FOUND);
	/* No part of a label, no other case. */
	assert_int_equal(find("B"), KS_ERR_NOT_FOUND);
}

static void test_choice_by_a_label_that_two_have_offers_their_uris(void **state)
{
	(void)state;
	add("a", "1", KS_TOKEN_LOCKED);
	add("a", "2", KS_TOKEN_UNLOCKED);
	assert_int_equal(find("a"), KS_ERR_AMBIGUOUS);
	assert_string_equal(problem.text, "more than one token is called \"a\"; name one:\n"
					  "  keystay unlock 'pkcs11:token=a;serial=1'\n"
					  "  keystay unlock 'pkcs11:token=a;serial=2'");
}

static void test_choice_by_uri_of_token_or_key(void **state)
{
	(void)state;
	add("a", "1", KS_TOKEN_LOCKED);
	add("a", "2", KS_TOKEN_LOCKED);
	assert_int_equal(find("pkcs11:token=a;serial=2"), 0);
	assert_string_equal(choice.uri, "pkcs11:token=a;serial=2");
	assert_int_equal(find("pkcs11:serial=1;object=alice;id=%01;type=private"), 0);
	assert_string_equal(choice.uri, "pkcs11:token=a;serial=1");
	assert_int_equal(find("pkcs11:token=b"), KS_ERR_NOT_FOUND);
	assert_int_equal(find("pkcs11:token=a"), KS_ERR_AMBIGUOUS);
	assert_int_equal(find("pkcs11:token=%zz"), KS_ERR_NOT_FOUND);
	/* A PIN in a URI is never taken (invariant I7). */
	assert_int_equal(find("pkcs11:token=a;serial=1?pin-value=1234"), KS_ERR_NOT_FOUND);
}

static void test_choice_by_a_key_of_twins_names_the_key(void **state)
{
	struct ks_msg_identity key = cli_test_identity("alice");

	(void)state;
	add("corp", "1", KS_TOKEN_UNLOCKED);
	add("other", "2", KS_TOKEN_LOCKED);
	assert_int_equal(ks_token_choice_of_key(ks_buffer_bytes(&tokens), &key, &choice), 0);
	assert_string_equal(choice.uri, "pkcs11:token=corp;serial=1");
	add("corp", "1", KS_TOKEN_LOCKED);
	key.state = KS_TOKEN_LOCKED;
	assert_int_equal(ks_token_choice_of_key(ks_buffer_bytes(&tokens), &key, &choice), 0);
	assert_string_equal(choice.uri, "alice");
	assert_string_equal(choice.label, "corp");
	assert_int_equal(choice.state, KS_TOKEN_LOCKED);
	key.token = ks_bytes_text("gone");
	assert_int_equal(ks_token_choice_of_key(ks_buffer_bytes(&tokens), &key, &choice), KS_ERR_NOT_FOUND);

	assert_int_equal(find("corp"), KS_ERR_AMBIGUOUS);
	assert_string_equal(problem.text, "more than one token is called \"corp\"; name one, by a key of it "
					  "(keystay list) where several have one URI:\n"
					  "  keystay unlock 'pkcs11:token=corp;serial=1'");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_choice_without_a_name_is_the_only_locked_one),
		TEST(test_choice_among_several_locked_ones_is_the_persons),
		TEST(test_choice_where_nothing_is_locked_says_so_with_one),
		TEST(test_choice_without_tokens_asks_for_the_card),
		TEST(test_choice_by_label),
		TEST(test_choice_by_a_label_that_two_have_offers_their_uris),
		TEST(test_choice_by_uri_of_token_or_key),
		TEST(test_choice_by_a_key_of_twins_names_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
