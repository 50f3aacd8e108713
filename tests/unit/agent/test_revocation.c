/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of lib/tls/revocation.h, and what the keyring makes of them: which lists count, and for which certificates. */
#include "lib/tls/revocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/standing.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "tests/unit/agent/ring.h"

#define AUTO_RING KS_CLEANUP(ring_deinit) struct ring

#define DAY 86400

static EVP_PKEY *alice, *ca, *other;

static int setup(void **state)
{
	(void)state;
	ks_log_init("test", 0);
	alice = test_key("P-256");
	ca = test_key("P-256");
	other = test_key("P-256");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(alice);
	EVP_PKEY_free(ca);
	EVP_PKEY_free(other);
	return 0;
}

/* --- lists ------------------------------------------------------------------------------------------------------- */

struct plan {
	const char *what;
	const char *issuer; /* common name; NULL = "ca" */
	bool forged;        /* signed with another key */
	bool spares;        /* it names another certificate */
	int reason;         /* CRL_REASON_… of the entry; 0 = none */
	int nid;            /* of an extension, 0 = none */
	const char *value;  /* of it, as in OpenSSL's configuration files */
	bool outdated;
	bool revoked;        /* what is expected */
	const char *ignored; /* a part of the reason; NULL = it counts */
};

static void set_name(X509_CRL *crl, const char *common_name)
{
	X509_NAME *name = X509_NAME_new();

	assert_int_equal(
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0),
		1);
	assert_int_equal(X509_CRL_set_issuer_name(crl, name), 1);
	X509_NAME_free(name);
}

static void add_entry(X509_CRL *crl, const struct plan *plan, struct ks_certificate *certificate)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, time(NULL) - DAY);
	ASN1_INTEGER *serial = ASN1_INTEGER_dup(X509_get0_serialNumber(ks_certificate_x509(certificate)));

	if (plan->spares)
		assert_int_equal(ASN1_INTEGER_set(serial, 987654321), 1);
	assert_int_equal(X509_REVOKED_set_serialNumber(entry, serial), 1);
	assert_int_equal(X509_REVOKED_set_revocationDate(entry, when), 1);
	if (plan->reason) {
		ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
		assert_int_equal(ASN1_ENUMERATED_set(reason, plan->reason), 1);
		assert_int_equal(X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0), 1);
		ASN1_ENUMERATED_free(reason);
	}
	assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(when);
}

static void add_extension(X509_CRL *crl, const struct plan *plan)
{
	X509V3_CTX context;

	if (!plan->nid)
		return;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, NULL, NULL, NULL, crl, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, plan->nid, plan->value);
	assert_non_null(extension);
	assert_int_equal(X509_CRL_add_ext(crl, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* *ret_der is OpenSSL's to free. */
static size_t make_der(const struct plan *plan, struct ks_certificate *certificate, unsigned char **ret_der)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = ASN1_TIME_set(NULL, time(NULL) - 9 * DAY);
	ASN1_TIME *until = ASN1_TIME_set(NULL, time(NULL) + (plan->outdated ? -2 : 9) * DAY);

	*ret_der = NULL;
	assert_int_equal(X509_CRL_set_version(crl, 1), 1);
	set_name(crl, plan->issuer ? plan->issuer : "ca");
	assert_int_equal(X509_CRL_set1_lastUpdate(crl, from), 1);
	assert_int_equal(X509_CRL_set1_nextUpdate(crl, until), 1);
	add_entry(crl, plan, certificate);
	add_extension(crl, plan);
	assert_true(X509_CRL_sign(crl, plan->forged ? other : ca, EVP_sha256()) > 0);
	int size = i2d_X509_CRL(crl, ret_der);
	assert_true(size > 0);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_CRL_free(crl);
	return (size_t)size;
}

/* Given. */
static struct ks_revocation *make_list(const struct plan *plan, struct ks_certificate *certificate)
{
	struct ks_revocation *list = NULL;
	unsigned char *der;

	size_t size = make_der(plan, certificate, &der);
	assert_int_equal(ks_revocation_new(ks_bytes(der, size), &list), 0);
	OPENSSL_free(der);
	return list;
}

/* --- rings ------------------------------------------------------------------------------------------------------- */

/* A token with alice's key; her certificate is overlay[0]. */
static void begin(struct ring *ring, bool with_ca)
{
	ring_token(ring, 0, &(struct test_token){ .number = 1 });
	ring_key(ring, 0, &(struct test_object){ .token = 1, .number = 1, .label = "alice", .id = "01" }, alice);
	ring_file(ring,
		  &(struct test_certificate){ .common_name = "alice", .issuer = "ca", .key = alice, .issuer_key = ca });
	if (with_ca)
		ring_file(ring, &(struct test_certificate){ .common_name = "ca", .key = ca, .ca = true });
}

static void put_list(struct ring *ring, struct ks_revocation *list)
{
	static char path[] = "certs/list.crl";

	ring->lists[ring->n_lists++] = (struct ks_overlay_list){ .list = list, .path = path };
}

static void end(struct ring *ring)
{
	for (size_t i = 0; i < ring->n_lists; i++)
		ks_revocation_free(ring->lists[i].list);
	ring->n_lists = 0;
}

static const struct plan listed = { .what = "listed" };

static void test_revocation_says_revoked_of_what_its_ca_listed_and_of_nothing_else(void **state)
{
	static const struct plan plans[] = {
		{ .what = "listed", .revoked = true },
		{ .what = "another one is listed", .spares = true },
		{ .what = "not signed by its issuer", .forged = true },
		{ .what = "of another issuer", .issuer = "other ca" },
		{ .what = "key compromise", .reason = CRL_REASON_KEY_COMPROMISE, .revoked = true },
		{ .what = "on hold", .reason = CRL_REASON_CERTIFICATE_HOLD, .revoked = true },
		{ .what = "no longer on hold", .reason = CRL_REASON_REMOVE_FROM_CRL },
		{ .what = "outdated", .outdated = true, .revoked = true },
		{ .what = "indirect",
		  .nid = NID_issuing_distribution_point,
		  .value = "critical,indirectCRL:TRUE",
		  .ignored = "indirect" },
		{ .what = "attribute certificates",
		  .nid = NID_issuing_distribution_point,
		  .value = "critical,onlyAA:TRUE",
		  .ignored = "attribute" },
		{ .what = "CA certificates",
		  .nid = NID_issuing_distribution_point,
		  .value = "critical,onlyCA:TRUE",
		  .ignored = "CA certificates" },
		{ .what = "some reasons",
		  .nid = NID_issuing_distribution_point,
		  .value = "critical,onlysomereasons:keyCompromise",
		  .ignored = "some reasons" },
		{ .what = "of users",
		  .nid = NID_issuing_distribution_point,
		  .value = "critical,onlyuser:TRUE",
		  .revoked = true },
		{ .what = "of one distribution point",
		  .nid = NID_issuing_distribution_point,
		  .value = "critical,fullname:URI:http://example.org/1.crl",
		  .revoked = true },
		{ .what = "delta", .nid = NID_delta_crl, .value = "critical,DER:020101", .ignored = "delta" },
		{ .what = "unknown", .nid = NID_info_access, .value = "critical,DER:3000", .ignored = "critical" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		AUTO_RING ring = { 0 };
		begin(&ring, true);
		struct ks_revocation *list = make_list(&plans[i], ring.overlay[0]);
		put_list(&ring, list);
		const char *why = ks_revocation_why_ignored(list);
		ring_build(&ring, NULL);
		bool revoked = ring_of(&ring, alice)->revoked;
		if (revoked != plans[i].revoked || !why != !plans[i].ignored || (why && !strstr(why, plans[i].ignored)))
			fail_msg("%s: revoked %d, ignored: %s", plans[i].what, revoked, why ? why : "no");
		end(&ring);
	}
}

/* Whose time is over, or where it would not stand anyway, says good of nothing. */
static void test_revocation_says_good_of_what_a_whole_fresh_list_leaves_out(void **state)
{
	static const struct {
		struct plan plan;
		enum ks_revocation_state expected;
	} plans[] = {
		{ { .what = "whole", .spares = true }, KS_REVOCATION_GOOD },
		{ { .what = "outdated", .spares = true, .outdated = true }, KS_REVOCATION_OUTDATED },
		{ { .what = "forged", .spares = true, .forged = true }, KS_REVOCATION_NO_SOURCE },
		{ { .what = "of another issuer", .spares = true, .issuer = "other ca" }, KS_REVOCATION_NO_SOURCE },
		{ { .what = "of users",
		    .spares = true,
		    .nid = NID_issuing_distribution_point,
		    .value = "critical,onlyuser:TRUE" },
		  KS_REVOCATION_GOOD },
		{ { .what = "of a distribution point that it does not name",
		    .spares = true,
		    .nid = NID_issuing_distribution_point,
		    .value = "critical,fullname:URI:http://example.org/1.crl" },
		  KS_REVOCATION_NO_SOURCE },
		{ { .what = "of CA certificates",
		    .spares = true,
		    .nid = NID_issuing_distribution_point,
		    .value = "critical,onlyCA:TRUE" },
		  KS_REVOCATION_NO_SOURCE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		AUTO_RING ring = { 0 };
		begin(&ring, true);
		put_list(&ring, make_list(&plans[i].plan, ring.overlay[0]));
		for (int again = 0; again < 2; again++) { /* what was verified is remembered */
			ring_build(&ring, NULL);
			if (ring_of(&ring, alice)->revocation.state != plans[i].expected)
				fail_msg("%s: state %d", plans[i].plan.what, ring_of(&ring, alice)->revocation.state);
		}
		end(&ring);
	}
}

static void test_revocation_counts_only_where_the_ca_is_known(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	begin(&ring, false);
	put_list(&ring, make_list(&listed, ring.overlay[0]));
	/* A CA of this name with another key, which is not the one that issued it. */
	ring_file(&ring, &(struct test_certificate){ .common_name = "ca", .key = other, .ca = true });
	ring_build(&ring, NULL);
	assert_false(ring_of(&ring, alice)->revoked);
	assert_true(ring.lists[0].told);
	ring_file(&ring, &(struct test_certificate){ .common_name = "ca", .key = ca, .ca = true });
	ring_build(&ring, NULL);
	assert_true(ring_of(&ring, alice)->revoked);
	end(&ring);
}

/* Two CAs of one name, each with a number of its own for its certificates. */
static void test_revocation_of_another_ca_of_this_name_says_nothing(void **state)
{
	static const struct plan of_other = { .what = "signed by the other one", .forged = true };

	(void)state;
	AUTO_RING ring = { 0 };
	begin(&ring, true);
	ring_file(&ring, &(struct test_certificate){ .common_name = "ca", .key = other, .ca = true });
	put_list(&ring, make_list(&of_other, ring.overlay[0]));
	ring_build(&ring, NULL);
	assert_false(ring_of(&ring, alice)->revoked);
	end(&ring);
}

static void test_revocation_leaves_another_valid_certificate_of_the_key(void **state)
{
	struct ks_standing standing;
	(void)state;
	AUTO_RING ring = { 0 };
	begin(&ring, true);
	put_list(&ring, make_list(&listed, ring.overlay[0]));
	/* Not an expired one: the revoked one is what is to be told of. */
	ring_file(&ring, &(struct test_certificate){ .common_name = "old",
						     .issuer = "ca",
						     .key = alice,
						     .issuer_key = ca,
						     .from_days = -20,
						     .until_days = -10 });
	ring_build(&ring, NULL);
	assert_true(ring_of(&ring, alice)->revoked);
	assert_int_equal(ks_standing_check(ring_of(&ring, alice), KS_BYTES_NONE, time(NULL), &standing),
			 KS_ERR_REVOKED);
	assert_non_null(strstr(standing.text, "key \"alice\": its certificate was revoked on 20"));
	assert_non_null(strstr(standing.text, "; get another one"));
	/* An older one, which would lose otherwise. */
	ring_file(&ring, &(struct test_certificate){ .common_name = "spare",
						     .issuer = "ca",
						     .key = alice,
						     .issuer_key = ca,
						     .from_days = -9,
						     .until_days = 30 });
	ring_build(&ring, NULL);
	assert_false(ring_of(&ring, alice)->revoked);
	assert_string_equal(ks_certificate_common_name(ring_of(&ring, alice)->certificate), "spare");
	end(&ring);
}

/* "" is the only key that can be used. */
static void test_revocation_makes_a_key_unusable(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	begin(&ring, true);
	ring_key(&ring, 0, &(struct test_object){ .token = 1, .number = 2, .label = "bob", .id = "02" }, other);
	ring_file(&ring,
		  &(struct test_certificate){ .common_name = "bob", .issuer = "ca", .key = other, .issuer_key = ca });
	put_list(&ring, make_list(&listed, ring.overlay[0]));
	ring_build(&ring, NULL);
	assert_string_equal(ring_find(&ring, "")->name, "bob");
	end(&ring);
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static void write_list(const char *path, const struct plan *plan, struct ks_certificate *certificate)
{
	unsigned char *der;
	size_t size = make_der(plan, certificate, &der);

	assert_int_equal(ks_path_write_file(path, ks_bytes(der, size), 0600), 0);
	OPENSSL_free(der);
}

static void test_revocation_list_is_read_once_while_its_file_is_the_same(void **state)
{
	(void)state;
	static const struct plan spares = { .what = "spares", .spares = true };
	AUTO_RING ring = { 0 };
	struct ks_overlay first = { 0 }, second = { 0 }, third = { 0 };
	char folder[] = "/tmp/keystay-status-XXXXXX", path[64];
	int64_t when;

	begin(&ring, true);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/list.crl", folder);
	write_list(path, &listed, ring.overlay[0]);
	assert_int_equal(ks_overlay_read_status(&first, NULL, folder), 0);
	assert_int_equal(first.n_lists, 1);
	first.lists[0].has_signer = first.lists[0].told = true;
	assert_int_equal(ks_overlay_read_status(&second, &first, folder), 0);
	assert_ptr_equal(second.lists[0].list, first.lists[0].list);
	assert_true(second.lists[0].has_signer && second.lists[0].told);
	ks_overlay_deinit(&first);
	assert_true(ks_revocation_names(second.lists[0].list, ring.overlay[0], &when));
	write_list(path, &spares, ring.overlay[0]);
	assert_int_equal(ks_overlay_read_status(&third, &second, folder), 0);
	assert_false(ks_revocation_names(third.lists[0].list, ring.overlay[0], &when));
	assert_false(third.lists[0].has_signer);
	ks_overlay_deinit(&second);
	ks_overlay_deinit(&third);
	(void)unlink(path);
	(void)rmdir(folder);
}

static void test_revocation_refuses_what_is_no_list(void **state)
{
	struct ks_revocation *list = NULL;

	(void)state;
	assert_int_equal(ks_revocation_new(KS_BYTES_NONE, &list), KS_ERR_MALFORMED);
	assert_int_equal(ks_revocation_new(ks_bytes("\x30\x03\x02\x01\x00", 5), &list), KS_ERR_MALFORMED);
	assert_null(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_revocation_says_revoked_of_what_its_ca_listed_and_of_nothing_else),
		cmocka_unit_test(test_revocation_says_good_of_what_a_whole_fresh_list_leaves_out),
		cmocka_unit_test(test_revocation_counts_only_where_the_ca_is_known),
		cmocka_unit_test(test_revocation_of_another_ca_of_this_name_says_nothing),
		cmocka_unit_test(test_revocation_leaves_another_valid_certificate_of_the_key),
		cmocka_unit_test(test_revocation_makes_a_key_unusable),
		cmocka_unit_test(test_revocation_list_is_read_once_while_its_file_is_the_same),
		cmocka_unit_test(test_revocation_refuses_what_is_no_list),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
