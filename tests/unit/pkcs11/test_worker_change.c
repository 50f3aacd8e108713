/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New key pairs, certificates stored and things removed: only while the token is unlocked, nothing half-made, and never
 * what somebody else made. Runs in: unit tests.
 */
#include "tests/unit/pkcs11/rig.h"

#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/protocol/spki.h"

#define MADE "new"

static struct rig rig;
static struct rig_worker worker;
static EVP_PKEY *old_key;

static void fill(struct rig_writer *writer, void *userdata)
{
	const struct rig_key old = { .key = old_key, .label = "old", .id = 1, .parts = RIG_ALL };
	(void)userdata;

	rig_write_token(writer, "corp");
	rig_write_key(writer, &old);
}

/* A token of its own for each test: what one made is not there for the next. */
static int setup(void **state)
{
	(void)state;
	old_key = rig_new_key("P-256");
	rig_init(&rig);
	rig_write(&rig, fill, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(old_key);
	rig_deinit(&rig);
	return 0;
}

/* Logged in; script holds from then on, its calls counted from 1. */
static void start(const char *script)
{
	const struct rig_options options = { .path = RIG_SHIM };

	rig_script(&rig, NULL);
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	rig_script(&rig, script);
	(void)unlink(rig.counts);
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

struct made {
	uint8_t id[256];
	size_t id_size;
	uint8_t spki[KS_SPKI_MAX];
	size_t spki_size;
};

static struct made made; /* by the last keygen() */

static int keygen(uint32_t type, uint32_t bits, const char *label, struct ks_bytes id)
{
	const struct ks_msg_worker_keygen message = { KS_MESSAGE_HEAD(++worker.last_id),
						      .token = worker.tokens[0].number,
						      .key_type = type,
						      .bits = bits,
						      .label = ks_bytes_text(label),
						      .object_id = id };
	struct ks_msg_worker_keygen_reply reply;
	struct ks_frame frame;
	unsigned n_before = worker.n_inventories;

	rig_send(&worker, KS_MSG_WORKER_KEYGEN, &message);
	int r = rig_await(&worker, message.id, KS_MSG_WORKER_KEYGEN_REPLY, &frame);
	/* News of this token, before the answer. */
	assert_int_equal(worker.n_inventories, n_before + 1);
	assert_false(worker.all);
	if (r < 0)
		return r;
	assert_int_equal(ks_message_read(frame.type, frame.body, &reply, sizeof(reply)), 0);
	made = (struct made){ .id_size = reply.object_id.size, .spki_size = reply.spki.size };
	memcpy(made.id, reply.object_id.data, made.id_size);
	memcpy(made.spki, reply.spki.data, made.spki_size);
	return 0;
}

static int make_p256(void)
{
	return keygen(KS_KEY_EC, 256, MADE, KS_BYTES_NONE);
}

static int store(struct ks_bytes id, const char *label, struct ks_bytes der)
{
	const struct ks_msg_worker_store message = { KS_MESSAGE_HEAD(++worker.last_id),
						     .token = worker.tokens[0].number, .object_id = id,
						     .label = ks_bytes_text(label), .der = der };

	rig_send(&worker, KS_MSG_WORKER_STORE, &message);
	return rig_await(&worker, message.id, KS_MSG_WORKER_STORE_REPLY, NULL);
}

enum what { KEYS = 1, CERTIFICATES = 2 };

/* How many objects, or the error. */
static int take_away(struct ks_bytes id, struct ks_bytes spki, unsigned what, struct ks_bytes hash)
{
	const struct ks_msg_worker_remove message = { KS_MESSAGE_HEAD(++worker.last_id),
						      .token = worker.tokens[0].number,
						      .object_id = id,
						      .spki = spki,
						      .keys = (what & KEYS) != 0,
						      .certificates = (what & CERTIFICATES) != 0,
						      .certificate_hash = hash };
	struct ks_msg_worker_remove_reply reply;
	struct ks_frame frame;

	rig_send(&worker, KS_MSG_WORKER_REMOVE, &message);
	int r = rig_await(&worker, message.id, KS_MSG_WORKER_REMOVE_REPLY, &frame);
	if (r < 0)
		return r;
	assert_int_equal(ks_message_read(frame.type, frame.body, &reply, sizeof(reply)), 0);
	return (int)reply.n_removed;
}

static const struct rig_found_key *find(const char *label)
{
	for (size_t i = 0; i < worker.n_keys; i++) {
		if (strcmp(worker.keys[i].label, label) == 0)
			return &worker.keys[i];
	}
	return NULL;
}

static struct ks_bytes id_of(const struct rig_found_key *key)
{
	return ks_bytes(key->id, key->id_size);
}

static struct ks_bytes spki_of(const struct rig_found_key *key)
{
	return ks_bytes(key->spki, key->spki_size);
}

/* Objects of a token as SoftHSM itself counts them, seen by the worker's user: in a process of its own. */
struct count {
	CK_ATTRIBUTE_TYPE type;
	const void *value;
	size_t size;
};

static void count_objects(struct rig_writer *writer, void *userdata)
{
	const struct count *count = userdata;
	CK_FUNCTION_LIST *calls = writer->calls;
	CK_UTF8CHAR pin[] = RIG_PIN;
	CK_ATTRIBUTE template[] = { { count->type, (void *)(uintptr_t)count->value, count->size } };
	CK_OBJECT_HANDLE found[16];
	CK_SESSION_HANDLE session;
	CK_SLOT_ID slots[16];
	CK_ULONG n_slots = 16, n = 0;

	if (calls->C_GetSlotList(CK_TRUE, slots, &n_slots) != CKR_OK ||
	    calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK ||
	    calls->C_Login(session, CKU_USER, pin, strlen(RIG_PIN)) != CKR_OK ||
	    calls->C_FindObjectsInit(session, template, 1) != CKR_OK ||
	    calls->C_FindObjects(session, found, 16, &n) != CKR_OK || n > 0)
		_exit(2);
}

static void assert_nothing_has(CK_ATTRIBUTE_TYPE type, struct ks_bytes value)
{
	struct count count = { type, value.data, value.size };

	rig_write(&rig, count_objects, &count);
}

/* Nothing of a new key is left, and the old one is as it was. */
static void assert_nothing_made(void)
{
	rig_script(&rig, NULL);
	assert_int_equal(rig_rescan(&worker), 0);
	assert_null(find(MADE));
	assert_int_equal(worker.n_keys, 1);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "old"), 0x0403), 0);
	rig_stop(&worker);
	assert_nothing_has(CKA_LABEL, ks_bytes_text(MADE));
}

/* --- key pairs --------------------------------------------------------------------------------------------------- */

static void test_keygen_makes_each_kind_of_key(void **state)
{
	(void)state;
	static const struct {
		uint32_t type, bits, scheme;
		const char *name;
	} kinds[] = {
		{ KS_KEY_RSA, 2048, 0x0804, "RSA-2048" },     { KS_KEY_RSA, 3072, 0x0804, "RSA-3072" },
		{ KS_KEY_EC, 256, 0x0403, "P-256" },          { KS_KEY_EC, 384, 0x0503, "P-384" },
		{ KS_KEY_EC, 521, 0x0603, "P-521" },          { KS_KEY_ED25519, 0, 0x0807, "Ed25519" },
		{ KS_KEY_ED25519, 256, 0x0807, "Ed25519-2" },
	};

	start(NULL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct ks_spki spki;
		char name[32];
		assert_int_equal(keygen(kinds[i].type, kinds[i].bits, kinds[i].name, KS_BYTES_NONE), 0);
		assert_int_equal(ks_spki_read(ks_bytes(made.spki, made.spki_size), &spki), 0);
		ks_spki_type_name(&spki, name, sizeof(name));
		assert_memory_equal(name, kinds[i].name, strlen(name));
		const struct rig_found_key *key = rig_key_by_label(&worker, kinds[i].name);
		assert_true(ks_bytes_equal(spki_of(key), ks_bytes(made.spki, made.spki_size)));
		assert_true(ks_bytes_equal(id_of(key), ks_bytes(made.id, made.id_size)));
		assert_true(key->private_seen);
		assert_false(key->decrypts);
		assert_int_equal(rig_sign(&worker, key, kinds[i].scheme), 0);
	}
	rig_stop(&worker);
}

/* SHA-1 of what stands in subjectPublicKey (RFC 5280 section 4.2.1.2): of a P-256 key its last 65 bytes. */
static void test_keygen_gives_the_habitual_id(void **state)
{
	(void)state;
	uint8_t expected[20];

	start(NULL);
	assert_int_equal(make_p256(), 0);
	(void)SHA1(made.spki + made.spki_size - 65, 65, expected);
	assert_int_equal(made.id_size, sizeof(expected));
	assert_memory_equal(made.id, expected, sizeof(expected));
	rig_stop(&worker);
}

static void test_keygen_gives_the_id_that_was_asked_for(void **state)
{
	(void)state;
	const uint8_t id[] = { 0x2a, 0x00, 0x17 };

	start(NULL);
	assert_int_equal(keygen(KS_KEY_EC, 256, MADE, ks_bytes(id, sizeof(id))), 0);
	assert_true(ks_bytes_equal(ks_bytes(made.id, made.id_size), ks_bytes(id, sizeof(id))));
	assert_int_equal(rig_count(&rig, "C_SetAttributeValue"), 0);
	rig_stop(&worker);
}

/* A random one, which is as good. */
static void test_keygen_keeps_an_id_that_cannot_be_changed(void **state)
{
	(void)state;
	uint8_t habitual[20];

	start("C_SetAttributeValue * rv 0x10\n");
	assert_int_equal(make_p256(), 0);
	(void)SHA1(made.spki + made.spki_size - 65, 65, habitual);
	assert_int_equal(made.id_size, sizeof(habitual));
	assert_memory_not_equal(made.id, habitual, sizeof(habitual));
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, MADE), 0x0403), 0);
	rig_stop(&worker);
	/* One half of two: it is put back. */
	start("C_SetAttributeValue 2 rv 0x10\n");
	assert_int_equal(keygen(KS_KEY_EC, 256, "another", KS_BYTES_NONE), 0);
	assert_int_equal(rig_count(&rig, "C_SetAttributeValue"), 3);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "another"), 0x0403), 0);
	rig_stop(&worker);
}

static void test_keygen_wants_an_unlocked_token(void **state)
{
	(void)state;
	const struct rig_options options = { .path = RIG_SHIM };

	rig_script(&rig, NULL);
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(make_p256(), KS_ERR_TOKEN_LOCKED);
	assert_string_equal(worker.error, "token \"corp\" is locked; run: keystay unlock corp");
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 0);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	assert_int_equal(make_p256(), 0);
	assert_int_equal(rig_logout(&worker, worker.tokens[0].number), 0);
	assert_int_equal(
		take_away(ks_bytes(made.id, made.id_size), ks_bytes(made.spki, made.spki_size), KEYS, KS_BYTES_NONE),
		KS_ERR_TOKEN_LOCKED);
	rig_stop(&worker);
}

/* Another program has logged out: what is written needs the user of this very session. */
static void test_keygen_looks_who_is_logged_in(void **state)
{
	(void)state;

	start("session-public\n");
	assert_int_equal(make_p256(), KS_ERR_TOKEN_LOCKED);
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 0);
	rig_stop(&worker);
}

static void test_keygen_asks_a_tpm_for_what_it_can_use(void **state)
{
	(void)state;
	const struct rig_options options = { .path = RIG_SHIM };

	rig_script(&rig, "info-description TPM2.0\n");
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	assert_int_equal(keygen(KS_KEY_RSA, 2048, MADE, KS_BYTES_NONE), KS_ERR_UNSUPPORTED);
	assert_non_null(strstr(worker.error, "choose a P-256 key"));
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 0);
	assert_int_equal(make_p256(), 0);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, MADE), 0x0403), 0);
	rig_stop(&worker);
}

/* The session that writes is none of those that sign, and is gone afterwards. */
static void test_keygen_leaves_the_token_unlocked(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(make_p256(), 0);
	assert_true(worker.tokens[0].logged_in);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_int_equal(rig_count(&rig, "C_OpenSession"), 1);
	assert_int_equal(rig_count(&rig, "C_CloseSession"), 1);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "old"), 0x0403), 0);
	rig_stop(&worker);
}

static void test_keygen_makes_room_for_its_session(void **state)
{
	(void)state;

	/* As many as the worker has open: one. */
	start("sessions-limit 1\n");
	assert_int_equal(make_p256(), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "no further session is possible"));
	assert_true(worker.tokens[0].logged_in);
	rig_stop(&worker);
}

static void test_keygen_refuses_what_is_no_key(void **state)
{
	(void)state;
	static const uint32_t wrong[][2] = {
		{ KS_KEY_RSA, 1024 }, { KS_KEY_RSA, 0 },     { KS_KEY_RSA_PSS, 2048 },
		{ KS_KEY_EC, 255 },   { KS_KEY_EC, 0 },      { KS_KEY_ED25519, 448 },
		{ 0, 2048 },          { 0xffffffffu, 2048 },
	};

	start(NULL);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(keygen(wrong[i][0], wrong[i][1], MADE, KS_BYTES_NONE), KS_ERR_INVALID);
	assert_int_equal(keygen(KS_KEY_EC, 256, "", KS_BYTES_NONE), KS_ERR_INVALID);
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 0);
	rig_stop(&worker);
}

static void test_keygen_shares_a_label_where_the_id_is_said(void **state)
{
	(void)state;
	const uint8_t free_id[] = { 0xfe, 0xed };

	start(NULL);
	assert_int_equal(keygen(KS_KEY_EC, 256, "old", ks_bytes(free_id, sizeof(free_id))), 0);
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 1);
	rig_stop(&worker);
}

static void test_keygen_refuses_a_label_or_id_that_is_taken(void **state)
{
	(void)state;
	const uint8_t taken = 1;

	start(NULL);
	assert_int_equal(keygen(KS_KEY_EC, 256, "old", KS_BYTES_NONE), KS_ERR_BUSY);
	assert_string_equal(worker.error, "token \"corp\" has something with this label already; choose another one "
					  "for the new key; nothing was made");
	assert_int_equal(keygen(KS_KEY_EC, 256, MADE, ks_bytes(&taken, 1)), KS_ERR_BUSY);
	assert_string_equal(worker.error, "token \"corp\" has something with this object id already; choose another "
					  "one for the new key; nothing was made");
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 0);
	/* Also while the inventory does not know of it. */
	rig_script(&rig, "objects-without CKO_PUBLIC_KEY\nobjects-without CKO_CERTIFICATE\n"
			 "attributes-without CKA_EC_PARAMS\n");
	assert_int_equal(rig_rescan(&worker), 0);
	assert_int_equal(worker.n_keys, 0);
	rig_script(&rig, NULL);
	assert_int_equal(keygen(KS_KEY_EC, 256, "old", KS_BYTES_NONE), KS_ERR_BUSY);
	rig_stop(&worker);
}

static void test_keygen_leaves_nothing_of_a_key_that_it_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *script, *words;
	} cases[] = {
		{ "attributes-flip CKA_SENSITIVE\n", "made a key that is not sensitive; it was destroyed" },
		{ "attributes-without CKA_SENSITIVE\n", "made a key that is not sensitive" },
		{ "attributes-flip CKA_EXTRACTABLE\n", "made a key that can be extracted" },
		{ "attributes-flip CKA_NEVER_EXTRACTABLE\n", "made a key that can be extracted" },
		{ "attributes-without CKA_NEVER_EXTRACTABLE\n", "made a key that can be extracted" },
		{ "attributes-flip CKA_DECRYPT\n", "made a key that does more than sign" },
		{ "attributes-flip CKA_DERIVE\n", "made a key that does more than sign" },
		{ "attributes-flip CKA_SIGN\n", "made a key that does not sign" },
		{ "attributes-flip CKA_TOKEN\n", "made a key that it does not keep" },
		/* Made, but the answer is an error, and no handle comes with it. */
		{ "C_GenerateKeyPair * after-rv 0x30\n", "C_GenerateKeyPair failed: the device reports an error" },
		{ "C_GetAttributeValue * rv 0x30\n", "C_GetAttributeValue failed" },
		/* One half has the new id, the other one does not take it, and nothing takes the old one back. */
		{ "C_SetAttributeValue 2+ rv 0x30\n", "C_SetAttributeValue failed" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].script);
		assert_int_equal(make_p256(), KS_ERR_TOKEN_FAILED);
		if (!strstr(worker.error, cases[i].words))
			fail_msg("\"%s\" is not in: %s", cases[i].words, worker.error);
		assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 1);
		assert_null(strstr(worker.error, "could not be removed"));
		assert_nothing_made();
	}
}

static void test_keygen_says_what_it_could_not_undo(void **state)
{
	(void)state;

	start("attributes-flip CKA_SENSITIVE\nC_DestroyObject * rv 0x30\n");
	assert_int_equal(make_p256(), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "; what was made of the key could not be removed again"));
	rig_stop(&worker);
}

/* A module that answers with somebody else's handles: no new key, and the old one lives. */
static void test_keygen_never_destroys_what_was_there_before(void **state)
{
	(void)state;

	start("C_GenerateKeyPair * wrong\n");
	assert_int_equal(make_p256(), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "made no new key: it gave one that was there before"));
	assert_int_equal(rig_count(&rig, "C_DestroyObject"), 0);
	assert_nothing_made();
}

static void test_keygen_says_when_a_token_makes_no_keys(void **state)
{
	(void)state;
	static const char *const refusals[] = { "0x54", "0x70", "0x62", "0x140", "0x101", "0xe2", "0x13", "0xb5" };
	char script[128];

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		(void)snprintf(script, sizeof(script), "C_GenerateKeyPair * rv %s\n", refusals[i]);
		start(script);
		assert_int_equal(make_p256(), KS_ERR_UNSUPPORTED);
		assert_non_null(strstr(worker.error, "token \"corp\" does not make such a key: "));
		assert_null(strstr(worker.error, "run:")); /* whose program would do it is not known */
		rig_stop(&worker);
	}
	/* One that is known. */
	rig_script(&rig, "info-description OpenSC smartcard framework\ntoken-info manufacturer piv_II\n"
			 "C_GenerateKeyPair * rv 0x54\n");
	const struct rig_options options = { .path = RIG_SHIM };
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	assert_int_equal(make_p256(), KS_ERR_UNSUPPORTED);
	assert_non_null(strstr(worker.error, "run: yubico-piv-tool -a generate"));
	assert_non_null(strstr(worker.error, "piv-tool -A M:9B:03 -G 9A:11"));
	rig_stop(&worker);
}

/* One that knows no such attribute is asked without what only says what the key is not for. */
static void test_keygen_asks_plainly_where_attributes_are_refused(void **state)
{
	(void)state;

	start("C_GenerateKeyPair 1 rv 0x12\n");
	/* SoftHSM's keys decrypt unless they are told not to. */
	assert_int_equal(keygen(KS_KEY_RSA, 2048, MADE, KS_BYTES_NONE), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "does more than sign"));
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair 0x0"), 2);
	assert_nothing_made();
}

static void test_keygen_survives_a_session_that_is_lost(void **state)
{
	(void)state;

	start("C_GenerateKeyPair * after-rv 0xb3\n");
	assert_int_equal(make_p256(), KS_ERR_TOKEN_FAILED);
	assert_nothing_made();
	start("C_GenerateKeyPair * crash\n");
	const struct ks_msg_worker_keygen message = { KS_MESSAGE_HEAD(++worker.last_id),
						      .token = worker.tokens[0].number, .key_type = KS_KEY_EC,
						      .bits = 256, .label = ks_bytes_text(MADE) };
	struct ks_frame frame;
	rig_send(&worker, KS_MSG_WORKER_KEYGEN, &message);
	assert_false(rig_read(&worker, &frame));
	assert_int_not_equal(rig_wait(&worker), 0);
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
	start(NULL);
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
	start(NULL);
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
		start(script);
		assert_int_equal(store(ks_bytes(&id, 1), "x", ks_buffer_bytes(&der)), KS_ERR_UNSUPPORTED);
		assert_non_null(strstr(worker.error, "token \"corp\" does not take the certificate: "));
		rig_stop(&worker);
	}
	start("C_CreateObject * rv 0x32\n");
	assert_int_equal(store(ks_bytes(&id, 1), "x", ks_buffer_bytes(&der)), KS_ERR_TOKEN_ABSENT);
	rig_stop(&worker);
}

static void test_store_takes_back_what_was_not_written_well(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	const uint8_t id = 1;

	rig_put_certificate(&der, old_key, "a new one");
	start("C_CreateObject * wrong\n");
	assert_int_equal(store(ks_bytes(&id, 1), "x", ks_buffer_bytes(&der)), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "is another one when it is read back; it was removed again"));
	assert_int_equal(worker.n_certificates, 1);
	rig_stop(&worker);
}

/* --- removing ---------------------------------------------------------------------------------------------------- */

static void test_remove_takes_a_key_with_its_certificates(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(make_p256(), 0);
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	assert_int_equal(take_away(id_of(&old), spki_of(&old), KEYS | CERTIFICATES, KS_BYTES_NONE), 3);
	assert_null(find("old"));
	assert_int_equal(worker.n_certificates, 0);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, MADE), 0x0403), 0);
	/* What is gone is gone. */
	assert_int_equal(take_away(id_of(&old), spki_of(&old), KEYS | CERTIFICATES, KS_BYTES_NONE), 0);
	rig_stop(&worker);
	assert_nothing_has(CKA_LABEL, ks_bytes_text("old"));
}

static void test_remove_takes_one_certificate(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	uint8_t hash[32];

	rig_put_certificate(&der, old_key, "a new one");
	start(NULL);
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	assert_int_equal(store(id_of(&old), "x", ks_buffer_bytes(&der)), 0);
	(void)SHA256(der.data, der.size, hash);
	assert_int_equal(take_away(id_of(&old), spki_of(&old), CERTIFICATES, ks_bytes(hash, 32)), 1);
	assert_int_equal(worker.n_certificates, 1);
	assert_int_equal(n_certificates(ks_buffer_bytes(&der)), 0);
	hash[0] ^= 1;
	assert_int_equal(take_away(id_of(&old), spki_of(&old), CERTIFICATES, ks_bytes(hash, 32)), 0);
	assert_int_equal(take_away(id_of(&old), spki_of(&old), CERTIFICATES, ks_bytes(hash, 31)), KS_ERR_INVALID);
	assert_int_equal(take_away(id_of(&old), spki_of(&old), CERTIFICATES, KS_BYTES_NONE), 1);
	assert_int_equal(worker.n_certificates, 0);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "old"), 0x0403), 0);
	rig_stop(&worker);
}

static void test_remove_touches_nothing_of_another_key(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(keygen(KS_KEY_RSA, 2048, "rsa", KS_BYTES_NONE), 0); /* whose private half says whose it is */
	assert_int_equal(make_p256(), 0);
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	const struct rig_found_key rsa = *rig_key_by_label(&worker, "rsa");
	const struct rig_found_key other = *rig_key_by_label(&worker, MADE);
	/* The id of one, the public key of the other. */
	assert_int_equal(take_away(id_of(&old), spki_of(&other), CERTIFICATES, KS_BYTES_NONE), 0);
	assert_int_equal(take_away(id_of(&other), spki_of(&old), CERTIFICATES, KS_BYTES_NONE), 0);
	assert_int_equal(take_away(id_of(&old), spki_of(&other), KEYS, KS_BYTES_NONE), KS_ERR_AMBIGUOUS);
	assert_int_equal(take_away(id_of(&rsa), spki_of(&other), KEYS, KS_BYTES_NONE), 0);
	assert_int_equal(take_away(KS_BYTES_NONE, spki_of(&old), KEYS, KS_BYTES_NONE), KS_ERR_INVALID);
	assert_int_equal(take_away(id_of(&old), KS_BYTES_NONE, KEYS, KS_BYTES_NONE), KS_ERR_INVALID);
	assert_int_equal(rig_count(&rig, "C_DestroyObject"), 0);
	assert_non_null(find("old"));
	assert_non_null(find(MADE));
	assert_int_equal(worker.n_certificates, 1);
	rig_stop(&worker);
}

/* SoftHSM's private EC keys do not say what their public half is, nor do those of cards. */
static void test_remove_leaves_a_private_half_alone_that_may_be_of_another(void **state)
{
	(void)state;

	start(NULL);
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	rig_stop(&worker);
	/* The same card, made anew. */
	EVP_PKEY *first = old_key;
	old_key = rig_new_key("P-256");
	rig_deinit(&rig);
	rig_init(&rig);
	rig_write(&rig, fill, NULL);
	EVP_PKEY_free(first);
	start(NULL);
	assert_int_equal(take_away(id_of(&old), spki_of(&old), KEYS, KS_BYTES_NONE), KS_ERR_AMBIGUOUS);
	/* Nor when no public half contradicts. */
	rig_script(&rig, "objects-without CKO_PUBLIC_KEY\n");
	assert_int_equal(take_away(id_of(&old), spki_of(&old), KEYS, KS_BYTES_NONE), KS_ERR_AMBIGUOUS);
	rig_script(&rig, NULL);
	assert_int_equal(rig_count(&rig, "C_DestroyObject"), 0);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "old"), 0x0403), 0);
	rig_stop(&worker);
}

static void test_remove_begins_with_the_private_half(void **state)
{
	(void)state;

	start("C_DestroyObject 2 rv 0x30\n");
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	assert_int_equal(take_away(id_of(&old), spki_of(&old), KEYS | CERTIFICATES, KS_BYTES_NONE),
			 KS_ERR_TOKEN_FAILED);
	/* What is left is told, and goes at the next try. */
	assert_false(rig_key_by_label(&worker, "old")->private_seen);
	assert_int_equal(take_away(id_of(&old), spki_of(&old), KEYS | CERTIFICATES, KS_BYTES_NONE), 2);
	assert_int_equal(worker.n_keys, 0);
	rig_stop(&worker);
}

static void test_remove_says_when_a_token_removes_nothing(void **state)
{
	(void)state;

	start("C_DestroyObject * rv 0x1b\n");
	const struct rig_found_key old = *rig_key_by_label(&worker, "old");
	assert_int_equal(take_away(id_of(&old), spki_of(&old), KEYS, KS_BYTES_NONE), KS_ERR_UNSUPPORTED);
	assert_string_equal(worker.error, "token \"corp\" does not remove it: the token does not allow it "
					  "(CKR_ACTION_PROHIBITED)");
	rig_stop(&worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keygen_makes_each_kind_of_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_gives_the_habitual_id, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_gives_the_id_that_was_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_keeps_an_id_that_cannot_be_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_wants_an_unlocked_token, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_looks_who_is_logged_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_asks_a_tpm_for_what_it_can_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_leaves_the_token_unlocked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_makes_room_for_its_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_refuses_what_is_no_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_shares_a_label_where_the_id_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_refuses_a_label_or_id_that_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_leaves_nothing_of_a_key_that_it_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_says_what_it_could_not_undo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_never_destroys_what_was_there_before, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_says_when_a_token_makes_no_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_asks_plainly_where_attributes_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keygen_survives_a_session_that_is_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_store_puts_a_certificate_beside_its_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_store_refuses_the_certificate_of_another_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_store_says_when_a_token_takes_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_store_takes_back_what_was_not_written_well, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_takes_a_key_with_its_certificates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_takes_one_certificate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_touches_nothing_of_another_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_leaves_a_private_half_alone_that_may_be_of_another, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_remove_begins_with_the_private_half, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_says_when_a_token_removes_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
