/* SPDX-License-Identifier: Apache-2.0 */
/* certificate_dates: see certificate_dates.h. Runs in: keystay-agent. */
#include "lib/tls/certificate_dates.h"

#include <string.h>
#include <time.h>

#include "lib/base/der.h"
#include "lib/base/reader.h"
#include "lib/tls/transcript13.h"

#define TAG_UTC_TIME 0x17
#define TAG_GENERALIZED_TIME 0x18

/* Two digits, or -1. */
static int two(const uint8_t *digits)
{
	if (digits[0] < '0' || digits[0] > '9' || digits[1] < '0' || digits[1] > '9')
		return -1;
	return (digits[0] - '0') * 10 + (digits[1] - '0');
}

/* YYMMDDHHMMSSZ until 2049, YYYYMMDDHHMMSSZ after that; never a fraction or another zone. */
static int read_time(struct ks_reader *validity, int64_t *ret_s)
{
	uint8_t tag = ks_der_peek(validity);
	struct ks_bytes text = ks_der_take(validity, tag);
	size_t n_year = tag == TAG_GENERALIZED_TIME ? 4 : 2;
	int parts[5];

	if ((tag != TAG_UTC_TIME && tag != TAG_GENERALIZED_TIME) || text.size != n_year + 11 ||
	    text.data[text.size - 1] != 'Z')
		return KS_ERR_MALFORMED;
	int year = two(text.data);
	if (year < 0)
		return KS_ERR_MALFORMED;
	if (tag == TAG_GENERALIZED_TIME) {
		int rest = two(text.data + 2);
		year = rest < 0 ? -1 : year * 100 + rest;
	} else {
		year += year < 50 ? 2000 : 1900;
	}
	for (size_t i = 0; i < 5; i++)
		parts[i] = two(text.data + n_year + 2 * i);
	if (year < 0 || parts[0] < 1 || parts[0] > 12 || parts[1] < 1 || parts[1] > 31 || parts[2] < 0 ||
	    parts[2] > 23 || parts[3] < 0 || parts[3] > 59 || parts[4] < 0 || parts[4] > 59)
		return KS_ERR_MALFORMED;
	struct tm when = { .tm_year = year - 1900,
			   .tm_mon = parts[0] - 1,
			   .tm_mday = parts[1],
			   .tm_hour = parts[2],
			   .tm_min = parts[3],
			   .tm_sec = parts[4] };
	*ret_s = (int64_t)timegm(&when);
	return 0;
}

int ks_certificate_dates_read(struct ks_bytes der, int64_t *ret_not_before, int64_t *ret_not_after)
{
	struct ks_reader outer = ks_reader(der);
	struct ks_reader certificate = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	struct ks_reader fields = ks_reader(ks_der_take(&certificate, KS_DER_SEQUENCE)); /* TBSCertificate */
	int64_t not_before, not_after;

	if (ks_der_peek(&fields) == KS_DER_CONTEXT_0)
		(void)ks_der_take(&fields, KS_DER_CONTEXT_0); /* version */
	(void)ks_der_take(&fields, KS_DER_INTEGER);           /* serialNumber */
	(void)ks_der_take(&fields, KS_DER_SEQUENCE);          /* signature */
	(void)ks_der_take(&fields, KS_DER_SEQUENCE);          /* issuer */
	struct ks_reader validity = ks_reader(ks_der_take(&fields, KS_DER_SEQUENCE));
	int r = read_time(&validity, &not_before);
	if (r == 0)
		r = read_time(&validity, &not_after);
	if (r < 0 || ks_der_peek(&validity) != 0)
		return KS_ERR_MALFORMED;
	*ret_not_before = not_before;
	*ret_not_after = not_after;
	return 0;
}

struct ks_bytes ks_certificate_shown(const struct ks_signable *signable, struct ks_bytes transcript,
				     const struct ks_spki *spki)
{
	struct ks_transcript13 handshake;
	struct ks_signable_refusal refusal;
	uint8_t server[64], client[64];
	struct ks_bytes der;
	struct ks_spki shown;

	if (signable->kind != KS_SIGNABLE_TLS13_CLIENT)
		return signable->client_certificate;
	if (transcript.size == 0 || ks_transcript13_read(transcript, &handshake, &refusal) < 0 ||
	    ks_transcript13_hash(&handshake, server, client) < 0 || handshake.hash != signable->transcript_hash ||
	    !ks_bytes_equal(signable->transcript_digest, ks_bytes(client, ks_hash_size(handshake.hash))) ||
	    ks_spki_of_certificate(handshake.client_certificate, &der) < 0 || ks_spki_read(der, &shown) < 0 ||
	    !ks_spki_same_key(&shown, spki))
		return KS_BYTES_NONE;
	return handshake.client_certificate;
}
