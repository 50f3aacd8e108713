/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystay-token --provision: tokens are initialised and their PINs set, nothing is erased by mistake, and no PIN is given
 * where a wrong one would cost too much. Runs in: unit tests.
 */
#include "tests/unit/pkcs11/rig.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SO_PIN "12345678" /* the rig's */
#define NEW_PIN "new-7291-pin"
#define NEW_SO_PIN "87654321"
#define SLOTS_MAX 8

static struct rig rig;
static struct rig_worker worker;
static EVP_PKEY *ec_key, *ed_key;

static void fill(struct rig_writer *writer, void *userdata)
{
	const struct rig_key ec = { .key = ec_key, .label = "p256", .id = 1, .parts = RIG_ALL };
	const struct rig_key ed = { .key = ed_key, .label = "ed25519", .id = 2, .parts = RIG_ALL };
	(void)userdata;

	rig_write_token(writer, "corp");
	rig_write_key(writer, &ec);
	rig_write_key(writer, &ed); /* libp11 sees no key beside it, which must not matter */
}

/* A token of its own for each test, beside the blank one that SoftHSM always has. */
static int setup(void **state)
{
	(void)state;
	ec_key = rig_new_key("P-256");
	ed_key = rig_new_key("ED25519");
	rig_init(&rig);
	rig_write(&rig, fill, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(ec_key);
	EVP_PKEY_free(ed_key);
	rig_deinit(&rig);
	return 0;
}

static void start(const char *script)
{
	const struct rig_options options = { .path = RIG_SHIM, .arguments = { "--provision" } };

	rig_script(&rig, script);
	(void)unlink(rig.counts);
	rig_start(&rig, &options, &worker);
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

struct slot {
	uint64_t slot;
	bool present, initialised, pin_set;
	char description[65], label[65], serial[65];
	uint32_t pin_flags, pin_min, pin_max;
};

static struct slot slots[SLOTS_MAX]; /* of the last answer */
static size_t n_slots;
static char said[512];

static void copy(char *out, size_t size, struct ks_bytes text)
{
	assert_true(text.size < size);
	memcpy(out, text.data, text.size);
	out[text.size] = '\0';
}

static void take_slots(struct ks_bytes list)
{
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_slot_status record;

	n_slots = 0;
	while (ks_record_read(&reader, KS_RECORD(slot_status), &record, sizeof(record)) == 1) {
		assert_true(n_slots < SLOTS_MAX);
		struct slot *slot = &slots[n_slots++];
		*slot = (struct slot){ .slot = record.slot,
				       .present = record.token_present,
				       .initialised = record.initialised,
				       .pin_set = record.pin_set,
				       .pin_flags = record.pin_flags,
				       .pin_min = record.pin_min,
				       .pin_max = record.pin_max };
		copy(slot->description, sizeof(slot->description), record.description);
		copy(slot->label, sizeof(slot->label), record.label);
		copy(slot->serial, sizeof(slot->serial), record.serial);
		assert_int_equal(record.module.size, 0);
	}
	assert_true(ks_reader_done(&reader));
}

/* What is left out of how is empty. */
struct how {
	const char *token, *label, *erase, *so_pin, *pin, *new_pin;
	bool by_slot;
	uint64_t slot;
	uint32_t told;
};

static int provision(enum ks_provision operation, const struct how *how)
{
	const struct ks_msg_worker_provision message = { KS_MESSAGE_HEAD(++worker.last_id),
							 .operation = operation,
							 .token = ks_bytes_text(how->token),
							 .by_slot = how->by_slot,
							 .slot = how->slot,
							 .label = ks_bytes_text(how->label),
							 .erase = ks_bytes_text(how->erase),
							 .told = how->told,
							 .so_pin = ks_bytes_text(how->so_pin),
							 .pin = ks_bytes_text(how->pin),
							 .new_pin = ks_bytes_text(how->new_pin) };
	struct ks_msg_worker_provision_reply reply;
	struct ks_frame frame;

	rig_send(&worker, KS_MSG_WORKER_PROVISION, &message);
	int r = rig_await(&worker, message.id, KS_MSG_WORKER_PROVISION_REPLY, &frame);
	if (r < 0)
		return r;
	assert_int_equal(ks_message_read(frame.type, frame.body, &reply, sizeof(reply)), 0);
	take_slots(reply.slots);
	copy(said, sizeof(said), reply.text);
	return 0;
}

static void list(void)
{
	assert_int_equal(provision(KS_PROVISION_LIST, &(struct how){ .label = NULL }), 0);
}

/* Of "corp", whose number SoftHSM makes up. */
static const char *serial(void)
{
	list();
	for (size_t i = 0; i < n_slots; i++) {
		if (strcmp(slots[i].label, "corp") == 0)
			return slots[i].serial;
	}
	fail_msg("there is no token corp");
	return NULL;
}

/* An ordinary worker: does this PIN unlock the token, and how many keys has it then? */
static int try_pin(const char *label, const char *pin, size_t *ret_n_keys)
{
	const struct rig_login told = { .final_try = true };
	const struct rig_options options = { .path = NULL };
	struct rig_worker ordinary;

	rig_start_ready(&rig, &options, &ordinary);
	const struct rig_token *token = rig_find_token(&ordinary, label);
	assert_non_null(token);
	int r = rig_login(&ordinary, token->number, pin, &told);
	*ret_n_keys = 0;
	for (size_t i = 0; i < ordinary.n_keys; i++)
		*ret_n_keys += ordinary.keys[i].token == token->number && ordinary.keys[i].private_seen ? 1 : 0;
	rig_stop(&ordinary);
	return r;
}

static void assert_pin(const char *label, const char *pin, size_t n_keys)
{
	size_t found;

	assert_int_equal(try_pin(label, pin, &found), 0);
	assert_int_equal(found, n_keys);
}

static void assert_untouched(void)
{
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_int_equal(rig_count(&rig, "C_SetPIN"), 0);
	assert_int_equal(rig_count(&rig, "C_InitPIN"), 0);
	assert_int_equal(rig_count(&rig, "C_InitToken"), 0);
	assert_true(worker.not_given);
}

/* --- what there is ----------------------------------------------------------------------------------------------- */

static void test_provision_lists_all_slots(void **state)
{
	(void)state;

	start("flags-add SO_COUNT_LOW\nslot-info Reader\n");
	list();
	assert_string_equal(said, "");
	assert_int_equal(n_slots, 2);
	size_t corp = slots[0].initialised ? 0 : 1;
	assert_true(slots[corp].present && slots[corp].initialised && slots[corp].pin_set);
	assert_string_equal(slots[corp].label, "corp");
	assert_string_equal(slots[corp].description, "Reader");
	assert_int_equal(slots[corp].pin_flags, KS_PIN_NEEDED | KS_PIN_SET | KS_PIN_SO_COUNT_LOW);
	assert_int_equal(slots[corp].pin_min, 4);
	assert_int_equal(slots[corp].pin_max, 255);
	assert_true(slots[1 - corp].present);
	assert_false(slots[1 - corp].initialised || slots[1 - corp].pin_set);
	assert_int_equal(rig_count(&rig, "C_OpenSession"), 0);
	rig_stop(&worker);
}

static void test_provision_lists_no_slots(void **state)
{
	(void)state;

	start("slot-none\n");
	list();
	assert_int_equal(n_slots, 0);
	rig_script(&rig, "C_GetSlotInfo * rv 0x30\n");
	assert_int_equal(provision(KS_PROVISION_LIST, &(struct how){ .label = NULL }), KS_ERR_TOKEN_FAILED);
	assert_string_equal(worker.error,
			    "module: C_GetSlotInfo failed: the device reports an error (CKR_DEVICE_ERROR)");
	rig_stop(&worker);
}

static void test_provision_keeps_to_its_slots(void **state)
{
	(void)state;
	const struct rig_options options = { .path = RIG_SHIM, .arguments = { "--provision", "--slots", "*corner*" } };

	rig_script(&rig, NULL);
	rig_start(&rig, &options, &worker);
	list();
	assert_int_equal(n_slots, 0);
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE,
				   &(struct how){ .token = "corp", .pin = RIG_PIN, .new_pin = NEW_PIN }),
			 KS_ERR_TOKEN_ABSENT);
	rig_stop(&worker);
}

static void test_provision_finds_a_token_by_what_it_is_called(void **state)
{
	(void)state;
	char uri[256];
	struct how how = { .pin = RIG_PIN, .new_pin = RIG_PIN };

	start(NULL);
	const char *number = serial();
	const uint64_t slot = slots[0].initialised ? slots[0].slot : slots[1].slot;
	const uint64_t blank = slots[0].initialised ? slots[1].slot : slots[0].slot;
	(void)snprintf(uri, sizeof(uri), "pkcs11:token=corp;serial=%s", number);
	const char *const names[] = { "", "corp", number, uri, "pkcs11:model=SoftHSM%20v2;token=corp" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		how.token = names[i];
		assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &how), 0);
		assert_int_equal(n_slots, 1);
		assert_int_equal(slots[0].slot, slot);
	}
	static const char *const unknown[] = { "cor", "CORP", "pkcs11:token=other", "pkcs11:object=corp" };
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		how.token = unknown[i];
		assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &how), KS_ERR_TOKEN_ABSENT);
	}
	how.token = "pkcs11:pin-value=1";
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &how), KS_ERR_INVALID);
	/* A slot, with and without a name that must be right as well. */
	how = (struct how){ .by_slot = true, .slot = slot, .pin = RIG_PIN, .new_pin = RIG_PIN };
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &how), 0);
	how.token = uri;
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &how), 0);
	how.token = "pkcs11:serial=other";
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &how), KS_ERR_TOKEN_ABSENT);
	how = (struct how){ .by_slot = true, .slot = blank, .pin = RIG_PIN, .new_pin = RIG_PIN };
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &how), KS_ERR_INVALID);
	assert_non_null(strstr(worker.error, "is to be initialised first"));
	rig_stop(&worker);
}

static void another(struct rig_writer *writer, void *userdata)
{
	(void)userdata;
	rig_write_token(writer, "corp");
}

static void test_provision_guesses_nothing(void **state)
{
	(void)state;
	struct how how = { .pin = RIG_PIN, .new_pin = NEW_PIN };

	rig_write(&rig, another, NULL);
	start(NULL);
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &how), KS_ERR_AMBIGUOUS);
	how.token = "corp";
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &how), KS_ERR_AMBIGUOUS);
	assert_non_null(strstr(worker.error, "name it by its serial number or its slot"));
	assert_untouched();
	how.token = serial();
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &how), 0);
	rig_stop(&worker);
}

/* --- initialising ------------------------------------------------------------------------------------------------ */

static void test_provision_initialises_a_blank_token(void **state)
{
	(void)state;
	/* As long as a label may be. */
	static const char label[] = "a new token, with a long name ok";

	assert_int_equal(strlen(label), 32);
	start(NULL);
	assert_int_equal(
		provision(KS_PROVISION_INIT, &(struct how){ .label = label, .so_pin = NEW_SO_PIN, .new_pin = NEW_PIN }),
		0);
	assert_string_equal(said, "token \"a new token, with a long name ok\" was initialised and has a PIN");
	assert_int_equal(n_slots, 1);
	assert_true(slots[0].initialised && slots[0].pin_set);
	assert_string_equal(slots[0].label, label);
	rig_stop(&worker);
	assert_pin(label, NEW_PIN, 0);
	assert_pin("corp", RIG_PIN, 2);
}

static void test_provision_sets_the_first_pin_later(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(provision(KS_PROVISION_INIT, &(struct how){ .label = "new", .so_pin = NEW_SO_PIN }), 0);
	assert_string_equal(said, "token \"new\" was initialised");
	assert_true(slots[0].initialised);
	assert_false(slots[0].pin_set);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	rig_stop(&worker);
	start(NULL);
	assert_int_equal(provision(KS_PROVISION_PIN_SET,
				   &(struct how){ .token = "new", .so_pin = NEW_SO_PIN, .new_pin = NEW_PIN }),
			 0);
	assert_string_equal(said, "token \"new\" has a new PIN");
	assert_true(slots[0].pin_set);
	rig_stop(&worker);
	assert_pin("new", NEW_PIN, 0);
}

static void test_provision_erases_nothing_that_was_not_named(void **state)
{
	(void)state;
	struct how how = { .token = "corp", .label = "new", .so_pin = SO_PIN };

	start(NULL);
	char number[65];
	copy(number, sizeof(number), ks_bytes_text(serial()));
	const char *const wrong[] = { NULL, "corp", "yes", "0", number + 1 };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		how.erase = wrong[i];
		assert_int_equal(provision(KS_PROVISION_INIT, &how), KS_ERR_DENIED);
		assert_non_null(strstr(worker.error, "token \"corp\" is initialised already, and all keys and "
						     "certificates on it would be lost"));
		assert_non_null(strstr(worker.error, number));
		assert_untouched();
	}
	/* A slot's number is no name of what is in it. */
	how = (struct how){ .by_slot = true, .label = "new", .so_pin = SO_PIN };
	how.slot = slots[0].initialised ? slots[0].slot : slots[1].slot;
	assert_int_equal(provision(KS_PROVISION_INIT, &how), KS_ERR_DENIED);
	assert_untouched();
	rig_stop(&worker);
	assert_pin("corp", RIG_PIN, 2);
}

static void test_provision_erases_what_was_named(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(provision(KS_PROVISION_INIT, &(struct how){ .token = "corp",
								     .erase = serial(),
								     .label = "new",
								     .so_pin = SO_PIN,
								     .new_pin = NEW_PIN }),
			 0);
	assert_string_equal(slots[0].label, "new");
	rig_stop(&worker);
	assert_pin("new", NEW_PIN, 0);
}

static void test_provision_with_a_wrong_so_pin_erases_nothing(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(provision(KS_PROVISION_INIT, &(struct how){ .token = "corp",
								     .erase = serial(),
								     .label = "new",
								     .so_pin = NEW_SO_PIN,
								     .new_pin = NEW_PIN }),
			 KS_ERR_PIN_WRONG);
	assert_string_equal(worker.error, "token \"corp\": the SO PIN is wrong");
	assert_false(worker.not_given);
	assert_int_equal(rig_count(&rig, "C_InitToken"), 1);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	rig_stop(&worker);
	assert_pin("corp", RIG_PIN, 2);
}

static void test_provision_says_when_a_token_was_initialised_without_its_pin(void **state)
{
	(void)state;

	start("C_InitPIN * rv 0xa1\n");
	assert_int_equal(
		provision(KS_PROVISION_INIT, &(struct how){ .label = "new", .so_pin = NEW_SO_PIN, .new_pin = NEW_PIN }),
		KS_ERR_PIN_LENGTH);
	assert_non_null(strstr(worker.error, "token \"new\" was initialised, but has no user PIN yet (token \"new\" "
					     "does not take the new PIN: "));
	rig_stop(&worker);
}

static void test_provision_wants_a_label_that_a_token_can_have(void **state)
{
	(void)state;
	static const char *const wrong[] = { "", "a label of thirty-three letters !" };

	start(NULL);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(provision(KS_PROVISION_INIT, &(struct how){ .label = wrong[i], .so_pin = NEW_SO_PIN }),
				 KS_ERR_INVALID);
		assert_untouched();
	}
	rig_stop(&worker);
}

/* --- PINs -------------------------------------------------------------------------------------------------------- */

static void test_provision_changes_a_pin(void **state)
{
	(void)state;
	size_t n;

	start(NULL);
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE,
				   &(struct how){ .token = "corp", .pin = RIG_PIN, .new_pin = NEW_PIN }),
			 0);
	assert_string_equal(said, "token \"corp\" has a new PIN");
	assert_int_equal(rig_count(&rig, "C_Login"), 1);
	assert_int_equal(rig_count(&rig, "C_SetPIN"), 1);
	rig_stop(&worker);
	assert_pin("corp", NEW_PIN, 2);
	assert_int_equal(try_pin("corp", RIG_PIN, &n), KS_ERR_PIN_WRONG);
}

static void test_provision_gives_a_wrong_pin_once(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE,
				   &(struct how){ .token = "corp", .pin = "wrong", .new_pin = NEW_PIN }),
			 KS_ERR_PIN_WRONG);
	assert_string_equal(worker.error, "token \"corp\": the PIN is wrong");
	assert_false(worker.not_given);
	assert_int_equal(rig_count(&rig, "C_Login"), 1);
	assert_int_equal(rig_count(&rig, "C_SetPIN"), 0);
	/* What that has cost is seen at the next one. */
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE,
				   &(struct how){ .token = "corp", .pin = RIG_PIN, .new_pin = NEW_PIN }),
			 KS_ERR_PIN_FINAL_TRY);
	assert_int_equal(
		provision(
			KS_PROVISION_PIN_CHANGE,
			&(struct how){ .token = "corp", .pin = RIG_PIN, .new_pin = NEW_PIN, .told = KS_PIN_COUNT_LOW }),
		0);
	rig_stop(&worker);
}

static void test_provision_unblocks_a_pin_by_the_so_pin(void **state)
{
	(void)state;

	/* What the user's flags say is why, and no reason to refuse. */
	start("flags-add LOCKED\n");
	assert_int_equal(provision(KS_PROVISION_PIN_UNBLOCK,
				   &(struct how){ .token = "corp", .so_pin = SO_PIN, .new_pin = NEW_PIN }),
			 0);
	assert_string_equal(said, "token \"corp\" is unblocked and has a new PIN");
	assert_int_equal(rig_count(&rig, "C_Login so"), 1);
	rig_stop(&worker);
	assert_pin("corp", NEW_PIN, 2);
	start(NULL);
	assert_int_equal(provision(KS_PROVISION_PIN_UNBLOCK,
				   &(struct how){ .token = "corp", .so_pin = NEW_SO_PIN, .new_pin = RIG_PIN }),
			 KS_ERR_PIN_WRONG);
	assert_string_equal(worker.error, "token \"corp\": the SO PIN is wrong");
	assert_int_equal(rig_count(&rig, "C_Login"), 1);
	assert_int_equal(rig_count(&rig, "C_InitPIN"), 0);
	rig_stop(&worker);
	assert_pin("corp", NEW_PIN, 2);
}

static void test_provision_changes_the_so_pin(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(provision(KS_PROVISION_SO_PIN_CHANGE,
				   &(struct how){ .token = "corp", .so_pin = SO_PIN, .new_pin = NEW_SO_PIN }),
			 0);
	assert_string_equal(said, "token \"corp\" has a new SO PIN");
	assert_int_equal(
		provision(KS_PROVISION_PIN_SET, &(struct how){ .token = "corp", .so_pin = SO_PIN, .new_pin = NEW_PIN }),
		KS_ERR_PIN_WRONG);
	assert_int_equal(provision(KS_PROVISION_PIN_SET, &(struct how){ .token = "corp",
									.so_pin = NEW_SO_PIN,
									.new_pin = NEW_PIN,
									.told = KS_PIN_SO_COUNT_LOW }),
			 0);
	rig_stop(&worker);
	assert_pin("corp", NEW_PIN, 2);
}

static void test_provision_tries_nothing_that_the_flags_warn_of(void **state)
{
	(void)state;
	static const struct {
		const char *flag;
		enum ks_provision operation;
		uint32_t told, enough;
		int error;
	} cases[] = {
		{ "COUNT_LOW", KS_PROVISION_PIN_CHANGE, 0, KS_PIN_COUNT_LOW, KS_ERR_PIN_FINAL_TRY },
		{ "FINAL_TRY", KS_PROVISION_PIN_CHANGE, KS_PIN_COUNT_LOW, KS_PIN_FINAL_TRY, KS_ERR_PIN_FINAL_TRY },
		{ "LOCKED", KS_PROVISION_PIN_CHANGE, KS_PIN_TROUBLE, 0, KS_ERR_PIN_BLOCKED },
		{ "SO_COUNT_LOW", KS_PROVISION_PIN_SET, KS_PIN_TROUBLE, KS_PIN_SO_COUNT_LOW, KS_ERR_PIN_FINAL_TRY },
		{ "SO_FINAL_TRY", KS_PROVISION_PIN_UNBLOCK, KS_PIN_SO_COUNT_LOW, KS_PIN_SO_FINAL_TRY,
		  KS_ERR_PIN_FINAL_TRY },
		{ "SO_FINAL_TRY", KS_PROVISION_SO_PIN_CHANGE, 0, KS_PIN_SO_FINAL_TRY, KS_ERR_PIN_FINAL_TRY },
		{ "SO_FINAL_TRY", KS_PROVISION_INIT, 0, 0, KS_ERR_PIN_FINAL_TRY },
		{ "SO_LOCKED", KS_PROVISION_INIT, KS_PIN_SO_FINAL_TRY, 0, KS_ERR_PIN_BLOCKED },
		{ "SO_LOCKED", KS_PROVISION_PIN_UNBLOCK, KS_PIN_SO_FINAL_TRY, 0, KS_ERR_PIN_BLOCKED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char script[64], number[65];
		(void)snprintf(script, sizeof(script), "flags-add %s\n", cases[i].flag);
		start(script);
		copy(number, sizeof(number), ks_bytes_text(serial()));
		struct how how = { .token = "corp",
				   .erase = number,
				   .label = "corp",
				   .so_pin = SO_PIN,
				   .pin = RIG_PIN,
				   .new_pin = cases[i].operation == KS_PROVISION_SO_PIN_CHANGE ? SO_PIN : RIG_PIN,
				   .told = cases[i].told };
		assert_int_equal(provision(cases[i].operation, &how), cases[i].error);
		assert_untouched();
		how.told = cases[i].enough;
		if (cases[i].enough != 0)
			assert_int_equal(provision(cases[i].operation, &how), 0);
		rig_stop(&worker);
	}
	assert_pin("corp", RIG_PIN, 2);
}

static void test_provision_tries_no_pin_of_impossible_length(void **state)
{
	(void)state;
	char long_pin[257];
	const struct how wrong[] = {
		{ .token = "corp", .pin = RIG_PIN, .new_pin = "1234" },
		{ .token = "corp", .pin = RIG_PIN, .new_pin = "1234567890123456" },
		{ .token = "corp", .pin = "1234", .new_pin = NEW_PIN },
		{ .token = "corp", .pin = "", .new_pin = NEW_PIN },
		{ .token = "corp", .pin = RIG_PIN, .new_pin = "" },
		{ .token = "corp", .pin = RIG_PIN, .new_pin = long_pin },
	};

	memset(long_pin, 'x', 256);
	long_pin[256] = '\0';
	start("token-info pin-min 5\ntoken-info pin-max 12\n");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &wrong[i]), KS_ERR_PIN_LENGTH);
		assert_untouched();
	}
	assert_int_equal(provision(KS_PROVISION_PIN_UNBLOCK, &(struct how){ .token = "corp", .new_pin = NEW_PIN }),
			 KS_ERR_PIN_LENGTH);
	assert_untouched();
	/* A blank token has limits as well, which the shim leaves alone: 4 to 255. */
	assert_int_equal(provision(KS_PROVISION_INIT, &(struct how){ .label = "new", .so_pin = "123" }),
			 KS_ERR_PIN_LENGTH);
	assert_int_equal(
		provision(KS_PROVISION_INIT, &(struct how){ .label = "new", .so_pin = NEW_SO_PIN, .new_pin = "1" }),
		KS_ERR_PIN_LENGTH);
	assert_int_equal(provision(KS_PROVISION_INIT, &(struct how){ .label = "new" }), KS_ERR_PIN_LENGTH);
	assert_untouched();
	rig_stop(&worker);
}

static void test_provision_lets_a_reader_take_the_pin(void **state)
{
	(void)state;

	start("flags-add PIN_PAD\nC_Login * rv 0\nC_SetPIN * rv 0\n");
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE, &(struct how){ .token = "corp" }), 0);
	assert_int_equal(rig_count(&rig, "C_Login without-pin"), 1);
	/* libp11 cannot do that for a whole token. */
	assert_int_equal(
		provision(KS_PROVISION_INIT, &(struct how){ .token = "corp", .label = "new", .erase = serial() }),
		KS_ERR_PIN_LENGTH);
	rig_stop(&worker);
}

/* OpenSC has its own way with a PUK, which has to be asked for without a login. */
static void test_provision_unblocks_a_card_of_opensc_by_its_puk(void **state)
{
	(void)state;
	static const char opensc[] = "info-description OpenSC\ntoken-info manufacturer piv_II\n";
	struct how how = { .token = "corp", .so_pin = SO_PIN, .new_pin = NEW_PIN };
	char script[256];

	(void)snprintf(script, sizeof(script), "%sC_SetPIN 1 rv 0\nC_SetPIN 2 rv 0xa0\nC_SetPIN 3 rv 0xa4\n", opensc);
	start(script);
	assert_int_equal(provision(KS_PROVISION_PIN_UNBLOCK, &how), 0);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_int_equal(provision(KS_PROVISION_PIN_UNBLOCK, &how), KS_ERR_PIN_WRONG);
	assert_string_equal(worker.error, "token \"corp\": the PUK is wrong");
	assert_int_equal(provision(KS_PROVISION_PIN_UNBLOCK, &how), KS_ERR_PIN_BLOCKED);
	assert_false(worker.not_given);
	rig_stop(&worker);
	/* What it cannot do with a PIV card is not tried at all. */
	start(opensc);
	how.erase = serial();
	how.label = "new";
	assert_int_equal(provision(KS_PROVISION_INIT, &how), KS_ERR_UNSUPPORTED);
	assert_int_equal(provision(KS_PROVISION_PIN_SET, &how), KS_ERR_UNSUPPORTED);
	assert_int_equal(provision(KS_PROVISION_SO_PIN_CHANGE, &how), KS_ERR_UNSUPPORTED);
	assert_non_null(strstr(worker.error, "yubico-piv-tool -a change-puk"));
	assert_untouched();
	rig_stop(&worker);
}

/* --- what goes wrong --------------------------------------------------------------------------------------------- */

static void test_provision_does_not_wait_for_a_session(void **state)
{
	(void)state;

	start("C_OpenSession * rv 0x32\n");
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE,
				   &(struct how){ .token = "corp", .pin = RIG_PIN, .new_pin = NEW_PIN }),
			 KS_ERR_TOKEN_ABSENT);
	assert_int_equal(
		provision(KS_PROVISION_PIN_SET, &(struct how){ .token = "corp", .so_pin = SO_PIN, .new_pin = NEW_PIN }),
		KS_ERR_TOKEN_ABSENT);
	assert_untouched();
	rig_stop(&worker);
}

static void test_provision_says_what_a_module_cannot_do(void **state)
{
	(void)state;

	start("C_InitToken * rv 0x54\nC_Login * rv 0x103\n");
	assert_int_equal(provision(KS_PROVISION_INIT, &(struct how){ .label = "new", .so_pin = NEW_SO_PIN }),
			 KS_ERR_UNSUPPORTED);
	assert_non_null(strstr(worker.error, "does not do this to a PIN: the module cannot do this"));
	assert_int_equal(
		provision(KS_PROVISION_PIN_SET, &(struct how){ .token = "corp", .so_pin = SO_PIN, .new_pin = NEW_PIN }),
		KS_ERR_UNSUPPORTED);
	rig_stop(&worker);
}

static void test_provision_survives_nonsense(void **state)
{
	(void)state;
	static const char *const scripts[] = {
		"C_GetSlotList * garbage\n", "C_GetSlotInfo * garbage\n", "C_GetTokenInfo * garbage\n",
		"C_GetTokenInfo * rv 0x5\n", "C_SetPIN * garbage\n",      "C_Login * garbage\n",
		"C_OpenSession * garbage\n",
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		start(scripts[i]);
		(void)provision(KS_PROVISION_LIST, &(struct how){ .label = NULL });
		(void)provision(KS_PROVISION_PIN_CHANGE,
				&(struct how){ .token = "corp", .pin = RIG_PIN, .new_pin = RIG_PIN });
		rig_stop(&worker);
	}
	assert_pin("corp", RIG_PIN, 2);
}

static void test_provision_is_another_life(void **state)
{
	(void)state;
	const struct ks_msg_worker_rescan rescan = { KS_MESSAGE_HEAD(17), .all = true };
	const struct rig_options ordinary = { .path = NULL };

	start(NULL);
	rig_send(&worker, KS_MSG_WORKER_RESCAN, &rescan);
	assert_int_equal(rig_await(&worker, 17, KS_MSG_WORKER_RESCAN_REPLY, NULL), KS_ERR_UNKNOWN_MESSAGE);
	assert_int_equal(provision((enum ks_provision)0, &(struct how){ .token = "corp" }), KS_ERR_INVALID);
	assert_int_equal(provision((enum ks_provision)7, &(struct how){ .token = "corp" }), KS_ERR_INVALID);
	assert_int_equal(rig_count(&rig, "C_FindObjectsInit"), 0);
	rig_stop(&worker);
	rig_start_ready(&rig, &ordinary, &worker);
	assert_int_equal(provision(KS_PROVISION_LIST, &(struct how){ .label = NULL }), KS_ERR_UNKNOWN_MESSAGE);
	rig_stop(&worker);
}

/* SoftHSM writes below the folder of its tokens alone, which its place is. */
static void test_provision_works_within_its_walls(void **state)
{
	(void)state;
	const struct rig_options options = {
		.path = NULL, .arguments = { "--provision", "--sandbox", "files", "--profile", "softhsm" }
	};

	rig_start(&rig, &options, &worker);
	assert_int_equal(
		provision(KS_PROVISION_INIT, &(struct how){ .label = "new", .so_pin = NEW_SO_PIN, .new_pin = NEW_PIN }),
		0);
	assert_int_equal(provision(KS_PROVISION_PIN_CHANGE,
				   &(struct how){ .token = "corp", .pin = RIG_PIN, .new_pin = NEW_PIN }),
			 0);
	rig_stop(&worker);
	assert_pin("corp", NEW_PIN, 2);
	assert_pin("new", NEW_PIN, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_provision_lists_all_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_lists_no_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_keeps_to_its_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_finds_a_token_by_what_it_is_called, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_guesses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_initialises_a_blank_token, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_sets_the_first_pin_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_erases_nothing_that_was_not_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_erases_what_was_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_with_a_wrong_so_pin_erases_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_says_when_a_token_was_initialised_without_its_pin, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_provision_wants_a_label_that_a_token_can_have, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_changes_a_pin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_gives_a_wrong_pin_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_unblocks_a_pin_by_the_so_pin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_changes_the_so_pin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_tries_nothing_that_the_flags_warn_of, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_tries_no_pin_of_impossible_length, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_lets_a_reader_take_the_pin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_unblocks_a_card_of_opensc_by_its_puk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_does_not_wait_for_a_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_says_what_a_module_cannot_do, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_survives_nonsense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_is_another_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provision_works_within_its_walls, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
