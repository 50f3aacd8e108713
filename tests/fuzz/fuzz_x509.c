/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_x509: any bytes as a certificate that the PKCS#11 module shows, as a DigestInfo and as an ECDSA signature:
 * all that module reads of what others wrote.
 *
 * Checks beside memory errors: what was found lies inside the input, where lib/protocol finds the key as well; dates
 * are digits, the label is text, names compare the same both ways; a signature that was taken apart is the same when put together.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/module/digest_info.h"
#include "client/module/raw_signature.h"
#include "client/name.h"
#include "client/x509.h"
#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct ks_bytes part, struct ks_bytes whole)
{
	if (part.size == 0 || part.data < whole.data || part.data + part.size > whole.data + whole.size)
		abort();
}

static void check_digits(const char date[8])
{
	for (size_t i = 0; i < 8; i++) {
		if (date[i] < '0' || date[i] > '9')
			abort();
	}
}

static void check_certificate(struct ks_bytes der)
{
	struct ks_x509 certificate;
	struct ks_bytes spki;

	if (ks_x509_read(der, &certificate) < 0)
		return;
	check_inside(certificate.serial, der);
	check_inside(certificate.issuer, der);
	check_inside(certificate.subject, der);
	check_inside(certificate.spki, der);
	check_digits(certificate.not_before);
	check_digits(certificate.not_after);
	if (ks_spki_of_certificate(der, &spki) < 0 || spki.data != certificate.spki.data ||
	    spki.size != certificate.spki.size)
		abort();
	if (!ks_name_equal(certificate.issuer, certificate.issuer) ||
	    ks_name_equal(certificate.issuer, certificate.subject) !=
		    ks_name_equal(certificate.subject, certificate.issuer))
		abort();
	KS_AUTO_FREE char *label = ks_x509_label(&certificate);
	if (!label || label[0] == '\0' || !ks_text_valid(ks_bytes_text(label)))
		abort();
}

static void check_signature(struct ks_bytes signature)
{
	struct ks_spki spki = { .algorithm = KS_KEY_EC, .curve = KS_CURVE_P384 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer again = { 0 };
	uint8_t raw[96];

	if (ks_raw_signature_make(&spki, signature, raw) < 0)
		return;
	/* One with a zero in it is well-formed and no signature. */
	if (ks_der_put_ecdsa(&again, ks_bytes(raw, sizeof(raw))) == 0 &&
	    !ks_bytes_equal(ks_buffer_bytes(&again), signature))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes input = ks_bytes(data, size), digest;
	enum ks_hash hash;

	check_certificate(input);
	check_signature(input);
	if (ks_digest_info_read(input, &hash, &digest) == 0 && digest.size != ks_hash_size(hash))
		abort();
	return 0;
}
