/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of enrol/state: what is written is read again, and what is damaged is set aside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "enrol/state.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

#define SPKI "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char folder[] = "/tmp/keystay-test-state-XXXXXX";
static struct ks_enrol_problem problem;

static int make_folder(void **state)
{
	(void)state;
	(void)strcpy(folder + strlen(folder) - 6, "XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	KS_AUTO_FREE char *command = ks_text_format("rm -rf %s", folder);
	return system(command);
}

static char *file_of(const char *name)
{
	return ks_text_format("%s/enrol/%s", folder, name);
}

static void load(const char *spki, struct ks_enrol_state *ret_state)
{
	assert_int_equal(ks_enrol_state_load(folder, spki, ret_state, &problem), 0);
}

static void fill(struct ks_enrol_state *state)
{
	load(SPKI, state);
	assert_int_equal(ks_enrol_state_set(&state->key, "alice"), 0);
	assert_int_equal(ks_enrol_state_set(&state->profile, "corp"), 0);
	assert_int_equal(ks_enrol_state_set(&state->subject, "/CN=\xc3\x9cml\xc3\xa4ut"), 0);
	ks_buffer_put(&state->pending, ks_bytes("\0\1\xff", 3));
	ks_buffer_put(&state->issued, ks_bytes("\x30\x00", 2));
	state->pending_since = 1800000000;
	state->n_polls = 7;
	assert_int_equal(ks_enrol_state_set(&state->new_id, "abcd"), 0);
	assert_int_equal(ks_enrol_state_set(&state->new_token, "pkcs11:token=corp"), 0);
	memcpy(state->new_spki, OTHER, sizeof(OTHER));
	memcpy(state->previous[0].spki, OTHER, sizeof(OTHER));
	state->previous[0].remove_after = 1900000000;
	state->n_previous = 1;
	state->hook_due = true;
	state->n_failures = 3;
	state->installed_at = 1799999999;
	state->next = 1800000060;
	state->waits = true;
	const struct ks_enrol_problem wrong = { .code = KS_ERR_TOKEN_LOCKED, .text = "the token is locked" };
	ks_enrol_state_note_failure(state, &wrong);
}

static void test_state_is_read_as_it_was_written(void **unused)
{
	(void)unused;
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state written = { 0 };
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state read = { 0 };

	fill(&written);
	assert_int_equal(ks_enrol_state_save(folder, &written, &problem), 0);
	load(SPKI, &read);
	assert_string_equal(read.key, "alice");
	assert_string_equal(read.profile, "corp");
	assert_string_equal(read.subject, written.subject);
	assert_null(read.san);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&read.pending), ks_bytes("\0\1\xff", 3)));
	assert_true(ks_bytes_equal(ks_buffer_bytes(&read.issued), ks_bytes("\x30\x00", 2)));
	assert_true(read.pending.secret); /* SCEP's transient key is in it */
	assert_int_equal(read.request.size, 0);
	assert_int_equal(read.pending_since, 1800000000);
	assert_int_equal(read.n_polls, 7);
	assert_string_equal(read.new_id, "abcd");
	assert_string_equal(read.new_spki, OTHER);
	assert_int_equal(read.n_previous, 1);
	assert_string_equal(read.previous[0].spki, OTHER);
	assert_int_equal(read.previous[0].remove_after, 1900000000);
	assert_true(read.hook_due && read.waits);
	assert_int_equal(read.n_failures, 3);
	assert_int_equal(read.installed_at, 1799999999);
	assert_int_equal(read.next, 1800000060);
	assert_int_equal(read.code, KS_ERR_TOKEN_LOCKED);
	assert_string_equal(read.error, "the token is locked");
}

static void test_state_is_for_its_owner_alone(void **unused)
{
	(void)unused;
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state state = { 0 };
	KS_AUTO_FREE char *path = file_of(SPKI ".json");
	struct stat status;

	fill(&state);
	assert_int_equal(ks_enrol_state_save(folder, &state, &problem), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void test_a_key_without_a_file_has_a_new_state(void **unused)
{
	(void)unused;
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state state = { 0 };

	load(SPKI, &state);
	assert_string_equal(state.spki, SPKI);
	assert_null(state.key);
	assert_true(state.pending.secret);
	ks_enrol_state_forget_order(&state);
	assert_true(state.pending.secret);
}

/* Each of them is begun anew, and what was in it is kept beside it. */
static void test_a_damaged_state_is_set_aside(void **unused)
{
	(void)unused;
	static const char *const damaged[] = {
		"",
		"{",
		"[]",
		"null",
		"{\"version\": 1}",
		"{\"version\": 2, \"spki\": \"" SPKI "\"}",
		"{\"version\": 1, \"spki\": \"" OTHER "\"}",
		"{\"version\": 1, \"spki\": \"" SPKI "\", \"key\": 7}",
		"{\"version\": 1, \"spki\": \"" SPKI "\", \"pending\": \"0\"}",
		"{\"version\": 1, \"spki\": \"" SPKI "\", \"issued\": \"zz\"}",
		"{\"version\": 1, \"spki\": \"" SPKI "\", \"next\": -1}",
		"{\"version\": 1, \"spki\": \"" SPKI "\", \"polls\": 4294967296}",
		"{\"version\": 1, \"spki\": \"" SPKI "\", \"new-spki\": \"../../etc\"}",
		"{\"version\": 1, \"spki\": \"" SPKI "\", \"previous\": [{}]}",
		"{\"version\": 1, \"spki\": \"" SPKI "\", \"hook-due\": \"yes\"}",
		"{\"version\": 1, \"spki\": \"" SPKI "\"} and more",
	};
	KS_AUTO_FREE char *parent = file_of("");
	KS_AUTO_FREE char *path = file_of(SPKI ".json");
	KS_AUTO_FREE char *aside = file_of(SPKI ".json.bad");

	assert_int_equal(ks_path_make_private_all(parent), 0);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state state = { 0 };
		(void)unlink(aside);
		assert_int_equal(ks_path_write_file(path, ks_bytes_text(damaged[i]), 0600), 0);
		load(SPKI, &state);
		assert_null(state.key);
		assert_int_equal(state.pending.size + state.issued.size + state.n_previous, 0);
		assert_true(state.pending.secret);
		assert_int_equal(access(aside, F_OK), 0);
		assert_int_not_equal(access(path, F_OK), 0);
	}
}

static void test_list_has_states_and_nothing_else(void **unused)
{
	(void)unused;
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state state = { 0 };
	KS_AUTO_FREE char *fresh = file_of("keep-fresh.json");
	KS_AUTO_FREE char *aside = file_of(OTHER ".json.bad");
	KS_AUTO_FREE char(*hashes)[KS_STATE_HASH_TEXT] = NULL;
	size_t n = 9;

	assert_int_equal(ks_enrol_state_list(folder, &hashes, &n, &problem), 0);
	assert_int_equal(n, 0);
	free(KS_STEAL(hashes));
	load(SPKI, &state);
	assert_int_equal(ks_enrol_state_save(folder, &state, &problem), 0);
	assert_int_equal(ks_path_write_file(fresh, ks_bytes_text("[]"), 0600), 0);
	assert_int_equal(ks_path_write_file(aside, ks_bytes_text("{"), 0600), 0);
	assert_int_equal(ks_enrol_state_list(folder, &hashes, &n, &problem), 0);
	assert_int_equal(n, 1);
	assert_string_equal(hashes[0], SPKI);
}

/* A file of F/certs; where is where it was installed. */
static void install(struct ks_enrol_state *state, const char *where)
{
	KS_AUTO_FREE char *path = ks_text_format("%s/certs/alice.pem", folder);
	KS_AUTO_FREE char *parent = ks_path_join(folder, "certs");

	assert_int_equal(ks_path_make_private_all(parent), 0);
	assert_int_equal(ks_path_write_file(path, ks_bytes_text("-"), 0600), 0);
	assert_int_equal(ks_enrol_state_set(&state->installed, where ? where : path), 0);
}

static void test_a_state_is_over_without_certificate_order_and_other_keys(void **unused)
{
	(void)unused;
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state state = { 0 };
	KS_AUTO_FREE char *parent = ks_path_join(folder, "certs");
	KS_AUTO_FREE char *path = ks_text_format("%s/certs/alice.pem", folder);

	load(SPKI, &state);
	assert_true(ks_enrol_state_is_over(folder, &state));
	assert_int_equal(ks_enrol_state_set(&state.subject, "/CN=alice"), 0);
	assert_false(ks_enrol_state_is_over(folder, &state));
	install(&state, NULL);
	assert_false(ks_enrol_state_is_over(folder, &state));
	install(&state, "/where/the/folder/was/once/certs/alice.pem");
	assert_false(ks_enrol_state_is_over(folder, &state));
	assert_int_equal(unlink(path), 0);
	assert_true(ks_enrol_state_is_over(folder, &state));
	ks_buffer_put(&state.pending, ks_bytes("\1", 1));
	assert_false(ks_enrol_state_is_over(folder, &state));
	ks_enrol_state_forget_order(&state);
	ks_buffer_put(&state.issued, ks_bytes("\1", 1));
	assert_false(ks_enrol_state_is_over(folder, &state));
	ks_enrol_state_forget_order(&state);
	assert_int_equal(ks_enrol_state_set(&state.new_id, "abcd"), 0);
	assert_false(ks_enrol_state_is_over(folder, &state));
	ks_enrol_state_forget_new_key(&state);
	state.n_previous = 1;
	assert_false(ks_enrol_state_is_over(folder, &state));
	state.n_previous = 0;
	state.hook_due = true;
	assert_false(ks_enrol_state_is_over(folder, &state));
	state.hook_due = false;
	assert_true(ks_enrol_state_is_over(folder, &state));
	/* What cannot be looked at is there. */
	assert_int_equal(rmdir(parent), 0);
	assert_false(ks_enrol_state_is_over(folder, &state));
}

static void test_a_lock_is_held_by_one_and_sweeps(void **unused)
{
	(void)unused;
	KS_AUTO_FREE char *parent = file_of("");
	KS_AUTO_FREE char *half = file_of(SPKI ".json.keystay-a1B2c3");
	KS_AUTO_FREE char *other = file_of(OTHER ".json.keystay-a1B2c3");
	KS_AUTO_CLOSE int first = -1;
	KS_AUTO_CLOSE int second = -1;

	assert_int_equal(ks_path_make_private_all(parent), 0);
	assert_int_equal(ks_path_write_file(half, ks_bytes_text("{"), 0600), 0);
	assert_int_equal(ks_path_write_file(other, ks_bytes_text("{"), 0600), 0);
	assert_int_equal(ks_enrol_state_lock(folder, SPKI, 0, &first, &problem), 0);
	assert_int_not_equal(access(half, F_OK), 0);
	assert_int_equal(access(other, F_OK), 0);
	assert_int_equal(ks_enrol_state_lock(folder, SPKI, 0, &second, &problem), KS_ERR_BUSY);
	assert_int_equal(ks_enrol_state_lock(folder, OTHER, 0, &second, &problem), 0);
	(void)close(KS_STEAL_FD(first));
	(void)close(KS_STEAL_FD(second));
	assert_int_equal(ks_enrol_state_lock(folder, SPKI, 0, &second, &problem), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_state_is_read_as_it_was_written, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_state_is_for_its_owner_alone, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_a_key_without_a_file_has_a_new_state, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_a_damaged_state_is_set_aside, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_list_has_states_and_nothing_else, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_a_state_is_over_without_certificate_order_and_other_keys,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_a_lock_is_held_by_one_and_sweeps, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
