/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uri: see uri.h.
 *
 * Runs in: keystay-agent (configuration, names of keys) and keystay. A URI that cannot be understood is refused with a
 * sentence and never taken for a wider one: what was meant to choose one key must not choose more.
 *
 * Stricter than p11-kit, the oracle of the tests, where leniency would hide a mistake: white space, empty and repeated
 * attributes, misspelt names and PINs are refused. RFC 7512 section 2.3 says once per URI for each.
 */
#include "lib/protocol/uri.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

#define SCHEME "pkcs11:"

static const char *const names[KS_URI_N_ATTRIBUTES] = {
	[KS_URI_TOKEN] = "token",   [KS_URI_MANUFACTURER] = "manufacturer",
	[KS_URI_MODEL] = "model",   [KS_URI_SERIAL] = "serial",
	[KS_URI_OBJECT] = "object", [KS_URI_ID] = "id",
	[KS_URI_TYPE] = "type",
};

/* Known to RFC 7512, but nothing that keystay knows of a key tells whether they hold. */
static const char *const unmatchable[] = {
	"slot-id",         "slot-description", "slot-manufacturer", "library-description", "library-manufacturer",
	"library-version", "module-name",      "module-path",
};

struct parse {
	struct ks_uri uri;
	size_t used; /* of uri.storage */
	const char *why;
};

static int refuse(struct parse *parse, const char *why)
{
	parse->why = why;
	return KS_ERR_INVALID;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* Cuts what stands before the first separator off the front of rest. False when there is none: that was all of it. */
static bool cut(struct ks_bytes *rest, char separator, struct ks_bytes *ret_before)
{
	const uint8_t *at = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
	if (!at) {
		*ret_before = *rest;
		*rest = KS_BYTES_NONE;
		return false;
	}
	size_t before = (size_t)(at - rest->data);
	*ret_before = ks_bytes(rest->data, before);
	*rest = ks_bytes(at + 1, rest->size - before - 1);
	return true;
}

static int hex_digit(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	return -1;
}

/* Decodes into storage, which has room for the whole URI. Bytes that stand for themselves are taken as they are, also
 * UTF-8 that should have been percent-encoded: people type it. */
static int decode(struct parse *parse, struct ks_bytes value, struct ks_bytes *ret_value)
{
	size_t start = parse->used;

	for (size_t i = 0; i < value.size; i++) {
		uint8_t byte = value.data[i];
		if (byte <= ' ' || byte == 0x7f)
			return refuse(parse, "it has a space or control character; a space is written %20");
		if (byte == '#')
			return refuse(parse, "it has a '#', which is written %23");
		if (byte == '%') {
			int high = i + 2 < value.size ? hex_digit(value.data[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(value.data[i + 2]) : -1;
			if (low < 0)
				return refuse(parse, "a '%' is not followed by two hexadecimal digits");
			byte = (uint8_t)(high << 4 | low);
			i += 2;
		}
		parse->uri.storage[parse->used++] = byte;
	}
	*ret_value = ks_bytes(parse->uri.storage + start, parse->used - start);
	return 0;
}

static bool is_name(struct ks_bytes name, const char *expected)
{
	return ks_bytes_equal(name, ks_bytes_text(expected));
}

static bool starts_with(struct ks_bytes name, const char *prefix)
{
	size_t size = strlen(prefix);
	return name.size >= size && memcmp(name.data, prefix, size) == 0;
}

/* Attributes that choose nothing here. A PIN is refused wherever it stands: libp11 and older p11-kit read it from the
 * path as well. */
static int read_other(struct parse *parse, struct ks_bytes name)
{
	if (starts_with(name, "pin-") || is_name(name, "pinfile"))
		return refuse(parse, "it has a PIN (pin-value or pin-source), which must never stand in a URI; "
				     "run keystay unlock instead");
	bool known = starts_with(name, "x-");
	for (size_t i = 0; !known && i < sizeof(unmatchable) / sizeof(unmatchable[0]); i++)
		known = is_name(name, unmatchable[i]);
	if (!known)
		return refuse(parse, "it has an attribute that is not known; write token, manufacturer, model, serial, "
				     "object, id or type");
	parse->uri.unmatched = true;
	return 0;
}

static int read_attribute(struct parse *parse, struct ks_bytes part, bool in_query)
{
	struct ks_bytes value = part;
	struct ks_bytes name;

	if (!cut(&value, '=', &name) || name.size == 0)
		return refuse(parse, "each attribute is written NAME=VALUE, with ';' between two of them");

	size_t i = in_query ? KS_URI_N_ATTRIBUTES : 0;
	while (i < KS_URI_N_ATTRIBUTES && !is_name(name, names[i]))
		i++;
	struct ks_bytes decoded;
	int r;
	if (i == KS_URI_N_ATTRIBUTES) {
		r = read_other(parse, name);
		return r < 0 ? r : decode(parse, value, &decoded);
	}
	if (parse->uri.present[i])
		return refuse(parse, "it has the same attribute twice");
	r = decode(parse, value, &decoded);
	if (r < 0)
		return r;
	if (i != KS_URI_ID && !ks_text_valid(decoded))
		return refuse(parse, "a value is not readable text (UTF-8 without control characters)");
	parse->uri.present[i] = true;
	parse->uri.value[i] = decoded;
	return 0;
}

static int read_attributes(struct parse *parse, struct ks_bytes text, bool in_query)
{
	bool more = text.size > 0;

	while (more) {
		struct ks_bytes part;
		more = cut(&text, in_query ? '&' : ';', &part);
		int r = read_attribute(parse, part, in_query);
		if (r < 0)
			return r;
	}
	return 0;
}

/* RFC 3986 section 3.1: schemes have no case. */
bool ks_uri_is_one(struct ks_bytes text)
{
	static const size_t size = sizeof(SCHEME) - 1;

	if (text.size < size)
		return false;
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = text.data[i];
		if (byte >= 'A' && byte <= 'Z')
			byte = (uint8_t)(byte - 'A' + 'a');
		if (byte != (uint8_t)SCHEME[i])
			return false;
	}
	return true;
}

int ks_uri_read(struct ks_bytes text, struct ks_uri *ret_uri, const char **ret_why)
{
	if (!ks_uri_is_one(text)) {
		*ret_why = "it does not begin with pkcs11:";
		return KS_ERR_INVALID;
	}
	size_t scheme_size = strlen(SCHEME);
	struct ks_bytes query = ks_bytes(text.data + scheme_size, text.size - scheme_size);
	struct ks_bytes path;
	(void)cut(&query, '?', &path);

	struct parse parse = { .uri = { .storage = malloc(text.size) } };
	if (!parse.uri.storage)
		return KS_ERR_NO_MEMORY;
	int r = read_attributes(&parse, path, false);
	if (r == 0)
		r = read_attributes(&parse, query, true);
	if (r < 0) {
		ks_uri_deinit(&parse.uri);
		*ret_why = parse.why;
		return r;
	}
	*ret_uri = parse.uri;
	return 0;
}

void ks_uri_deinit(struct ks_uri *uri)
{
	free(uri->storage);
	memset(uri, 0, sizeof(*uri));
}

/* --- matching ---------------------------------------------------------------------------------------------------- */

bool ks_uri_matches(const struct ks_uri *pattern, const struct ks_uri *subject)
{
	if (pattern->unmatched || subject->unmatched)
		return false;
	for (size_t i = 0; i < KS_URI_N_ATTRIBUTES; i++) {
		if (!pattern->present[i])
			continue;
		/* An empty value fits an empty value only (RFC 7512 section 2.3). */
		if (!subject->present[i] || !ks_bytes_equal(pattern->value[i], subject->value[i]))
			return false;
	}
	return true;
}

/* --- tokens ------------------------------------------------------------------------------------------------------ */

struct ks_uri ks_uri_of_token(const char *label, const char *manufacturer, const char *model, const char *serial)
{
	return (struct ks_uri){
		.present = { [KS_URI_TOKEN] = true,
			     [KS_URI_MANUFACTURER] = true,
			     [KS_URI_MODEL] = true,
			     [KS_URI_SERIAL] = true },
		.value = { [KS_URI_TOKEN] = ks_bytes_text(label),
			   [KS_URI_MANUFACTURER] = ks_bytes_text(manufacturer),
			   [KS_URI_MODEL] = ks_bytes_text(model),
			   [KS_URI_SERIAL] = ks_bytes_text(serial) },
	};
}

void ks_uri_keep_token(struct ks_uri *uri)
{
	uri->present[KS_URI_OBJECT] = false;
	uri->present[KS_URI_ID] = false;
	uri->present[KS_URI_TYPE] = false;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static bool is_unreserved(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	       byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

void ks_uri_write(struct ks_buffer *buffer, const struct ks_uri *uri)
{
	const char *separator = "";

	ks_buffer_put(buffer, ks_bytes_text(SCHEME));
	for (size_t i = 0; i < KS_URI_N_ATTRIBUTES; i++) {
		if (!uri->present[i])
			continue;
		ks_buffer_printf(buffer, "%s%s=", separator, names[i]);
		for (size_t k = 0; k < uri->value[i].size; k++) {
			uint8_t byte = uri->value[i].data[k];
			/* All of an id is encoded, so that people see that it is not text (RFC 7512 section 2.3). */
			if (i != KS_URI_ID && is_unreserved(byte))
				ks_buffer_put_u8(buffer, byte);
			else
				ks_buffer_printf(buffer, "%%%02X", byte);
		}
		separator = ";";
	}
}
