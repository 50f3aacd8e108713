/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lib/tls against tests/hostile: nothing of it may be signed, and each refusal says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/tls/signable.h"
#include "tests/hostile/hostile.h"
#include "tests/hostile/transcript_maker.h"
#include "tests/unit/tls/handshake.h"

/* What the issue asks for is 200; fewer than this and some class has gone missing. */
#define N_EXPECTED 260

KS_DEFINE_CLEANUP(X509 *, X509_free)

struct tally {
	const struct ks_spki *spki;
	const char *what;
	int n_wrong;
	char *names[2000];
	size_t n_names;
};

static void note_name(struct tally *tally, const struct ks_hostile_input *input)
{
	for (size_t i = 0; i < tally->n_names; i++) {
		if (strcmp(tally->names[i], input->name) == 0)
			fail_msg("two inputs are called %s", input->name);
	}
	assert_true(tally->n_names < sizeof(tally->names) / sizeof(tally->names[0]));
	tally->names[tally->n_names++] = strdup(input->name);
}

/* Nor is any of it a certificate request or a message of CMP. C11 is CMP, of a key that can sign ecdsa-with-SHA256. */
static void check_other_doors(struct ks_bytes exact, const struct ks_hostile_input *input, const struct ks_spki *spki)
{
	struct ks_signable signable;
	struct ks_signable_refusal refusal;
	bool is_cmp = strcmp(input->class, "C11") == 0;

	assert_true(ks_signable_check_request(exact, input->scheme, spki, &signable, &refusal) < 0);
	int r = ks_signable_check_cmp(exact, input->scheme, spki, &signable, &refusal);
	if (is_cmp && spki->curve == KS_CURVE_P256 && r < 0)
		fail_msg("%s is none: %s", input->name, refusal.text);
	assert_true(is_cmp || r < 0);
}

static int refuse_one(const struct ks_hostile_input *input, void *userdata)
{
	struct tally *tally = userdata;
	struct ks_signable signable;
	struct ks_signable_refusal refusal = { "" };
	/* An exact allocation, so that a sanitizer sees a read of one byte too many. */
	KS_AUTO_FREE uint8_t *exact = malloc(input->input.size ? input->input.size : 1);

	assert_non_null(exact);
	if (input->input.size > 0)
		memcpy(exact, input->input.data, input->input.size);
	int r = ks_signable_check(ks_bytes(exact, input->input.size), input->scheme, tally->spki, &signable, &refusal);
	note_name(tally, input);
	check_other_doors(ks_bytes(exact, input->input.size), input, tally->spki);
	if (r == input->expected || (r < 0 && r == input->or_else)) {
		assert_true(strlen(refusal.text) > 20 && strlen(refusal.text) < sizeof(refusal.text) - 1);
		return 0;
	}
	print_error("%s, %s %s: %s instead of %s: %s\n", tally->what, input->class, input->name,
		    r == 0 ? "SIGNED" : ks_error_word(r), ks_error_word(input->expected), refusal.text);
	tally->n_wrong++;
	return 0;
}

static void check_good(struct ks_bytes input, uint32_t scheme, const struct ks_spki *spki)
{
	struct ks_signable signable;
	struct ks_signable_refusal refusal = { "" };
	int r = ks_signable_check(input, scheme, spki, &signable, &refusal);

	if (r < 0)
		fail_msg("a good input was refused: %s", refusal.text);
}

static void refuse_all(const struct ks_hostile_target *target, const char *what)
{
	struct tally tally = { .spki = target->spki, .what = what };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer good13 = { 0 };

	ks_hostile_put_good13(&good13);
	check_good(ks_buffer_bytes(&good13), target->scheme13, target->spki);
	check_good(target->transcript, target->scheme12, target->spki);

	int n = ks_hostile_build(target, refuse_one, &tally);
	for (size_t i = 0; i < tally.n_names; i++)
		free(tally.names[i]);
	print_message("%s: %d inputs\n", what, n);
	assert_int_equal(tally.n_wrong, 0);
	assert_true(n >= N_EXPECTED);
}

struct key {
	struct ks_buffer spki_der;
	struct ks_buffer certificate;
	struct ks_spki spki;
};

static void make_key(const char *type, struct key *ret_key)
{
	KS_CLEANUP(X509_freep) X509 *certificate = ks_handshake_certificate(type, "client");

	ks_handshake_put_spki(&ret_key->spki_der, type);
	ks_handshake_put_certificate(&ret_key->certificate, certificate);
	assert_int_equal(ks_spki_read(ks_buffer_bytes(&ret_key->spki_der), &ret_key->spki), 0);
}

static void free_key(struct key *key)
{
	ks_buffer_deinit(&key->spki_der);
	ks_buffer_deinit(&key->certificate);
}

static const char *const key_types[] = { "RSA-2048", "RSA-PSS-2048", "P-256", "P-384", "P-521", "Ed25519" };

#define N_KEY_TYPES (sizeof(key_types) / sizeof(key_types[0]))

/* --- tests ------------------------------------------------------------------------------------------------------- */

static void test_hostile_inputs_are_refused_for_every_key_type(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEY_TYPES; i++) {
		KS_CLEANUP(free_key) struct key key = { 0 };
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer transcript = { 0 };
		make_key(key_types[i], &key);
		ks_hostile_put_good12(&transcript, ks_buffer_bytes(&key.certificate));
		struct ks_hostile_target target = {
			.certificate = ks_buffer_bytes(&key.certificate),
			.spki = &key.spki,
			.transcript = ks_buffer_bytes(&transcript),
		};
		ks_hostile_schemes(&key.spki, &target.scheme12, &target.scheme13);
		refuse_all(&target, key_types[i]);
	}
}

/* The same with transcripts that OpenSSL made, of every shape. */
static void test_hostile_changes_of_real_transcripts_are_refused(void **state)
{
	static const char *const suites[] = { "ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384",
					      "AES128-GCM-SHA256" };

	(void)state;
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		struct ks_handshake_setup setup = {
			.version = TLS1_2_VERSION,
			.client_key = "P-256",
			.server_key = "RSA-2048",
			.suites = suites[i],
			.server_name = "host.example",
			.with_alpn = true,
			.with_staple = true,
			.with_ca_names = true,
			.with_chain = true,
		};
		KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };
		KS_CLEANUP(free_key) struct key key = { 0 };
		ks_handshake_run(&setup, &handshake);
		make_key("P-256", &key);
		struct ks_hostile_target target = {
			.certificate = ks_buffer_bytes(&key.certificate),
			.spki = &key.spki,
			.transcript = ks_buffer_bytes(&handshake.input),
			.scheme12 = handshake.scheme,
			.scheme13 = handshake.scheme,
		};
		refuse_all(&target, suites[i]);
	}
}

/* Legal, if unusual: none of these is hostile. */
static void test_hostile_maker_makes_good_transcripts_of_every_shape(void **state)
{
	static const struct ks_transcript_plan plans[] = {
		{ .exchange = KS_PLAN_ECDHE },
		{ .exchange = KS_PLAN_DHE },
		{ .exchange = KS_PLAN_STATIC_RSA },
		{ .exchange = KS_PLAN_STATIC_RSA, .with_staple = true },
		{ .without_extended_master_secret = true },
		{ .without_renegotiation_info = true },
		{ .without_extended_master_secret = true, .without_renegotiation_info = true },
		{ .without_extensions = true },
		{ .with_staple = true },
		{ .with_grease = true },
		{ .with_grease = true,
		  .with_session_id = true,
		  .with_staple = true,
		  .with_ca_names = true,
		  .with_chain = true },
		{ .chosen_suite = 0xc030 },
		{ .chosen_suite = 0xcca9 },
		/* announced and left out, which a server may do (RFC 6066 section 8) */
		{ .with_ca_names = true },
		/* the client answers the signalling suite (RFC 5746) */
		{ .without_renegotiation_info = true,
		  .server_extension = { (const uint8_t *)"\xff\x01\x00\x01\x00", 5 } },
		/* a CertificateStatus of several responses (RFC 6961), one of them empty */
		{ .with_staple = true,
		  .status = { (const uint8_t *)"\x02\x00\x00\x08\x00\x00\x02\x30\x00\x00\x00\x00", 12 } },
	};
	KS_CLEANUP(free_key) struct key key = { 0 };

	(void)state;
	make_key("P-256", &key);
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer transcript = { 0 };
		struct ks_transcript_plan plan = plans[i];
		plan.client_certificate = ks_buffer_bytes(&key.certificate);
		ks_transcript_maker_write(&plan, &transcript);
		check_good(ks_buffer_bytes(&transcript), 0x0403, &key.spki);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_inputs_are_refused_for_every_key_type),
		cmocka_unit_test(test_hostile_changes_of_real_transcripts_are_refused),
		cmocka_unit_test(test_hostile_maker_makes_good_transcripts_of_every_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
