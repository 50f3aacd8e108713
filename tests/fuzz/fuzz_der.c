/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER: whatever is taken for an element is, written anew, the same bytes; a reader that has failed gives nothing more.
 * The same bytes as a raw ECDSA signature become one that holds the same two numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEPTH_MAX 16
#define CONSTRUCTED 0x20u

static void expect(bool holds)
{
	if (!holds)
		abort();
}

static struct ks_bytes without_zeros(struct ks_bytes number)
{
	while (number.size > 0 && number.data[0] == 0) {
		number.data++;
		number.size--;
	}
	return number;
}

static void check_integer(struct ks_bytes element)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer again = { 0 };
	struct ks_reader reader = ks_reader(element);
	struct ks_bytes magnitude = ks_der_take_unsigned(&reader);
	if (!ks_reader_ok(&reader)) {
		expect(!magnitude.data && ks_reader_left(&reader) == 0);
		return;
	}
	ks_der_put_unsigned(&again, magnitude);
	expect(ks_reader_done(&reader) && ks_bytes_equal(ks_buffer_bytes(&again), element));
}

/* Takes one element after another; gives the contents of the first constructed one, to go on with. */
static struct ks_bytes check_level(struct ks_bytes input)
{
	struct ks_bytes below = KS_BYTES_NONE;
	struct ks_reader reader = ks_reader(input);
	while (ks_reader_left(&reader) > 0) {
		uint8_t tag = 0;
		uint8_t peeked = ks_der_peek(&reader);
		struct ks_bytes element = ks_der_take_any(&reader, &tag);
		if (!ks_reader_ok(&reader)) {
			expect(!element.data && tag == 0 && ks_der_peek(&reader) == 0);
			return below;
		}
		struct ks_reader one = ks_reader(element);
		struct ks_bytes contents = ks_der_take(&one, tag);
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer again = { 0 };
		ks_der_put(&again, tag, contents);
		expect(peeked == tag && ks_reader_done(&one) && ks_bytes_equal(ks_buffer_bytes(&again), element));
		if (tag == KS_DER_INTEGER)
			check_integer(element);
		if ((tag & CONSTRUCTED) != 0 && below.size == 0)
			below = contents;
	}
	return below;
}

static void check_ecdsa(struct ks_bytes raw)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	if (ks_der_put_ecdsa(&der, raw) < 0) {
		expect(der.size == 0);
		return;
	}
	size_t half = raw.size / 2;
	struct ks_reader reader = ks_reader(ks_buffer_bytes(&der));
	struct ks_reader numbers = ks_reader(ks_der_take(&reader, KS_DER_SEQUENCE));
	struct ks_bytes r = ks_der_take_unsigned(&numbers);
	struct ks_bytes s = ks_der_take_unsigned(&numbers);
	expect(ks_reader_done(&reader) && ks_reader_done(&numbers));
	expect(ks_bytes_equal(r, without_zeros(ks_bytes(raw.data, half))));
	expect(ks_bytes_equal(s, without_zeros(ks_bytes(raw.data + half, half))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes level = ks_bytes(data, size);
	for (int depth = 0; depth < DEPTH_MAX && level.size > 0; depth++)
		level = check_level(level);
	check_ecdsa(ks_bytes(data, size));
	return 0;
}
