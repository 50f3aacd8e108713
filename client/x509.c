/* SPDX-License-Identifier: Apache-2.0 */
/* x509: see x509.h. Runs in: keystay and, by the plug-ins, any program. */
#include "client/x509.h"

#include <string.h>

#include "client/name.h"
#include "lib/base/der.h"

#define TAG_UTC_TIME 0x17u
#define TAG_GENERALIZED_TIME 0x18u
#define UTC_PIVOT 50 /* RFC 5280 section 4.1.2.5.1: from 50 on it is 19YY */

static bool all_digits(const uint8_t *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
	}
	return true;
}

/* "YYMMDDHHMMSSZ" or "YYYYMMDDHHMMSSZ", the only forms that RFC 5280 allows; the date alone is of interest. */
static void take_date(struct ks_reader *reader, char ret_date[8])
{
	bool is_utc = ks_der_peek(reader) == TAG_UTC_TIME;
	size_t year = is_utc ? 2 : 4;
	struct ks_bytes text = ks_der_take(reader, is_utc ? TAG_UTC_TIME : TAG_GENERALIZED_TIME);

	if (text.size != year + 11 || !all_digits(text.data, text.size - 1) || text.data[text.size - 1] != 'Z') {
		ks_reader_fail(reader);
		return;
	}
	if (is_utc) {
		int two_digits = (text.data[0] - '0') * 10 + text.data[1] - '0';
		memcpy(ret_date, two_digits >= UTC_PIVOT ? "19" : "20", 2);
	}
	memcpy(ret_date + 4 - year, text.data, year + 4);
}

static struct ks_bytes take_whole(struct ks_reader *reader, uint8_t tag)
{
	uint8_t found = 0;
	struct ks_bytes element = ks_der_take_any(reader, &found);
	if (found != tag)
		ks_reader_fail(reader);
	return element;
}

int ks_x509_read(struct ks_bytes der, struct ks_x509 *ret_certificate)
{
	struct ks_x509 certificate = { .not_before = "", .not_after = "" };
	struct ks_reader outer = ks_reader(der);
	struct ks_reader parts = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	struct ks_reader tbs = ks_reader(ks_der_take(&parts, KS_DER_SEQUENCE));
	(void)ks_der_take(&parts, KS_DER_SEQUENCE);   /* signatureAlgorithm */
	(void)ks_der_take(&parts, KS_DER_BIT_STRING); /* signatureValue */
	if (!ks_reader_done(&outer) || !ks_reader_done(&parts))
		return KS_ERR_MALFORMED;

	if (ks_der_peek(&tbs) == KS_DER_CONTEXT_0)
		(void)ks_der_take(&tbs, KS_DER_CONTEXT_0); /* version */
	certificate.serial = take_whole(&tbs, KS_DER_INTEGER);
	(void)ks_der_take(&tbs, KS_DER_SEQUENCE); /* signature */
	certificate.issuer = take_whole(&tbs, KS_DER_SEQUENCE);
	struct ks_reader validity = ks_reader(ks_der_take(&tbs, KS_DER_SEQUENCE));
	take_date(&validity, certificate.not_before);
	take_date(&validity, certificate.not_after);
	certificate.subject = take_whole(&tbs, KS_DER_SEQUENCE);
	certificate.spki = take_whole(&tbs, KS_DER_SEQUENCE);
	if (!ks_reader_ok(&tbs) || !ks_reader_done(&validity))
		return KS_ERR_MALFORMED;
	*ret_certificate = certificate;
	return 0;
}

char *ks_x509_label(const struct ks_x509 *certificate)
{
	return ks_name_label(certificate->subject);
}
