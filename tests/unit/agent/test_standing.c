/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/standing.h, and what the keyring makes of OCSP responses: which certificate is judged, and by whose word. */
#include "agent/standing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/tls/verify_signature.h"
#include "tests/unit/agent/ring.h"

#define DAY 86400
#define HOUR 3600
#define REQUIRE "[key \"alice\"]\nmatch = pkcs11:object=alice\nrevocation = require\n"
#define LONG_NAME "a-name-of-64-characters-which-is-as-long-as-one-ever-will-be-her"
#define PROFILE                                                                                                        \
	"[profile \"corp\"]\nprotocol = exec\ncommand = /bin/true\nissued-by = /etc/ca.pem\nsubject = /CN=alice\n"     \
	"[key \"" LONG_NAME "\"]\nmatch = pkcs11:object=alice\nprofile = corp\n"
#define OFF "[key \"alice\"]\nmatch = pkcs11:object=alice\nrevocation = off\n"

KS_DEFINE_CLEANUP(struct ks_certificate *, ks_certificate_unref)

static EVP_PKEY *alice, *ca, *other;
static struct ring ring;
static struct ks_standing standing;

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

static int begin(void **state)
{
	(void)state;
	ring = (struct ring){ 0 };
	ring_token(&ring, 0, &(struct test_token){ .number = 1 });
	ring_key(&ring, 0, &(struct test_object){ .token = 1, .number = 1, .label = "alice", .id = "01" }, alice);
	ring_file(&ring, &(struct test_certificate){ .common_name = "ca", .key = ca, .ca = true });
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < ring.n_answers; i++)
		free(ring.answers[i].content);
	ring.n_answers = 0;
	ring_deinit(&ring);
	return 0;
}

/* A certificate of alice's, in certs/. */
static struct ks_certificate *issue(const char *name, int64_t from_days, int64_t until_days)
{
	ring_file(&ring, &(struct test_certificate){ .common_name = name,
						     .issuer = "ca",
						     .key = alice,
						     .issuer_key = ca,
						     .from_days = from_days,
						     .until_days = until_days });
	return ring.overlay[ring.n_overlay - 1];
}

struct said {
	int status; /* V_OCSP_CERTSTATUS_… */
	int reason;
	int64_t from_s, until_s; /* from now */
	EVP_PKEY *signer;        /* NULL: the CA */
};

static OCSP_RESPONSE *respond(const struct ks_certificate *of, const struct said *said)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	X509 *issuer = ks_certificate_x509(ring.overlay[0]);
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), ks_certificate_x509(of), issuer);
	ASN1_TIME *from = ASN1_TIME_set(NULL, time(NULL) + said->from_s);
	ASN1_TIME *until = ASN1_TIME_set(NULL, time(NULL) + said->until_s);
	X509 *named = X509_dup(issuer);

	/* OpenSSL signs only with the key of the certificate that it names. */
	if (said->signer)
		assert_int_equal(X509_set_pubkey(named, said->signer), 1);
	assert_non_null(OCSP_basic_add1_status(basic, id, said->status, said->reason,
					       said->status == V_OCSP_CERTSTATUS_REVOKED ? from : NULL, from, until));
	assert_int_equal(
		OCSP_basic_sign(basic, named, said->signer ? said->signer : ca, EVP_sha256(), NULL, OCSP_NOCERTS), 1);
	OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_free(named);
	return response;
}

/* Into status/. */
static void answer(const struct ks_certificate *of, const struct said *said)
{
	static char path[] = "status/answer.ocsp";
	OCSP_RESPONSE *response = respond(of, said);
	struct ks_overlay_answer *made = &ring.answers[ring.n_answers++];
	unsigned char *der = NULL;
	int size = i2d_OCSP_RESPONSE(response, &der);

	assert_true(size > 0);
	*made = (struct ks_overlay_answer){ .path = path, .content = malloc((size_t)size), .size = (size_t)size };
	assert_non_null(made->content);
	memcpy(made->content, der, (size_t)size);
	assert_int_equal(ks_sha256(ks_certificate_der(of), made->certificate_hash), 0);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
}

static int check(const struct ks_certificate *shown)
{
	return ks_standing_check(ring_of(&ring, alice), shown ? ks_certificate_der(shown) : KS_BYTES_NONE, time(NULL),
				 &standing);
}

static enum ks_revocation_state state_of_alice(void)
{
	return ring_of(&ring, alice)->revocation.state;
}

/* --- what responses do ------------------------------------------------------------------------------------------- */

static void test_standing_takes_the_word_of_the_ca_alone(void **state)
{
	static const struct {
		const char *what;
		struct said said;
		bool is_forged;
		enum ks_revocation_state expected;
	} plans[] = {
		{ "good", { V_OCSP_CERTSTATUS_GOOD, -1, -HOUR, HOUR, NULL }, false, KS_REVOCATION_GOOD },
		{ "revoked", { V_OCSP_CERTSTATUS_REVOKED, 1, -HOUR, HOUR, NULL }, false, KS_REVOCATION_REVOKED },
		{ "unknown", { V_OCSP_CERTSTATUS_UNKNOWN, -1, -HOUR, HOUR, NULL }, false, KS_REVOCATION_UNKNOWN },
		{ "good once", { V_OCSP_CERTSTATUS_GOOD, -1, -DAY, -HOUR, NULL }, false, KS_REVOCATION_OUTDATED },
		{ "revoked once", { V_OCSP_CERTSTATUS_REVOKED, 1, -DAY, -HOUR, NULL }, false, KS_REVOCATION_REVOKED },
		{ "on hold", { V_OCSP_CERTSTATUS_REVOKED, 6, -HOUR, HOUR, NULL }, false, KS_REVOCATION_REVOKED },
		{ "on hold once", { V_OCSP_CERTSTATUS_REVOKED, 6, -DAY, -HOUR, NULL }, false, KS_REVOCATION_OUTDATED },
		{ "of the future", { V_OCSP_CERTSTATUS_REVOKED, 1, HOUR, DAY, NULL }, false, KS_REVOCATION_NO_SOURCE },
		{ "forged", { V_OCSP_CERTSTATUS_REVOKED, 1, -HOUR, HOUR, NULL }, true, KS_REVOCATION_NO_SOURCE },
	};

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		struct said said = plans[i].said;
		said.signer = plans[i].is_forged ? other : NULL;
		answer(issue("alice", 0, 0), &said);
		ring_build(&ring, NULL);
		if (state_of_alice() != plans[i].expected ||
		    (check(NULL) == KS_ERR_REVOKED) != (plans[i].expected == KS_REVOCATION_REVOKED))
			fail_msg("%s: state %d, %s", plans[i].what, state_of_alice(), standing.text);
		assert_int_equal(end(state), 0);
		assert_int_equal(begin(state), 0);
	}
}

static void test_standing_says_when_and_why_it_was_revoked(void **state)
{
	(void)state;
	answer(issue("alice", 0, 0), &(struct said){ V_OCSP_CERTSTATUS_REVOKED, 1, -HOUR, HOUR, NULL });
	ring_build(&ring, NULL);
	assert_int_equal(check(NULL), KS_ERR_REVOKED);
	assert_non_null(strstr(standing.text, "key \"alice\": its certificate was revoked on 20"));
	assert_non_null(strstr(standing.text, " (its key was compromised); get another one"));
	assert_true(ks_standing_said(ring_of(&ring, alice)) > 0);
}

/* A fresh certificate of the same key makes it good again; the program that shows the old one is told. */
static void test_standing_judges_the_certificate_that_is_shown(void **state)
{
	struct ks_certificate *revoked = issue("old", -5, 20);
	struct ks_certificate *good = issue("new", -9, 30);

	(void)state;
	answer(revoked, &(struct said){ V_OCSP_CERTSTATUS_REVOKED, 4, -HOUR, HOUR, NULL });
	ring_build(&ring, NULL);
	assert_ptr_equal(ring_of(&ring, alice)->certificate, good);
	assert_int_equal(check(NULL), 0);
	assert_int_equal(check(good), 0);
	assert_int_equal(check(revoked), KS_ERR_REVOKED);
	assert_non_null(strstr(standing.text, "the certificate that this program uses was revoked"));
	assert_non_null(strstr(standing.text, "start the program again with the new one"));
}

/* --- what keystay.conf says --------------------------------------------------------------------------------------- */

static void test_standing_require_wants_a_good_word(void **state)
{
	struct ks_certificate *leaf = issue("alice", 0, 0);

	(void)state;
	ring_build(&ring, REQUIRE);
	assert_int_equal(check(NULL), KS_ERR_RULE);
	assert_non_null(strstr(standing.text, "revocation = require"));
	assert_non_null(strstr(standing.text, "run: keystay renew --status-only alice"));
	assert_non_null(strstr(standing.rule, "[key \"alice\"] revocation = require ("));
	assert_true(ks_standing_is_unproven(ring_of(&ring, alice)));
	answer(leaf, &(struct said){ V_OCSP_CERTSTATUS_GOOD, -1, -DAY, -HOUR, NULL });
	ring_build(&ring, REQUIRE);
	assert_int_equal(check(NULL), KS_ERR_RULE);
	assert_non_null(strstr(standing.text, "the last answer of its CA is outdated since 20"));
	ring.n_answers = 0;
	free(ring.answers[0].content);
	answer(leaf, &(struct said){ V_OCSP_CERTSTATUS_GOOD, -1, -HOUR, HOUR, NULL });
	ring_build(&ring, REQUIRE);
	assert_int_equal(check(NULL), 0);
	assert_false(ks_standing_is_unproven(ring_of(&ring, alice)));
	/* One that nobody said anything of. */
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *unknown = test_certificate_new(&(struct test_certificate){
		.common_name = "elsewhere", .issuer = "ca", .key = alice, .issuer_key = ca });
	assert_int_equal(check(unknown), KS_ERR_RULE);
	assert_non_null(strstr(standing.text, "about the certificate that this program uses"));
	ring_build(&ring, NULL);
	assert_int_equal(check(unknown), 0);
}

static void test_standing_off_looks_at_nothing(void **state)
{
	(void)state;
	answer(issue("alice", 0, 0), &(struct said){ V_OCSP_CERTSTATUS_REVOKED, 1, -HOUR, HOUR, NULL });
	ring_build(&ring, OFF);
	assert_int_equal(check(NULL), 0);
	assert_int_equal(state_of_alice(), KS_REVOCATION_NOT_LOOKED_AT);
	ring_build_enforced(&ring, "[enforce]\nrevocation = warn\n", OFF);
	assert_int_equal(check(NULL), KS_ERR_REVOKED);
	ring_build_enforced(&ring, "[enforce]\nrevocation = require\n", "");
	assert_int_equal(ring_of(&ring, alice)->revocation_mode, KS_SETTINGS_REVOCATION_REQUIRE);
}

/* --- dates ------------------------------------------------------------------------------------------------------- */

static void test_standing_refuses_by_date(void **state)
{
	struct ks_certificate *expired = issue("expired", -30, -1);

	(void)state;
	ring_build(&ring, NULL);
	assert_int_equal(check(NULL), KS_ERR_EXPIRED);
	assert_non_null(strstr(standing.text, "the certificate of key \"alice\" expired on 20"));
	struct ks_certificate *good = issue("good", -40, 10);
	ring_build(&ring, NULL);
	assert_int_equal(check(NULL), 0);
	assert_int_equal(check(good), 0);
	assert_int_equal(check(expired), KS_ERR_EXPIRED);
	assert_non_null(strstr(standing.text, "that this program uses expired on 20"));
}

static void test_standing_refuses_what_does_not_hold_yet(void **state)
{
	(void)state;
	struct ks_certificate *early = issue("early", 2, 30);
	ring_build(&ring, NULL);
	assert_int_equal(check(NULL), KS_ERR_EXPIRED);
	assert_non_null(strstr(standing.text, "is not valid before 20"));
	/* Clocks differ by minutes. */
	int64_t from = ks_certificate_not_before(early);
	assert_int_equal(ks_standing_check(ring_of(&ring, alice), KS_BYTES_NONE, from - 300, &standing), 0);
	assert_int_equal(ks_standing_check(ring_of(&ring, alice), KS_BYTES_NONE, from - 301, &standing),
			 KS_ERR_EXPIRED);
	int64_t until = ks_certificate_not_after(early);
	assert_int_equal(ks_standing_check(ring_of(&ring, alice), KS_BYTES_NONE, until, &standing), 0);
	assert_int_equal(ks_standing_check(ring_of(&ring, alice), KS_BYTES_NONE, until + 1, &standing), KS_ERR_EXPIRED);
}

/* --- what to do --------------------------------------------------------------------------------------------------- */

/* Each within what curl shows. */
static void says(const char *advice)
{
	size_t size = strlen(standing.text);

	if (size < strlen(advice) || strcmp(standing.text + size - strlen(advice), advice) != 0 || size >= 256)
		fail_msg("%zu bytes, without \"%s\": %s", size, advice, standing.text);
}

static void test_standing_names_the_command_of_a_key_with_a_profile(void **state)
{
	struct ks_certificate *expired = issue("expired", -30, -1);

	ring_build(&ring, PROFILE);
	assert_int_equal(check(NULL), KS_ERR_EXPIRED);
	says("; run: keystay renew " LONG_NAME);
	ring_build(&ring, NULL);
	assert_int_equal(check(NULL), KS_ERR_EXPIRED);
	says("; put a new one on the token or into certs/, then run: keystay reload");
	issue("good", -40, 10);
	ring_build(&ring, PROFILE);
	assert_int_equal(check(expired), KS_ERR_EXPIRED);
	says("; start the program again with the new one");
	assert_int_equal(end(state), 0);
	assert_int_equal(begin(state), 0);
	issue("early", 2, 30);
	ring_build(&ring, PROFILE);
	assert_int_equal(check(NULL), KS_ERR_EXPIRED);
	says("; is this computer's clock right?");
}

static void test_standing_wants_no_certificate_of_a_compromised_key(void **state)
{
	for (int reason = -1; reason <= 10; reason++) {
		answer(issue("alice", 0, 0), &(struct said){ V_OCSP_CERTSTATUS_REVOKED, reason, -HOUR, HOUR, NULL });
		ring_build(&ring, PROFILE);
		assert_int_equal(check(NULL), KS_ERR_REVOKED);
		says(reason == 1 ? "; get another one" : "; run: keystay enroll " LONG_NAME " --force");
		ring_build(&ring, NULL);
		assert_int_equal(check(NULL), KS_ERR_REVOKED);
		says("; get another one");
		assert_int_equal(end(state), 0);
		assert_int_equal(begin(state), 0);
	}
}

static void test_standing_without_a_certificate_has_nothing_to_refuse(void **state)
{
	(void)state;
	ring_build(&ring, REQUIRE);
	assert_null(ring_of(&ring, alice)->certificate);
	assert_int_equal(check(NULL), 0);
	assert_false(ks_standing_is_unproven(ring_of(&ring, alice)));
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RULE(test_standing_takes_the_word_of_the_ca_alone),
		RULE(test_standing_says_when_and_why_it_was_revoked),
		RULE(test_standing_judges_the_certificate_that_is_shown),
		RULE(test_standing_require_wants_a_good_word),
		RULE(test_standing_off_looks_at_nothing),
		RULE(test_standing_refuses_by_date),
		RULE(test_standing_refuses_what_does_not_hold_yet),
		RULE(test_standing_names_the_command_of_a_key_with_a_profile),
		RULE(test_standing_wants_no_certificate_of_a_compromised_key),
		RULE(test_standing_without_a_certificate_has_nothing_to_refuse),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
