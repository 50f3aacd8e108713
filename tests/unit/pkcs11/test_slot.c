/* SPDX-License-Identifier: Apache-2.0 */
/* Which slots are ours to look into (pkcs11/slot.h). Runs in: unit tests. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "pkcs11/slot.h"

static void test_slot_list_names_numbers_and_readers(void **state)
{
	(void)state;

	assert_true(ks_slot_is_listed(NULL, 7, "anything"));
	assert_true(ks_slot_is_listed("7", 7, "anything"));
	assert_true(ks_slot_is_listed("0, 7", 7, ""));
	assert_true(ks_slot_is_listed("0,*Yubico*", 7, "Yubico YubiKey OTP+FIDO+CCID 00 00"));
	assert_true(ks_slot_is_listed(" Reader A , Reader B ", 7, "Reader B"));
	assert_false(ks_slot_is_listed("0, 17, 70", 7, "7"));
	assert_false(ks_slot_is_listed("*yubico*", 7, "Yubico"));
	assert_false(ks_slot_is_listed("Reader", 7, "Reader B"));
	assert_false(ks_slot_is_listed("Reader B, 8", 7, ""));
}

static void test_slot_list_with_a_mistake_is_refused(void **state)
{
	(void)state;
	char too_long[1100];

	assert_true(ks_slot_list_valid("0"));
	assert_true(ks_slot_list_valid("0, 4, *Yubico*"));
	assert_false(ks_slot_list_valid(""));
	assert_false(ks_slot_list_valid("0,"));
	assert_false(ks_slot_list_valid(" , 0"));
	assert_false(ks_slot_list_valid("0\n1"));
	memset(too_long, '1', sizeof(too_long));
	too_long[sizeof(too_long) - 1] = '\0';
	assert_false(ks_slot_list_valid(too_long));
	too_long[300] = '\0'; /* one item */
	assert_false(ks_slot_list_valid(too_long));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slot_list_names_numbers_and_readers),
		cmocka_unit_test(test_slot_list_with_a_mistake_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
