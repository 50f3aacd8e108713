/* SPDX-License-Identifier: Apache-2.0 */
/* `keystay cert`: what stands in the file, and how it gets to its place. A fake agent hands out the key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "lib/protocol/pem.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/protocol/reference.h"
#include "tests/unit/cli/cli_test.h"
#include "tests/unit/client/fake_agent.h"

/* --- a key with a chain ------------------------------------------------------------------------------------------ */

struct key {
	struct ks_buffer spki;
	struct ks_buffer chain;
	struct ks_msg_identity identity;
};

/* n certificates of 1, 100 and more bytes: pem.c does not look inside. */
static void key_init(struct key *key, size_t n_certificates)
{
	uint8_t point[65] = { 4, 1, 2, 3 };
	uint8_t body[300];

	*key = (struct key){ 0 };
	assert_int_equal(ks_spki_put_ec(&key->spki, KS_CURVE_P256, ks_bytes(point, sizeof(point))), 0);
	for (size_t i = 0; i < n_certificates; i++) {
		memset(body, (int)('a' + i), sizeof(body));
		struct ks_msg_certificate certificate = { .der = ks_bytes(body, 1 + 99 * i) };
		ks_record_write(&key->chain, KS_RECORD(certificate), &certificate);
	}
	key->identity = cli_test_identity("alice");
	key->identity.spki = ks_buffer_bytes(&key->spki);
	key->identity.n_certificates = (uint32_t)n_certificates;
}

static void key_deinit(struct key *key)
{
	ks_buffer_deinit(&key->spki);
	ks_buffer_deinit(&key->chain);
}

/* --- PEM --------------------------------------------------------------------------------------------------------- */

static BIO *bio_of(struct ks_bytes text)
{
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.size);

	assert_non_null(bio);
	return bio;
}

static void assert_next_block(BIO *bio, const char *label, struct ks_bytes expected)
{
	char *name = NULL;
	char *header = NULL;
	unsigned char *data = NULL;
	long size = 0;

	assert_int_equal(PEM_read_bio(bio, &name, &header, &data, &size), 1);
	assert_string_equal(name, label);
	assert_string_equal(header, "");
	if (expected.data)
		assert_true(ks_bytes_equal(ks_bytes(data, (size_t)size), expected));
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
}

static void assert_no_more(BIO *bio)
{
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long size = 0;

	assert_int_equal(PEM_read_bio(bio, &name, &header, &data, &size), 0);
	BIO_free(bio);
}

static void test_pem_is_what_openssl_reads_at_every_length(void **state)
{
	uint8_t body[200];

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7);
	for (size_t size = 1; size <= sizeof(body); size++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
		assert_int_equal(ks_pem_put(&pem, "THING", ks_bytes(body, size)), 0);
		BIO *bio = bio_of(ks_buffer_bytes(&pem));
		assert_next_block(bio, "THING", ks_bytes(body, size));
		assert_no_more(bio);
	}
}

static void test_pem_lines_have_64_characters(void **state)
{
	uint8_t body[49] = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };

	(void)state;
	assert_int_equal(ks_pem_put(&pem, "X", ks_bytes(body, sizeof(body))), 0);
	KS_AUTO_FREE char *text = ks_buffer_steal_text(&pem);
	assert_string_equal(text, "-----BEGIN X-----\n"
				  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
				  "AA==\n"
				  "-----END X-----\n");
}

static void test_pem_has_leaf_chain_and_then_the_reference(void **state)
{
	struct key key;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
	uint8_t leaf[] = { 'a' };

	(void)state;
	key_init(&key, 3);
	assert_int_equal(ks_pem_put_identity(&pem, &key.identity, ks_buffer_bytes(&key.chain), true), 0);
	BIO *bio = bio_of(ks_buffer_bytes(&pem));
	assert_next_block(bio, "CERTIFICATE", ks_bytes(leaf, 1));
	assert_next_block(bio, "CERTIFICATE", KS_BYTES_NONE);
	assert_next_block(bio, "CERTIFICATE", KS_BYTES_NONE);
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long size = 0;
	assert_int_equal(PEM_read_bio(bio, &name, &header, &data, &size), 1);
	assert_string_equal(name, "KEYSTAY KEY");
	struct ks_reference reference;
	assert_int_equal(ks_reference_read(ks_bytes(data, (size_t)size), &reference), 0);
	assert_true(ks_bytes_equal(reference.name, ks_bytes_text("alice")));
	assert_true(ks_bytes_equal(reference.spki.der, key.identity.spki));
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	assert_no_more(bio);
	key_deinit(&key);
}

static void test_pem_without_certificates_is_refused(void **state)
{
	struct key key;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };

	(void)state;
	key_init(&key, 0);
	assert_int_equal(ks_pem_put_identity(&pem, &key.identity, ks_buffer_bytes(&key.chain), true),
			 KS_ERR_NO_CERTIFICATE);
	assert_int_equal(pem.size, 0);
	key_deinit(&key);
}

/* --- the command ------------------------------------------------------------------------------------------------- */

struct bench {
	struct cli_test *test;
	struct fake_agent agent;
	struct key key;
	char *folder;
	char asked[64];
};

static void serve(struct fake_agent *agent, int fd)
{
	struct bench *bench = agent->userdata;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	struct ks_bytes body;
	struct ks_msg_get get;
	uint8_t type;

	if (!fake_agent_read(fd, &buffer, &type, &body))
		return;
	if (type == KS_MSG_LIST) { /* the only key */
		ks_record_write(&list, KS_RECORD(identity), &bench->key.identity);
		struct ks_msg_list_reply reply = { KS_MESSAGE_HEAD(fake_agent_id(body)), .generation = 1, .total = 1,
						   .identities = ks_buffer_bytes(&list) };
		fake_agent_reply(fd, KS_MSG_LIST_REPLY, &reply);
		fake_agent_drain(fd);
		return;
	}
	if (type != KS_MSG_GET || ks_message_read(type, body, &get, sizeof(get)) < 0)
		return;
	(void)snprintf(bench->asked, sizeof(bench->asked), "%.*s", (int)get.name.size, (const char *)get.name.data);
	if (ks_bytes_equal(get.name, ks_bytes_text("nobody"))) {
		fake_agent_refuse(fd, get.id, KS_ERR_UNKNOWN_KEY, "no key is called \"nobody\"; see: keystay list");
	} else {
		ks_record_write(&list, KS_RECORD(identity), &bench->key.identity);
		struct ks_msg_get_reply reply = { KS_MESSAGE_HEAD(get.id), .identity = ks_buffer_bytes(&list),
						  .chain = ks_buffer_bytes(&bench->key.chain) };
		fake_agent_reply(fd, KS_MSG_GET_REPLY, &reply);
	}
	fake_agent_drain(fd);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	key_init(&bench->key, 2);
	bench->folder = cli_test_folder();
	fake_agent_start(&bench->agent, serve, bench);
	void *test = NULL;
	int r = cli_test_setup(&test);
	bench->test = test;
	*state = bench;
	return r;
}

static int teardown(void **state)
{
	struct bench *bench = *state;
	void *test = bench->test;

	fake_agent_stop(&bench->agent);
	key_deinit(&bench->key);
	cli_test_remove(bench->folder);
	free(bench);
	return cli_test_teardown(&test);
}

/* Runs keystay with up to four words. */
static int run(struct bench *bench, const char *first, const char *second, const char *third, const char *fourth)
{
	static const struct ks_command *const table[] = { &ks_command_cert, &ks_command_show };
	const char *words[] = { first, second, third, fourth };
	char *argv[6] = { strdup("keystay") };

	for (size_t i = 0; i < 4 && words[i]; i++)
		argv[i + 1] = strdup(words[i]);
	char *copies[6];
	memcpy(copies, argv, sizeof(copies));
	int result = ks_command_main(&bench->test->cli, table, 2, argv);
	for (size_t i = 0; i < 6; i++)
		free(copies[i]);
	cli_test_read(bench->test);
	return result;
}

static void test_cert_goes_to_standard_output(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(run(bench, "cert", "alice", NULL, NULL), KS_EXIT_GOOD);
	assert_string_equal(bench->asked, "alice");
	cli_test_assert_part(bench->test->out, "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n");
	cli_test_assert_part(bench->test->out, "-----END KEYSTAY KEY-----\n");
	assert_string_equal(bench->test->err, "");
}

static void test_cert_without_a_name_lets_the_agent_choose(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(run(bench, "cert", NULL, NULL, NULL), KS_EXIT_GOOD);
	assert_string_equal(bench->asked, "");
}

static void test_cert_no_key_leaves_the_reference_out(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(run(bench, "cert", "--no-key", "alice", NULL), KS_EXIT_GOOD);
	cli_test_assert_no_part(bench->test->out, "KEYSTAY");
}

static void test_cert_file_is_private_and_replaced_as_a_whole(void **state)
{
	struct bench *bench = *state;
	KS_AUTO_FREE char *path = cli_test_write(bench->folder, "alice.pem", "old");
	KS_AUTO_FREE char *text = NULL;
	struct stat status;
	size_t size;

	assert_int_equal(chmod(path, 0644), 0);
	int old = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(old >= 0);
	assert_int_equal(run(bench, "cert", "alice", "-o", path), KS_EXIT_GOOD);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(ks_path_read_file(path, 1 << 16, &text, &size), 0);
	cli_test_assert_part(text, "-----END KEYSTAY KEY-----\n");
	/* Who had it open still sees all of the old one. */
	char seen[8] = "";
	assert_int_equal(read(old, seen, sizeof(seen)), 3);
	assert_string_equal(seen, "old");
	(void)close(old);
	assert_string_equal(bench->test->out, "");
}

static void test_cert_keeps_a_symbolic_link(void **state)
{
	struct bench *bench = *state;
	KS_AUTO_FREE char *target = cli_test_write(bench->folder, "target.pem", "old");
	KS_AUTO_FREE char *path = ks_path_join(bench->folder, "link.pem");
	struct stat status;

	assert_int_equal(symlink("target.pem", path), 0);
	assert_int_equal(run(bench, "cert", "alice", "-o", path), KS_EXIT_GOOD);
	assert_int_equal(lstat(path, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(stat(target, &status), 0);
	assert_true(status.st_size > 3);
}

static void test_cert_writes_through_what_is_no_file(void **state)
{
	struct bench *bench = *state;
	char place[32];
	char seen[64] = "";
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	(void)snprintf(place, sizeof(place), "/dev/fd/%d", fds[1]);
	assert_int_equal(run(bench, "cert", "alice", "-o", place), KS_EXIT_GOOD);
	assert_true(read(fds[0], seen, sizeof(seen) - 1) > 0);
	cli_test_assert_part(seen, "-----BEGIN CERTIFICATE-----");
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void test_cert_says_what_cannot_be_written(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(run(bench, "cert", "alice", "-o", "/nonexistent/a.pem"), KS_EXIT_FAILED);
	cli_test_assert_part(bench->test->err, "keystay: cannot write /nonexistent/a.pem: ");
	assert_int_equal(run(bench, "cert", "alice", "-o", bench->folder), KS_EXIT_FAILED);
	cli_test_assert_part(bench->test->err, bench->folder);
}

static void test_cert_without_certificate_says_where_to_put_one(void **state)
{
	struct bench *bench = *state;

	key_deinit(&bench->key);
	key_init(&bench->key, 0);
	assert_int_equal(run(bench, "cert", "alice", NULL, NULL), KS_EXIT_FAILED);
	assert_string_equal(bench->test->out, "");
	cli_test_assert_part(bench->test->err,
			     "keystay: key \"alice\" has no certificate yet; put it (PEM) into the folder "
			     "certs/ beside keystay.conf");
}

static void test_cert_hands_on_the_agents_sentence(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(run(bench, "cert", "nobody", NULL, NULL), KS_EXIT_FAILED);
	assert_string_equal(bench->test->err, "keystay: no key is called \"nobody\"; see: keystay list\n");
}

static void test_cert_without_agent_exits_with_3(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(setenv("KEYSTAY_SOCK", "/nonexistent/agent.sock", 1), 0);
	assert_int_equal(run(bench, "cert", "alice", NULL, NULL), KS_EXIT_NO_AGENT);
	cli_test_assert_part(bench->test->err, "keystay: ");
	cli_test_assert_part(bench->test->err, "keystay-agent");
}

static void test_show_counts_the_chain_that_came(void **state)
{
	struct bench *bench = *state;

	bench->key.identity.n_certificates = 7;
	assert_int_equal(run(bench, "show", "alice", "--json", NULL), KS_EXIT_GOOD);
	json_t *json = cli_test_json(bench->test);
	assert_int_equal(json_integer_value(json_object_get(json, "certificates")), 2);
	assert_non_null(json_object_get(json, "order"));
	json_decref(json);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pem_is_what_openssl_reads_at_every_length),
		cmocka_unit_test(test_pem_lines_have_64_characters),
		cmocka_unit_test(test_pem_has_leaf_chain_and_then_the_reference),
		cmocka_unit_test(test_pem_without_certificates_is_refused),
		TEST(test_cert_goes_to_standard_output),
		TEST(test_cert_without_a_name_lets_the_agent_choose),
		TEST(test_cert_no_key_leaves_the_reference_out),
		TEST(test_cert_file_is_private_and_replaced_as_a_whole),
		TEST(test_cert_keeps_a_symbolic_link),
		TEST(test_cert_writes_through_what_is_no_file),
		TEST(test_cert_says_what_cannot_be_written),
		TEST(test_cert_without_certificate_says_where_to_put_one),
		TEST(test_cert_hands_on_the_agents_sentence),
		TEST(test_cert_without_agent_exits_with_3),
		TEST(test_show_counts_the_chain_that_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
