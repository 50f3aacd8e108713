/* SPDX-License-Identifier: Apache-2.0 */
/* der_parts: see der_parts.h. Runs in: keystay-agent. */
#include "lib/tls/der_parts.h"

#include "lib/base/der.h"
#include "lib/tls/der_strict.h"

#define BOOLEAN 0x01

/* --- names ------------------------------------------------------------------------------------------------------- */

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

bool ks_der_parts_is_name(struct ks_bytes contents)
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

/* --- extensions -------------------------------------------------------------------------------------------------- */

bool ks_der_parts_is_new(struct ks_der_seen *seen, struct ks_bytes type, size_t max)
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
static bool is_extension(struct ks_bytes contents, struct ks_der_seen *seen)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes type = ks_der_take(&reader, KS_DER_OID);

	if (ks_der_peek(&reader) == BOOLEAN) {
		struct ks_bytes critical = ks_der_take(&reader, BOOLEAN);
		if (critical.size != 1 || critical.data[0] != 0xff)
			return false; /* FALSE is left out (X.690 section 11.5) */
	}
	struct ks_bytes value = ks_der_take(&reader, KS_DER_OCTET_STRING);
	return ks_reader_done(&reader) && ks_der_strict(value) &&
	       ks_der_parts_is_new(seen, type, KS_REQUEST_EXTENSIONS_MAX);
}

bool ks_der_parts_are_extensions(struct ks_bytes contents)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_der_seen seen = { .n = 0 };

	while (ks_reader_left(&reader) > 0) {
		struct ks_bytes extension = ks_der_take(&reader, KS_DER_SEQUENCE);
		if (!ks_reader_ok(&reader) || !is_extension(extension, &seen))
			return false;
	}
	return contents.size > 0;
}
