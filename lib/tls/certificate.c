/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate: see certificate.h. Reading, accessors, and how certificates belong together; the words in a certificate
 * are certificate_text.c's.
 *
 * Runs in: keystay-agent. Everything that can fail or costs time is done once, in ks_certificate_new(), so that what
 * is asked for each client and each rule is a look into a struct.
 */
#include "lib/tls/certificate.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/spki.h"
#include "lib/tls/certificate_text.h"
#include "lib/tls/crypto.h"
#include "lib/tls/pem_blocks.h"

struct ks_certificate {
	unsigned references;
	X509 *x509;
	uint8_t *der; /* owned */
	size_t der_size;
	struct ks_bytes spki; /* in der */
	struct ks_certificate_text text;
	int64_t not_before;
	int64_t not_after;
	bool is_ca;
	bool is_self_signed;
	bool has_usages;            /* an extended key usage extension is there */
	EXTENDED_KEY_USAGE *usages; /* NULL when there is none, or one that cannot be read, which allows nothing */
};

KS_DEFINE_CLEANUP(struct ks_certificate *, ks_certificate_unref)
KS_DEFINE_CLEANUP(ASN1_OBJECT *, ASN1_OBJECT_free)

/* --- reading ----------------------------------------------------------------------------------------------------- */

static bool read_time(const ASN1_TIME *time, int64_t *ret_seconds)
{
	struct tm fields;

	if (!time || ASN1_TIME_to_tm(time, &fields) != 1)
		return false;
	*ret_seconds = timegm(&fields);
	return true;
}

/* Is certificate signed with the key of issuer, whatever both are called? */
static bool signature_verifies(const struct ks_certificate *certificate, const struct ks_certificate *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer->x509);

	return key && X509_verify(certificate->x509, key) == 1;
}

static void read_usages(struct ks_certificate *certificate)
{
	int found = 0; /* critical or not, -1 for absent, -2 for more than one */

	certificate->usages = X509_get_ext_d2i(certificate->x509, NID_ext_key_usage, &found, NULL);
	certificate->has_usages = certificate->usages || found != -1;
}

static int parse(struct ks_certificate *certificate, const struct ks_crypto *crypto)
{
	const unsigned char *next = certificate->der;
	struct ks_bytes der = ks_bytes(certificate->der, certificate->der_size);

	/* Ours first: OpenSSL takes BER where a certificate must be DER. */
	if (ks_spki_of_certificate(der, &certificate->spki) < 0)
		return KS_ERR_MALFORMED;
	certificate->x509 = X509_new_ex(crypto->context, NULL);
	if (!certificate->x509)
		return KS_ERR_NO_MEMORY;
	if (!d2i_X509(&certificate->x509, &next, (long)certificate->der_size) ||
	    next != certificate->der + certificate->der_size)
		return KS_ERR_MALFORMED;
	if (!read_time(X509_get0_notBefore(certificate->x509), &certificate->not_before) ||
	    !read_time(X509_get0_notAfter(certificate->x509), &certificate->not_after))
		return KS_ERR_MALFORMED;
	int r = ks_certificate_text_read(certificate->x509, &certificate->text);
	if (r < 0)
		return r;
	read_usages(certificate);
	certificate->is_ca = X509_check_ca(certificate->x509) == 1; /* basicConstraints say so */
	certificate->is_self_signed =
		X509_NAME_cmp(X509_get_subject_name(certificate->x509), X509_get_issuer_name(certificate->x509)) == 0 &&
		signature_verifies(certificate, certificate);
	return 0;
}

int ks_certificate_new(struct ks_bytes der, struct ks_certificate **ret_certificate)
{
	const struct ks_crypto *crypto = ks_crypto_get();

	if (der.size == 0 || der.size > KS_CERTIFICATE_MAX)
		return KS_ERR_MALFORMED;
	if (!crypto)
		return KS_ERR_INTERNAL;
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *certificate = calloc(1, sizeof(*certificate));
	if (!certificate)
		return KS_ERR_NO_MEMORY;
	certificate->references = 1;
	certificate->der = malloc(der.size);
	if (!certificate->der)
		return KS_ERR_NO_MEMORY;
	memcpy(certificate->der, der.data, der.size);
	certificate->der_size = der.size;

	ERR_set_mark();
	int r = parse(certificate, crypto);
	ERR_pop_to_mark();
	if (r < 0)
		return r;
	*ret_certificate = KS_STEAL(certificate);
	return 0;
}

struct ks_certificate *ks_certificate_ref(struct ks_certificate *certificate)
{
	certificate->references++;
	return certificate;
}

void ks_certificate_unref(struct ks_certificate *certificate)
{
	if (!certificate || --certificate->references > 0)
		return;
	ks_certificate_text_deinit(&certificate->text);
	EXTENDED_KEY_USAGE_free(certificate->usages);
	X509_free(certificate->x509);
	free(certificate->der);
	free(certificate);
}

/* --- PEM --------------------------------------------------------------------------------------------------------- */

struct pem_reader {
	int (*found)(struct ks_certificate *certificate, void *userdata);
	void *userdata;
};

static int take_block(struct ks_bytes der, void *userdata)
{
	const struct pem_reader *reader = userdata;
	struct ks_certificate *certificate = NULL;

	int r = ks_certificate_new(der, &certificate);
	return r == 0 ? reader->found(certificate, reader->userdata) : r;
}

int ks_certificate_read_pem(struct ks_bytes pem, int (*found)(struct ks_certificate *certificate, void *userdata),
			    void *userdata)
{
	static const char *const labels[] = { PEM_STRING_X509, PEM_STRING_X509_OLD, NULL };
	struct pem_reader reader = { .found = found, .userdata = userdata };

	return ks_pem_blocks_read(pem, labels, take_block, &reader);
}

/* --- what is in it ----------------------------------------------------------------------------------------------- */

struct ks_bytes ks_certificate_der(const struct ks_certificate *certificate)
{
	return ks_bytes(certificate->der, certificate->der_size);
}

struct x509_st *ks_certificate_x509(const struct ks_certificate *certificate)
{
	return certificate->x509;
}

struct ks_bytes ks_certificate_spki(const struct ks_certificate *certificate)
{
	return certificate->spki;
}

const char *ks_certificate_subject(const struct ks_certificate *certificate)
{
	return certificate->text.subject;
}

const char *ks_certificate_issuer(const struct ks_certificate *certificate)
{
	return certificate->text.issuer;
}

const char *ks_certificate_common_name(const struct ks_certificate *certificate)
{
	return certificate->text.common_name;
}

const char *ks_certificate_email(const struct ks_certificate *certificate)
{
	return certificate->text.email;
}

const char *ks_certificate_upn(const struct ks_certificate *certificate)
{
	return certificate->text.upn;
}

const char *ks_certificate_template(const struct ks_certificate *certificate)
{
	return certificate->text.template_name;
}

int64_t ks_certificate_not_before(const struct ks_certificate *certificate)
{
	return certificate->not_before;
}

int64_t ks_certificate_not_after(const struct ks_certificate *certificate)
{
	return certificate->not_after;
}

bool ks_certificate_is_ca(const struct ks_certificate *certificate)
{
	return certificate->is_ca;
}

bool ks_certificate_is_self_signed(const struct ks_certificate *certificate)
{
	return certificate->is_self_signed;
}

/* --- what it is for ---------------------------------------------------------------------------------------------- */

static bool names_usage(const struct ks_certificate *certificate, const ASN1_OBJECT *usage)
{
	for (int i = 0; i < sk_ASN1_OBJECT_num(certificate->usages); i++) {
		if (OBJ_cmp(sk_ASN1_OBJECT_value(certificate->usages, i), usage) == 0)
			return true;
	}
	return false;
}

bool ks_certificate_names_eku(const struct ks_certificate *certificate, const char *eku)
{
	ERR_set_mark();
	KS_CLEANUP(ASN1_OBJECT_freep) ASN1_OBJECT *usage = OBJ_txt2obj(eku, 0);
	ERR_pop_to_mark();
	return usage && names_usage(certificate, usage);
}

bool ks_certificate_allows(const struct ks_certificate *certificate, const char *eku)
{
	if (!certificate->has_usages)
		return true;
	/* RFC 5280 section 4.2.1.12: anyExtendedKeyUsage leaves it open. */
	return names_usage(certificate, OBJ_nid2obj(NID_anyExtendedKeyUsage)) ||
	       ks_certificate_names_eku(certificate, eku);
}

bool ks_certificate_issued_by(const struct ks_certificate *certificate, const struct ks_certificate *issuer)
{
	ERR_set_mark();
	bool issued = X509_check_issued(issuer->x509, certificate->x509) == X509_V_OK &&
		      signature_verifies(certificate, issuer);
	ERR_pop_to_mark();
	return issued;
}
