/* SPDX-License-Identifier: Apache-2.0 */
/* der_strict: see der_strict.h. Runs in: keystay-agent. */
#include "lib/tls/der_strict.h"

#include "lib/base/der.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define CLASS_MASK 0xc0u
#define CONSTRUCTED 0x20u

bool ks_der_strict_in_order(struct ks_bytes previous, struct ks_bytes next)
{
	size_t n = previous.size < next.size ? previous.size : next.size;
	int order = n > 0 ? memcmp(previous.data, next.data, n) : 0;

	return order < 0 || (order == 0 && previous.size <= next.size);
}

/* X.690 sections 8.3.2 and 8.1.9: signed, in the fewest bytes. */
static bool is_integer(struct ks_bytes contents)
{
	if (contents.size < 2)
		return contents.size == 1;
	bool repeats_sign = (contents.data[0] == 0x00 && contents.data[1] < 0x80) ||
			    (contents.data[0] == 0xff && contents.data[1] >= 0x80);
	return !repeats_sign;
}

/* X.690 section 11.2: bits that are not used are zero. */
static bool is_bit_string(struct ks_bytes contents)
{
	if (contents.size == 0 || contents.data[0] > 7 || (contents.size == 1 && contents.data[0] != 0))
		return false;
	uint8_t unused = (uint8_t)((1u << contents.data[0]) - 1);
	return contents.size == 1 || (contents.data[contents.size - 1] & unused) == 0;
}

/* X.690 section 8.19: each number in base 128, in the fewest bytes, and the last one ends. */
static bool is_oid(struct ks_bytes contents)
{
	bool begins = true;

	for (size_t i = 0; i < contents.size; i++) {
		if (begins && contents.data[i] == 0x80)
			return false;
		begins = contents.data[i] < 0x80;
	}
	return contents.size > 0 && begins;
}

/* Letters that X.680 section 41.4 gives to PrintableString are all in here; CAs see '*', '@' and '_' in it as well. */
static bool is_ascii(struct ks_bytes contents)
{
	for (size_t i = 0; i < contents.size; i++) {
		if (contents.data[i] < 0x20 || contents.data[i] > 0x7e)
			return false;
	}
	return true;
}

static bool is_primitive(uint8_t tag, struct ks_bytes contents)
{
	if (tag & CLASS_MASK)
		return true; /* what it is, only its owner knows */
	switch (tag) {
	case 0x01: /* BOOLEAN, X.690 section 11.1 */
		return contents.size == 1 && (contents.data[0] == 0x00 || contents.data[0] == 0xff);
	case KS_DER_INTEGER:
	case 0x0a: /* ENUMERATED */
		return is_integer(contents);
	case KS_DER_BIT_STRING:
		return is_bit_string(contents);
	case KS_DER_OCTET_STRING:
		return true;
	case KS_DER_NULL:
		return contents.size == 0;
	case KS_DER_OID:
		return is_oid(contents);
	case KS_DER_UTF8_STRING:
		return ks_text_valid(contents);
	case 0x12: /* NumericString */
	case 0x13: /* PrintableString */
	case 0x16: /* IA5String */
	case 0x17: /* UTCTime */
	case 0x18: /* GeneralizedTime */
	case 0x1a: /* VisibleString */
		return is_ascii(contents);
	case 0x14: /* TeletexString: whatever its maker took it for */
		return true;
	case 0x1c: /* UniversalString */
		return contents.size % 4 == 0;
	case 0x1e: /* BMPString */
		return contents.size % 2 == 0;
	default:
		return false;
	}
}

static bool is_set_in_order(struct ks_bytes contents)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes previous = ks_der_take_any(&reader, NULL);

	while (ks_reader_left(&reader) > 0 && ks_reader_ok(&reader)) {
		struct ks_bytes next = ks_der_take_any(&reader, NULL);
		if (!ks_der_strict_in_order(previous, next))
			return false;
		previous = next;
	}
	return contents.size == 0 || ks_reader_ok(&reader);
}

/* In the universal class only SEQUENCE and SET have elements in them, and those always do (X.690 section 10.2). */
static bool may_be_constructed(uint8_t tag, struct ks_bytes contents)
{
	if (tag & CLASS_MASK || tag == KS_DER_SEQUENCE)
		return true;
	return tag == KS_DER_SET && is_set_in_order(contents);
}

bool ks_der_strict(struct ks_bytes element)
{
	struct ks_reader open[KS_REQUEST_DEPTH_MAX];
	size_t depth = 1;
	bool is_outermost = true;

	open[0] = ks_reader(element);
	while (depth > 0) {
		struct ks_reader *reader = &open[depth - 1];
		if (ks_reader_left(reader) == 0) {
			depth--;
			continue;
		}
		if (depth == 1 && !is_outermost)
			return false; /* something stands behind it */
		is_outermost = false;
		uint8_t tag = ks_der_peek(reader);
		struct ks_bytes contents = ks_der_take(reader, tag);
		if (!ks_reader_ok(reader))
			return false;
		if (!(tag & CONSTRUCTED)) {
			if (!is_primitive(tag, contents))
				return false;
			continue;
		}
		if (depth == KS_REQUEST_DEPTH_MAX || !may_be_constructed(tag, contents))
			return false;
		open[depth++] = ks_reader(contents);
	}
	return !is_outermost;
}
