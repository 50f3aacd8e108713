/* SPDX-License-Identifier: Apache-2.0 */
/* read13: see read13.h. Runs in: unit tests. */
#include "tests/unit/tls/read13.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int read_exact(struct ks_bytes bytes, struct ks_transcript13 *ret_transcript, struct ks_signable_refusal *ret_refusal)
{
	/* An exact allocation, so that a sanitizer sees a read of one byte too many. */
	KS_AUTO_FREE uint8_t *exact = malloc(bytes.size ? bytes.size : 1);

	assert_non_null(exact);
	if (bytes.size > 0)
		memcpy(exact, bytes.data, bytes.size);
	return ks_transcript13_read(ks_bytes(exact, bytes.size), ret_transcript, ret_refusal);
}

void refuses(struct ks_bytes bytes, const char *words)
{
	struct ks_transcript13 transcript = { .cipher_suite = 0x4711 };
	struct ks_signable_refusal refusal = { "" };

	if (read_exact(bytes, &transcript, &refusal) == 0)
		fail_msg("it was read, instead of: %s", words);
	if (!strstr(refusal.text, words))
		fail_msg("\"%s\" does not say \"%s\"", refusal.text, words);
	assert_int_equal(transcript.cipher_suite, 0x4711);
}

void write_plan(const struct ks_plan13 *plan, struct ks_buffer *out)
{
	struct ks_plan13 whole = *plan;

	if (!whole.client_certificate.data)
		whole.client_certificate = SOME_CERTIFICATE;
	ks_transcript13_maker_write(&whole, out);
	assert_int_equal(ks_buffer_error(out), 0);
}

void refuses_plan(const struct ks_plan13 *plan, const char *words)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };

	write_plan(plan, &bytes);
	refuses(ks_buffer_bytes(&bytes), words);
}

struct ks_transcript13 reads_plan(const struct ks_plan13 *plan, struct ks_buffer *bytes)
{
	struct ks_transcript13 transcript;
	struct ks_signable_refusal refusal = { "" };

	write_plan(plan, bytes);
	assert_int_equal(read_exact(ks_buffer_bytes(bytes), &transcript, &refusal), 0);
	if (ks_transcript13_read(ks_buffer_bytes(bytes), &transcript, &refusal) < 0)
		fail_msg("%s", refusal.text);
	return transcript;
}

void refuses_patched(const struct ks_plan13 *plan, uint8_t type, size_t nth, size_t at, struct ks_bytes by,
		     const char *words)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };

	write_plan(plan, &bytes);
	struct ks_bytes message = ks_transcript13_maker_find(ks_buffer_bytes(&bytes), type, nth);
	size_t offset = (size_t)(message.data - bytes.data) + at;
	assert_true(message.size > at + by.size);
	assert_memory_not_equal(bytes.data + offset, by.data, by.size);
	memcpy(bytes.data + offset, by.data, by.size);
	refuses(ks_buffer_bytes(&bytes), words);
}

void refuses_replaced(const struct ks_plan13 *plan, uint8_t type, size_t nth, struct ks_bytes by, const char *words)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer changed = { 0 };

	write_plan(plan, &bytes);
	struct ks_bytes message = ks_transcript13_maker_find(ks_buffer_bytes(&bytes), type, nth);
	assert_true(message.size > 0);
	ks_transcript13_maker_replace(ks_buffer_bytes(&bytes), message, by, &changed);
	refuses(ks_buffer_bytes(&changed), words);
}

void refuses_body(const struct ks_plan13 *plan, uint8_t type, size_t nth, struct ks_bytes body, const char *words)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer message = { 0 };

	ks_transcript13_maker_put_message(&message, type, body);
	refuses_replaced(plan, type, nth, ks_buffer_bytes(&message), words);
}
