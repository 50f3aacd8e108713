/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of lib/tls/certificate_dates.h: the two times of RFC 5280 and no other form. */
#include "lib/tls/certificate_dates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"

static void put_time(struct ks_buffer *out, const char *text)
{
	/* A year of four digits is a GeneralizedTime. */
	ks_der_put(out, strlen(text) == 13 ? 0x17 : 0x18, ks_bytes_text(text));
}

static int read_dates(const char *from, const char *until, bool with_version, int64_t *ret_from, int64_t *ret_until)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer dates = { 0 }, fields = { 0 }, outer = { 0 }, whole = { 0 };
	static const uint8_t version[] = { 2, 1, 2 };

	put_time(&dates, from);
	put_time(&dates, until);
	if (with_version)
		ks_der_put(&fields, KS_DER_CONTEXT_0, ks_bytes(version, sizeof(version)));
	ks_der_put(&fields, KS_DER_INTEGER, ks_bytes(version, 1));
	ks_der_put(&fields, KS_DER_SEQUENCE, KS_BYTES_NONE);
	ks_der_put(&fields, KS_DER_SEQUENCE, KS_BYTES_NONE);
	ks_der_put(&fields, KS_DER_SEQUENCE, ks_buffer_bytes(&dates));
	ks_der_put(&outer, KS_DER_SEQUENCE, ks_buffer_bytes(&fields));
	ks_der_put(&whole, KS_DER_SEQUENCE, ks_buffer_bytes(&outer));
	return ks_certificate_dates_read(ks_buffer_bytes(&whole), ret_from, ret_until);
}

static void test_certificate_dates_of_both_forms(void **state)
{
	int64_t from = 0, until = 0;

	(void)state;
	assert_int_equal(read_dates("260615120000Z", "20500101000000Z", true, &from, &until), 0);
	assert_int_equal(from, 1781524800);
	assert_int_equal(until, 2524608000);
	assert_int_equal(read_dates("500101000000Z", "491231235959Z", false, &from, &until), 0);
	assert_int_equal(from, -631152000);
	assert_int_equal(until, 2524607999);
	assert_int_equal(read_dates("19700101000000Z", "99991231235959Z", true, &from, &until), 0);
	assert_int_equal(from, 0);
	assert_int_equal(until, 253402300799);
}

static void test_certificate_dates_take_nothing_else(void **state)
{
	static const char *const times[] = {
		"260615120000",      "2606151200Z",     "260615120000+",   "261315120000Z",     "260600120000Z",
		"260632120000Z",     "260615240000Z",   "260615126000Z",   "260615120060Z",     "26061512000aZ",
		"20260615120000.5Z", "a0260615120000Z", "20a60615120000Z", "20260615120000+00", "",
	};
	int64_t from = 1, until = 2;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (read_dates(times[i], "20500101000000Z", true, &from, &until) != KS_ERR_MALFORMED ||
		    read_dates("260615120000Z", times[i], true, &from, &until) != KS_ERR_MALFORMED)
			fail_msg("taken: %s", times[i]);
	}
	assert_int_equal(ks_certificate_dates_read(KS_BYTES_NONE, &from, &until), KS_ERR_MALFORMED);
	assert_int_equal(from, 1);
	assert_int_equal(until, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificate_dates_of_both_forms),
		cmocka_unit_test(test_certificate_dates_take_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
