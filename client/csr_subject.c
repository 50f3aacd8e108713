/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr_subject: a subject as people type it, as a Name (RFC 5280 section 4.1.2.4).
 *
 * Text is walked from its front in both forms; RFC 4514 says the last RDN first, so that form is put together from behind.
 */
#include "client/csr_text.h"

#include <string.h>
#include <strings.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define PRINTABLE_STRING 0x13
#define IA5_STRING 0x16

/* Of one RDN. */
#define PARTS_MAX 8u

/* Of one value in bytes, when it is no more escaped; X.520's longest upper bound is 32,768, that of names 64 to 128. */
#define VALUE_MAX 1024u

/* RFC 4514 section 3, RFC 4519, RFC 5280 appendix A.1 (its upper bounds, in characters), and OpenSSL's names for them. */
static const struct attribute {
	const char *name;
	const char *oid; /* dotted */
	uint8_t tag;
	size_t longest; /* characters */
} attributes[] = {
	{ "CN", "2.5.4.3", KS_DER_UTF8_STRING, 64 },
	{ "commonName", "2.5.4.3", KS_DER_UTF8_STRING, 64 },
	{ "SN", "2.5.4.4", KS_DER_UTF8_STRING, 40 },
	{ "surname", "2.5.4.4", KS_DER_UTF8_STRING, 40 },
	{ "serialNumber", "2.5.4.5", PRINTABLE_STRING, 64 },
	{ "C", "2.5.4.6", PRINTABLE_STRING, 2 },
	{ "countryName", "2.5.4.6", PRINTABLE_STRING, 2 },
	{ "L", "2.5.4.7", KS_DER_UTF8_STRING, 128 },
	{ "ST", "2.5.4.8", KS_DER_UTF8_STRING, 128 },
	{ "STREET", "2.5.4.9", KS_DER_UTF8_STRING, 128 },
	{ "O", "2.5.4.10", KS_DER_UTF8_STRING, 64 },
	{ "organizationName", "2.5.4.10", KS_DER_UTF8_STRING, 64 },
	{ "OU", "2.5.4.11", KS_DER_UTF8_STRING, 64 },
	{ "title", "2.5.4.12", KS_DER_UTF8_STRING, 64 },
	{ "postalCode", "2.5.4.17", KS_DER_UTF8_STRING, 40 },
	{ "name", "2.5.4.41", KS_DER_UTF8_STRING, 128 },
	{ "GN", "2.5.4.42", KS_DER_UTF8_STRING, 128 },
	{ "givenName", "2.5.4.42", KS_DER_UTF8_STRING, 128 },
	{ "initials", "2.5.4.43", KS_DER_UTF8_STRING, 128 },
	{ "dnQualifier", "2.5.4.46", PRINTABLE_STRING, 64 },
	{ "pseudonym", "2.5.4.65", KS_DER_UTF8_STRING, 128 },
	{ "organizationIdentifier", "2.5.4.97", KS_DER_UTF8_STRING, 255 },
	{ "DC", "0.9.2342.19200300.100.1.25", IA5_STRING, 63 },
	{ "UID", "0.9.2342.19200300.100.1.1", KS_DER_UTF8_STRING, 255 },
	{ "emailAddress", "1.2.840.113549.1.9.1", IA5_STRING, 255 },
	{ "E", "1.2.840.113549.1.9.1", IA5_STRING, 255 },
};

/* One walk over the text. */
struct walk {
	const char *next;
	bool is_rfc4514;
	struct ks_csr_problem *problem;
	struct ks_buffer parts[PARTS_MAX]; /* AttributeTypeAndValue of the RDN under way */
	size_t n_parts;
	unsigned n_all;
};

static void walk_deinit(struct walk *walk)
{
	for (size_t i = 0; i < PARTS_MAX; i++)
		ks_buffer_deinit(&walk->parts[i]);
}

static int fail(struct walk *walk, const char *words, const char *what)
{
	char shown[64];

	ks_text_escape(ks_bytes_text(what), shown, sizeof(shown));
	(void)ks_text_print(walk->problem->text, sizeof(walk->problem->text), "in the subject %s%s%s%s", words,
			    what[0] ? " \"" : "", shown, what[0] ? "\"" : "");
	return KS_ERR_INVALID;
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static size_t count_characters(struct ks_bytes text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.size; i++)
		n += (text.data[i] & 0xc0) != 0x80;
	return n;
}

static bool is_printable_string(struct ks_bytes value)
{
	for (size_t i = 0; i < value.size; i++) {
		uint8_t c = value.data[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!is_letter && !strchr(" '()+,-./:=?", c))
			return false;
	}
	return true;
}

static bool is_ia5(struct ks_bytes value)
{
	for (size_t i = 0; i < value.size; i++) {
		if (value.data[i] > 0x7e)
			return false;
	}
	return true;
}

static int check_value(struct walk *walk, const char *type, const struct attribute *attribute, struct ks_bytes value)
{
	if (value.size == 0)
		return fail(walk, "there is no value for", type);
	if (!ks_text_valid(value))
		return fail(walk, "what is no text (UTF-8) stands in", type);
	if (count_characters(value) > attribute->longest || (attribute->longest == 2 && count_characters(value) != 2))
		return fail(walk, attribute->longest == 2 ? "two letters are needed for" : "too much stands in", type);
	if (attribute->tag == PRINTABLE_STRING && !is_printable_string(value))
		return fail(walk, "letters that are not allowed (PrintableString) stand in", type);
	if (attribute->tag == IA5_STRING && !is_ia5(value))
		return fail(walk, "letters that are not ASCII stand in", type);
	return 0;
}

/* --- types ------------------------------------------------------------------------------------------------------- */

static void put_base128(struct ks_buffer *out, uint64_t number)
{
	unsigned shift = 0;

	while (shift < 63 && number >> (shift + 7))
		shift += 7;
	for (; shift > 0; shift -= 7)
		ks_buffer_put_u8(out, (uint8_t)(0x80 | (number >> shift & 0x7f)));
	ks_buffer_put_u8(out, (uint8_t)(number & 0x7f));
}

/* The next number of a dotted OID, and the dot behind it. */
static bool take_arc(const char **cursor, uint64_t *ret_number)
{
	const char *c = *cursor;
	uint64_t number = 0;

	if (*c < '0' || *c > '9' || (*c == '0' && c[1] >= '0' && c[1] <= '9'))
		return false;
	for (; *c >= '0' && *c <= '9'; c++) {
		number = number * 10 + (uint64_t)(*c - '0');
		if (number > UINT32_MAX)
			return false;
	}
	if (*c != '\0' && (*c != '.' || c[1] == '\0'))
		return false;
	*cursor = *c == '.' ? c + 1 : c;
	*ret_number = number;
	return true;
}

/* X.690 section 8.19.4: the first two numbers are one. */
static bool put_oid(struct ks_buffer *out, const char *dotted)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer oid = { 0 };
	uint64_t first, number;

	if (!take_arc(&dotted, &first) || first > 2 || *dotted == '\0' || !take_arc(&dotted, &number) ||
	    (first < 2 && number > 39))
		return false;
	put_base128(&oid, first * 40 + number);
	while (*dotted) {
		if (!take_arc(&dotted, &number))
			return false;
		put_base128(&oid, number);
	}
	ks_der_put(out, KS_DER_OID, ks_buffer_bytes(&oid));
	return ks_buffer_error(&oid) == 0;
}

static const struct attribute *find_attribute(const char *type)
{
	static const struct attribute other = { "", "", KS_DER_UTF8_STRING, VALUE_MAX };

	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (strcasecmp(attributes[i].name, type) == 0 || strcmp(attributes[i].oid, type) == 0)
			return &attributes[i];
	}
	return type[0] >= '0' && type[0] <= '9' ? &other : NULL;
}

static int put_part(struct walk *walk, const char *type, struct ks_bytes value)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer contents = { 0 };
	const struct attribute *attribute = find_attribute(type);

	if (!attribute)
		return fail(walk, "there is an unknown type", type);
	int r = check_value(walk, type, attribute, value);
	if (r < 0)
		return r;
	if (!put_oid(&contents, attribute->oid[0] ? attribute->oid : type))
		return fail(walk, "there is a type that is no OID:", type);
	if (walk->n_parts == PARTS_MAX || ++walk->n_all > KS_REQUEST_NAME_PARTS_MAX)
		return fail(walk, "there are too many parts", "");
	ks_der_put(&contents, attribute->tag, value);
	struct ks_buffer *part = &walk->parts[walk->n_parts++];
	ks_buffer_reset(part);
	ks_der_put(part, KS_DER_SEQUENCE, ks_buffer_bytes(&contents));
	r = ks_buffer_error(&contents);
	return r < 0 ? r : ks_buffer_error(part);
}

/* --- the walk ---------------------------------------------------------------------------------------------------- */

static bool ends_part(const struct walk *walk, char c)
{
	return c == '\0' || c == '+' || c == (walk->is_rfc4514 ? ',' : '/');
}

/* RFC 4514 section 2.4: '\' and two hex digits are a byte, '\' and another character that character. */
static int take_escaped(struct walk *walk, uint8_t *ret_byte)
{
	const char hex[3] = { walk->next[0], walk->next[0] ? walk->next[1] : '\0', '\0' };
	size_t n;

	if (hex[0] == '\0')
		return fail(walk, "nothing stands behind the last \\", "");
	if (walk->is_rfc4514 && ks_text_unhex(hex, ret_byte, 1, &n) == 0 && n == 1) {
		walk->next += 2;
		return 0;
	}
	*ret_byte = (uint8_t)*walk->next++;
	return 0;
}

static int take_value(struct walk *walk, uint8_t value[VALUE_MAX], size_t *ret_size)
{
	size_t n = 0, n_kept = 0; /* without spaces at the end, where they are not escaped */

	while (walk->is_rfc4514 && *walk->next == ' ')
		walk->next++;
	if (walk->is_rfc4514 && *walk->next == '#')
		return fail(walk, "there is a value in hex digits, which is not read here:", walk->next);
	while (!ends_part(walk, *walk->next)) {
		uint8_t byte = (uint8_t)*walk->next++;
		bool is_escaped = byte == '\\';
		int r = is_escaped ? take_escaped(walk, &byte) : 0;
		if (r < 0)
			return r;
		if (walk->is_rfc4514 && !is_escaped && strchr("\";<>", byte))
			return fail(walk, "one of \" ; < > stands without a \\ before it", "");
		if (n == VALUE_MAX)
			return fail(walk, "a value is too long", "");
		value[n++] = byte;
		if (!walk->is_rfc4514 || is_escaped || byte != ' ')
			n_kept = n;
	}
	*ret_size = n_kept;
	return 0;
}

static int take_part(struct walk *walk)
{
	uint8_t value[VALUE_MAX];
	char type[64];
	size_t n = 0;

	while (walk->is_rfc4514 && *walk->next == ' ')
		walk->next++;
	while (*walk->next && *walk->next != '=' && !ends_part(walk, *walk->next) && n + 1 < sizeof(type))
		type[n++] = *walk->next++;
	type[n] = '\0';
	if (*walk->next != '=' || n == 0)
		return fail(walk, "TYPE=value is expected (such as /O=Example/CN=alice) in place of",
			    n > 0 ? type : walk->next);
	walk->next++;
	int r = take_value(walk, value, &n);
	return r < 0 ? r : put_part(walk, type, ks_bytes(value, n));
}

static bool is_after(const struct ks_buffer *a, const struct ks_buffer *b)
{
	size_t n = a->size < b->size ? a->size : b->size;
	int order = memcmp(a->data, b->data, n);

	return order > 0 || (order == 0 && a->size > b->size);
}

/* SET OF in ascending order (X.690 section 11.6). */
static void put_relative_name(struct walk *walk, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer contents = { 0 };

	for (size_t i = 1; i < walk->n_parts; i++) {
		for (size_t k = i; k > 0 && is_after(&walk->parts[k - 1], &walk->parts[k]); k--) {
			struct ks_buffer other = walk->parts[k];
			walk->parts[k] = walk->parts[k - 1];
			walk->parts[k - 1] = other;
		}
	}
	for (size_t i = 0; i < walk->n_parts; i++)
		ks_buffer_put(&contents, ks_buffer_bytes(&walk->parts[i]));
	ks_der_put(out, KS_DER_SET, ks_buffer_bytes(&contents));
	if (out->error == 0)
		out->error = ks_buffer_error(&contents);
	walk->n_parts = 0;
}

/* Puts one RDN behind the others, or before them. */
static int add_relative_name(struct walk *walk, struct ks_buffer *names)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer joined = { 0 };

	put_relative_name(walk, walk->is_rfc4514 ? &joined : names);
	if (walk->is_rfc4514) {
		ks_buffer_put(&joined, ks_buffer_bytes(names));
		struct ks_buffer other = *names;
		*names = joined;
		joined = other;
	}
	return ks_buffer_error(names);
}

int ks_csr_subject_put(struct ks_buffer *out, const char *text, struct ks_csr_problem *ret_problem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer names = { 0 };
	KS_CLEANUP(walk_deinit)
	struct walk walk = { .next = text[0] == '/' ? text + 1 : text,
			     .is_rfc4514 = text[0] != '/',
			     .problem = ret_problem };
	int r = 0;

	while (r == 0 && walk.next[0] != '\0') {
		r = take_part(&walk);
		if (r < 0)
			return r;
		char separator = *walk.next;
		if (separator != '+')
			r = add_relative_name(&walk, &names);
		if (separator != '\0' && *++walk.next == '\0')
			return fail(&walk, "nothing stands behind the last separator", "");
	}
	if (r == 0) {
		ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&names));
		r = ks_buffer_error(out);
	}
	return r;
}
