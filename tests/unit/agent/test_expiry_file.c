/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/expiry_file.h: what was told once is known, and nothing else is taken for it. */
#include "agent/expiry_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/lifetime.h"

#define NOW ((uint64_t)1781524800)
#define ZEROS "00000000000000000000000000000000000000000000000000000000000000"

static const uint8_t one[32] = { 1 }, two[32] = { 2 };

static struct ks_expiry_line line_of(const uint8_t hash[32], uint64_t not_after, unsigned told)
{
	struct ks_expiry_line line = { .not_after = not_after, .told = told };

	memcpy(line.hash, hash, sizeof(line.hash));
	return line;
}

static void add(struct ks_expiry_list *list, const uint8_t hash[32], uint64_t not_after, unsigned told)
{
	const struct ks_expiry_line line = line_of(hash, not_after, told);

	assert_int_equal(ks_expiry_list_add(list, &line), 0);
}

static void test_expiry_file_reads_what_it_writes(void **state)
{
	KS_CLEANUP(ks_expiry_list_deinit) struct ks_expiry_list list = { 0 }, again = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };

	(void)state;
	add(&list, one, NOW + 5, KS_LIFETIME_THIRD);
	add(&list, two, NOW, KS_LIFETIME_THIRD | KS_LIFETIME_SIXTH);
	add(&list, one, NOW + 5, KS_LIFETIME_HOUR);
	ks_expiry_file_write(&list, NOW, &text);
	assert_int_equal(ks_expiry_file_read(ks_buffer_bytes(&text), &again), 0);
	assert_int_equal(again.n, 2);
	assert_int_equal(ks_expiry_list_told(&again, one), KS_LIFETIME_THIRD | KS_LIFETIME_HOUR);
	assert_int_equal(ks_expiry_list_told(&again, two), KS_LIFETIME_THIRD | KS_LIFETIME_SIXTH);
	assert_int_equal(again.lines[0].not_after, NOW + 5);
	/* What another agent has told is added to what is known here. */
	add(&again, two, NOW, KS_LIFETIME_TWELFTH);
	assert_int_equal(ks_expiry_file_read(ks_buffer_bytes(&text), &again), 0);
	assert_int_equal(ks_expiry_list_told(&again, two), KS_LIFETIME_THIRD | KS_LIFETIME_SIXTH | KS_LIFETIME_TWELFTH);
}

static void test_expiry_file_forgets_what_is_long_over(void **state)
{
	KS_CLEANUP(ks_expiry_list_deinit) struct ks_expiry_list list = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };

	(void)state;
	add(&list, one, NOW - KS_EXPIRY_KEPT_S - 1, 1);
	add(&list, two, NOW - KS_EXPIRY_KEPT_S, 2);
	ks_expiry_file_write(&list, NOW, &text);
	char *written = ks_buffer_steal_text(&text);
	assert_string_equal(written, "2 1746964800 02" ZEROS "\n");
	free(written);
}

static void test_expiry_file_takes_nothing_else(void **state)
{
	static const char *const texts[] = {
		"1 5 02" ZEROS,
		"0 5 02" ZEROS "\n",
		"32 5 02" ZEROS "\n",
		"1 5 2" ZEROS "\n",
		"1 5 02" ZEROS "00\n",
		"1 5 zz" ZEROS "\n",
		"1  02" ZEROS "\n",
		"1 -5 02" ZEROS "\n",
		"1 5 02" ZEROS " x\n",
		"\n",
		"1 5\n",
		" 1 5 02" ZEROS "\n",
		"1 5 02" ZEROS "\nrest",
		"1 99999999999999999999 02" ZEROS "\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		KS_CLEANUP(ks_expiry_list_deinit) struct ks_expiry_list list = { 0 };
		if (ks_expiry_file_read(ks_bytes_text(texts[i]), &list) != KS_ERR_MALFORMED)
			fail_msg("taken: %s", texts[i]);
	}
}

static void test_expiry_list_has_an_end(void **state)
{
	KS_CLEANUP(ks_expiry_list_deinit) struct ks_expiry_list list = { 0 };
	uint8_t hash[32] = { 0 };

	(void)state;
	for (uint32_t i = 0; i <= KS_EXPIRY_LINES_MAX; i++) {
		memcpy(hash, &i, sizeof(i));
		add(&list, hash, NOW + (i == 7 ? 0 : 1000 + i), 1);
	}
	assert_int_equal(list.n, KS_EXPIRY_LINES_MAX);
	uint32_t first = 7;
	memcpy(hash, &first, sizeof(first));
	assert_int_equal(ks_expiry_list_told(&list, hash), 0);
	first = 0;
	memcpy(hash, &first, sizeof(first));
	assert_int_equal(ks_expiry_list_told(&list, hash), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expiry_file_reads_what_it_writes),
		cmocka_unit_test(test_expiry_file_forgets_what_is_long_over),
		cmocka_unit_test(test_expiry_file_takes_nothing_else),
		cmocka_unit_test(test_expiry_list_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
