/* SPDX-License-Identifier: Apache-2.0 */
/* What keystay-token signs, and how it gets each kind of token to do so. Runs in: unit tests. */
#include "tests/unit/pkcs11/rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct rig rig;

static struct {
	const char *type;
	struct rig_key key;
} keys[] = {
	{ "RSA2048", { .label = "rsa2048", .id = 1, .parts = RIG_ALL } },
	{ "RSA3072", { .label = "rsa3072", .id = 2, .parts = RIG_ALL } },
	{ "RSA4096", { .label = "rsa4096", .id = 3, .parts = RIG_ALL } },
	{ "P-256", { .label = "p256", .id = 4, .parts = RIG_ALL } },
	{ "P-384", { .label = "p384", .id = 5, .parts = RIG_ALL } },
	{ "P-521", { .label = "p521", .id = 6, .parts = RIG_ALL } },
	{ "ED25519", { .label = "ed25519", .id = 7, .parts = RIG_ALL } },
	{ "P-256", { .label = "asks-always", .id = 8, .parts = RIG_ALL, .always_authenticate = true } },
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static void fill(struct rig_writer *writer, void *userdata)
{
	(void)userdata;
	rig_write_token(writer, "corp");
	for (size_t i = 0; i < N_KEYS; i++)
		rig_write_key(writer, &keys[i].key);
}

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEYS; i++)
		keys[i].key.key = rig_new_key(keys[i].type);
	rig_init(&rig);
	rig_write(&rig, fill, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEYS; i++)
		EVP_PKEY_free(keys[i].key.key);
	rig_deinit(&rig);
	return 0;
}

/* A worker behind the shim with this script, logged in. */
static void start(struct rig_worker *worker, const char *script)
{
	const struct rig_options options = { .path = RIG_SHIM };

	rig_script(&rig, script);
	(void)unlink(rig.counts);
	rig_start_ready(&rig, &options, worker);
	assert_int_equal(rig_login(worker, worker->tokens[0].number, RIG_PIN, NULL), 0);
}

static const struct {
	const char *label;
	uint32_t schemes[8];
} all_schemes[] = {
	{ "rsa2048", { 0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806, 0x0809, 0x080b } },
	{ "rsa3072", { 0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a } },
	{ "rsa4096", { 0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806, 0x0809, 0x080b } },
	{ "p256", { 0x0403, 0x0503, 0x0603 } }, /* TLS 1.2 has the curve and the hash apart */
	{ "p384", { 0x0403, 0x0503, 0x0603 } },
	{ "p521", { 0x0403, 0x0503, 0x0603 } },
	{ "ed25519", { 0x0807 } },
};

static void sign_all(struct rig_worker *worker)
{
	for (size_t i = 0; i < sizeof(all_schemes) / sizeof(all_schemes[0]); i++) {
		for (size_t n = 0; n < 8 && all_schemes[i].schemes[n]; n++) {
			uint32_t scheme = all_schemes[i].schemes[n];
			int r = rig_sign(worker, rig_key_by_label(worker, all_schemes[i].label), scheme);
			if (r < 0)
				fail_msg("%s 0x%04x: %d %s", all_schemes[i].label, scheme, r, worker->error);
		}
	}
}

static void test_worker_signs_with_every_key_and_scheme(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, NULL);
	sign_all(&worker);
	rig_stop(&worker);
}

static void test_worker_hashes_and_uses_raw_mechanisms_where_there_are_some(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, NULL);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "rsa2048"), 0x0804), 0);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "rsa2048"), 0x0401), 0);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "p256"), 0x0403), 0);
	assert_int_equal(rig_count(&rig, "C_SignInit"), 3);
	assert_int_equal(rig_count(&rig, "C_SignInit 0xd"), 1);
	assert_int_equal(rig_count(&rig, "C_SignInit 0x1"), 1);
	assert_int_equal(rig_count(&rig, "C_SignInit 0x1041"), 1);
	rig_stop(&worker);
}

/* SoftHSM would cut by itself, others refuse (TLS 1.2 has SHA-512 with P-256). */
static void test_worker_cuts_digests_that_are_longer_than_the_order(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, NULL);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "p256"), 0x0603), 0);
	assert_int_equal(rig_count(&rig, "C_Sign 32"), 1);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "p384"), 0x0603), 0);
	assert_int_equal(rig_count(&rig, "C_Sign 48"), 1);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "p521"), 0x0603), 0);
	assert_int_equal(rig_count(&rig, "C_Sign 64"), 1);
	rig_stop(&worker);
}

static void test_worker_lets_the_token_hash_where_it_has_nothing_else(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, "mechanisms-without CKM_RSA_PKCS\n"
		       "mechanisms-without CKM_RSA_PKCS_PSS\n"
		       "mechanisms-without CKM_RSA_X_509\n"
		       "mechanisms-without CKM_ECDSA\n"
		       "mechanisms-with CKM_ECDSA_SHA256\n"
		       "mechanisms-with CKM_ECDSA_SHA384\n"
		       "mechanisms-with CKM_ECDSA_SHA512\n");
	sign_all(&worker);
	/* Listed mechanisms come first, so nothing had to be tried in vain. */
	assert_int_equal(rig_count(&rig, "C_SignInit 0x1"), 0);
	assert_int_equal(rig_count(&rig, "C_SignInit 0xd"), 0);
	assert_int_equal(rig_count(&rig, "C_SignInit 0x1041"), 0);
	rig_stop(&worker);
}

#define NO_PSS                                                                                                         \
	"mechanisms-without CKM_RSA_PKCS_PSS\n"                                                                        \
	"mechanisms-without CKM_SHA256_RSA_PKCS_PSS\n"                                                                 \
	"mechanisms-without CKM_SHA384_RSA_PKCS_PSS\n"                                                                 \
	"mechanisms-without CKM_SHA512_RSA_PKCS_PSS\n"

static void test_worker_encodes_pss_itself_where_the_token_has_none(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, NO_PSS);
	sign_all(&worker);
	assert_true(rig_count(&rig, "C_SignInit 0x3") > 0);
	rig_stop(&worker);
}

static void test_worker_tries_pss_that_is_not_listed_before_raw_rsa(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, "mechanisms-unlisted CKM_RSA_PKCS_PSS\n"
		       "mechanisms-unlisted CKM_SHA256_RSA_PKCS_PSS\n");
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "rsa2048"), 0x0804), 0);
	assert_int_equal(rig_count(&rig, "C_SignInit 0xd"), 1);
	assert_int_equal(rig_count(&rig, "C_SignInit 0x3"), 0);
	rig_stop(&worker);
}

static void test_worker_remembers_for_each_key_and_scheme_what_worked(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, NO_PSS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "rsa2048"), 0x0804), 0);
	assert_int_equal(rig_count(&rig, "C_SignInit 0xd"), 1);
	assert_int_equal(rig_count(&rig, "C_SignInit 0x43"), 1);
	assert_int_equal(rig_count(&rig, "C_SignInit 0x3"), 3);
	/* What is known of one key says nothing of another. */
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "rsa3072"), 0x0804), 0);
	assert_int_equal(rig_count(&rig, "C_SignInit 0xd"), 2);
	rig_stop(&worker);
}

static void test_worker_forgets_what_worked_when_it_works_no_more(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, NULL);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "rsa2048"), 0x0804), 0);
	rig_script(&rig, NO_PSS);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "rsa2048"), 0x0804), 0);
	rig_stop(&worker);
}

static void test_worker_says_which_scheme_the_token_cannot_make(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, "mechanisms-without CKM_ECDSA\n");
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "p256"), 0x0403), KS_ERR_MECHANISM);
	assert_string_equal(worker.error,
			    "key \"p256\" on token \"corp\": the token cannot make ecdsa_secp256r1_sha256 "
			    "signatures: C_SignInit failed: it does not know the mechanism "
			    "(CKR_MECHANISM_INVALID)");
	rig_stop(&worker);
}

static void test_worker_refuses_a_scheme_of_another_key_type_without_asking_the_token(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, NULL);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "p256"), 0x0804), KS_ERR_INPUT_KEY_TYPE);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "rsa2048"), 0x0403), KS_ERR_INPUT_KEY_TYPE);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "ed25519"), 0x0403), KS_ERR_INPUT_KEY_TYPE);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "p256"), 0x0203), KS_ERR_INPUT_SCHEME);
	assert_int_equal(rig_count(&rig, "C_SignInit"), 0);
	rig_stop(&worker);
}

static void test_worker_says_which_key_asks_for_the_pin_each_time(void **state)
{
	(void)state;
	struct rig_worker worker;
	static const char *const scripts[] = { NULL, "attributes-without CKA_ALWAYS_AUTHENTICATE\n" };

	for (size_t i = 0; i < 2; i++) {
		start(&worker, scripts[i]);
		const struct rig_found_key *always = rig_key_by_label(&worker, "asks-always");
		assert_int_equal(always->always_authenticate, i == 0);
		assert_int_equal(rig_sign(&worker, always, 0x0403), KS_ERR_TOKEN_LOCKED);
		assert_string_equal(worker.error, "key \"asks-always\" on token \"corp\": this key asks for its PIN at "
						  "every single signature");
		/* Its operation is still active in its session, which must not be met again. */
		assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "p256"), 0x0403), 0);
		rig_stop(&worker);
	}
}

static void test_worker_says_that_the_token_is_locked_without_asking_it(void **state)
{
	(void)state;
	struct rig_worker worker;
	const struct rig_options options = { .path = RIG_SHIM };

	rig_script(&rig, NULL);
	(void)unlink(rig.counts);
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "p256"), 0x0403), KS_ERR_TOKEN_LOCKED);
	assert_string_equal(worker.error, "token \"corp\" is locked; run: keystay unlock");
	assert_int_equal(rig_count(&rig, "C_SignInit"), 0);
	rig_stop(&worker);
}

static void test_worker_answers_for_keys_and_tokens_that_do_not_exist(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, NULL);
	struct rig_found_key key = *rig_key_by_label(&worker, "p256");
	key.number = 4711;
	assert_int_equal(rig_sign(&worker, &key, 0x0403), KS_ERR_UNKNOWN_KEY);
	key.token = 4711;
	assert_int_equal(rig_sign(&worker, &key, 0x0403), KS_ERR_TOKEN_ABSENT);
	rig_stop(&worker);
}

static void test_worker_signs_the_largest_input(void **state)
{
	(void)state;
	static uint8_t input[KS_SIGN_INPUT_MAX];
	struct ks_msg_worker_sign_reply reply;
	struct rig_worker worker;
	struct ks_frame frame;

	start(&worker, NULL);
	memset(input, 0x5a, sizeof(input));
	const struct rig_found_key *key = rig_key_by_label(&worker, "ed25519");
	uint32_t id = rig_ask_signature(&worker, key->token, key->number, 0x0807, ks_bytes(input, sizeof(input)));
	assert_int_equal(rig_await(&worker, id, KS_MSG_WORKER_SIGN_REPLY, &frame), 0);
	assert_int_equal(ks_message_read(frame.type, frame.body, &reply, sizeof(reply)), 0);
	assert_true(rig_verify(key, 0x0807, ks_bytes(input, sizeof(input)), reply.signature));
	rig_stop(&worker);
}

/* --- many at once ------------------------------------------------------------------------------------------------ */

/* The gates make it a certainty: all four are inside C_Sign before the first may leave. */
static void test_worker_signs_as_many_at_once_as_it_has_sessions(void **state)
{
	(void)state;
	struct rig_worker worker;
	char script[256], gate[192];
	int gates[4];
	uint32_t ids[4];
	bool answered[4] = { false };
	static const char input[] = "input";

	start(&worker, NULL);
	(void)snprintf(script, sizeof(script), "C_Sign * gate %s/gate\n", rig.folder);
	for (int i = 0; i < 4; i++) {
		(void)snprintf(gate, sizeof(gate), "%s/gate.%d", rig.folder, i + 1);
		assert_int_equal(mkfifo(gate, 0600), 0);
	}
	rig_script(&rig, script);
	const struct rig_found_key *key = rig_key_by_label(&worker, "p256");
	for (int i = 0; i < 4; i++)
		ids[i] = rig_ask_signature(&worker, key->token, key->number, 0x0403, ks_bytes(input, sizeof(input)));
	for (int i = 0; i < 4; i++) {
		(void)snprintf(gate, sizeof(gate), "%s/gate.%d", rig.folder, i + 1);
		gates[i] = open(gate, O_WRONLY | O_CLOEXEC);
		assert_true(gates[i] >= 0);
	}
	for (int i = 0; i < 4; i++)
		(void)close(gates[i]);
	for (int i = 0; i < 4; i++) {
		struct ks_msg_worker_sign_reply reply;
		struct ks_frame frame;
		assert_true(rig_read(&worker, &frame));
		assert_int_equal(frame.type, KS_MSG_WORKER_SIGN_REPLY);
		assert_int_equal(ks_message_read(frame.type, frame.body, &reply, sizeof(reply)), 0);
		assert_true(reply.id >= ids[0] && reply.id <= ids[3]);
		assert_false(answered[reply.id - ids[0]]);
		answered[reply.id - ids[0]] = true;
		assert_true(rig_verify(key, 0x0403, ks_bytes(input, sizeof(input)), reply.signature));
	}
	rig_stop(&worker);
}

/* As many requests as the agent would ever send ahead, and all answered once. */
static void sign_many(struct rig_worker *worker, unsigned n)
{
	static const char input[] = "input";
	static const struct {
		const char *label;
		uint32_t scheme;
	} mix[] = { { "p256", 0x0403 }, { "rsa2048", 0x0804 }, { "ed25519", 0x0807 }, { "p384", 0x0503 } };
	const struct rig_found_key *asked[200];
	uint32_t first = worker->last_id + 1;
	bool answered[200] = { false };

	assert_true(n <= 200);
	for (unsigned sent = 0, received = 0; received < n; received++) {
		for (; sent < n && sent - received < 64; sent++) {
			asked[sent] = rig_key_by_label(worker, mix[sent % 4].label);
			(void)rig_ask_signature(worker, asked[sent]->token, asked[sent]->number, mix[sent % 4].scheme,
						ks_bytes(input, sizeof(input)));
		}
		struct ks_msg_worker_sign_reply reply;
		struct ks_frame frame;
		assert_true(rig_read(worker, &frame));
		assert_int_equal(frame.type, KS_MSG_WORKER_SIGN_REPLY);
		assert_int_equal(ks_message_read(frame.type, frame.body, &reply, sizeof(reply)), 0);
		uint32_t place = reply.id - first;
		assert_true(place < n);
		assert_false(answered[place]);
		answered[place] = true;
		assert_true(rig_verify(asked[place], mix[place % 4].scheme, ks_bytes(input, sizeof(input)),
				       reply.signature));
	}
}

static void test_worker_answers_each_of_many_requests_once(void **state)
{
	(void)state;
	struct rig_worker worker;
	const struct rig_options options = { 0 };

	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	sign_many(&worker, 200);
	rig_stop(&worker);
}

static void test_worker_uses_one_session_where_the_token_has_one(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, "token-info sessions-max 1\nsessions-limit 1\n");
	sign_many(&worker, 50);
	assert_int_equal(rig_count(&rig, "C_OpenSession"), 1);
	rig_stop(&worker);
}

static void test_worker_learns_that_the_token_has_fewer_sessions_than_it_says(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, "sessions-limit 2\n");
	sign_many(&worker, 100);
	rig_stop(&worker);
}

static void test_worker_makes_one_call_at_a_time_where_the_module_cannot_lock(void **state)
{
	(void)state;
	struct rig_worker worker;

	start(&worker, "cannot-lock\n");
	assert_int_equal(rig_count(&rig, "C_Initialize"), 2);
	sign_many(&worker, 50);
	assert_int_equal(rig_count(&rig, "C_OpenSession"), 1);
	rig_stop(&worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worker_signs_with_every_key_and_scheme),
		cmocka_unit_test(test_worker_hashes_and_uses_raw_mechanisms_where_there_are_some),
		cmocka_unit_test(test_worker_cuts_digests_that_are_longer_than_the_order),
		cmocka_unit_test(test_worker_lets_the_token_hash_where_it_has_nothing_else),
		cmocka_unit_test(test_worker_encodes_pss_itself_where_the_token_has_none),
		cmocka_unit_test(test_worker_tries_pss_that_is_not_listed_before_raw_rsa),
		cmocka_unit_test(test_worker_remembers_for_each_key_and_scheme_what_worked),
		cmocka_unit_test(test_worker_forgets_what_worked_when_it_works_no_more),
		cmocka_unit_test(test_worker_says_which_scheme_the_token_cannot_make),
		cmocka_unit_test(test_worker_refuses_a_scheme_of_another_key_type_without_asking_the_token),
		cmocka_unit_test(test_worker_says_which_key_asks_for_the_pin_each_time),
		cmocka_unit_test(test_worker_says_that_the_token_is_locked_without_asking_it),
		cmocka_unit_test(test_worker_answers_for_keys_and_tokens_that_do_not_exist),
		cmocka_unit_test(test_worker_signs_the_largest_input),
		cmocka_unit_test(test_worker_signs_as_many_at_once_as_it_has_sessions),
		cmocka_unit_test(test_worker_answers_each_of_many_requests_once),
		cmocka_unit_test(test_worker_uses_one_session_where_the_token_has_one),
		cmocka_unit_test(test_worker_learns_that_the_token_has_fewer_sessions_than_it_says),
		cmocka_unit_test(test_worker_makes_one_call_at_a_time_where_the_module_cannot_lock),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
