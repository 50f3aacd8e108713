/* SPDX-License-Identifier: Apache-2.0 */
/* GET, LIST and SIGN: what is asked, and what of the answers is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "client/client.h"
#include "lib/base/cleanup.h"
#include "tests/unit/client/fake_agent.h"

/* --- a scripted inventory ---------------------------------------------------------------------------------------- */

struct inventory {
	unsigned n;
	unsigned changes;   /* how often a second page finds another generation */
	bool empty_page;    /* a page without records before the end */
	bool too_many;      /* more records than total says */
	unsigned n_chain;   /* certificates of GET */
	unsigned n_records; /* identities of GET; 1 is right */
	char asked[64];     /* name of the last GET */
	uint64_t generation;
	unsigned n_lists; /* requests served */
};

static void put_identity(struct ks_buffer *list, unsigned number)
{
	static const uint8_t hash[32] = { 1, 2, 3 };
	char name[32];
	(void)snprintf(name, sizeof(name), "key-%u", number);
	struct ks_msg_identity identity = { .name = ks_bytes_text(name), .spki_hash = ks_bytes(hash, sizeof(hash)) };
	ks_record_write(list, KS_RECORD(identity), &identity);
}

static void answer_list(struct inventory *inventory, int fd, struct ks_bytes body)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	struct ks_msg_list request;

	assert_int_equal(ks_message_read(KS_MSG_LIST, body, &request, sizeof(request)), 0);
	inventory->n_lists++;
	if (request.offset > 0 && inventory->changes > 0) {
		inventory->changes--;
		inventory->generation++;
		fake_agent_refuse(fd, request.id, KS_ERR_CHANGED, "the list changed");
		return;
	}
	assert_true(request.generation == (request.offset == 0 ? 0 : inventory->generation));
	unsigned last = request.offset + KS_LIST_PAGE;
	unsigned n = inventory->n + (inventory->too_many ? 1 : 0);
	for (unsigned i = request.offset; i < n && i < last && !inventory->empty_page; i++)
		put_identity(&list, i);
	struct ks_msg_list_reply reply = { KS_MESSAGE_HEAD(request.id), .generation = inventory->generation,
					   .total = inventory->n, .identities = ks_buffer_bytes(&list) };
	fake_agent_reply(fd, KS_MSG_LIST_REPLY, &reply);
}

static void answer_get(struct inventory *inventory, int fd, struct ks_bytes body)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer chain = { 0 };
	struct ks_msg_get request;

	assert_int_equal(ks_message_read(KS_MSG_GET, body, &request, sizeof(request)), 0);
	(void)snprintf(inventory->asked, sizeof(inventory->asked), "%.*s", (int)request.name.size,
		       (const char *)request.name.data);
	for (unsigned i = 0; i < inventory->n_records; i++)
		put_identity(&list, i);
	for (unsigned i = 0; i < inventory->n_chain; i++) {
		struct ks_msg_certificate certificate = { .der = ks_bytes_text("a certificate") };
		ks_record_write(&chain, KS_RECORD(certificate), &certificate);
	}
	struct ks_msg_get_reply reply = { KS_MESSAGE_HEAD(request.id), .identity = ks_buffer_bytes(&list),
					  .chain = ks_buffer_bytes(&chain) };
	fake_agent_reply(fd, KS_MSG_GET_REPLY, &reply);
}

static void serve_inventory(struct fake_agent *agent, int fd)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	uint8_t type;
	struct ks_bytes body;

	while (fake_agent_read(fd, &buffer, &type, &body)) {
		if (type == KS_MSG_LIST)
			answer_list(agent->userdata, fd, body);
		else
			answer_get(agent->userdata, fd, body);
	}
}

/* --- LIST -------------------------------------------------------------------------------------------------------- */

struct seen {
	unsigned n;
	int result; /* what the callback returns at stop_at */
	unsigned stop_at;
};

static int count(const struct ks_msg_identity *identity, void *userdata)
{
	struct seen *seen = userdata;
	char name[32];

	(void)snprintf(name, sizeof(name), "key-%u", seen->n);
	assert_true(ks_bytes_equal(identity->name, ks_bytes_text(name)));
	seen->n++;
	return seen->n == seen->stop_at ? seen->result : 0;
}

static int list(struct inventory *inventory, struct seen *seen, struct ks_client_error *error)
{
	struct fake_agent agent;

	inventory->generation = 7;
	fake_agent_start(&agent, serve_inventory, inventory);
	int r = ks_client_list(count, seen, error);
	fake_agent_stop(&agent);
	return r;
}

static void test_list_reads_all_pages_in_order(void **state)
{
	(void)state;
	static const unsigned sizes[] = { 0, 1, 63, 64, 65, 128, 500 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct inventory inventory = { .n = sizes[i] };
		struct seen seen = { 0 };
		struct ks_client_error error;
		assert_int_equal(list(&inventory, &seen, &error), 0);
		assert_int_equal(seen.n, sizes[i]);
	}
}

static void test_list_starts_again_when_it_changes_and_shows_each_key_once(void **state)
{
	(void)state;
	struct inventory inventory = { .n = 200, .changes = 3 };
	struct seen seen = { 0 };
	struct ks_client_error error;

	assert_int_equal(list(&inventory, &seen, &error), 0);
	assert_int_equal(seen.n, 200);
	assert_true(inventory.n_lists > 4);
}

static void test_list_gives_up_when_it_changes_for_ever(void **state)
{
	(void)state;
	struct inventory inventory = { .n = 200, .changes = 1000 };
	struct seen seen = { 0 };
	struct ks_client_error error;

	assert_int_equal(list(&inventory, &seen, &error), KS_ERR_CHANGED);
	assert_int_equal(seen.n, 0);
}

static void test_list_refuses_pages_that_never_end(void **state)
{
	(void)state;
	struct inventory inventory = { .n = 10, .empty_page = true };
	struct seen seen = { 0 };
	struct ks_client_error error;

	assert_int_equal(list(&inventory, &seen, &error), KS_ERR_MALFORMED);
	assert_int_equal(seen.n, 0);
}

static void test_list_refuses_more_than_it_was_told(void **state)
{
	(void)state;
	struct inventory inventory = { .n = 10, .too_many = true };
	struct seen seen = { 0 };
	struct ks_client_error error;

	assert_int_equal(list(&inventory, &seen, &error), KS_ERR_MALFORMED);
	assert_int_equal(seen.n, 0);
}

static void test_list_ends_when_the_caller_has_enough(void **state)
{
	(void)state;
	struct inventory inventory = { .n = 10 };
	struct seen seen = { .stop_at = 3, .result = KS_ERR_CANCELLED };
	struct ks_client_error error;

	assert_int_equal(list(&inventory, &seen, &error), KS_ERR_CANCELLED);
	assert_int_equal(seen.n, 3);
}

/* --- GET --------------------------------------------------------------------------------------------------------- */

static int get(struct inventory *inventory, const char *name, struct ks_client_identity **identity)
{
	struct fake_agent agent;
	struct ks_client_error error;

	fake_agent_start(&agent, serve_inventory, inventory);
	int r = ks_client_get(name, identity, &error);
	fake_agent_stop(&agent);
	return r;
}

static void test_get_hands_over_identity_and_chain(void **state)
{
	(void)state;
	struct inventory inventory = { .n_records = 1, .n_chain = 3 };
	struct ks_client_identity *identity = NULL;
	struct ks_msg_certificate certificate;

	assert_int_equal(get(&inventory, "pkcs11:token=corp;object=a%20b", &identity), 0);
	assert_string_equal(inventory.asked, "pkcs11:token=corp;object=a%20b");
	assert_true(ks_bytes_equal(identity->identity.name, ks_bytes_text("key-0")));
	struct ks_reader reader = ks_reader(identity->chain);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ks_record_read(&reader, KS_RECORD(certificate), &certificate, sizeof(certificate)), 1);
	assert_true(ks_reader_done(&reader));
	ks_client_identity_free(identity);
	ks_client_identity_free(NULL);
}

static void test_get_refuses_anything_but_one_identity(void **state)
{
	(void)state;
	struct ks_client_identity *identity = NULL;
	struct inventory none = { .n_records = 0 };
	struct inventory two = { .n_records = 2 };

	assert_int_equal(get(&none, "x", &identity), KS_ERR_MALFORMED);
	assert_int_equal(get(&two, "x", &identity), KS_ERR_MALFORMED);
	assert_null(identity);
}

static void test_get_refuses_a_chain_that_is_too_long(void **state)
{
	(void)state;
	struct ks_client_identity *identity = NULL;
	struct inventory longest = { .n_records = 1, .n_chain = KS_CHAIN_MAX };
	struct inventory longer = { .n_records = 1, .n_chain = KS_CHAIN_MAX + 1 };

	assert_int_equal(get(&longest, "x", &identity), 0);
	ks_client_identity_free(identity);
	identity = NULL;
	assert_int_equal(get(&longer, "x", &identity), KS_ERR_MALFORMED);
	assert_null(identity);
}

/* --- SIGN -------------------------------------------------------------------------------------------------------- */

struct sign_record {
	struct ks_buffer buffer; /* holds the request */
	struct ks_msg_sign request;
	size_t signature_size;
};

static void serve_sign(struct fake_agent *agent, int fd)
{
	struct sign_record *record = agent->userdata;
	static const uint8_t signature[KS_SIGNATURE_MAX] = { 's', 'i', 'g' };
	uint8_t type;
	struct ks_bytes body;

	if (!fake_agent_read(fd, &record->buffer, &type, &body))
		return;
	assert_int_equal(type, KS_MSG_SIGN);
	assert_int_equal(ks_message_read(type, body, &record->request, sizeof(record->request)), 0);
	struct ks_msg_sign_reply reply = { KS_MESSAGE_HEAD(record->request.id),
					   .signature = ks_bytes(signature, record->signature_size) };
	fake_agent_reply(fd, KS_MSG_SIGN_REPLY, &reply);
	fake_agent_drain(fd);
}

static int sign(struct sign_record *record, const struct ks_client_sign *request, uint8_t *signature, size_t *size)
{
	struct fake_agent agent;
	struct ks_client_error error;

	ks_buffer_init(&record->buffer, 1u << 20);
	fake_agent_start(&agent, serve_sign, record);
	int r = ks_client_sign(request, signature, size, &error);
	fake_agent_stop(&agent);
	return r;
}

static void test_sign_sends_the_whole_input_and_its_labels(void **state)
{
	(void)state;
	struct sign_record record = { .signature_size = 71 };
	struct ks_client_sign request = { .name = "alice",
					  .spki_hash = { 9, 8, 7 },
					  .scheme = 0x0403,
					  .input = ks_bytes_text("to be signed"),
					  .transcript = ks_bytes_text("transcript") };
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size = 0;

	(void)setenv("TERM", "xterm-test", 1);
	(void)setenv("DISPLAY", ":7", 1);
	(void)setenv("WAYLAND_DISPLAY", "way\nland", 1); /* no text: left out, and the signature comes all the same */
	(void)unsetenv("KEYSTAY_PROMPT");
	assert_int_equal(sign(&record, &request, signature, &size), 0);
	assert_int_equal(size, 71);
	assert_memory_equal(signature, "sig", 3);
	assert_true(ks_bytes_equal(record.request.input, request.input));
	assert_true(ks_bytes_equal(record.request.transcript, request.transcript));
	assert_memory_equal(record.request.spki_hash.data, request.spki_hash, 32);
	assert_int_equal(record.request.scheme, 0x0403);
	assert_int_equal(record.request.wait_ms, KS_WAIT_DEFAULT);
	assert_true(ks_bytes_equal(record.request.program, ks_bytes_text("test_client_identity")));
	assert_true(ks_bytes_equal(record.request.term, ks_bytes_text("xterm-test")));
	assert_true(ks_bytes_equal(record.request.display, ks_bytes_text(":7")));
	assert_int_equal(record.request.wayland_display.size, 0);
	ks_buffer_deinit(&record.buffer);
}

static void test_sign_asks_for_no_prompt_when_told_so(void **state)
{
	(void)state;
	struct sign_record record = { .signature_size = 64 };
	struct ks_client_sign request = { .scheme = 0x0807, .input = ks_bytes_text("x") };
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size;

	(void)setenv("KEYSTAY_PROMPT", "never", 1);
	assert_int_equal(sign(&record, &request, signature, &size), 0);
	assert_int_equal(record.request.wait_ms, 0);
	(void)unsetenv("KEYSTAY_PROMPT");
	ks_buffer_deinit(&record.buffer);
}

static void test_sign_leaves_out_a_transcript_that_is_too_long(void **state)
{
	(void)state;
	static const uint8_t much[KS_SIGN_INPUT_MAX];
	struct sign_record record = { .signature_size = 64 };
	struct ks_client_sign request = { .scheme = 0x0807,
					  .input = ks_bytes_text("x"),
					  .transcript = ks_bytes(much, sizeof(much)) };
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size;

	assert_int_equal(sign(&record, &request, signature, &size), 0);
	assert_int_equal(record.request.transcript.size, 0);
	assert_int_equal(record.request.input.size, 1);
	ks_buffer_deinit(&record.buffer);
}

static void test_sign_accepts_the_largest_input_and_signature(void **state)
{
	(void)state;
	static const uint8_t much[KS_SIGN_INPUT_MAX];
	struct sign_record record = { .signature_size = KS_SIGNATURE_MAX };
	struct ks_client_sign request = { .scheme = 0x0804, .input = ks_bytes(much, sizeof(much)) };
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size;

	assert_int_equal(sign(&record, &request, signature, &size), 0);
	assert_int_equal(size, KS_SIGNATURE_MAX);
	assert_int_equal(record.request.input.size, KS_SIGN_INPUT_MAX);
	ks_buffer_deinit(&record.buffer);
}

static void test_sign_refuses_a_longer_input_without_asking_anybody(void **state)
{
	(void)state;
	static const uint8_t much[KS_SIGN_INPUT_MAX + 1];
	struct ks_client_sign request = { .scheme = 0x0804, .input = ks_bytes(much, sizeof(much)) };
	struct ks_client_error error;
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size;

	(void)setenv("KEYSTAY_SOCK", "/nonexistent", 1);
	assert_int_equal(ks_client_sign(&request, signature, &size, &error), KS_ERR_TOO_LARGE);
	assert_non_null(strstr(error.text, "only TLS handshakes"));
}

static void test_sign_refuses_an_empty_signature(void **state)
{
	(void)state;
	struct sign_record record = { .signature_size = 0 };
	struct ks_client_sign request = { .scheme = 0x0807, .input = ks_bytes_text("x") };
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size;

	assert_int_equal(sign(&record, &request, signature, &size), KS_ERR_MALFORMED);
	ks_buffer_deinit(&record.buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_reads_all_pages_in_order),
		cmocka_unit_test(test_list_starts_again_when_it_changes_and_shows_each_key_once),
		cmocka_unit_test(test_list_gives_up_when_it_changes_for_ever),
		cmocka_unit_test(test_list_refuses_pages_that_never_end),
		cmocka_unit_test(test_list_refuses_more_than_it_was_told),
		cmocka_unit_test(test_list_ends_when_the_caller_has_enough),
		cmocka_unit_test(test_get_hands_over_identity_and_chain),
		cmocka_unit_test(test_get_refuses_anything_but_one_identity),
		cmocka_unit_test(test_get_refuses_a_chain_that_is_too_long),
		cmocka_unit_test(test_sign_sends_the_whole_input_and_its_labels),
		cmocka_unit_test(test_sign_asks_for_no_prompt_when_told_so),
		cmocka_unit_test(test_sign_leaves_out_a_transcript_that_is_too_long),
		cmocka_unit_test(test_sign_accepts_the_largest_input_and_signature),
		cmocka_unit_test(test_sign_refuses_a_longer_input_without_asking_anybody),
		cmocka_unit_test(test_sign_refuses_an_empty_signature),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
