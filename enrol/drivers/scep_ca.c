/* SPDX-License-Identifier: Apache-2.0 */
/* scep_ca: see scep_ca.h. Runs in: keystay-enroll. */
#include "enrol/drivers/scep_ca.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "enrol/base/bundle.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/tls/crypto.h"

/* RSA of 2048 bits: what protects the challenge password on its way. */
#define SECURITY_BITS_MIN 112

#define FINGERPRINT_SIZE 32

KS_DEFINE_CLEANUP(X509 *, X509_free)
KS_DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)
KS_DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)

static void free_certificates(STACK_OF(X509) * certificates)
{
	sk_X509_pop_free(certificates, X509_free);
}

static void free_certificatesp(STACK_OF(X509) * *certificates)
{
	free_certificates(*certificates);
}

void ks_scep_ca_deinit(struct ks_scep_ca *ca)
{
	free_certificates(KS_STEAL(ca->certificates));
	ca->recipient = NULL;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static int push_certificate(STACK_OF(X509) * certificates, struct ks_bytes der)
{
	KS_CLEANUP(X509_freep) X509 *certificate = X509_new_ex(ks_crypto_get()->context, NULL);
	const unsigned char *next = der.data;

	if (!certificate)
		return KS_ERR_NO_MEMORY;
	if (!d2i_X509(&certificate, &next, (long)der.size))
		return KS_ERR_MALFORMED;
	if (sk_X509_push(certificates, certificate) <= 0)
		return KS_ERR_NO_MEMORY;
	certificate = NULL;
	return 0;
}

static int read_all(struct ks_bytes body, const char *whose, STACK_OF(X509) * certificates,
		    struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	char what[640];

	(void)ks_text_print(what, sizeof(what), "the answer of %s to GetCACert", whose);
	int r = ks_bundle_read(body, what, &der, problem);
	if (r < 0)
		return r;
	struct ks_bytes rest = ks_buffer_bytes(&der), one;
	while (r == 0 && ks_bundle_next(&rest, &one))
		r = push_certificate(certificates, one);
	ERR_clear_error();
	return r < 0 ? ks_enrol_problem_set(problem, r, "%s cannot be read: %s", what, ks_error_text(r)) : 0;
}

/* --- who counts -------------------------------------------------------------------------------------------------- */

/* With or without colons, as openssl x509 -fingerprint prints it. */
static bool read_fingerprint(const char *text, uint8_t fingerprint[FINGERPRINT_SIZE])
{
	char digits[2 * FINGERPRINT_SIZE + 1];
	size_t n = 0, size;

	for (; *text; text++) {
		if (*text == ':')
			continue;
		if (n + 1 == sizeof(digits))
			return false;
		digits[n++] = *text;
	}
	digits[n] = '\0';
	return ks_text_unhex(digits, fingerprint, FINGERPRINT_SIZE, &size) == 0 && size == FINGERPRINT_SIZE;
}

static X509 *find_pinned(const STACK_OF(X509) * certificates, const char *fingerprint)
{
	uint8_t wanted[FINGERPRINT_SIZE], found[EVP_MAX_MD_SIZE];
	unsigned size_found;

	if (!read_fingerprint(fingerprint, wanted))
		return NULL;
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		X509 *certificate = sk_X509_value(certificates, i);
		if (X509_digest(certificate, ks_crypto_get()->hashes[KS_HASH_SHA256], found, &size_found) == 1 &&
		    size_found == sizeof(wanted) && memcmp(found, wanted, sizeof(wanted)) == 0)
			return certificate;
	}
	return NULL;
}

/* Is certificate the pinned one, or issued below it? */
static bool chains_to(X509 *certificate, X509 *pinned, STACK_OF(X509) * all)
{
	const struct ks_crypto *crypto = ks_crypto_get();
	KS_CLEANUP(X509_STORE_freep) X509_STORE *store = X509_STORE_new();
	KS_CLEANUP(X509_STORE_CTX_freep) X509_STORE_CTX *walk = X509_STORE_CTX_new_ex(crypto->context, NULL);

	if (certificate == pinned)
		return true;
	if (!store || !walk || X509_STORE_add_cert(store, pinned) != 1 ||
	    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
	    X509_STORE_CTX_init(walk, store, certificate, all) != 1)
		return false;
	return X509_verify_cert(walk) == 1;
}

static int keep_pinned(struct ks_scep_ca *ca, const char *fingerprint, const char *whose,
		       struct ks_enrol_problem *problem)
{
	X509 *pinned = find_pinned(ca->certificates, fingerprint);

	if (!pinned)
		return ks_enrol_problem_final(
			problem, KS_ERR_DENIED,
			"%s is not the CA that the profile names: none of the %d certificates that it sent (GetCACert) has "
			"the fingerprint of ca-fingerprint. Either somebody answers in its place, or the CA has a new "
			"certificate; its administrator knows the SHA-256 fingerprint",
			whose, sk_X509_num(ca->certificates));
	KS_CLEANUP(free_certificatesp) STACK_OF(X509) *kept = sk_X509_new_null();
	if (!kept)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	for (int i = 0; i < sk_X509_num(ca->certificates); i++) {
		X509 *certificate = sk_X509_value(ca->certificates, i);
		if (!chains_to(certificate, pinned, ca->certificates))
			continue;
		if (sk_X509_push(kept, certificate) <= 0)
			return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
		(void)X509_up_ref(certificate);
	}
	ERR_clear_error();
	free_certificates(ca->certificates);
	ca->certificates = KS_STEAL(kept);
	return 0;
}

/* --- for whom requests are encrypted ------------------------------------------------------------------------------ */

static bool is_valid_now(const X509 *certificate)
{
	return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
	       X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static bool is_strong_rsa(const X509 *certificate)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);

	return key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_security_bits(key) >= SECURITY_BITS_MIN;
}

static bool issues_another(X509 *certificate, const STACK_OF(X509) * all)
{
	for (int i = 0; i < sk_X509_num(all); i++) {
		X509 *other = sk_X509_value(all, i);
		if (other != certificate && X509_check_issued(certificate, other) == X509_V_OK)
			return true;
	}
	return false;
}

/* 0: never. An RA comes before its CA, a CA that issues before the one above it. Many CAs decrypt with a key whose usage
 * does not say so; an RA's key that only signs is another one than that which decrypts. */
static int rank(X509 *certificate, const STACK_OF(X509) * all)
{
	bool is_ca = X509_check_ca(certificate) == 1;
	bool may_decrypt = X509_get_key_usage(certificate) & KU_KEY_ENCIPHERMENT;

	if (!is_strong_rsa(certificate) || !is_valid_now(certificate) || (!is_ca && !may_decrypt))
		return 0;
	return 1 + (issues_another(certificate, all) ? 0 : 1) + (may_decrypt ? 2 : 0) + (is_ca ? 0 : 4);
}

static int choose_recipient(struct ks_scep_ca *ca, const char *whose, struct ks_enrol_problem *problem)
{
	int best = 0, n_expired = 0;

	for (int i = 0; i < sk_X509_num(ca->certificates); i++) {
		X509 *certificate = sk_X509_value(ca->certificates, i);
		int found = rank(certificate, ca->certificates);
		if (found > best) {
			best = found;
			ca->recipient = certificate;
		}
		n_expired += !is_valid_now(certificate);
	}
	if (ca->recipient)
		return 0;
	if (n_expired == sk_X509_num(ca->certificates))
		return ks_enrol_problem_set(
			problem, KS_ERR_DENIED,
			"%s sent only CA certificates that are expired or not yet valid (GetCACert): its CA must get a new "
			"one, or the clock of this machine is wrong",
			whose);
	return ks_enrol_problem_final(
		problem, KS_ERR_UNSUPPORTED,
		"%s has no RSA certificate of 2048 bits or more that a request could be encrypted for (GetCACert), and "
		"SCEP needs one. The CA must be given an RSA certificate for SCEP (an RA's, or its own)",
		whose);
}

int ks_scep_ca_read(struct ks_bytes body, const char *fingerprint, const char *whose, struct ks_scep_ca *ret_ca,
		    struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_scep_ca_deinit) struct ks_scep_ca ca = { .certificates = sk_X509_new_null() };

	if (!ca.certificates || !ks_crypto_get())
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	int r = read_all(body, whose, ca.certificates, problem);
	if (r == 0 && fingerprint)
		r = keep_pinned(&ca, fingerprint, whose, problem);
	if (r == 0)
		r = choose_recipient(&ca, whose, problem);
	if (r < 0)
		return r;
	*ret_ca = ca;
	ca = (struct ks_scep_ca){ 0 };
	return 0;
}

/* --- what others need of it --------------------------------------------------------------------------------------- */

int ks_scep_ca_put_anchors(const struct ks_scep_ca *ca, struct ks_buffer *out)
{
	for (int i = 0; i < sk_X509_num(ca->certificates); i++) {
		X509 *certificate = sk_X509_value(ca->certificates, i);
		unsigned char *der = NULL;
		if (X509_check_ca(certificate) != 1)
			continue;
		int size = i2d_X509(certificate, &der);
		if (size <= 0)
			return KS_ERR_INTERNAL;
		ks_buffer_put(out, ks_bytes(der, (size_t)size));
		OPENSSL_free(der);
	}
	return ks_buffer_error(out);
}

int ks_scep_ca_put_name(const struct ks_scep_ca *ca, struct ks_buffer *out)
{
	const X509_NAME *name = X509_check_ca(ca->recipient) == 1 ? X509_get_subject_name(ca->recipient) :
								    X509_get_issuer_name(ca->recipient);
	unsigned char *der = NULL;
	int size = i2d_X509_NAME(name, &der);

	if (size <= 0)
		return KS_ERR_INTERNAL;
	ks_buffer_put(out, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	return ks_buffer_error(out);
}
