/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_certificate: any bytes as a certificate, and as a PEM file of certificates: what a token or a file may hold.
 *
 * Checks beside memory errors: what is read can be asked for everything, its words are fit to be shown, and its DER form
 * is the input; the reader of dates that knows no OpenSSL (certificate_dates.h) finds the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/tls/certificate.h"
#include "lib/tls/certificate_dates.h"
#include "lib/tls/certificate_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
	struct ks_bytes bytes = ks_bytes_text(text);

	if (bytes.size > KS_CERTIFICATE_TEXT_MAX || !ks_text_valid(bytes))
		abort();
}

static void check_dates(const struct ks_certificate *certificate)
{
	int64_t from, until;

	/* It refuses what RFC 5280 section 4.1.2.5 does not have, and OpenSSL takes: zones, no seconds. */
	if (ks_certificate_dates_read(ks_certificate_der(certificate), &from, &until) < 0)
		return;
	if (from != ks_certificate_not_before(certificate) || until != ks_certificate_not_after(certificate))
		abort();
}

static void check(const struct ks_certificate *certificate)
{
	check_text(ks_certificate_subject(certificate));
	check_text(ks_certificate_issuer(certificate));
	check_text(ks_certificate_common_name(certificate));
	check_text(ks_certificate_email(certificate));
	check_text(ks_certificate_upn(certificate));
	check_text(ks_certificate_template(certificate));
	struct ks_bytes der = ks_certificate_der(certificate);
	struct ks_bytes spki = ks_certificate_spki(certificate);
	if (spki.data < der.data || spki.data + spki.size > der.data + der.size)
		abort();
	if (ks_certificate_names_eku(certificate, "clientAuth") && !ks_certificate_allows(certificate, "clientAuth"))
		abort();
	(void)ks_certificate_issued_by(certificate, certificate);
	check_dates(certificate);
}

static int found(struct ks_certificate *certificate, void *userdata)
{
	(void)userdata;
	check(certificate);
	ks_certificate_unref(certificate);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_certificate *certificate = NULL;

	if (size > 0 && ks_certificate_new(ks_bytes(data, size), &certificate) == 0) {
		if (!ks_bytes_equal(ks_certificate_der(certificate), ks_bytes(data, size)))
			abort();
		check(certificate);
		ks_certificate_unref(certificate);
	}
	int64_t from = 0, until = 0;
	if (ks_certificate_dates_read(ks_bytes(data, size), &from, &until) < 0 && (from != 0 || until != 0))
		abort();
	if (ks_certificate_read_pem(ks_bytes(data, size), found, NULL) > 1000)
		abort();
	return 0;
}
