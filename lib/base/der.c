/* SPDX-License-Identifier: Apache-2.0 */
/*
 * der: see der.h.
 *
 * Strict on purpose: a public key has exactly one encoding here, because its SHA-256 is the key's name. Whatever could
 * be written in two ways (BER's indefinite and padded lengths, padded integers) is refused, not repaired.
 *
 * Runs in: every program and plug-in.
 */
#include "lib/base/der.h"

#include "lib/base/cleanup.h"

#define TAG_NUMBER_MASK 0x1fu /* all ones: the tag goes on in the next byte (X.690 section 8.1.2.4) */
#define LENGTH_LONG 0x80u
#define LENGTH_BYTES_MAX 3u /* lengths up to 2^24 - 1 */
#define SIGN_BIT 0x80u

/* X.690 sections 8.1.3 and 10.1: the definite form with the fewest bytes. */
static size_t take_length(struct ks_reader *reader)
{
	uint8_t first = ks_reader_u8(reader);
	if (first < LENGTH_LONG)
		return first;
	uint8_t n_bytes = (uint8_t)(first & ~LENGTH_LONG);
	if (n_bytes == 0 || n_bytes > LENGTH_BYTES_MAX) {
		ks_reader_fail(reader);
		return 0;
	}
	struct ks_bytes bytes = ks_reader_take(reader, n_bytes);
	size_t length = 0;
	for (size_t i = 0; i < bytes.size; i++)
		length = length << 8 | bytes.data[i];
	/* The first byte of a minimal length is not zero, and what fits the short form is written in it. */
	if (bytes.size > 0 && (bytes.data[0] == 0 || length < LENGTH_LONG))
		ks_reader_fail(reader);
	return length;
}

static struct ks_bytes take_element(struct ks_reader *reader, uint8_t *ret_tag)
{
	uint8_t tag = ks_reader_u8(reader);
	if ((tag & TAG_NUMBER_MASK) == TAG_NUMBER_MASK || tag == 0)
		ks_reader_fail(reader);
	size_t length = take_length(reader);
	struct ks_bytes contents = ks_reader_take(reader, length);
	*ret_tag = ks_reader_ok(reader) ? tag : 0;
	return contents;
}

struct ks_bytes ks_der_take(struct ks_reader *reader, uint8_t tag)
{
	uint8_t found = 0;
	struct ks_bytes contents = take_element(reader, &found);
	if (found != tag)
		ks_reader_fail(reader);
	return ks_reader_ok(reader) ? contents : KS_BYTES_NONE;
}

struct ks_bytes ks_der_take_any(struct ks_reader *reader, uint8_t *ret_tag)
{
	const uint8_t *start = reader->next;
	uint8_t tag = 0;
	struct ks_bytes contents = take_element(reader, &tag);
	if (!ks_reader_ok(reader))
		return KS_BYTES_NONE;
	if (ret_tag)
		*ret_tag = tag;
	return ks_bytes(start, (size_t)(contents.data - start) + contents.size);
}

uint8_t ks_der_peek(const struct ks_reader *reader)
{
	return ks_reader_left(reader) > 0 ? *reader->next : 0;
}

struct ks_bytes ks_der_take_unsigned(struct ks_reader *reader)
{
	struct ks_bytes contents = ks_der_take(reader, KS_DER_INTEGER);
	if (contents.size == 0) {
		ks_reader_fail(reader);
		return KS_BYTES_NONE;
	}
	if (contents.data[0] & SIGN_BIT) {
		ks_reader_fail(reader);
		return KS_BYTES_NONE;
	}
	if (contents.size == 1 || contents.data[0] != 0)
		return contents;
	/* X.690 section 8.3.2: a leading zero stands only before a byte whose sign bit is set. */
	if (!(contents.data[1] & SIGN_BIT)) {
		ks_reader_fail(reader);
		return KS_BYTES_NONE;
	}
	return ks_bytes(contents.data + 1, contents.size - 1);
}

static void put_head(struct ks_buffer *buffer, uint8_t tag, size_t length)
{
	ks_buffer_put_u8(buffer, tag);
	if (length < LENGTH_LONG) {
		ks_buffer_put_u8(buffer, (uint8_t)length);
	} else if (length <= 0xff) {
		ks_buffer_put_u8(buffer, LENGTH_LONG | 1);
		ks_buffer_put_u8(buffer, (uint8_t)length);
	} else if (length <= 0xffff) {
		ks_buffer_put_u8(buffer, LENGTH_LONG | 2);
		ks_buffer_put_u16(buffer, (uint16_t)length);
	} else {
		ks_buffer_put_u8(buffer, LENGTH_LONG | 3);
		/* Past 2^24 - 1 the buffer refuses the value. */
		ks_buffer_put_u24(buffer, length > UINT32_MAX ? UINT32_MAX : (uint32_t)length);
	}
}

void ks_der_put(struct ks_buffer *buffer, uint8_t tag, struct ks_bytes contents)
{
	put_head(buffer, tag, contents.size);
	ks_buffer_put(buffer, contents);
}

static struct ks_bytes without_leading_zeros(struct ks_bytes magnitude)
{
	while (magnitude.size > 0 && magnitude.data[0] == 0) {
		magnitude.data++;
		magnitude.size--;
	}
	return magnitude;
}

void ks_der_put_unsigned(struct ks_buffer *buffer, struct ks_bytes magnitude)
{
	struct ks_bytes digits = without_leading_zeros(magnitude);
	/* The zero byte in front is a sign, or the whole number when there are no digits. */
	bool zero_first = digits.size == 0 || (digits.data[0] & SIGN_BIT) != 0;
	put_head(buffer, KS_DER_INTEGER, digits.size + (zero_first ? 1 : 0));
	if (zero_first)
		ks_buffer_put_u8(buffer, 0);
	ks_buffer_put(buffer, digits);
}

int ks_der_put_ecdsa(struct ks_buffer *buffer, struct ks_bytes raw)
{
	if (raw.size == 0 || raw.size % 2 != 0)
		return KS_ERR_INVALID;
	size_t half = raw.size / 2;
	struct ks_bytes r = ks_bytes(raw.data, half);
	struct ks_bytes s = ks_bytes(raw.data + half, half);
	/* Neither is ever zero in a signature (FIPS 186-4 section 6.4). */
	if (without_leading_zeros(r).size == 0 || without_leading_zeros(s).size == 0)
		return KS_ERR_INVALID;

	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer numbers = { 0 };
	ks_der_put_unsigned(&numbers, r);
	ks_der_put_unsigned(&numbers, s);
	int error = ks_buffer_error(&numbers);
	if (error < 0)
		return error;
	ks_der_put(buffer, KS_DER_SEQUENCE, ks_buffer_bytes(&numbers));
	return ks_buffer_error(buffer);
}
