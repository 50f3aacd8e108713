/* SPDX-License-Identifier: Apache-2.0 */
/* name: see name.h. Runs in: keystay and, by the plug-ins, any program. */
#include "client/name.h"

#include <stdint.h>

#include "lib/base/der.h"
#include "lib/base/text.h"

#define TAG_PRINTABLE_STRING 0x13u
#define TAG_T61_STRING 0x14u
#define TAG_IA5_STRING 0x16u
#define TAG_VISIBLE_STRING 0x1au
#define TAG_UNIVERSAL_STRING 0x1cu
#define TAG_BMP_STRING 0x1eu

static const uint8_t oid_common_name[] = { 0x55, 0x04, 0x03 }; /* 2.5.4.3 */

/* --- characters -------------------------------------------------------------------------------------------------- */

/* Bytes of a character; 0 for UTF-8, -1 for what is no string. T61String is Latin-1 in practice, and for OpenSSL. */
static int width_of(uint8_t tag)
{
	switch (tag) {
	case KS_DER_UTF8_STRING:
		return 0;
	case TAG_PRINTABLE_STRING:
	case TAG_T61_STRING:
	case TAG_IA5_STRING:
	case TAG_VISIBLE_STRING:
		return 1;
	case TAG_BMP_STRING:
		return 2;
	case TAG_UNIVERSAL_STRING:
		return 4;
	default:
		return -1;
	}
}

#define END UINT32_MAX

/* A string under comparison. */
struct text {
	struct ks_reader reader;
	int width;
	bool has_ahead; /* a character was read to see whether a space is the last one */
	uint32_t ahead;
};

/* What is not well-formed becomes some character or other: no certificate is trusted by this. */
static uint32_t take_utf8(struct ks_reader *reader)
{
	uint32_t first = ks_reader_u8(reader);
	unsigned more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
	uint32_t character = more == 0 ? first : first & (0x3fu >> more);

	for (; more > 0; more--)
		character = character << 6 | (ks_reader_u8(reader) & 0x3fu);
	return character;
}

static uint32_t take_raw(struct text *text)
{
	if (text->has_ahead) {
		text->has_ahead = false;
		return text->ahead;
	}
	if (ks_reader_left(&text->reader) == 0)
		return END;
	switch (text->width) {
	case 1:
		return ks_reader_u8(&text->reader);
	case 2:
		return ks_reader_u16(&text->reader);
	case 4:
		return ks_reader_u32(&text->reader);
	default:
		return take_utf8(&text->reader);
	}
}

static bool is_space(uint32_t character)
{
	return character == ' ' || (character >= '\t' && character <= '\r');
}

/* The next one as it is compared: one space for a run of them, none at the end, small letters for ASCII. */
static uint32_t take(struct text *text)
{
	uint32_t character = take_raw(text);

	if (is_space(character)) {
		uint32_t next;
		do
			next = take_raw(text);
		while (is_space(next));
		if (next == END)
			return END;
		text->ahead = next;
		text->has_ahead = true;
		return ' ';
	}
	return character >= 'A' && character <= 'Z' ? character - 'A' + 'a' : character;
}

static bool is_string(uint8_t tag, struct ks_bytes value)
{
	int width = width_of(tag);

	return width == 0 || (width > 0 && value.size % (size_t)width == 0);
}

static struct text begin(uint8_t tag, struct ks_bytes value)
{
	struct text text = { .reader = ks_reader(value), .width = width_of(tag) };

	do
		text.ahead = take_raw(&text);
	while (is_space(text.ahead));
	text.has_ahead = true;
	return text;
}

static bool same_text(struct text a, struct text b)
{
	uint32_t left, right;

	do {
		left = take(&a);
		right = take(&b);
	} while (left == right && left != END);
	return left == right;
}

/* --- names ------------------------------------------------------------------------------------------------------- */

/* AttributeTypeAndValue. */
struct pair {
	struct ks_bytes oid;
	uint8_t tag;
	struct ks_bytes value; /* its contents */
};

static bool take_pair(struct ks_reader *set, struct pair *ret_pair)
{
	struct ks_reader reader = ks_reader(ks_der_take(set, KS_DER_SEQUENCE));
	struct pair pair = { .oid = ks_der_take(&reader, KS_DER_OID), .tag = ks_der_peek(&reader) };

	pair.value = ks_der_take(&reader, pair.tag);
	if (!ks_reader_done(&reader)) {
		ks_reader_fail(set);
		return false;
	}
	*ret_pair = pair;
	return true;
}

static bool same_pair(const struct pair *a, const struct pair *b)
{
	if (!ks_bytes_equal(a->oid, b->oid))
		return false;
	if (is_string(a->tag, a->value) && is_string(b->tag, b->value))
		return same_text(begin(a->tag, a->value), begin(b->tag, b->value));
	return a->tag == b->tag && ks_bytes_equal(a->value, b->value);
}

/* One RelativeDistinguishedName: each pair of a is in b. A SET in DER is ordered by its encodings, which differ where
 * the strings are of other types. */
static bool is_within(struct ks_bytes a, struct ks_bytes b)
{
	struct ks_reader left = ks_reader(a);
	struct pair wanted, found;

	while (ks_reader_left(&left) > 0) {
		struct ks_reader right = ks_reader(b);
		bool same = false;
		if (!take_pair(&left, &wanted))
			return false;
		while (!same && ks_reader_left(&right) > 0 && take_pair(&right, &found))
			same = same_pair(&wanted, &found);
		if (!same)
			return false;
	}
	return true;
}

bool ks_name_equal(struct ks_bytes a, struct ks_bytes b)
{
	if (ks_bytes_equal(a, b))
		return true;
	struct ks_reader outer_a = ks_reader(a), outer_b = ks_reader(b);
	struct ks_reader left = ks_reader(ks_der_take(&outer_a, KS_DER_SEQUENCE));
	struct ks_reader right = ks_reader(ks_der_take(&outer_b, KS_DER_SEQUENCE));
	if (!ks_reader_done(&outer_a) || !ks_reader_done(&outer_b))
		return false;
	while (ks_reader_left(&left) > 0 && ks_reader_left(&right) > 0) {
		struct ks_bytes one = ks_der_take(&left, KS_DER_SET), other = ks_der_take(&right, KS_DER_SET);
		if (!ks_reader_ok(&left) || !ks_reader_ok(&right) || !is_within(one, other) || !is_within(other, one))
			return false;
	}
	return ks_reader_done(&left) && ks_reader_done(&right);
}

/* A value in a form that is not UTF-8 already is passed over. */
static bool is_label(const struct pair *pair)
{
	return (pair->tag == KS_DER_UTF8_STRING || pair->tag == TAG_PRINTABLE_STRING || pair->tag == TAG_IA5_STRING) &&
	       pair->value.size > 0 && ks_text_valid(pair->value);
}

char *ks_name_label(struct ks_bytes name)
{
	struct ks_reader outer = ks_reader(name);
	struct ks_reader sets = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	struct ks_bytes label = ks_bytes_text("certificate");
	bool have_name = false;
	struct pair pair;

	while (ks_reader_ok(&sets) && ks_reader_left(&sets) > 0) {
		struct ks_reader set = ks_reader(ks_der_take(&sets, KS_DER_SET));
		while (ks_reader_ok(&set) && ks_reader_left(&set) > 0) {
			if (!take_pair(&set, &pair) || !is_label(&pair))
				continue;
			bool is_name = ks_bytes_equal(pair.oid, ks_bytes(oid_common_name, sizeof(oid_common_name)));
			if (have_name && !is_name)
				continue;
			label = pair.value;
			have_name = is_name;
		}
	}
	return ks_text_copy(label);
}
