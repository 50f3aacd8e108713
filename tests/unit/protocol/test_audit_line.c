/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of lib/protocol/audit_line.h: what was written is read again, anything else is not a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/audit_line.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define BEGIN "{\"schema\":1,\"n\":17,\"prev\":\"" ZEROS "\",\"agent\":\"0123456789abcdef\",\"seq\":4,"

static void test_line_is_read_as_it_was_written(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer line = { 0 };
	struct ks_audit_link link = { .n = UINT64_MAX, .prev = { 1, 255 }, .agent = 0x0123456789abcdef, .sequence = 7 };
	struct ks_audit_link read = { 0 };

	ks_audit_link_write(&line, &link);
	ks_buffer_printf(&line, "\"time\":\"\"}\n");
	assert_true(ks_audit_link_read(ks_buffer_bytes(&line), &read));
	assert_true(read.n == link.n && read.agent == link.agent && read.sequence == 7);
	assert_memory_equal(read.prev, link.prev, sizeof(read.prev));
	assert_true(ks_audit_link_read(ks_bytes_text(BEGIN "x"), &read));
	assert_int_equal(read.n, 17);
}

static void test_anything_else_is_no_line(void **state)
{
	(void)state;
	static const char *const others[] = {
		"",
		"{",
		"{}\n",
		"\n",
		"{\"schema\":2,\"n\":17,\"prev\":\"" ZEROS "\",\"agent\":\"0123456789abcdef\",\"seq\":4,",
		"{\"schema\":1,\"n\":0,\"prev\":\"" ZEROS "\",\"agent\":\"0123456789abcdef\",\"seq\":4,",
		"{\"schema\":1,\"n\":01,\"prev\":\"" ZEROS "\",\"agent\":\"0123456789abcdef\",\"seq\":4,",
		"{\"schema\":1,\"n\":-1,\"prev\":\"" ZEROS "\",\"agent\":\"0123456789abcdef\",\"seq\":4,",
		"{\"schema\":1,\"n\":,\"prev\":\"" ZEROS "\",\"agent\":\"0123456789abcdef\",\"seq\":4,",
		"{\"schema\":1,\"n\":18446744073709551616,\"prev\":\"" ZEROS
		"\",\"agent\":\"0123456789abcdef\",\"seq\":4,",
		"{\"schema\":1,\"n\":17,\"prev\":\"A" ZEROS "\",\"agent\":\"0123456789abcdef\",\"seq\":4,",
		"{\"schema\":1,\"n\":17,\"prev\":\"00\",\"agent\":\"0123456789abcdef\",\"seq\":4,",
		"{\"schema\":1,\"n\":17,\"prev\":\"" ZEROS "\",\"agent\":\"0123456789ABCDEF\",\"seq\":4,",
		"{\"schema\":1,\"n\":17,\"prev\":\"" ZEROS "\",\"agent\":\"0123\",\"seq\":4,",
		"{ \"schema\":1,\"n\":17,\"prev\":\"" ZEROS "\",\"agent\":\"0123456789abcdef\",\"seq\":4,",
	};
	struct ks_audit_link link;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(ks_audit_link_read(ks_bytes_text(others[i]), &link));
	for (size_t size = 0; size < strlen(BEGIN); size++)
		assert_false(ks_audit_link_read(ks_bytes(BEGIN, size), &link));
}

static void test_head_is_read_as_it_was_written(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	struct ks_audit_head head = { .n = 17, .hash = { 9, 8, 7 }, .first = 3 };
	struct ks_audit_head read = { 0 };

	ks_audit_head_write(&text, &head);
	struct ks_bytes whole = ks_buffer_bytes(&text);
	assert_true(ks_audit_head_read(whole, &read));
	assert_true(read.n == 17 && read.first == 3);
	assert_memory_equal(read.hash, head.hash, sizeof(head.hash));
	for (size_t size = 0; size < whole.size; size++)
		assert_false(ks_audit_head_read(ks_bytes(whole.data, size), &read));
	ks_buffer_put_u8(&text, '\n');
	assert_false(ks_audit_head_read(ks_buffer_bytes(&text), &read));
}

static void test_names_of_the_log_are_known(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool is_log;
	} names[] = { { "audit.jsonl", true },       { "audit-000000000017.jsonl", true },
		      { "audit.jsonl.1", true },     { "audit.jsonl-20261121", true },
		      { "audit.jsonl.2.gz", false }, { "head", false },
		      { "head.new", false },         { "not-ours-17", false },
		      { "x-audit.jsonl", false } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(ks_audit_name_is_log(names[i].name), names[i].is_log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_is_read_as_it_was_written),
		cmocka_unit_test(test_anything_else_is_no_line),
		cmocka_unit_test(test_head_is_read_as_it_was_written),
		cmocka_unit_test(test_names_of_the_log_are_known),
	};

	return cmocka_run_group_tests_name("audit_line", tests, NULL, NULL);
}
