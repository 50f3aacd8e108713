/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"

#define BYTES(literal) ks_bytes(literal, sizeof(literal) - 1)

static void test_text_valid_takes_utf8_of_every_length(void **state)
{
	(void)state;
	assert_true(ks_text_valid(KS_BYTES_NONE));
	assert_true(ks_text_valid(BYTES("plain text ~")));
	assert_true(ks_text_valid(BYTES("\xc2\xa0\xdf\xbf"))); /* U+00A0, U+07FF */
	assert_true(ks_text_valid(BYTES("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf")));
	assert_true(ks_text_valid(BYTES("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
}

static void test_text_valid_refuses_what_is_not_utf8(void **state)
{
	(void)state;
	const struct ks_bytes wrong[] = {
		BYTES("\x80"),             /* a continuation alone */
		BYTES("\xc0\x80"),         /* overlong NUL */
		BYTES("\xc1\xbf"),         /* overlong, two bytes */
		BYTES("\xe0\x9f\xbf"),     /* overlong, three */
		BYTES("\xf0\x8f\xbf\xbf"), /* overlong, four */
		BYTES("\xed\xa0\x80"),     /* a surrogate */
		BYTES("\xed\xbf\xbf"),     /* the last surrogate */
		BYTES("\xf4\x90\x80\x80"), /* past U+10FFFF */
		BYTES("\xf5\x80\x80\x80"),
		BYTES("\xff"),
		BYTES("\xc2"), /* cut */
		BYTES("\xe2\x82"),
		BYTES("\xf0\x9f\x98"),
		BYTES("\xe2\x28\xa1"), /* not continued */
		BYTES("\xe2\x82\x28"),
		BYTES("ab\xc2"),
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(ks_text_valid(wrong[i]));
}

static void test_text_valid_refuses_control_characters(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 0x80; c++) {
		const uint8_t text[] = { 'a', (uint8_t)c, 'b' };
		assert_int_equal(ks_text_valid(ks_bytes(text, sizeof(text))), c >= 0x20 && c != 0x7f);
	}
	for (unsigned c = 0x80; c < 0xc0; c++) {
		const uint8_t text[] = { 0xc2, (uint8_t)c };
		assert_int_equal(ks_text_valid(ks_bytes(text, sizeof(text))), c >= 0xa0);
	}
}

static void assert_escaped(struct ks_bytes text, size_t size, const char *expected)
{
	/* Exactly as large as said, so that a sanitizer sees one byte too many. */
	KS_AUTO_FREE char *out = malloc(size);
	assert_non_null(out);
	ks_text_escape(text, out, size);
	assert_string_equal(out, expected);
}

static void test_text_escape_shows_what_a_terminal_would_obey(void **state)
{
	(void)state;
	assert_escaped(BYTES("na\xc3\xafve \xe2\x82\xac"), 64, "na\xc3\xafve \xe2\x82\xac");
	assert_escaped(BYTES("a\x1b[31m\n\r\t\x7f"), 64, "a\\x1b[31m\\x0a\\x0d\\x09\\x7f");
	assert_escaped(BYTES("a\0b"), 64, "a\\x00b");
	assert_escaped(BYTES("\xc2\x9b"
			     "31m"),
		       64, "\\xc2\\x9b31m"); /* C1: CSI in one character */
	assert_escaped(BYTES("c:\\x"), 64, "c:\\\\x");
	assert_escaped(KS_BYTES_NONE, 64, "");
}

static void test_text_escape_shows_bytes_that_are_not_utf8(void **state)
{
	(void)state;
	assert_escaped(BYTES("\xff"
			     "a\xe2\x82"),
		       64, "\\xffa\\xe2\\x82");
	/* A wrong byte is one byte: what follows it is looked at afresh. */
	assert_escaped(BYTES("\xe2\xc3\xa9"), 64, "\\xe2\xc3\xa9");
}

static void test_text_escape_shows_what_changes_the_direction_or_the_line(void **state)
{
	(void)state;
	assert_escaped(BYTES("a\xe2\x80\xae"
			     "b"),
		       64, "a\\xe2\\x80\\xaeb");                                                 /* U+202E */
	assert_escaped(BYTES("\xe2\x81\xa6\xe2\x80\xa8"), 64, "\\xe2\\x81\\xa6\\xe2\\x80\\xa8"); /* U+2066, U+2028 */
	assert_escaped(BYTES("\xd8\x9c\xe2\x80\x8f"), 64, "\\xd8\\x9c\\xe2\\x80\\x8f");
	assert_escaped(BYTES("\xef\xbb\xbf[a]"), 64, "\\xef\\xbb\\xbf[a]");                /* the byte order mark */
	assert_escaped(BYTES("\xe2\x80\xa7\xe2\x80\xaf"), 64, "\xe2\x80\xa7\xe2\x80\xaf"); /* their neighbours */
}

static void test_text_escape_cuts_between_characters_and_says_so(void **state)
{
	(void)state;
	assert_escaped(BYTES("abcdef"), 7, "abcdef");
	assert_escaped(BYTES("abcdef"), 6, "ab...");
	assert_escaped(BYTES("ab\xe2\x82\xac"
			     "cd"),
		       8,
		       "ab\xe2\x82\xac"
		       "cd");
	assert_escaped(BYTES("ab\xe2\x82\xac"
			     "cd"),
		       7, "ab...");
	assert_escaped(BYTES("a\x1b"
			     "bcdef"),
		       9, "a\\x1b...");
	assert_escaped(BYTES("a\x1b"
			     "bcdef"),
		       8, "a...");
	assert_escaped(BYTES("\\\\\\\\"), 8, "\\\\\\\\...");
}

static void test_text_escape_of_little_room_is_still_a_text(void **state)
{
	(void)state;
	assert_escaped(BYTES("abcdef"), 4, "...");
	assert_escaped(BYTES("abcdef"), 3, "..");
	assert_escaped(BYTES("abcdef"), 2, ".");
	assert_escaped(BYTES("abcdef"), 1, "");
	assert_escaped(BYTES("abc"), 4, "abc");
	char untouched = 'x';
	ks_text_escape(BYTES("abc"), &untouched, 0);
	assert_int_equal(untouched, 'x');
}

static void test_text_escape_never_writes_past_its_room(void **state)
{
	(void)state;
	static const uint8_t mixed[] = "a\x1b\xe2\x82\xac\\\xff\xf0\x9f\x98\x80z";
	for (size_t size = 1; size < 48; size++) {
		for (size_t length = 0; length < sizeof(mixed); length++) {
			KS_AUTO_FREE char *out = malloc(size);
			assert_non_null(out);
			ks_text_escape(ks_bytes(mixed, length), out, size);
			assert_true(strnlen(out, size) < size);
			assert_true(ks_text_valid(ks_bytes_text(out)));
		}
	}
}

static void test_text_hex_there_and_back(void **state)
{
	(void)state;
	uint8_t all[256], back[256];
	char hex[513];
	size_t size = 0;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	ks_text_hex(ks_bytes(all, sizeof(all)), hex);
	assert_int_equal(strlen(hex), 512);
	assert_memory_equal(hex, "000102", 6);
	assert_memory_equal(hex + 506, "fdfeff", 7);
	assert_int_equal(ks_text_unhex(hex, back, sizeof(back), &size), 0);
	assert_int_equal(size, 256);
	assert_memory_equal(back, all, 256);
	ks_text_hex(KS_BYTES_NONE, hex);
	assert_string_equal(hex, "");
}

static void test_text_unhex_takes_either_case_and_nothing_else(void **state)
{
	(void)state;
	uint8_t out[4] = { 9, 9, 9, 9 };
	size_t size = 77;
	static const char *const wrong[] = { "a", "0g", "g0", " 00", "00 ", "0x00", "00:11", "-1", "\xc3\xa9" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(ks_text_unhex(wrong[i], out, sizeof(out), &size), KS_ERR_INVALID);
		assert_int_equal(size, 77);
		assert_int_equal(out[0], 9);
	}
	assert_int_equal(ks_text_unhex("aBcDeF", out, sizeof(out), &size), 0);
	assert_int_equal(size, 3);
	assert_memory_equal(out, "\xab\xcd\xef\x09", 4);
	assert_int_equal(ks_text_unhex("", out, sizeof(out), &size), 0);
	assert_int_equal(size, 0);
}

static void test_text_unhex_does_not_write_past_its_room(void **state)
{
	(void)state;
	uint8_t out[3] = { 9, 9, 9 };
	size_t size = 77;
	assert_int_equal(ks_text_unhex("010203", out, 2, &size), KS_ERR_LIMIT);
	assert_memory_equal(out, "\x09\x09\x09", 3);
	assert_int_equal(size, 77);
	assert_int_equal(ks_text_unhex("0102", out, 2, &size), 0);
	assert_memory_equal(out, "\x01\x02\x09", 3);
}

static void test_text_duration_knows_its_units(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t ms;
	} cases[] = {
		{ "0", 0 },         { "500ms", 500 },   { "90s", 90000 },
		{ "30m", 1800000 }, { "8h", 28800000 }, { "2d", 172800000 },
		{ "0s", 0 },        { "007s", 7000 },   { "18446744073709551615ms", UINT64_MAX },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ms = 77;
		assert_int_equal(ks_text_duration_ms(cases[i].text, &ms), 0);
		assert_true(ms == cases[i].ms);
	}
}

static void test_text_duration_refuses_what_it_would_have_to_guess(void **state)
{
	(void)state;
	static const char *const wrong[] = { "",   "8",   "h",     "8 h",  " 8h",  "8h ", "-8h",  "+8h",
					     "8H", "8hm", "1h30m", "8.5h", "0x8h", "8w",  "8min", "00x" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint64_t ms = 77;
		assert_int_equal(ks_text_duration_ms(wrong[i], &ms), KS_ERR_INVALID);
		assert_true(ms == 77);
	}
}

static void test_text_duration_does_not_wrap_around(void **state)
{
	(void)state;
	uint64_t ms = 77;
	assert_int_equal(ks_text_duration_ms("18446744073709551616ms", &ms), KS_ERR_LIMIT);
	assert_int_equal(ks_text_duration_ms("18446744073709552s", &ms), KS_ERR_LIMIT);
	assert_int_equal(ks_text_duration_ms("213503982335d", &ms), KS_ERR_LIMIT);
	assert_int_equal(ks_text_duration_ms("99999999999999999999999999d", &ms), KS_ERR_LIMIT);
	assert_true(ms == 77);
	assert_int_equal(ks_text_duration_ms("213503982334d", &ms), 0);
}

static void test_text_number_is_digits_up_to_its_maximum(void **state)
{
	(void)state;
	uint64_t number = 77;
	assert_int_equal(ks_text_number("0", 0, &number), 0);
	assert_true(number == 0);
	assert_int_equal(ks_text_number("18446744073709551615", UINT64_MAX, &number), 0);
	assert_true(number == UINT64_MAX);
	assert_int_equal(ks_text_number("64", 64, &number), 0);
	assert_true(number == 64);
	assert_int_equal(ks_text_number("65", 64, &number), KS_ERR_LIMIT);
	assert_int_equal(ks_text_number("18446744073709551616", UINT64_MAX, &number), KS_ERR_LIMIT);
	assert_int_equal(ks_text_number("184467440737095516150", UINT64_MAX, &number), KS_ERR_LIMIT);
	static const char *const wrong[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1a", "a", "1.0" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(ks_text_number(wrong[i], 100, &number), KS_ERR_INVALID);
	assert_true(number == 64);
}

static void test_text_match_knows_star_and_question_mark(void **state)
{
	(void)state;
	static const struct {
		const char *pattern;
		const char *text;
		bool matches;
	} cases[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "a", "", false },
		{ "*", "", true },
		{ "**", "", true },
		{ "*", "anything", true },
		{ "?", "", false },
		{ "?", "a", true },
		{ "?", "ab", false },
		{ "a?c", "abc", true },
		{ "*.corp.example", "www.corp.example", true },
		{ "*.corp.example", ".corp.example", true },
		{ "*.corp.example", "corp.example", false },
		{ "*.corp.example", "www.corp.example.evil", false },
		{ "a*b*c", "aXbYbZc", true },
		{ "a*b*c", "aXbYbZ", false },
		{ "a*", "a", true },
		{ "*a", "ba", true },
		{ "*a", "ab", false },
		{ "*ab", "aab", true },
		{ "*aab", "aaaab", true },
		{ "a*?", "a", false },
		{ "a*?", "ab", true },
		{ "[a]", "a", false }, /* no classes */
		{ "[a]", "[a]", true },
		{ "\\*", "*", false }, /* no escapes */
		{ "A", "a", false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ks_text_match(cases[i].pattern, cases[i].text), cases[i].matches);
}

static void test_text_match_takes_a_utf8_character_as_one(void **state)
{
	(void)state;
	assert_true(ks_text_match("?", "\xc3\xa9"));
	assert_true(ks_text_match("?", "\xf0\x9f\x98\x80"));
	assert_false(ks_text_match("??", "\xc3\xa9"));
	assert_false(ks_text_match("*??", "\xc3\xa9"));
	assert_true(ks_text_match("*?\xc3\xa9", "x\xc3\xa9"));
	/* Bytes that are no UTF-8 end at the text's end all the same. */
	assert_true(ks_text_match("?", "\xff"));
	assert_true(ks_text_match("?", "\xf0\x9f"));
	assert_true(ks_text_match("??", "\x80\x80\x80\x80\x80"));
}

static void test_text_match_stays_fast_on_patterns_made_to_be_slow(void **state)
{
	(void)state;
	/* A matcher that tries all ways, as the naive recursive one, would not come back from these. */
	char pattern[1025], text[1025];
	memset(text, 'a', 1024);
	text[1024] = '\0';
	for (size_t i = 0; i < 1024; i += 2)
		memcpy(pattern + i, "a*", 2);
	pattern[1023] = 'b';
	pattern[1024] = '\0';
	assert_false(ks_text_match(pattern, text));
	memset(text, 0x80, 1024);
	memset(pattern, '?', 1024);
	pattern[0] = '*';
	pattern[1023] = 'b';
	assert_false(ks_text_match(pattern, text));
}

static void test_text_match_refuses_what_is_too_long(void **state)
{
	(void)state;
	char longest[1025], longer[1026];
	memset(longest, 'a', 1024);
	longest[1024] = '\0';
	memset(longer, 'a', 1025);
	longer[1025] = '\0';
	assert_true(ks_text_match(longest, longest));
	assert_true(ks_text_match("*", longest));
	assert_false(ks_text_match("*", longer));
	assert_false(ks_text_match(longer, longer));
}

static void test_text_print_says_whether_it_was_cut(void **state)
{
	(void)state;
	char out[4] = "xxx";
	assert_true(ks_text_print(out, sizeof(out), "%s", "abc"));
	assert_string_equal(out, "abc");
	assert_false(ks_text_print(out, sizeof(out), "%s", "abcd"));
	assert_string_equal(out, "abc");
	assert_true(ks_text_print(out, sizeof(out), "%s", ""));
	assert_string_equal(out, "");
	assert_false(ks_text_print(NULL, 0, "%s", "a"));
	/* What cannot be formatted is no text at all. */
	assert_false(ks_text_print(out, sizeof(out), "a%lc", (wint_t)0x110000));
	assert_string_equal(out, "");
	assert_null(ks_text_format("%lc", (wint_t)0x110000));
}

static void test_text_print_cuts_between_characters(void **state)
{
	(void)state;
	static const char *const whole[] = { "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x94\x91" };

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		size_t n = strlen(whole[i]);
		for (size_t room = 0; room < n; room++) {
			char out[8];
			assert_false(ks_text_print(out, room + 3, "ab%s", whole[i]));
			assert_string_equal(out, "ab");
		}
		char out[8];
		assert_true(ks_text_print(out, n + 3, "ab%s", whole[i]));
		assert_memory_equal(out + 2, whole[i], n + 1);
		/* A character that is whole stays, whatever is cut off behind it. */
		assert_false(ks_text_print(out, n + 1, "%sab", whole[i]));
		assert_string_equal(out, whole[i]);
	}
	/* What never was UTF-8 is nobody's half character. */
	char out[4];
	assert_false(ks_text_print(out, sizeof(out), "\x80\x80\x80\x80\x80"));
	assert_string_equal(out, "\x80\x80\x80");
	assert_false(ks_text_print(out, 2, "\xc3\xa9"));
	assert_string_equal(out, "");
}

static void test_text_copy_is_ended_with_a_nul(void **state)
{
	(void)state;
	KS_AUTO_FREE char *copy = ks_text_copy(ks_bytes("abcdef", 3));
	assert_string_equal(copy, "abc");
	KS_AUTO_FREE char *empty = ks_text_copy(KS_BYTES_NONE);
	assert_string_equal(empty, "");
	KS_AUTO_FREE char *formatted = ks_text_format("%d-%s", 7, "x");
	assert_string_equal(formatted, "7-x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_valid_takes_utf8_of_every_length),
		cmocka_unit_test(test_text_valid_refuses_what_is_not_utf8),
		cmocka_unit_test(test_text_valid_refuses_control_characters),
		cmocka_unit_test(test_text_escape_shows_what_a_terminal_would_obey),
		cmocka_unit_test(test_text_escape_shows_bytes_that_are_not_utf8),
		cmocka_unit_test(test_text_escape_shows_what_changes_the_direction_or_the_line),
		cmocka_unit_test(test_text_escape_cuts_between_characters_and_says_so),
		cmocka_unit_test(test_text_escape_of_little_room_is_still_a_text),
		cmocka_unit_test(test_text_escape_never_writes_past_its_room),
		cmocka_unit_test(test_text_hex_there_and_back),
		cmocka_unit_test(test_text_unhex_takes_either_case_and_nothing_else),
		cmocka_unit_test(test_text_unhex_does_not_write_past_its_room),
		cmocka_unit_test(test_text_duration_knows_its_units),
		cmocka_unit_test(test_text_duration_refuses_what_it_would_have_to_guess),
		cmocka_unit_test(test_text_duration_does_not_wrap_around),
		cmocka_unit_test(test_text_number_is_digits_up_to_its_maximum),
		cmocka_unit_test(test_text_match_knows_star_and_question_mark),
		cmocka_unit_test(test_text_match_takes_a_utf8_character_as_one),
		cmocka_unit_test(test_text_match_stays_fast_on_patterns_made_to_be_slow),
		cmocka_unit_test(test_text_match_refuses_what_is_too_long),
		cmocka_unit_test(test_text_print_says_whether_it_was_cut),
		cmocka_unit_test(test_text_print_cuts_between_characters),
		cmocka_unit_test(test_text_copy_is_ended_with_a_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
