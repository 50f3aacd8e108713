/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle: see bundle.h. OpenSSL reads, as some CAs write PKCS#7 with lengths that DER forbids.
 *
 * Runs in: keystay-enroll.
 */
#include "enrol/base/bundle.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "lib/base/base64.h"
#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/protocol/limits.h"
#include "lib/tls/pem_blocks.h"

KS_DEFINE_CLEANUP(PKCS7 *, PKCS7_free)
KS_DEFINE_CLEANUP(X509 *, X509_free)

bool ks_bundle_next(struct ks_bytes *rest, struct ks_bytes *ret_der)
{
	struct ks_reader reader = ks_reader(*rest);

	if (rest->size == 0)
		return false;
	*ret_der = ks_der_take_any(&reader, NULL);
	if (!ks_reader_ok(&reader))
		return false;
	*rest = ks_bytes(rest->data + ret_der->size, rest->size - ret_der->size);
	return true;
}

/* --- one certificate --------------------------------------------------------------------------------------------- */

static bool is_there(const struct ks_buffer *certificates, struct ks_bytes der, unsigned *ret_n)
{
	struct ks_bytes rest = ks_buffer_bytes(certificates), one;
	bool found = false;

	*ret_n = 0;
	while (ks_bundle_next(&rest, &one)) {
		found = found || ks_bytes_equal(one, der);
		(*ret_n)++;
	}
	return found;
}

static int add(struct ks_buffer *certificates, struct ks_bytes der)
{
	unsigned n;

	if (is_there(certificates, der, &n))
		return 0;
	if (n == KS_ENROL_CERTIFICATES_MAX)
		return KS_ERR_LIMIT;
	if (der.size > KS_CERTIFICATE_MAX)
		return KS_ERR_TOO_LARGE;
	ks_buffer_put(certificates, der);
	return ks_buffer_error(certificates);
}

/* As DER, whatever it was: what is written must be found again by its lengths. */
static int add_x509(struct ks_buffer *certificates, X509 *certificate)
{
	unsigned char *der = NULL;

	int size = i2d_X509(certificate, &der);
	if (size < 0)
		return KS_ERR_MALFORMED;
	struct ks_bytes bytes = ks_bytes(der, (size_t)size);
	struct ks_bytes rest = bytes, one;
	int r = ks_bundle_next(&rest, &one) && rest.size == 0 ? add(certificates, bytes) : KS_ERR_MALFORMED;
	OPENSSL_free(der);
	return r;
}

/* --- what is binary ---------------------------------------------------------------------------------------------- */

static int read_pkcs7(const PKCS7 *pkcs7, struct ks_buffer *certificates)
{
	const STACK_OF(X509) *list = NULL;

	if (OBJ_obj2nid(pkcs7->type) == NID_pkcs7_signed && pkcs7->d.sign)
		list = pkcs7->d.sign->cert;
	for (int i = 0; i < sk_X509_num(list); i++) {
		int r = add_x509(certificates, sk_X509_value(list, i));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_certificates(struct ks_bytes input, struct ks_buffer *certificates)
{
	const unsigned char *at = input.data, *end = input.data + input.size;

	while (at < end) {
		KS_CLEANUP(X509_freep) X509 *certificate = d2i_X509(NULL, &at, (long)(end - at));
		int r = certificate ? add_x509(certificates, certificate) : KS_ERR_MALFORMED;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Whatever is in a PEM block, as well. */
static int read_binary(struct ks_bytes input, void *userdata)
{
	struct ks_buffer *certificates = userdata;
	const unsigned char *at = input.data;

	if (input.size > INT32_MAX)
		return KS_ERR_TOO_LARGE;
	ERR_set_mark();
	KS_CLEANUP(PKCS7_freep) PKCS7 *pkcs7 = d2i_PKCS7(NULL, &at, (long)input.size);
	int r;
	if (!pkcs7)
		r = read_certificates(input, certificates);
	else
		r = at == input.data + input.size ? read_pkcs7(pkcs7, certificates) : KS_ERR_MALFORMED;
	ERR_pop_to_mark();
	return r;
}

/* --- what is text ------------------------------------------------------------------------------------------------ */

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct ks_bytes trim(struct ks_bytes input)
{
	while (input.size > 0 && is_space(input.data[0]))
		input = ks_bytes(input.data + 1, input.size - 1);
	while (input.size > 0 && is_space(input.data[input.size - 1]))
		input.size--;
	return input;
}

/* "0" begins a text as well as DER: then the length behind it fits nothing. */
static bool is_der(struct ks_bytes input)
{
	return input.size > 1 && input.data[0] == KS_DER_SEQUENCE &&
	       (input.data[1] >= 0x80 || input.data[1] + (size_t)2 == input.size);
}

static int read_any(struct ks_bytes input, struct ks_buffer *certificates)
{
	static const char *const labels[] = { "CERTIFICATE", "X509 CERTIFICATE", "PKCS7", "CMS", NULL };
	static const char begin[] = "-----BEGIN ";
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };

	if (is_der(input))
		return read_binary(input, certificates);
	if (input.size > 0 && memmem(input.data, input.size, begin, sizeof(begin) - 1)) {
		int n = ks_pem_blocks_read(input, labels, read_binary, certificates);
		return n < 0 ? n : 0;
	}
	int r = ks_base64_read(trim(input), &bytes);
	return r < 0 ? r : read_binary(ks_buffer_bytes(&bytes), certificates);
}

static int explain(int r, const char *whose, struct ks_enrol_problem *problem)
{
	switch (r) {
	case KS_ERR_LIMIT:
		return ks_enrol_problem_set(problem, r, "%s has more than %u certificates", whose,
					    KS_ENROL_CERTIFICATES_MAX);
	case KS_ERR_TOO_LARGE:
		return ks_enrol_problem_set(problem, r, "%s has a certificate of more than %u KiB", whose,
					    KS_CERTIFICATE_MAX / 1024);
	case KS_ERR_NO_CERTIFICATE:
		return ks_enrol_problem_set(problem, r, "%s has no certificate in it", whose);
	case KS_ERR_MALFORMED:
		return ks_enrol_problem_set(problem, r, "%s is none that certificates come in (PKCS#7, PEM, DER)",
					    whose);
	default:
		return ks_enrol_problem_set(problem, r, "%s cannot be read: %s", whose, ks_error_text(r));
	}
}

int ks_bundle_read(struct ks_bytes input, const char *whose, struct ks_buffer *certificates,
		   struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer found = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer all = { 0 };
	size_t before = certificates->size;
	struct ks_bytes rest, der;

	int r = read_any(input, &found);
	if (r == 0 && found.size == 0)
		r = KS_ERR_NO_CERTIFICATE;
	rest = ks_buffer_bytes(&found);
	ks_buffer_put(&all, ks_buffer_bytes(certificates));
	while (r == 0 && ks_bundle_next(&rest, &der))
		r = add(&all, der);
	if (r == 0) {
		ks_buffer_put(certificates, ks_bytes(all.data + before, all.size - before));
		r = ks_buffer_error(certificates);
	}
	return r < 0 ? explain(r, whose, problem) : 0;
}
