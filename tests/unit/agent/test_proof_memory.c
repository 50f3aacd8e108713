/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/proof_memory.h: what is remembered holds for the same bytes, the same anchors and the same server alone. */
#include "agent/proof_memory.h"

#include <string.h>

#include "tests/unit/tls/proof_scene.h"

#define NOW 1000000u

static struct scene scene;
static struct ks_proof_memory memory;
static const char *const anchors[] = { "/etc/a.pem", "/etc/b.pem" };

static int setup(void **state)
{
	(void)state;
	scene_init(&scene);
	scene_make(&scene);
	scene_expect_proven(&scene);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ks_proof_memory_forget(&memory);
	memory.n = 0;
	scene_deinit(&scene);
	return 0;
}

static void digest_of(size_t n_anchors, uint8_t digest[KS_PROOF_DIGEST_SIZE])
{
	assert_int_equal(ks_proof_memory_digest(&scene.claim, anchors, n_anchors, digest), 0);
}

static void keep(const char *reason)
{
	uint8_t digest[KS_PROOF_DIGEST_SIZE];

	digest_of(1, digest);
	ks_proof_memory_keep(&memory, digest, &scene.claim, reason[0] ? NULL : scene.hash, reason, NOW);
}

static bool knows(size_t n_anchors, uint64_t now_ms, char reason[256])
{
	uint8_t digest[KS_PROOF_DIGEST_SIZE], hash[32];

	digest_of(n_anchors, digest);
	if (!ks_proof_memory_knows(&memory, digest, &scene.claim, now_ms, hash, reason))
		return false;
	assert_memory_equal(hash, scene.hash, sizeof(hash));
	return true;
}

static void test_memory_knows_a_new_handshake_with_the_same_server(void **state)
{
	(void)state;
	char reason[256];

	assert_false(knows(1, NOW, reason));
	keep("");
	ks_buffer_put_u8(&scene.claim.signed_input, 0x17); /* of another handshake */
	scene_sign(&scene, scene.claim.scheme, &(struct server_ca_signature){ .hash = "SHA256" });
	assert_true(knows(1, NOW, reason));
	assert_string_equal(reason, "");
}

static void test_memory_does_not_know_a_signature_of_somebody_else(void **state)
{
	(void)state;
	char reason[256];

	keep("");
	scene.claim.signed_input.data[70] ^= 1;
	assert_false(knows(1, NOW, reason));
}

static void test_memory_does_not_know_another_name_or_other_anchors(void **state)
{
	(void)state;
	char reason[256];

	keep("");
	assert_false(knows(0, NOW, reason));
	assert_false(knows(2, NOW, reason));
	scene.claim.server_name[0] = 'x';
	assert_false(knows(1, NOW, reason));
}

static void test_memory_does_not_know_another_chain_or_staple(void **state)
{
	(void)state;
	char reason[256];
	const uint8_t byte = 0;

	keep("");
	scene.claim.n_certificates--;
	assert_false(knows(1, NOW, reason));
	scene.claim.n_certificates++;
	scene.claim.ocsp_response = ks_bytes(&byte, 1);
	assert_false(knows(1, NOW, reason));
}

static void test_memory_forgets_in_time_and_when_told(void **state)
{
	(void)state;
	char reason[256];

	keep("");
	assert_true(knows(1, NOW + KS_PROOF_REMEMBERED_MS - 1, reason));
	assert_false(knows(1, NOW + KS_PROOF_REMEMBERED_MS, reason));
	ks_proof_memory_forget(&memory);
	assert_false(knows(1, NOW, reason));
}

static void test_memory_of_a_no_is_of_a_handshake_that_the_server_signed(void **state)
{
	(void)state;
	char reason[256];

	scene.claim.signed_input.data[70] ^= 1; /* a client makes it up */
	keep("it is not trusted");
	scene.claim.signed_input.data[70] ^= 1;
	assert_false(knows(1, NOW, reason));
	keep("it is not trusted");
	assert_true(knows(1, NOW, reason));
	assert_string_equal(reason, "it is not trusted");
}

static void test_memory_keeps_no_key_that_was_not_proven(void **state)
{
	(void)state;
	char reason[256];

	scene.hash[0] ^= 1;
	keep("");
	scene.hash[0] ^= 1;
	assert_false(knows(1, NOW, reason));
}

static void test_memory_keeps_the_last_ones(void **state)
{
	(void)state;
	char reason[256];

	keep("");
	for (unsigned i = 0; i < KS_PROOFS_REMEMBERED; i++) {
		uint8_t digest[KS_PROOF_DIGEST_SIZE] = { (uint8_t)i, 1 };
		assert_true(i + 1 < KS_PROOFS_REMEMBERED ? knows(1, NOW, reason) : true);
		ks_proof_memory_keep(&memory, digest, &scene.claim, scene.hash, "", NOW);
	}
	assert_false(knows(1, NOW, reason));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_memory_knows_a_new_handshake_with_the_same_server),
		TEST(test_memory_does_not_know_a_signature_of_somebody_else),
		TEST(test_memory_does_not_know_another_name_or_other_anchors),
		TEST(test_memory_does_not_know_another_chain_or_staple),
		TEST(test_memory_forgets_in_time_and_when_told),
		TEST(test_memory_of_a_no_is_of_a_handshake_that_the_server_signed),
		TEST(test_memory_keeps_no_key_that_was_not_proven),
		TEST(test_memory_keeps_the_last_ones),
#undef TEST
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
