/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request10: see request10.h.
 *
 * Stricter than certificate authorities are: what is not read here is not signed, and those who make requests for
 * keystay (lib/protocol/csr.h) write DER. BER in a request would be a way to have two readers see two requests.
 */
#include "lib/tls/request10.h"

#include "lib/base/der.h"
#include "lib/protocol/limits.h"
#include "lib/tls/der_strict.h"
#include "lib/tls/refusal.h"

#define BOOLEAN 0x01

/* 1.2.840.113549.1.9.14 */
static const uint8_t oid_extension_request[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e };

static int refuse(struct ks_signable_refusal *refusal, const char *what)
{
	return ks_refusal_give(refusal, KS_ERR_INPUT_REQUEST, "in the certificate request %s", what);
}

/* The contents of the next element, which must be well-formed all the way down. */
static struct ks_bytes take_strict(struct ks_reader *reader, uint8_t tag)
{
	struct ks_reader whole = *reader;
	struct ks_bytes element = ks_der_take_any(&whole, NULL);

	if (!ks_reader_ok(&whole) || !ks_der_strict(element))
		ks_reader_fail(reader);
	return ks_der_take(reader, tag);
}

/* --- the name ---------------------------------------------------------------------------------------------------- */

/* DirectoryString and what RFC 5280 appendix A.1 gives to single attributes (IA5String, PrintableString …). */
static bool is_string(uint8_t tag)
{
	switch (tag) {
	case KS_DER_BIT_STRING: /* uniqueIdentifier */
	case KS_DER_UTF8_STRING:
	case 0x12: /* NumericString */
	case 0x13: /* PrintableString */
	case 0x14: /* TeletexString */
	case 0x16: /* IA5String */
	case 0x1c: /* UniversalString */
	case 0x1e: /* BMPString */
		return true;
	default:
		return false;
	}
}

/* AttributeTypeAndValue ::= SEQUENCE { type OBJECT IDENTIFIER, value ANY } */
static bool is_type_and_value(struct ks_bytes contents)
{
	struct ks_reader reader = ks_reader(contents);

	(void)ks_der_take(&reader, KS_DER_OID);
	uint8_t tag = ks_der_peek(&reader);
	struct ks_bytes value = ks_der_take(&reader, tag);
	return ks_reader_done(&reader) && is_string(tag) && value.size > 0;
}

/* RelativeDistinguishedName ::= SET SIZE (1..MAX) OF AttributeTypeAndValue; how many there may be, the whole name says. */
static bool is_relative_name(struct ks_bytes contents, unsigned *n_parts)
{
	struct ks_reader reader = ks_reader(contents);

	do {
		struct ks_bytes part = ks_der_take(&reader, KS_DER_SEQUENCE);
		if (!ks_reader_ok(&reader) || !is_type_and_value(part) || ++*n_parts > KS_REQUEST_NAME_PARTS_MAX)
			return false;
	} while (ks_reader_left(&reader) > 0);
	return true;
}

/* Name (RFC 5280 section 4.1.2.4). It may be empty where subjectAltName says all (section 4.1.2.6). */
static bool is_name(struct ks_bytes contents)
{
	struct ks_reader reader = ks_reader(contents);
	unsigned n_parts = 0;

	while (ks_reader_left(&reader) > 0) {
		struct ks_bytes relative = ks_der_take(&reader, KS_DER_SET);
		if (!ks_reader_ok(&reader) || !is_relative_name(relative, &n_parts))
			return false;
	}
	return true;
}

/* --- attributes -------------------------------------------------------------------------------------------------- */

/* Types that were there before. */
struct seen {
	struct ks_bytes types[KS_REQUEST_EXTENSIONS_MAX];
	size_t n;
};

static bool is_new(struct seen *seen, struct ks_bytes type, size_t max)
{
	for (size_t i = 0; i < seen->n; i++) {
		if (ks_bytes_equal(seen->types[i], type))
			return false;
	}
	if (seen->n >= max)
		return false;
	seen->types[seen->n++] = type;
	return true;
}

/* Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue } (RFC 5280 section 4.1). */
static bool is_extension(struct ks_bytes contents, struct seen *seen)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes type = ks_der_take(&reader, KS_DER_OID);

	if (ks_der_peek(&reader) == BOOLEAN) {
		struct ks_bytes critical = ks_der_take(&reader, BOOLEAN);
		if (critical.size != 1 || critical.data[0] != 0xff)
			return false; /* FALSE is left out (X.690 section 11.5) */
	}
	struct ks_bytes value = ks_der_take(&reader, KS_DER_OCTET_STRING);
	return ks_reader_done(&reader) && ks_der_strict(value) && is_new(seen, type, KS_REQUEST_EXTENSIONS_MAX);
}

/* values: what stands in the SET of extensionRequest: one Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension. */
static bool are_extensions(struct ks_bytes values, struct ks_bytes *ret_extensions)
{
	struct ks_reader set = ks_reader(values);
	struct ks_bytes contents = ks_der_take(&set, KS_DER_SEQUENCE);
	struct seen seen = { .n = 0 };

	if (!ks_reader_done(&set) || contents.size == 0)
		return false;
	struct ks_reader reader = ks_reader(contents);
	while (ks_reader_left(&reader) > 0) {
		struct ks_bytes extension = ks_der_take(&reader, KS_DER_SEQUENCE);
		if (!ks_reader_ok(&reader) || !is_extension(extension, &seen))
			return false;
	}
	*ret_extensions = values;
	return true;
}

/* Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET SIZE (1..MAX) OF ANY } */
static bool is_attribute(struct ks_bytes contents, struct seen *seen, struct ks_bytes *ret_extensions)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes type = ks_der_take(&reader, KS_DER_OID);
	struct ks_bytes values = ks_der_take(&reader, KS_DER_SET);

	if (!ks_reader_done(&reader) || values.size == 0 || !is_new(seen, type, KS_REQUEST_ATTRIBUTES_MAX))
		return false;
	return !ks_bytes_equal(type, ks_bytes(oid_extension_request, sizeof(oid_extension_request))) ||
	       are_extensions(values, ret_extensions);
}

/* attributes [0] IMPLICIT SET OF Attribute: never left out, in ascending order. */
static bool are_attributes(struct ks_bytes contents, struct ks_bytes *ret_extensions)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes previous = KS_BYTES_NONE;
	struct seen seen = { .n = 0 };

	_Static_assert(KS_REQUEST_ATTRIBUTES_MAX <= KS_REQUEST_EXTENSIONS_MAX, "both are seen in one array");
	while (ks_reader_left(&reader) > 0) {
		struct ks_reader next = reader;
		struct ks_bytes element = ks_der_take_any(&next, NULL);
		struct ks_bytes attribute = ks_der_take(&reader, KS_DER_SEQUENCE);
		if (!ks_reader_ok(&reader) || !ks_der_strict_in_order(previous, element) ||
		    !is_attribute(attribute, &seen, ret_extensions))
			return false;
		previous = element;
	}
	return true;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int read_key(struct ks_bytes der, struct ks_spki *ret_spki, struct ks_signable_refusal *refusal)
{
	int r = ks_spki_read(der, ret_spki);

	return r < 0 ? refuse(refusal, "the public key is none that keystay knows") : 0;
}

int ks_request10_read(struct ks_bytes info, struct ks_request10 *ret_request, struct ks_signable_refusal *ret_refusal)
{
	struct ks_request10 request = { 0 };
	struct ks_reader outer = ks_reader(info);
	struct ks_bytes contents = ks_der_take(&outer, KS_DER_SEQUENCE);

	if (info.size > KS_REQUEST_INFO_MAX)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_REQUEST,
				       "the certificate request is %zu bytes long; at most %u are signed", info.size,
				       KS_REQUEST_INFO_MAX);
	if (!ks_reader_ok(&outer))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_REQUEST,
				       "the input is no CertificationRequestInfo (RFC 2986)");
	if (!ks_reader_done(&outer))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_REQUEST,
				       "%zu bytes stand behind the certificate request", ks_reader_left(&outer));

	struct ks_reader parts = ks_reader(contents);
	struct ks_bytes version = ks_der_take(&parts, KS_DER_INTEGER);
	if (!ks_reader_ok(&parts) || version.size != 1 || version.data[0] != 0)
		return refuse(ret_refusal, "the version is not 0");
	struct ks_reader at = parts;
	request.subject = ks_der_take_any(&at, NULL);
	struct ks_bytes name = take_strict(&parts, KS_DER_SEQUENCE);
	if (!ks_reader_ok(&parts) || !is_name(name))
		return refuse(ret_refusal, "the subject is no well-formed name");
	struct ks_bytes key = ks_der_take_any(&parts, NULL);
	int r = read_key(key, &request.spki, ret_refusal);
	if (r < 0)
		return r;
	request.attributes = take_strict(&parts, KS_DER_CONTEXT_0);
	if (!ks_reader_ok(&parts))
		return refuse(ret_refusal, "the attributes are missing, or not well-formed");
	if (!ks_reader_done(&parts))
		return refuse(ret_refusal, "something stands behind the attributes");
	if (!are_attributes(request.attributes, &request.extensions))
		return refuse(ret_refusal, "an attribute or an extension is not well-formed, or there twice");
	*ret_request = request;
	return 0;
}
