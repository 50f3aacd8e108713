/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of enrol/base/problem.h: a profile's secret does not come back in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "enrol/base/problem.h"
#include "lib/base/cleanup.h"

static void test_a_secret_is_cut_out_of_words(void **unused)
{
	(void)unused;
	static const struct {
		const char *secret, *user, *said, *expected;
	} plans[] = {
		{ "s3cret", NULL, "it says: \"s3cret\"", "it says: \"…\"" },
		{ "s3cret", NULL, "s3crets3cret and s3cre", "…… and s3cre" },
		{ "s3cret", "device", "Basic ZGV2aWNlOnMzY3JldA== of device", "Basic … of device" },
		{ "s3cret", "device", "Basic ZGV2aWNlOnMzY3J...", "Basic …..." },
		{ "a long one, with spaces", NULL, "it says: \"a long one, with\"", "it says: \"…\"" },
		{ "back\\slash\x01", NULL, "sent: back\\\\slash\\x01.", "sent: …." },
		{ "a long user's password, longer than a line of base64 is", "device",
		  "ZGV2aWNlOmEgbG9uZyB1c2VyJ3MgcGFzc3dvcmQsIGxvbmdlciB0aGFuIGEgbGluZSBvZiBiYXNlNjQgaXM=!", "…!" },
		{ "s3cret", "device", "nothing of it", "nothing of it" },
		{ "", "device", "nothing is no secret", "nothing is no secret" },
	};

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		KS_CLEANUP(ks_secret_freep) struct ks_secret *secret = NULL;
		struct ks_enrol_problem problem;
		char copy[KS_SECRET_MAX];
		size_t size = strlen(plans[i].secret);
		memcpy(copy, plans[i].secret, size);
		assert_int_equal(ks_secret_new(&secret), 0);
		assert_int_equal(ks_secret_take(secret, (uint8_t *)copy, size), 0);
		(void)ks_enrol_problem_set(&problem, KS_ERR_DENIED, "%s", plans[i].said);
		ks_enrol_problem_hide(&problem, secret, plans[i].user);
		assert_string_equal(problem.text, plans[i].expected);
		assert_int_equal(problem.code, KS_ERR_DENIED);
	}
}

static void test_words_without_a_secret_stay(void **unused)
{
	(void)unused;
	struct ks_enrol_problem problem;

	(void)ks_enrol_problem_set(&problem, KS_ERR_DENIED, "ZGV2aWNlOg==");
	ks_enrol_problem_hide(&problem, NULL, "device");
	assert_string_equal(problem.text, "ZGV2aWNlOg==");
}

/* One that is shorter than the mark makes the words longer. */
static void test_words_keep_their_bound(void **unused)
{
	(void)unused;
	KS_CLEANUP(ks_secret_freep) struct ks_secret *secret = NULL;
	struct ks_enrol_problem problem = { .code = KS_ERR_DENIED };
	uint8_t one[] = { 'x' };

	memset(problem.text, 'x', sizeof(problem.text) - 1);
	assert_int_equal(ks_secret_new(&secret), 0);
	assert_int_equal(ks_secret_take(secret, one, sizeof(one)), 0);
	ks_enrol_problem_hide(&problem, secret, NULL);
	assert_int_equal(strlen(problem.text), (sizeof(problem.text) - 1) / 3 * 3);
	assert_null(strchr(problem.text, 'x'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_secret_is_cut_out_of_words),
		cmocka_unit_test(test_words_without_a_secret_stay),
		cmocka_unit_test(test_words_keep_their_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
