/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp_part: see cmp_part.h.
 *
 * Runs in: keystay-agent. The CMP module has EXPLICIT tags, CRMF IMPLICIT ones (RFC 4210 appendix F, RFC 4211 appendix B).
 */
#include "lib/tls/cmp_part.h"

#include "lib/base/der.h"
#include "lib/tls/crmf.h"
#include "lib/tls/der_parts.h"
#include "lib/tls/der_strict.h"
#include "lib/tls/refusal.h"

#define GENERALIZED_TIME 0x18

/* Constructed context tags. */
#define IN(number) (uint8_t)(KS_DER_CONTEXT_0 + (number))

/* RFC 9483 section 3.1: 128 bits of each, at least. Without them a signature could be used for another exchange. */
#define NONCE_MIN 16u
#define NONCE_MAX 64u

static int refuse(struct ks_signable_refusal *refusal, const char *what)
{
	return ks_refusal_give(refusal, KS_ERR_INPUT_CMP, "in the CMP message %s", what);
}

/* The one element of this tag in the next one, which is explicitly tagged with number. */
static struct ks_bytes take_tagged(struct ks_reader *reader, unsigned number, uint8_t tag)
{
	struct ks_reader inner = ks_reader(ks_der_take(reader, IN(number)));
	struct ks_bytes contents = ks_der_take(&inner, tag);

	if (!ks_reader_done(&inner))
		ks_reader_fail(reader);
	return contents;
}

/* --- the header -------------------------------------------------------------------------------------------------- */

/* sender and recipient: GeneralName; of who signs by a certificate it is its subject (RFC 4210 section 5.1.1). */
static bool take_directory_name(struct ks_reader *reader)
{
	struct ks_bytes name = take_tagged(reader, 4, KS_DER_SEQUENCE);

	return ks_reader_ok(reader) && ks_der_parts_is_name(name);
}

/* [number] OCTET STRING of at least min bytes; where min is 0 it may be missing. */
static bool take_octets(struct ks_reader *reader, unsigned number, size_t min)
{
	if (min == 0 && ks_der_peek(reader) != IN(number))
		return true;
	struct ks_bytes octets = take_tagged(reader, number, KS_DER_OCTET_STRING);
	return ks_reader_ok(reader) && octets.size >= min && octets.size > 0 && octets.size <= NONCE_MAX;
}

/* SEQUENCE OF InfoTypeAndValue: implicitConfirm with NULL, all that a client has to say (RFC 4210 section 5.1.1.1). */
static bool take_general_info(struct ks_reader *reader)
{
	/* 1.3.6.1.5.5.7.4.13 */
	static const uint8_t implicit_confirm[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x04, 0x0d };

	if (ks_der_peek(reader) != IN(8))
		return true;
	struct ks_reader infos = ks_reader(take_tagged(reader, 8, KS_DER_SEQUENCE));
	struct ks_reader info = ks_reader(ks_der_take(&infos, KS_DER_SEQUENCE));
	struct ks_bytes type = ks_der_take(&info, KS_DER_OID);
	(void)ks_der_take(&info, KS_DER_NULL);
	return ks_reader_ok(reader) && ks_reader_done(&infos) && ks_reader_done(&info) &&
	       ks_bytes_equal(type, ks_bytes(implicit_confirm, sizeof(implicit_confirm)));
}

/* GeneralizedTime in DER, without fractions (X.690 section 11.7). */
static bool take_time(struct ks_reader *reader)
{
	if (ks_der_peek(reader) != IN(0))
		return true;
	struct ks_bytes time = take_tagged(reader, 0, GENERALIZED_TIME);
	if (!ks_reader_ok(reader) || time.size != strlen("20260101000000Z") || time.data[time.size - 1] != 'Z')
		return false;
	for (size_t i = 0; i + 1 < time.size; i++) {
		if (time.data[i] < '0' || time.data[i] > '9')
			return false;
	}
	return true;
}

/* All but pvno, sender and recipient. freeText [7] is for persons and from nobody here. */
static bool take_optional_parts(struct ks_reader *reader, struct ks_bytes *ret_protection)
{
	if (!take_time(reader))
		return false;
	struct ks_reader protection = ks_reader(ks_der_take(reader, IN(1)));
	*ret_protection = ks_der_take_any(&protection, NULL);
	return ks_reader_done(&protection) && take_octets(reader, 2, 0) && take_octets(reader, 3, 0) &&
	       take_octets(reader, 4, NONCE_MIN) && take_octets(reader, 5, NONCE_MIN) && take_octets(reader, 6, 0) &&
	       take_general_info(reader);
}

static int read_header(struct ks_bytes contents, struct ks_cmp_part *part, struct ks_signable_refusal *refusal)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes version = ks_der_take(&reader, KS_DER_INTEGER);

	if (!ks_reader_ok(&reader) || version.size != 1 || version.data[0] < 2 || version.data[0] > 3)
		return refuse(refusal, "the version is neither 2 nor 3");
	if (!take_directory_name(&reader) || !take_directory_name(&reader))
		return refuse(refusal, "sender or recipient is no directory name");
	if (!take_optional_parts(&reader, &part->protection) || !ks_reader_done(&reader))
		return refuse(refusal,
			      "the header is not well-formed, or lacks the algorithm, the transaction's number "
			      "or the nonce, or has what no client needs");
	return 0;
}

/* --- the bodies -------------------------------------------------------------------------------------------------- */

/* The contents of the only element of a SEQUENCE OF SEQUENCE; none where there is another number of them. */
static bool take_only(struct ks_bytes contents, struct ks_bytes *ret_only)
{
	struct ks_reader reader = ks_reader(contents);

	*ret_only = ks_der_take(&reader, KS_DER_SEQUENCE);
	return ks_reader_done(&reader);
}

static bool is_zero(struct ks_bytes number)
{
	return number.size == 1 && number.data[0] == 0;
}

/* CertReqMessages of one */
static bool read_key_update(struct ks_bytes only, struct ks_cmp_part *part)
{
	struct ks_crmf_template template;

	if (!ks_crmf_read_message(only, &template))
		return false;
	part->key = template.key;
	return true;
}

/* RevDetails ::= SEQUENCE { certDetails CertTemplate, crlEntryDetails Extensions OPTIONAL }: which certificate, by whom. */
static bool read_revocation(struct ks_bytes only, struct ks_cmp_part *part)
{
	struct ks_reader reader = ks_reader(only);
	struct ks_bytes details = ks_der_take(&reader, KS_DER_SEQUENCE);
	struct ks_crmf_template template;

	if (!ks_reader_ok(&reader) || !ks_crmf_read_template(details, &template) || template.serial.size == 0 ||
	    !template.has_issuer || template.has_validity || template.has_extensions)
		return false;
	if (ks_reader_left(&reader) > 0 && !ks_der_parts_are_extensions(ks_der_take(&reader, KS_DER_SEQUENCE)))
		return false;
	part->serial = template.serial;
	return ks_reader_done(&reader);
}

/* PKIStatusInfo ::= SEQUENCE { status INTEGER, statusString SEQUENCE OF UTF8String OPTIONAL, failInfo BIT STRING OPTIONAL } */
static bool is_status_info(struct ks_bytes contents)
{
	struct ks_reader reader = ks_reader(contents);
	struct ks_bytes status = ks_der_take(&reader, KS_DER_INTEGER);

	/* accepted and rejection: all that a client may say of its certificate */
	if (!ks_reader_ok(&reader) || status.size != 1 || (status.data[0] != 0 && status.data[0] != 2))
		return false;
	if (ks_der_peek(&reader) == KS_DER_SEQUENCE) {
		struct ks_reader texts = ks_reader(ks_der_take(&reader, KS_DER_SEQUENCE));
		do {
			(void)ks_der_take(&texts, KS_DER_UTF8_STRING);
		} while (ks_reader_ok(&texts) && ks_reader_left(&texts) > 0);
		if (!ks_reader_ok(&texts))
			return false;
	}
	if (ks_reader_left(&reader) > 0)
		(void)ks_der_take(&reader, KS_DER_BIT_STRING);
	return ks_reader_done(&reader);
}

/* CertStatus ::= SEQUENCE { certHash OCTET STRING, certReqId INTEGER, statusInfo OPTIONAL, hashAlg [0] OPTIONAL (RFC 9480
 * section 2.10) } */
static bool read_confirmation(struct ks_bytes only, struct ks_cmp_part *part)
{
	struct ks_reader reader = ks_reader(only);
	struct ks_bytes hash = ks_der_take(&reader, KS_DER_OCTET_STRING);
	struct ks_bytes number = ks_der_take(&reader, KS_DER_INTEGER);

	(void)part;
	if (!ks_reader_ok(&reader) || hash.size < 20 || hash.size > 64 || !is_zero(number))
		return false;
	if (ks_der_peek(&reader) == KS_DER_SEQUENCE && !is_status_info(ks_der_take(&reader, KS_DER_SEQUENCE)))
		return false;
	if (ks_reader_left(&reader) > 0) {
		struct ks_reader algorithm = ks_reader(take_tagged(&reader, 0, KS_DER_SEQUENCE));
		(void)ks_der_take(&algorithm, KS_DER_OID);
		if (!ks_reader_ok(&algorithm))
			return false;
	}
	return ks_reader_done(&reader);
}

/* PollReqContent ::= SEQUENCE OF SEQUENCE { certReqId INTEGER } */
static bool read_poll(struct ks_bytes only, struct ks_cmp_part *part)
{
	struct ks_reader reader = ks_reader(only);
	struct ks_bytes number = ks_der_take(&reader, KS_DER_INTEGER);

	(void)part;
	return ks_reader_done(&reader) && is_zero(number);
}

static const struct body {
	uint8_t number; /* of its tag (RFC 4210 section 5.1.2) */
	enum ks_cmp_kind kind;
	bool (*read)(struct ks_bytes only, struct ks_cmp_part *part);
} bodies[] = {
	{ 7, KS_CMP_KEY_UPDATE, read_key_update },
	{ 11, KS_CMP_REVOCATION, read_revocation },
	{ 24, KS_CMP_CONFIRMATION, read_confirmation },
	{ 25, KS_CMP_POLL, read_poll },
};

static int refuse_body(uint8_t tag, struct ks_signable_refusal *refusal)
{
	if (tag == IN(0) || tag == IN(2) || tag == IN(4))
		return ks_refusal_give(
			refusal, KS_ERR_INPUT_CMP,
			"the CMP message is a first request (%s), which the secret of a profile protects "
			"and no key",
			tag == IN(0) ? "ir" : (tag == IN(2) ? "cr" : "p10cr"));
	return ks_refusal_give(refusal, KS_ERR_INPUT_CMP,
			       "the body of the CMP message (tag 0x%02x) is not kur, rr, certConf or pollReq", tag);
}

static int read_body(struct ks_reader *reader, struct ks_cmp_part *part, struct ks_signable_refusal *refusal)
{
	uint8_t tag = ks_der_peek(reader);

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const struct body *body = &bodies[i];
		struct ks_bytes only;
		if (tag != IN(body->number))
			continue;
		struct ks_bytes contents = take_tagged(reader, body->number, KS_DER_SEQUENCE);
		if (!ks_reader_done(reader) || !take_only(contents, &only) || !body->read(only, part))
			return refuse(refusal, "the body is not well-formed, is of several requests, or has what no "
					       "client needs");
		part->kind = body->kind;
		return 0;
	}
	return refuse_body(tag, refusal);
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int read_cert_request(struct ks_bytes contents, struct ks_cmp_part *part, struct ks_signable_refusal *refusal)
{
	struct ks_crmf_template template;

	if (!ks_crmf_read_request(contents, &template))
		return ks_refusal_give(refusal, KS_ERR_INPUT_CMP,
				       "the input is no CertRequest (RFC 4211) for a key, or has what no client needs");
	part->kind = KS_CMP_CERT_REQUEST;
	part->key = template.key;
	return 0;
}

int ks_cmp_part_read(struct ks_bytes input, struct ks_cmp_part *ret_part, struct ks_signable_refusal *ret_refusal)
{
	struct ks_cmp_part part = { .kind = KS_CMP_POLL };
	struct ks_reader outer = ks_reader(input);
	struct ks_bytes contents = ks_der_take(&outer, KS_DER_SEQUENCE);
	struct ks_reader reader = ks_reader(contents);

	if (input.size > KS_CMP_PART_MAX)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_CMP,
				       "the CMP message is %zu bytes long; at most %u are signed", input.size,
				       KS_CMP_PART_MAX);
	if (!ks_reader_done(&outer) || !ks_der_strict(input))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_CMP,
				       "the input is no whole SEQUENCE in DER, as what CMP signs is (RFC 4210 section "
				       "5.1.3)");
	int r;
	if (ks_der_peek(&reader) == KS_DER_INTEGER) {
		r = read_cert_request(contents, &part, ret_refusal);
	} else {
		struct ks_bytes header = ks_der_take(&reader, KS_DER_SEQUENCE);
		r = ks_reader_ok(&reader) ? read_header(header, &part, ret_refusal) :
					    refuse(ret_refusal, "there is no header");
		if (r == 0)
			r = read_body(&reader, &part, ret_refusal);
	}
	if (r < 0)
		return r;
	*ret_part = part;
	return 0;
}

int ks_cmp_part_key(const struct ks_cmp_part *part, uint8_t memory[KS_SPKI_MAX], struct ks_spki *ret_spki)
{
	struct ks_bytes key = part->key;
	size_t head = 2;

	if (key.size == 0 || key.size + 4 > KS_SPKI_MAX)
		return KS_ERR_INPUT_CMP;
	memory[0] = KS_DER_SEQUENCE;
	if (key.size < 0x80) {
		memory[1] = (uint8_t)key.size;
	} else {
		size_t n = key.size < 0x100 ? 1 : 2;
		memory[1] = (uint8_t)(0x80 | n);
		for (size_t i = 0; i < n; i++)
			memory[2 + i] = (uint8_t)(key.size >> (8 * (n - 1 - i)));
		head += n;
	}
	memcpy(memory + head, key.data, key.size);
	return ks_spki_read(ks_bytes(memory, head + key.size), ret_spki) < 0 ? KS_ERR_INPUT_CMP : 0;
}
