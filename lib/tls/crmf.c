/* SPDX-License-Identifier: Apache-2.0 */
/* crmf: see crmf.h. Runs in: keystay-agent. */
#include "lib/tls/crmf.h"

#include "lib/base/der.h"
#include "lib/tls/der_parts.h"

#define UTC_TIME 0x17
#define GENERALIZED_TIME 0x18

/* Context tags: constructed, and primitive ones. */
#define IN(number) (uint8_t)(KS_DER_CONTEXT_0 + (number))
#define PLAIN(number) (uint8_t)(0x80 + (number))

/* 1.3.6.1.5.5.7.5.1.5 */
static const uint8_t oid_old_cert_id[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x05, 0x01, 0x05 };

/* RFC 5280 section 4.1.2.2: at most 20 bytes; a byte more for CAs that did not count the sign. */
#define SERIAL_MAX 21u

/* An INTEGER whose tag is another one: der_strict has not looked at it. */
static bool is_serial(struct ks_bytes contents)
{
	if (contents.size == 0 || contents.size > SERIAL_MAX)
		return false;
	return contents.size == 1 || !((contents.data[0] == 0x00 && contents.data[1] < 0x80) ||
				       (contents.data[0] == 0xff && contents.data[1] >= 0x80));
}

/* [number] EXPLICIT Name, if it is the next; ret_name: what stands in its SEQUENCE. */
static bool take_name(struct ks_reader *reader, unsigned number, bool *ret_found, struct ks_bytes *ret_name)
{
	if (ks_der_peek(reader) != IN(number))
		return true;
	struct ks_reader outer = ks_reader(ks_der_take(reader, IN(number)));
	*ret_name = ks_der_take(&outer, KS_DER_SEQUENCE);
	*ret_found = true;
	return ks_reader_done(&outer) && ks_der_parts_is_name(*ret_name);
}

/* [number] EXPLICIT Time OPTIONAL */
static bool take_time(struct ks_reader *reader, unsigned number)
{
	if (ks_der_peek(reader) != IN(number))
		return true;
	struct ks_reader outer = ks_reader(ks_der_take(reader, IN(number)));
	uint8_t tag = ks_der_peek(&outer);
	(void)ks_der_take(&outer, tag);
	return ks_reader_done(&outer) && (tag == UTC_TIME || tag == GENERALIZED_TIME);
}

/* OptionalValidity ::= SEQUENCE { notBefore [0] Time OPTIONAL, notAfter [1] Time OPTIONAL }, at least one of them */
static bool take_validity(struct ks_reader *reader, bool *ret_found)
{
	if (ks_der_peek(reader) != IN(4))
		return true;
	struct ks_reader validity = ks_reader(ks_der_take(reader, IN(4)));
	*ret_found = true;
	return ks_reader_left(&validity) > 0 && take_time(&validity, 0) && take_time(&validity, 1) &&
	       ks_reader_done(&validity);
}

/* publicKey [6] SubjectPublicKeyInfo, which loses its own tag: AlgorithmIdentifier and BIT STRING. */
static bool take_key(struct ks_reader *reader, struct ks_bytes *ret_key)
{
	if (ks_der_peek(reader) != IN(6))
		return true;
	*ret_key = ks_der_take(reader, IN(6));
	struct ks_reader key = ks_reader(*ret_key);
	(void)ks_der_take(&key, KS_DER_SEQUENCE);
	(void)ks_der_take(&key, KS_DER_BIT_STRING);
	return ks_reader_done(&key);
}

bool ks_crmf_read_template(struct ks_bytes contents, struct ks_crmf_template *ret_template)
{
	struct ks_crmf_template found = { .has_issuer = false };
	struct ks_reader reader = ks_reader(contents);

	if (ks_der_peek(&reader) == PLAIN(0)) {
		struct ks_bytes version = ks_der_take(&reader, PLAIN(0));
		if (version.size != 1 || version.data[0] != 2)
			return false; /* RFC 4211 section 5: v3 where it is there */
	}
	if (ks_der_peek(&reader) == PLAIN(1)) {
		found.serial = ks_der_take(&reader, PLAIN(1));
		if (!is_serial(found.serial))
			return false;
	}
	if (!take_name(&reader, 3, &found.has_issuer, &found.issuer) || !take_validity(&reader, &found.has_validity) ||
	    !take_name(&reader, 5, &found.has_subject, &found.subject) || !take_key(&reader, &found.key))
		return false;
	if (ks_der_peek(&reader) == IN(9)) {
		found.has_extensions = true;
		if (!ks_der_parts_are_extensions(ks_der_take(&reader, IN(9))))
			return false;
	}
	if (contents.size == 0 || !ks_reader_done(&reader))
		return false;
	*ret_template = found;
	return true;
}

/* CertId ::= SEQUENCE { issuer GeneralName, serialNumber INTEGER }; the issuer is a directoryName. */
static bool is_cert_id(struct ks_bytes contents)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_reader issuer = ks_reader(ks_der_take(&reader, IN(4)));
	struct ks_bytes name = ks_der_take(&issuer, KS_DER_SEQUENCE);
	struct ks_bytes serial = ks_der_take(&reader, KS_DER_INTEGER);

	return ks_reader_done(&issuer) && ks_der_parts_is_name(name) && ks_reader_done(&reader) && is_serial(serial);
}

/* Controls ::= SEQUENCE SIZE (1..MAX) OF AttributeTypeAndValue: the certificate that is replaced, and no other. */
static bool is_old_cert_id(struct ks_bytes contents)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_reader control = ks_reader(ks_der_take(&reader, KS_DER_SEQUENCE));
	struct ks_bytes type = ks_der_take(&control, KS_DER_OID);
	struct ks_bytes value = ks_der_take(&control, KS_DER_SEQUENCE);

	return ks_reader_done(&reader) && ks_reader_done(&control) &&
	       ks_bytes_equal(type, ks_bytes(oid_old_cert_id, sizeof(oid_old_cert_id))) && is_cert_id(value);
}

bool ks_crmf_read_request(struct ks_bytes contents, struct ks_crmf_template *ret_template)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes number = ks_der_take(&reader, KS_DER_INTEGER);
	struct ks_bytes template = ks_der_take(&reader, KS_DER_SEQUENCE);
	struct ks_crmf_template found;

	/* RFC 9483 section 4.1.1: one request, and its number is 0. */
	if (!ks_reader_ok(&reader) || number.size != 1 || number.data[0] != 0 ||
	    !ks_crmf_read_template(template, &found) || found.key.size == 0 || found.serial.size > 0)
		return false;
	if (ks_reader_left(&reader) > 0 && !is_old_cert_id(ks_der_take(&reader, KS_DER_SEQUENCE)))
		return false;
	if (!ks_reader_done(&reader))
		return false;
	*ret_template = found;
	return true;
}

bool ks_crmf_read_message(struct ks_bytes contents, struct ks_crmf_template *ret_template)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes request = ks_der_take(&reader, KS_DER_SEQUENCE);
	struct ks_reader proof = ks_reader(ks_der_take(&reader, IN(1)));
	struct ks_reader algorithm = ks_reader(ks_der_take(&proof, KS_DER_SEQUENCE));

	(void)ks_der_take(&algorithm, KS_DER_OID);
	struct ks_bytes signature = ks_der_take(&proof, KS_DER_BIT_STRING);
	return ks_reader_ok(&algorithm) && ks_reader_done(&proof) && signature.size > 1 && ks_reader_done(&reader) &&
	       ks_crmf_read_request(request, ret_template);
}
