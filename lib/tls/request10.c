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
#include "lib/tls/der_parts.h"
#include "lib/tls/der_strict.h"
#include "lib/tls/refusal.h"

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

/* --- attributes -------------------------------------------------------------------------------------------------- */

/* values: what stands in the SET of extensionRequest: one Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension. */
static bool are_extensions(struct ks_bytes values, struct ks_bytes *ret_extensions)
{
	struct ks_reader set = ks_reader(values);
	struct ks_bytes contents = ks_der_take(&set, KS_DER_SEQUENCE);

	if (!ks_reader_done(&set) || !ks_der_parts_are_extensions(contents))
		return false;
	*ret_extensions = values;
	return true;
}

/* Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET SIZE (1..MAX) OF ANY } */
static bool is_attribute(struct ks_bytes contents, struct ks_der_seen *seen, struct ks_bytes *ret_extensions)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes type = ks_der_take(&reader, KS_DER_OID);
	struct ks_bytes values = ks_der_take(&reader, KS_DER_SET);

	if (!ks_reader_done(&reader) || values.size == 0 || !ks_der_parts_is_new(seen, type, KS_REQUEST_ATTRIBUTES_MAX))
		return false;
	return !ks_bytes_equal(type, ks_bytes(oid_extension_request, sizeof(oid_extension_request))) ||
	       are_extensions(values, ret_extensions);
}

/* attributes [0] IMPLICIT SET OF Attribute: never left out, in ascending order. */
static bool are_attributes(struct ks_bytes contents, struct ks_bytes *ret_extensions)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes previous = KS_BYTES_NONE;
	struct ks_der_seen seen = { .n = 0 };

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
	if (!ks_reader_ok(&parts) || !ks_der_parts_is_name(name))
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
