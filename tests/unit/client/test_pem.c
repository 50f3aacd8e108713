/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of "-----BEGIN KEYSTAY KEY-----". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "client/openssl/pem.h"

#define BEGIN "-----BEGIN KEYSTAY KEY-----\n"
#define END "-----END KEYSTAY KEY-----\n"
#define LIMIT 64

/* Feeds text in pieces of at most size bytes, never across a line end, as BIO_gets() gives them. Returns the state and
 * how much was taken. */
static enum ks_pem_state feed(struct ks_pem *pem, const char *text, size_t size, size_t *taken)
{
	enum ks_pem_state state = KS_PEM_OUTSIDE;
	const char *at = text;

	ks_pem_init(pem, LIMIT);
	while (*at && state < KS_PEM_PASSED) {
		size_t n = strcspn(at, "\n");
		n += at[n] == '\n';
		n = n > size ? size : n;
		state = ks_pem_feed(pem, ks_bytes(at, n));
		at += n;
	}
	*taken = (size_t)(at - text);
	return ks_pem_end(pem);
}

static void expect(const char *text, enum ks_pem_state expected, const char *contents)
{
	for (size_t size = 1; size < 200; size += size < 8 ? 1 : 37) {
		struct ks_pem pem;
		size_t taken;
		/* Boundary lines must come in one piece, as they do in a buffer of a kilobyte. */
		if (size < 60 && expected != KS_PEM_PASSED)
			continue;
		enum ks_pem_state state = feed(&pem, text, size, &taken);
		if (state != expected)
			fail_msg("state %d, expected %d, of: %s", (int)state, (int)expected, text);
		if (contents)
			assert_true(ks_bytes_equal(ks_buffer_bytes(&pem.contents), ks_bytes_text(contents)));
		ks_pem_deinit(&pem);
	}
}

static void test_pem_reads_base64_with_every_padding(void **state)
{
	(void)state;
	expect(BEGIN "Zg==\n" END, KS_PEM_WHOLE, "f");
	expect(BEGIN "Zm8=\n" END, KS_PEM_WHOLE, "fo");
	expect(BEGIN "Zm9v\n" END, KS_PEM_WHOLE, "foo");
	expect(BEGIN "Zm9vYg==\n" END, KS_PEM_WHOLE, "foob");
	expect(BEGIN END, KS_PEM_WHOLE, "");
}

static void test_pem_does_not_mind_line_ends_spaces_and_line_lengths(void **state)
{
	(void)state;
	expect("-----BEGIN KEYSTAY KEY-----\r\nZm9v\r\nYmFy\r\n-----END KEYSTAY KEY-----\r\n", KS_PEM_WHOLE, "foobar");
	expect(BEGIN "Z\nm9\nvYmF\ny\n" END, KS_PEM_WHOLE, "foobar");
	expect(BEGIN "  Zm9v \t YmFy  \n\n" END, KS_PEM_WHOLE, "foobar");
	expect(BEGIN "Zm9v\n-----END KEYSTAY KEY-----", KS_PEM_WHOLE, "foo");
}

static void test_pem_passes_over_text_before_the_block(void **state)
{
	(void)state;
	expect("subject=CN = alice\n\n-----\n" BEGIN "Zm9v\n" END, KS_PEM_WHOLE, "foo");
	expect("say -----BEGIN KEYSTAY KEY-----\n", KS_PEM_PASSED, "");
}

static void test_pem_stops_behind_a_foreign_block(void **state)
{
	(void)state;
	static const char foreign[] = "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n";
	static const char text[] = "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n" BEGIN "Zm9v\n" END;
	struct ks_pem pem;
	size_t taken;

	assert_int_equal(feed(&pem, text, 100, &taken), KS_PEM_PASSED);
	assert_int_equal(taken, strlen(foreign));
	assert_int_equal(pem.contents.size, 0);
	ks_pem_deinit(&pem);
}

static void test_pem_stops_behind_its_own_block(void **state)
{
	(void)state;
	static const char own[] = BEGIN "Zm9v\n" END;
	static const char text[] = BEGIN "Zm9v\n" END "-----BEGIN CERTIFICATE-----\n";
	struct ks_pem pem;
	size_t taken;

	assert_int_equal(feed(&pem, text, 100, &taken), KS_PEM_WHOLE);
	assert_int_equal(taken, strlen(own));
	ks_pem_deinit(&pem);
}

static void test_pem_takes_no_foreign_end_for_that_of_a_foreign_block(void **state)
{
	(void)state;
	expect("-----BEGIN A-----\n-----END B-----\n" BEGIN "Zm9v\n" END, KS_PEM_PASSED, "");
}

static void test_pem_refuses_what_is_not_base64(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"Zm9!",    "Zm9v-",    "Zg=",  "Zg===",      "=Zg=",
		"Z===",    "Zg==Zg==", "Zm9",  "Zg==\nZm9v", "Proc-Type: 4,ENCRYPTED",
		"Zm9\x80", "Zh==",     "Zm9=", /* bits that stand for nothing */
	};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		char text[256];
		(void)snprintf(text, sizeof(text), BEGIN "%s\n" END, bodies[i]);
		expect(text, KS_PEM_BROKEN, NULL);
	}
}

static void test_pem_refuses_a_block_that_does_not_end_as_it_began(void **state)
{
	(void)state;
	expect(BEGIN "Zm9v\n", KS_PEM_BROKEN, NULL);
	expect(BEGIN, KS_PEM_BROKEN, NULL);
	expect(BEGIN "Zm9v\n-----END CERTIFICATE-----\n", KS_PEM_BROKEN, NULL);
	expect(BEGIN "Zm9v\n" BEGIN "Zm9v\n" END, KS_PEM_BROKEN, NULL);
}

static void test_pem_refuses_more_than_its_limit(void **state)
{
	(void)state;
	char body[4 * (LIMIT / 3 + 2) + 1];
	char text[512];

	memset(body, 'A', sizeof(body));
	body[4 * (LIMIT / 3)] = '\0';
	(void)snprintf(text, sizeof(text), BEGIN "%s\n" END, body);
	expect(text, KS_PEM_WHOLE, NULL);
	memset(body, 'A', sizeof(body));
	body[sizeof(body) - 1] = '\0';
	(void)snprintf(text, sizeof(text), BEGIN "%s\n" END, body);
	expect(text, KS_PEM_BROKEN, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pem_reads_base64_with_every_padding),
		cmocka_unit_test(test_pem_does_not_mind_line_ends_spaces_and_line_lengths),
		cmocka_unit_test(test_pem_passes_over_text_before_the_block),
		cmocka_unit_test(test_pem_stops_behind_a_foreign_block),
		cmocka_unit_test(test_pem_stops_behind_its_own_block),
		cmocka_unit_test(test_pem_takes_no_foreign_end_for_that_of_a_foreign_block),
		cmocka_unit_test(test_pem_refuses_what_is_not_base64),
		cmocka_unit_test(test_pem_refuses_a_block_that_does_not_end_as_it_began),
		cmocka_unit_test(test_pem_refuses_more_than_its_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
