/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/chain.h: each certificate is followed by the one that really issued it, the best of several. */
#include "agent/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "tests/unit/agent/certificates.h"

KS_DEFINE_CLEANUP(struct ks_chain_pool *, ks_chain_pool_free)
KS_DEFINE_CLEANUP(struct ks_certificate *, ks_certificate_unref)

#define AUTO_CERTIFICATE KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *

/* Each costs a signature check. The linker puts this before the real one. */
static unsigned n_checks;

bool __real_ks_certificate_issued_by(const struct ks_certificate *certificate, const struct ks_certificate *issuer);
bool __wrap_ks_certificate_issued_by(const struct ks_certificate *certificate, const struct ks_certificate *issuer);

bool __wrap_ks_certificate_issued_by(const struct ks_certificate *certificate, const struct ks_certificate *issuer)
{
	n_checks++;
	return __real_ks_certificate_issued_by(certificate, issuer);
}

enum { LEAF, SUB, CA, OTHER, N_KEYS };

struct fixture {
	EVP_PKEY *keys[N_KEYS];
	struct ks_chain_pool *pool;
};

static int setup_keys(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	for (size_t i = 0; i < N_KEYS; i++)
		fixture->keys[i] = test_key("P-256");
	*state = fixture;
	return 0;
}

static int teardown_keys(void **state)
{
	struct fixture *fixture = *state;
	for (size_t i = 0; i < N_KEYS; i++)
		EVP_PKEY_free(fixture->keys[i]);
	free(fixture);
	return 0;
}

static int setup(void **state)
{
	struct fixture *fixture = *state;
	return ks_chain_pool_new(&fixture->pool);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	ks_chain_pool_free(fixture->pool);
	return 0;
}

/* Made, put into the pool, and gone but for the pool's own reference. */
static void add(struct fixture *fixture, const struct test_certificate *spec, size_t source)
{
	AUTO_CERTIFICATE certificate = test_certificate_new(spec);
	assert_int_equal(ks_chain_pool_add(fixture->pool, certificate, source), 0);
}

/* names: the subjects of the chain behind the leaf, with spaces. The leaf comes from source 1. */
static void assert_chain(struct fixture *fixture, struct ks_certificate *leaf, const char *names)
{
	struct ks_certificate *chain[KS_CHAIN_MAX];
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer found = { 0 };

	size_t n = ks_chain_build(fixture->pool, leaf, 1, (int64_t)time(NULL), chain);
	assert_true(n >= 1 && n <= KS_CHAIN_MAX);
	assert_ptr_equal(chain[0], leaf);
	for (size_t i = 1; i < n; i++) {
		ks_buffer_printf(&found, "%s%s", i > 1 ? " " : "", ks_certificate_subject(chain[i]));
		assert_true(ks_certificate_issued_by(chain[i - 1], chain[i]));
	}
	ks_buffer_put_u8(&found, '\0');
	assert_string_equal((const char *)found.data, names);
}

static struct ks_certificate *make_leaf(struct fixture *fixture, const char *issuer, size_t issuer_key)
{
	return test_certificate_new(&(struct test_certificate){ .common_name = "leaf",
								.issuer = issuer,
								.key = fixture->keys[LEAF],
								.issuer_key = fixture->keys[issuer_key] });
}

static void test_chain_goes_from_leaf_to_the_last_intermediate(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "sub", SUB);

	add(fixture, &(struct test_certificate){ .common_name = "ca", .key = fixture->keys[CA], .ca = true }, 1);
	add(fixture,
	    &(struct test_certificate){ .common_name = "sub",
					.issuer = "ca",
					.key = fixture->keys[SUB],
					.issuer_key = fixture->keys[CA],
					.ca = true },
	    KS_CHAIN_FILES);
	add(fixture, &(struct test_certificate){ .common_name = "alien", .key = fixture->keys[OTHER], .ca = true }, 2);
	assert_chain(fixture, leaf, "CN=sub");
}

static void test_chain_needs_no_root(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "sub", SUB);

	add(fixture,
	    &(struct test_certificate){ .common_name = "sub",
					.issuer = "ca",
					.key = fixture->keys[SUB],
					.issuer_key = fixture->keys[CA],
					.ca = true },
	    1);
	assert_chain(fixture, leaf, "CN=sub");
}

static void test_chain_of_a_leaf_without_issuer_is_the_leaf(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "sub", SUB);
	assert_chain(fixture, leaf, "");
	AUTO_CERTIFICATE alone =
		test_certificate_new(&(struct test_certificate){ .common_name = "alone", .key = fixture->keys[LEAF] });
	assert_int_equal(ks_chain_pool_add(fixture->pool, alone, 1), 0);
	assert_chain(fixture, alone, "");
}

/* Who trusts it, trusts it alone; another certificate of its key leads elsewhere. */
static void test_chain_of_a_self_signed_leaf_is_the_leaf(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = test_certificate_new(
		&(struct test_certificate){ .common_name = "alone", .key = fixture->keys[LEAF], .ca = true });
	add(fixture,
	    &(struct test_certificate){ .common_name = "alone",
					.issuer = "ca",
					.key = fixture->keys[LEAF],
					.issuer_key = fixture->keys[CA],
					.ca = true },
	    1);
	assert_chain(fixture, leaf, "");
}

static void test_chain_believes_signatures_and_not_names(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "sub", SUB);

	add(fixture,
	    &(struct test_certificate){ .common_name = "sub",
					.issuer = "ca",
					.key = fixture->keys[OTHER],
					.issuer_key = fixture->keys[CA],
					.ca = true },
	    KS_CHAIN_FILES);
	assert_chain(fixture, leaf, "");
}

static void test_chain_finds_names_that_differ_in_case_and_spaces(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "My  Sub CA", SUB);

	add(fixture,
	    &(struct test_certificate){ .common_name = "my sub ca",
					.issuer = "ca",
					.key = fixture->keys[SUB],
					.issuer_key = fixture->keys[CA],
					.ca = true },
	    KS_CHAIN_FILES);
	assert_chain(fixture, leaf, "CN=my sub ca");
}

/* --- which of several -------------------------------------------------------------------------------------------- */

/* Two certificates of the same intermediate, told apart by their issuers. */
static void add_sub(struct fixture *fixture, const char *issuer, int64_t from_days, int64_t until_days, size_t source)
{
	add(fixture,
	    &(struct test_certificate){ .common_name = "sub",
					.issuer = issuer,
					.key = fixture->keys[SUB],
					.issuer_key = fixture->keys[CA],
					.ca = true,
					.from_days = from_days,
					.until_days = until_days },
	    source);
}

/* Which one: the issuer of the only certificate behind the leaf. */
static void assert_issuer(struct fixture *fixture, const char *issuer)
{
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "sub", SUB);
	struct ks_certificate *chain[KS_CHAIN_MAX];

	assert_int_equal(ks_chain_build(fixture->pool, leaf, 1, (int64_t)time(NULL), chain), 2);
	assert_string_equal(ks_certificate_issuer(chain[1]), issuer);
}

static void test_chain_takes_the_newest_issuer(void **state)
{
	struct fixture *fixture = *state;
	add_sub(fixture, "old", -20, 0, 1);
	add_sub(fixture, "new", -10, 0, 1);
	add_sub(fixture, "older", -30, 0, 1);
	assert_issuer(fixture, "CN=new");
}

static void test_chain_takes_a_valid_issuer_before_a_newer_one(void **state)
{
	struct fixture *fixture = *state;
	add_sub(fixture, "valid", -20, 20, 1);
	add_sub(fixture, "expired", -10, -5, 1);
	add_sub(fixture, "future", 5, 20, 1);
	assert_issuer(fixture, "CN=valid");
}

static void test_chain_takes_an_expired_issuer_when_there_is_no_other(void **state)
{
	struct fixture *fixture = *state;
	add_sub(fixture, "expired", -10, -5, 1);
	assert_issuer(fixture, "CN=expired");
}

static void test_chain_takes_its_own_modules_or_the_users_issuer_before_another_modules(void **state)
{
	struct fixture *fixture = *state;
	add_sub(fixture, "of-another-module", -5, 0, 2);
	add_sub(fixture, "of-the-same-module", -10, 0, 1);
	assert_issuer(fixture, "CN=of-the-same-module");
	add_sub(fixture, "of-the-user", -7, 0, KS_CHAIN_FILES);
	assert_issuer(fixture, "CN=of-the-user");
}

static void test_chain_goes_on_over_a_valid_cross_certificate_of_a_root(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "ca", CA);

	add(fixture, &(struct test_certificate){ .common_name = "ca", .key = fixture->keys[CA], .ca = true }, 1);
	assert_chain(fixture, leaf, "");
	add(fixture,
	    &(struct test_certificate){ .common_name = "ca",
					.issuer = "older root",
					.key = fixture->keys[CA],
					.issuer_key = fixture->keys[OTHER],
					.ca = true },
	    1);
	assert_chain(fixture, leaf, "CN=ca");
}

static void test_chain_ends_at_a_root_rather_than_with_an_expired_cross_certificate(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "ca", CA);

	add(fixture, &(struct test_certificate){ .common_name = "ca", .key = fixture->keys[CA], .ca = true }, 1);
	add(fixture,
	    &(struct test_certificate){ .common_name = "ca",
					.issuer = "older root",
					.key = fixture->keys[CA],
					.issuer_key = fixture->keys[OTHER],
					.ca = true,
					.from_days = -20,
					.until_days = -10 },
	    1);
	assert_chain(fixture, leaf, "");
}

static void test_chain_does_not_depend_on_the_order_of_the_pool(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "sub", SUB);
	struct ks_certificate *subs[2];
	struct ks_certificate *chain[KS_CHAIN_MAX];
	struct ks_bytes first = KS_BYTES_NONE;

	/* Equal but for their serial numbers. */
	for (size_t i = 0; i < 2; i++)
		subs[i] = test_certificate_new(&(struct test_certificate){ .common_name = "sub",
									   .issuer = "ca",
									   .key = fixture->keys[SUB],
									   .issuer_key = fixture->keys[CA],
									   .ca = true });
	for (size_t i = 0; i < 2; i++) {
		KS_CLEANUP(ks_chain_pool_freep) struct ks_chain_pool *pool = NULL;
		assert_int_equal(ks_chain_pool_new(&pool), 0);
		assert_int_equal(ks_chain_pool_add(pool, subs[i], 1), 0);
		assert_int_equal(ks_chain_pool_add(pool, subs[1 - i], 1), 0);
		assert_int_equal(ks_chain_build(pool, leaf, 1, (int64_t)time(NULL), chain), 2);
		if (i == 0)
			first = ks_certificate_der(chain[1]);
		assert_true(ks_bytes_equal(first, ks_certificate_der(chain[1])));
	}
	for (size_t i = 0; i < 2; i++)
		ks_certificate_unref(subs[i]);
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

static void test_chain_does_not_go_round_in_circles(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "a", CA);

	add(fixture,
	    &(struct test_certificate){ .common_name = "a",
					.issuer = "b",
					.key = fixture->keys[CA],
					.issuer_key = fixture->keys[OTHER],
					.ca = true },
	    1);
	add(fixture,
	    &(struct test_certificate){ .common_name = "b",
					.issuer = "a",
					.key = fixture->keys[OTHER],
					.issuer_key = fixture->keys[CA],
					.ca = true },
	    1);
	assert_chain(fixture, leaf, "CN=a CN=b");
}

static void test_chain_has_at_most_ten_certificates(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "0", CA);

	for (unsigned i = 0; i < 12; i++) {
		char name[8];
		char issuer[8];
		(void)snprintf(name, sizeof(name), "%u", i);
		(void)snprintf(issuer, sizeof(issuer), "%u", i + 1);
		add(fixture,
		    &(struct test_certificate){
			    .common_name = name, .issuer = issuer, .key = fixture->keys[CA], .ca = true },
		    1);
	}
	assert_chain(fixture, leaf, "CN=0 CN=1 CN=2 CN=3 CN=4 CN=5 CN=6 CN=7 CN=8");
}

/* A GET reply must fit its frame. */
static void test_chain_has_at_most_192_kib(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CERTIFICATE leaf = make_leaf(fixture, "0", CA);

	for (unsigned i = 0; i < 5; i++) {
		char name[8];
		char issuer[8];
		(void)snprintf(name, sizeof(name), "%u", i);
		(void)snprintf(issuer, sizeof(issuer), "%u", i + 1);
		add(fixture,
		    &(struct test_certificate){ .common_name = name,
						.issuer = issuer,
						.key = fixture->keys[CA],
						.ca = true,
						.padding = 60000 },
		    1);
	}
	assert_chain(fixture, leaf, "CN=0 CN=1 CN=2");
}

/* Invariant I4: another module's look-alikes neither cost much nor hide what is good. */
static void test_chain_survives_a_flood_of_look_alikes(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < 200; i++)
		add(fixture,
		    &(struct test_certificate){ .common_name = "sub",
						.issuer = "evil",
						.key = fixture->keys[OTHER],
						.ca = true,
						.from_days = -1 },
		    2);
	add_sub(fixture, "good", -10, 0, 1);
	n_checks = 0;
	assert_issuer(fixture, "CN=good");
	assert_true(n_checks <= KS_CHAIN_TRIES + 1);
}

static void test_chain_survives_a_flood_from_its_own_module_by_the_users_files(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < 200; i++)
		add(fixture,
		    &(struct test_certificate){ .common_name = "sub",
						.issuer = "evil",
						.key = fixture->keys[OTHER],
						.ca = true,
						.from_days = -1 },
		    1);
	add_sub(fixture, "good", -10, 0, KS_CHAIN_FILES);
	n_checks = 0;
	assert_issuer(fixture, "CN=good");
	assert_true(n_checks <= KS_CHAIN_TRIES + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_chain_goes_from_leaf_to_the_last_intermediate),
		TEST(test_chain_needs_no_root),
		TEST(test_chain_of_a_leaf_without_issuer_is_the_leaf),
		TEST(test_chain_of_a_self_signed_leaf_is_the_leaf),
		TEST(test_chain_believes_signatures_and_not_names),
		TEST(test_chain_finds_names_that_differ_in_case_and_spaces),
		TEST(test_chain_takes_the_newest_issuer),
		TEST(test_chain_takes_a_valid_issuer_before_a_newer_one),
		TEST(test_chain_takes_an_expired_issuer_when_there_is_no_other),
		TEST(test_chain_takes_its_own_modules_or_the_users_issuer_before_another_modules),
		TEST(test_chain_goes_on_over_a_valid_cross_certificate_of_a_root),
		TEST(test_chain_ends_at_a_root_rather_than_with_an_expired_cross_certificate),
		TEST(test_chain_does_not_depend_on_the_order_of_the_pool),
		TEST(test_chain_does_not_go_round_in_circles),
		TEST(test_chain_has_at_most_ten_certificates),
		TEST(test_chain_has_at_most_192_kib),
		TEST(test_chain_survives_a_flood_of_look_alikes),
		TEST(test_chain_survives_a_flood_from_its_own_module_by_the_users_files),
	};
	return cmocka_run_group_tests(tests, setup_keys, teardown_keys);
}
