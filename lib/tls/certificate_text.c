/* SPDX-License-Identifier: Apache-2.0 */
/* certificate_text: see certificate_text.h. Runs in: keystay-agent. */
#include "lib/tls/certificate_text.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/base/bytes.h"
#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/reader.h"
#include "lib/base/text.h"

#define OID_UPN "1.3.6.1.4.1.311.20.2.3"
#define OID_TEMPLATE_NAME "1.3.6.1.4.1.311.20.2" /* szOID_ENROLL_CERTTYPE_EXTENSION: a BMPString */
#define OID_TEMPLATE "1.3.6.1.4.1.311.21.7"      /* szOID_CERTIFICATE_TEMPLATE: SEQUENCE { OID, versions } */

KS_DEFINE_CLEANUP(BIO *, BIO_free_all)
KS_DEFINE_CLEANUP(ASN1_OBJECT *, ASN1_OBJECT_free)
KS_DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)
KS_DEFINE_CLEANUP(ASN1_STRING *, ASN1_STRING_free)

/* --- making text ------------------------------------------------------------------------------------------------- */

/* A copy of at most KS_CERTIFICATE_TEXT_MAX bytes that does not end inside a character. text is valid UTF-8. */
static char *copy_cut(struct ks_bytes text)
{
	static const char dots[] = "...";

	if (text.size <= KS_CERTIFICATE_TEXT_MAX)
		return ks_text_copy(text);
	size_t size = KS_CERTIFICATE_TEXT_MAX - strlen(dots);
	while (size > 0 && (text.data[size] & 0xc0) == 0x80)
		size--;
	return ks_text_format("%.*s%s", (int)size, (const char *)text.data, dots);
}

static char *copy_escaped(struct ks_bytes text)
{
	char escaped[KS_CERTIFICATE_TEXT_MAX + 1];

	ks_text_escape(text, escaped, sizeof(escaped));
	return ks_text_copy(ks_bytes_text(escaped));
}

/* Any ASN.1 string type as escaped UTF-8; "" when its bytes are not of its type. */
static char *copy_string(const ASN1_STRING *string)
{
	unsigned char *utf8 = NULL;
	int size = ASN1_STRING_to_UTF8(&utf8, string);

	if (size < 0)
		return ks_text_copy(KS_BYTES_NONE);
	char *copy = copy_escaped(ks_bytes(utf8, (size_t)size));
	OPENSSL_free(utf8);
	return copy;
}

/* --- names ------------------------------------------------------------------------------------------------------- */

/* Nothing in it needs an escape, except for the backslashes of RFC 4514 itself. */
static bool is_fit_to_show(const char *text)
{
	char plain[KS_CERTIFICATE_TEXT_MAX + 1];
	char escaped[KS_CERTIFICATE_TEXT_MAX + 1];

	(void)ks_text_print(plain, sizeof(plain), "%s", text);
	for (char *c = strchr(plain, '\\'); c; c = strchr(c, '\\'))
		*c = '/';
	ks_text_escape(ks_bytes_text(plain), escaped, sizeof(escaped));
	return strcmp(plain, escaped) == 0;
}

/* NULL when it cannot be printed so, or not as text to be shown. */
static char *print_name(const X509_NAME *name, unsigned long flags)
{
	KS_CLEANUP(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;

	if (!bio || X509_NAME_print_ex(bio, name, 0, flags) < 0)
		return NULL;
	long size = BIO_get_mem_data(bio, &data);
	struct ks_bytes text = ks_bytes(data, size > 0 ? (size_t)size : 0);
	if (!ks_text_valid(text))
		return NULL;
	char *name_text = copy_cut(text);
	if (name_text && !is_fit_to_show(name_text)) {
		free(name_text);
		return NULL;
	}
	return name_text;
}

/* RFC 4514, with letters of all scripts as they are; or, where one character must not be shown, with escapes for all of
 * them. */
static char *copy_name(const X509_NAME *name)
{
	static const unsigned long flags[] = {
		XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB,
		XN_FLAG_RFC2253,
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		char *text = print_name(name, flags[i]);
		if (text)
			return text;
	}
	return ks_text_copy(KS_BYTES_NONE);
}

/* The last one is the most specific (the order of RFC 5280 goes from the root of the tree to its leaf). */
static char *copy_common_name(const X509_NAME *name)
{
	int last = -1;

	for (int i = X509_NAME_get_index_by_NID(name, NID_commonName, -1); i >= 0;
	     i = X509_NAME_get_index_by_NID(name, NID_commonName, i))
		last = i;
	if (last < 0)
		return ks_text_copy(KS_BYTES_NONE);
	return copy_string(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
}

/* --- alternative names ------------------------------------------------------------------------------------------- */

static const ASN1_STRING *email_of(const GENERAL_NAME *name, const ASN1_OBJECT *unused)
{
	(void)unused;
	return name->type == GEN_EMAIL ? name->d.rfc822Name : NULL;
}

static const ASN1_STRING *upn_of(const GENERAL_NAME *name, const ASN1_OBJECT *upn)
{
	if (name->type != GEN_OTHERNAME || OBJ_cmp(name->d.otherName->type_id, upn) != 0 ||
	    name->d.otherName->value->type != V_ASN1_UTF8STRING)
		return NULL;
	return name->d.otherName->value->value.utf8string;
}

static char *copy_alternative(const GENERAL_NAMES *names,
			      const ASN1_STRING *(*of)(const GENERAL_NAME *name, const ASN1_OBJECT *type),
			      const ASN1_OBJECT *type)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const ASN1_STRING *string = of(sk_GENERAL_NAME_value(names, i), type);
		if (string)
			return copy_string(string);
	}
	return ks_text_copy(KS_BYTES_NONE);
}

static int read_alternatives(X509 *x509, struct ks_certificate_text *text)
{
	KS_CLEANUP(GENERAL_NAMES_freep)
	GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	KS_CLEANUP(ASN1_OBJECT_freep) ASN1_OBJECT *upn = OBJ_txt2obj(OID_UPN, 1);

	if (!upn)
		return KS_ERR_NO_MEMORY;
	text->email = copy_alternative(names, email_of, NULL);
	text->upn = copy_alternative(names, upn_of, upn);
	return text->email && text->upn ? 0 : KS_ERR_NO_MEMORY;
}

/* --- Microsoft certificate templates ([MS-WCCE] section 2.2.2.7.7) ---------------------------------------------- */

static struct ks_bytes find_extension(const X509 *x509, const char *oid)
{
	KS_CLEANUP(ASN1_OBJECT_freep) ASN1_OBJECT *type = OBJ_txt2obj(oid, 1);
	int at = type ? X509_get_ext_by_OBJ(x509, type, -1) : -1;

	if (at < 0)
		return KS_BYTES_NONE;
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(x509, at));
	return ks_bytes(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
}

/* NULL when der is not one string. */
static char *copy_template_name(struct ks_bytes der)
{
	const unsigned char *next = der.data;
	KS_CLEANUP(ASN1_STRING_freep) ASN1_STRING *name = d2i_DISPLAYTEXT(NULL, &next, (long)der.size);

	return name ? copy_string(name) : NULL;
}

static char *copy_template_oid(struct ks_bytes der)
{
	struct ks_reader outer = ks_reader(der);
	struct ks_reader inner = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	const unsigned char *next = inner.next;
	char text[128];

	if (ks_der_take(&inner, KS_DER_OID).size == 0)
		return NULL;
	KS_CLEANUP(ASN1_OBJECT_freep) ASN1_OBJECT *oid = d2i_ASN1_OBJECT(NULL, &next, (long)(inner.next - next));
	int size = oid ? OBJ_obj2txt(text, sizeof(text), oid, 1) : -1;
	return size > 0 && (size_t)size < sizeof(text) ? ks_text_copy(ks_bytes_text(text)) : NULL;
}

static char *copy_template(const X509 *x509)
{
	struct ks_bytes name = find_extension(x509, OID_TEMPLATE_NAME);
	struct ks_bytes type = find_extension(x509, OID_TEMPLATE);
	char *text = name.size > 0 ? copy_template_name(name) : NULL;

	if (!text && type.size > 0)
		text = copy_template_oid(type);
	return text ? text : ks_text_copy(KS_BYTES_NONE);
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

int ks_certificate_text_read(X509 *x509, struct ks_certificate_text *text)
{
	text->subject = copy_name(X509_get_subject_name(x509));
	text->issuer = copy_name(X509_get_issuer_name(x509));
	text->common_name = copy_common_name(X509_get_subject_name(x509));
	text->template_name = copy_template(x509);
	if (!text->subject || !text->issuer || !text->common_name || !text->template_name)
		return KS_ERR_NO_MEMORY;
	return read_alternatives(x509, text);
}

void ks_certificate_text_deinit(struct ks_certificate_text *text)
{
	free(text->subject);
	free(text->issuer);
	free(text->common_name);
	free(text->email);
	free(text->upn);
	free(text->template_name);
	*text = (struct ks_certificate_text){ 0 };
}
