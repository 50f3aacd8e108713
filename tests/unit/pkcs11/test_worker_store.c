/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates stored, keys and certificates removed: never under or from a key that is another one. Runs in: unit tests. */
#include "tests/unit/pkcs11/change_bench.h"

#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/protocol/spki.h"

static int store(struct ks_bytes id, const char *label, struct ks_bytes der)
{
	return rig_store(&worker, id, label, der);
}

static int take_away(struct ks_bytes id, struct ks_bytes spki, unsigned what, struct ks_bytes hash)
{
	return rig_remove(&worker, id, spki, what, hash);
}

/* --- certificates ------------------------------------------------------------------------------------------------ */

static size_t n_certificates(struct ks_bytes der)
{
	size_t n = 0;

	for (size_t i = 0; i < worker.n_certificates; i++) {
		const struct rig_found_certificate *found = &worker.certificates[i];
		n += found->der_size == der.size && memcmp(found->der_start, der.data, sizeof(found->der_start)) == 0 ?
			     1 :
			     0;
	}
	return n;
}

struct stored {
	struct ks_bytes id, der, serial;
};

static void check_stored(struct rig_writer *writer, void *userdata)
{
	const struct stored *stored = userdata;
	CK_FUNCTION_LIST *calls = writer->calls;
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_VALUE, (void *)(uintptr_t)stored->der.data, stored->der.size },
		{ CKA_ID, (void *)(uintptr_t)stored->id.data, stored->id.size },
		{ CKA_SERIAL_NUMBER, (void *)(uintptr_t)stored->serial.data, stored->serial.size },
		{ CKA_LABEL, (void *)(uintptr_t) "new certificate", 15 },
	};
	CK_BYTE subject[256];
	CK_ATTRIBUTE names[] = { { CKA_SUBJECT, subject, sizeof(subject) }, { CKA_ISSUER, subject, sizeof(subject) } };
	CK_OBJECT_HANDLE found[2];
	CK_SESSION_HANDLE session;
	CK_SLOT_ID slots[16];
	CK_ULONG n_slots = 16, n = 0;

	/* Nobody is logged in: it is public. */
	if (calls->C_GetSlotList(CK_TRUE, slots, &n_slots) != CKR_OK ||
	    calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK ||
	    calls->C_FindObjectsInit(session, template, 5) != CKR_OK ||
	    calls->C_FindObjects(session, found, 2, &n) != CKR_OK || n != 1 ||
	    calls->C_GetAttributeValue(session, found[0], names, 2) != CKR_OK || names[0].ulValueLen < 2 ||
	    names[1].ulValueLen < 2 || subject[0] != 0x30)
		_exit(3);
}

static struct ks_bytes serial_of(struct ks_bytes der)
{
	const unsigned char *at = der.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
	static unsigned char out[64];
	unsigned char *end = out;

	assert_non_null(certificate);
	int size = i2d_ASN1_INTEGER(X509_get_serialNumber(certificate), &end);
	X509_free(certificate);
	return ks_bytes(out, (size_t)size);
}

static void test_store_puts_a_certificate_beside_its_key(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	const uint8_t id = 1;

	rig_put_certificate(&der, old_key, "a new one");
	change_start(NULL);
	assert_int_equal(store(ks_bytes(&id, 1), "new certificate", ks_buffer_bytes(&der)), 0);
	assert_int_equal(worker.n_certificates, 2);
	assert_int_equal(n_certificates(ks_buffer_bytes(&der)), 1);
	assert_true(worker.tokens[0].logged_in);
	/* Once more: it is there. */
	assert_int_equal(store(ks_bytes(&id, 1), "new certificate", ks_buffer_bytes(&der)), 0);
	assert_int_equal(worker.n_certificates, 2);
	assert_int_equal(rig_count(&rig, "C_CreateObject"), 1);
	rig_stop(&worker);
	struct stored stored = { ks_bytes(&id, 1), ks_buffer_bytes(&der), serial_of(ks_buffer_bytes(&der)) };
	rig_write(&rig, check_stored, &stored);
}

static void test_store_refuses_the_certificate_of_another_key(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	const uint8_t id = 1, unknown = 2;
	EVP_PKEY *other = rig_new_key("P-256");

	rig_put_certificate(&der, other, "of another");
	EVP_PKEY_free(other);
	change_start(NULL);
	assert_int_equal(store(ks_bytes(&id, 1), "x", ks_buffer_bytes(&der)), KS_ERR_INVALID);
	assert_string_equal(worker.error, "token \"corp\": the certificate is of another key; it was not stored");
	assert_int_equal(store(ks_bytes(&unknown, 1), "x", ks_buffer_bytes(&der)), KS_ERR_UNKNOWN_KEY);
	assert_int_equal(store(KS_BYTES_NONE, "x", ks_buffer_bytes(&der)), KS_ERR_UNKNOWN_KEY);
	assert_int_equal(store(ks_bytes(&id, 1), "x", ks_bytes_text("no certificate")), KS_ERR_INVALID);
	assert_int_equal(store(ks_bytes(&id, 1), "x", KS_BYTES_NONE), KS_ERR_INVALID);
	assert_int_equal(rig_count(&rig, "C_CreateObject"), 0);
	assert_int_equal(worker.n_certificates, 1);
	rig_stop(&worker);
}

static void test_store_says_when_a_token_takes_none(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	static const char *const refusals[] = { "0x54", "0x101", "0xe2", "0x31", "0xd1" };
	const uint8_t id = 1;
	char script[128];

	rig_put_certificate(&der, old_key, "a new one");
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		(void)snprintf(script, sizeof(script), "C_CreateObject * rv %s\n", refusals[i]);
		change_start(script);
		assert_int_equal(store(ks_bytes(&id, 1), "x", ks_buffer_bytes(&der)), KS_ERR_UNSUPPORTED);
		assert_non_null(strstr(worker.error, "token \"corp\" does not take the certificate: "));
		rig_stop(&worker);
	}
	change_start("C_CreateObject * rv 0x32\n");
	assert_int_equal(store(ks_bytes(&id, 1), "x", ks_buffer_bytes(&der)), KS_ERR_TOKEN_ABSENT);
	rig_stop(&worker);
}

static void test_store_takes_back_what_was_not_written_well(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	const uint8_t id = 1;

	rig_put_certificate(&der, old_key, "a new one");
	change_start("C_CreateObject * wrong\n");
	assert_int_equal(store(ks_bytes(&id, 1), "x", ks_buffer_bytes(&der)), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "is another one when it is read back; it was removed again"));
	assert_int_equal(worker.n_certificates, 1);
	rig_stop(&worker);
}

/* A handle of a private key in place of the certificate's. */
static void test_store_takes_back_nothing_but_its_certificate(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	const uint8_t id = 1;

	rig_put_certificate(&der, old_key, "a new one");
	change_start("created private-key\n");
	assert_int_equal(store(ks_bytes(&id, 1), "x", ks_buffer_bytes(&der)), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "is another one when it is read back; it could not be removed again"));
	assert_int_equal(rig_count(&rig, "C_DestroyObject"), 0);
	rig_stop(&worker);
}

/* --- removing ---------------------------------------------------------------------------------------------------- */

static void test_remove_takes_a_key_with_its_certificates(void **state)
{
	(void)state;

	change_start(NULL);
	assert_int_equal(make_p256(), 0);
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	assert_int_equal(take_away(rig_id(&old), rig_spki(&old), RIG_KEYS | RIG_CERTIFICATES, KS_BYTES_NONE), 3);
	assert_null(rig_find_key(&worker, "old"));
	assert_int_equal(worker.n_certificates, 0);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, MADE), 0x0403), 0);
	/* What is gone is gone. */
	assert_int_equal(take_away(rig_id(&old), rig_spki(&old), RIG_KEYS | RIG_CERTIFICATES, KS_BYTES_NONE), 0);
	rig_stop(&worker);
	rig_expect_none(&rig, CKA_LABEL, ks_bytes_text("old"));
}

static void test_remove_takes_one_certificate(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	uint8_t hash[32];

	rig_put_certificate(&der, old_key, "a new one");
	change_start(NULL);
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	assert_int_equal(store(rig_id(&old), "x", ks_buffer_bytes(&der)), 0);
	(void)SHA256(der.data, der.size, hash);
	assert_int_equal(take_away(rig_id(&old), rig_spki(&old), RIG_CERTIFICATES, ks_bytes(hash, 32)), 1);
	assert_int_equal(worker.n_certificates, 1);
	assert_int_equal(n_certificates(ks_buffer_bytes(&der)), 0);
	hash[0] ^= 1;
	assert_int_equal(take_away(rig_id(&old), rig_spki(&old), RIG_CERTIFICATES, ks_bytes(hash, 32)), 0);
	assert_int_equal(take_away(rig_id(&old), rig_spki(&old), RIG_CERTIFICATES, ks_bytes(hash, 31)), KS_ERR_INVALID);
	assert_int_equal(take_away(rig_id(&old), rig_spki(&old), RIG_CERTIFICATES, KS_BYTES_NONE), 1);
	assert_int_equal(worker.n_certificates, 0);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "old"), 0x0403), 0);
	rig_stop(&worker);
}

static void test_remove_touches_nothing_of_another_key(void **state)
{
	(void)state;

	change_start(NULL);
	assert_int_equal(keygen(KS_KEY_RSA, 2048, "rsa", KS_BYTES_NONE), 0); /* whose private half says whose it is */
	assert_int_equal(make_p256(), 0);
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	const struct rig_found_key rsa = *rig_key_by_label(&worker, "rsa");
	const struct rig_found_key other = *rig_key_by_label(&worker, MADE);
	/* The id of one, the public key of the other. */
	assert_int_equal(take_away(rig_id(&old), rig_spki(&other), RIG_CERTIFICATES, KS_BYTES_NONE), 0);
	assert_int_equal(take_away(rig_id(&other), rig_spki(&old), RIG_CERTIFICATES, KS_BYTES_NONE), 0);
	assert_int_equal(take_away(rig_id(&old), rig_spki(&other), RIG_KEYS, KS_BYTES_NONE), KS_ERR_AMBIGUOUS);
	assert_int_equal(take_away(rig_id(&rsa), rig_spki(&other), RIG_KEYS, KS_BYTES_NONE), 0);
	assert_int_equal(take_away(KS_BYTES_NONE, rig_spki(&old), RIG_KEYS, KS_BYTES_NONE), KS_ERR_INVALID);
	assert_int_equal(take_away(rig_id(&old), KS_BYTES_NONE, RIG_KEYS, KS_BYTES_NONE), KS_ERR_INVALID);
	assert_int_equal(rig_count(&rig, "C_DestroyObject"), 0);
	assert_non_null(rig_find_key(&worker, "old"));
	assert_non_null(rig_find_key(&worker, MADE));
	assert_int_equal(worker.n_certificates, 1);
	rig_stop(&worker);
}

/* SoftHSM's private EC keys do not say what their public half is, nor do those of cards. */
static void test_remove_leaves_a_private_half_alone_that_may_be_of_another(void **state)
{
	(void)state;

	change_start(NULL);
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	rig_stop(&worker);
	/* The same card, made anew. */
	EVP_PKEY *first = old_key;
	old_key = rig_new_key("P-256");
	rig_deinit(&rig);
	rig_init(&rig);
	rig_write(&rig, change_fill, NULL);
	EVP_PKEY_free(first);
	change_start(NULL);
	assert_int_equal(take_away(rig_id(&old), rig_spki(&old), RIG_KEYS, KS_BYTES_NONE), KS_ERR_AMBIGUOUS);
	/* Nor when no public half contradicts. */
	rig_script(&rig, "objects-without CKO_PUBLIC_KEY\n");
	assert_int_equal(take_away(rig_id(&old), rig_spki(&old), RIG_KEYS, KS_BYTES_NONE), KS_ERR_AMBIGUOUS);
	rig_script(&rig, NULL);
	assert_int_equal(rig_count(&rig, "C_DestroyObject"), 0);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "old"), 0x0403), 0);
	rig_stop(&worker);
}

static void test_remove_begins_with_the_private_half(void **state)
{
	(void)state;

	change_start("C_DestroyObject 2 rv 0x30\n");
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	assert_int_equal(take_away(rig_id(&old), rig_spki(&old), RIG_KEYS | RIG_CERTIFICATES, KS_BYTES_NONE),
			 KS_ERR_TOKEN_FAILED);
	/* What is left is told, and goes at the next try. */
	assert_false(rig_key_by_label(&worker, "old")->private_seen);
	assert_int_equal(take_away(rig_id(&old), rig_spki(&old), RIG_KEYS | RIG_CERTIFICATES, KS_BYTES_NONE), 2);
	assert_int_equal(worker.n_keys, 0);
	rig_stop(&worker);
}

static void test_remove_says_when_a_token_removes_nothing(void **state)
{
	(void)state;

	change_start("C_DestroyObject * rv 0x1b\n");
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	assert_int_equal(take_away(rig_id(&old), rig_spki(&old), RIG_KEYS, KS_BYTES_NONE), KS_ERR_UNSUPPORTED);
	assert_string_equal(worker.error, "token \"corp\" does not remove it: the token does not allow it "
					  "(CKR_ACTION_PROHIBITED)");
	rig_stop(&worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_store_puts_a_certificate_beside_its_key, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_store_refuses_the_certificate_of_another_key, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_store_says_when_a_token_takes_none, change_setup, change_teardown),
		cmocka_unit_test_setup_teardown(test_store_takes_back_what_was_not_written_well, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_store_takes_back_nothing_but_its_certificate, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_remove_takes_a_key_with_its_certificates, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_remove_takes_one_certificate, change_setup, change_teardown),
		cmocka_unit_test_setup_teardown(test_remove_touches_nothing_of_another_key, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_remove_leaves_a_private_half_alone_that_may_be_of_another,
						change_setup, change_teardown),
		cmocka_unit_test_setup_teardown(test_remove_begins_with_the_private_half, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_remove_says_when_a_token_removes_nothing, change_setup,
						change_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
