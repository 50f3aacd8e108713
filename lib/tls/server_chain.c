/* SPDX-License-Identifier: Apache-2.0 */
/* server_chain: see server_chain.h. Names are server_name.c's. Runs in: keystay-prove's children. */
#include "lib/tls/server_chain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/spki.h"
#include "lib/tls/crypto.h"

/* Of Debian's own openssl.cnf, which nobody reads here: RSA from 2048 bits, no SHA-1, 112 bits of strength. */
#define SECURITY_LEVEL 2

#define NAME_SIZE 72 /* of an authority in a sentence */
#define DATE_SIZE 16

KS_DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)
KS_DEFINE_CLEANUP(X509 *, X509_free)

int ks_server_chain_refuse(char reason[KS_REASON_SIZE], const char *format, ...)
{
	va_list arguments;
	char text[KS_REASON_SIZE];

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)ks_text_print(reason, KS_REASON_SIZE, "%s", text);
	return KS_ERR_RULE_UNPROVABLE;
}

X509 *ks_server_chain_read(struct ks_bytes der)
{
	const struct ks_crypto *crypto = ks_crypto_get();
	const unsigned char *next = der.data;
	struct ks_bytes spki;

	/* Ours first: OpenSSL takes BER where a certificate must be DER. */
	if (!crypto || der.size == 0 || der.size > KS_CERTIFICATE_MAX || ks_spki_of_certificate(der, &spki) < 0)
		return NULL;
	KS_CLEANUP(X509_freep) X509 *certificate = X509_new_ex(crypto->context, NULL);
	if (!certificate || !d2i_X509(&certificate, &next, (long)der.size) || next != der.data + der.size)
		return NULL;
	return KS_STEAL(certificate);
}

bool ks_server_chain_read_time(const ASN1_TIME *when, int64_t *ret_seconds)
{
	struct tm fields;

	if (!when || ASN1_TIME_to_tm(when, &fields) != 1)
		return false;
	*ret_seconds = timegm(&fields);
	return true;
}

/* --- words ------------------------------------------------------------------------------------------------------- */

static void put_date(const ASN1_TIME *when, char out[DATE_SIZE])
{
	struct tm fields;

	if (!when || ASN1_TIME_to_tm(when, &fields) != 1 || strftime(out, DATE_SIZE, "%Y-%m-%d", &fields) == 0)
		(void)ks_text_print(out, DATE_SIZE, "no date");
}

/* Common name, else organisation. */
static void put_name(const X509_NAME *name, char out[NAME_SIZE])
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *text = NULL;

	if (at < 0)
		at = X509_NAME_get_index_by_NID(name, NID_organizationName, -1);
	int size = at < 0 ? -1 : ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	ks_text_escape(size > 0 ? ks_bytes(text, (size_t)size) : ks_bytes_text("without a name"), out, NAME_SIZE);
	OPENSSL_free(text);
}

/* "its certificate", or which of those above. */
static void put_which(const X509 *certificate, int depth, char *out, size_t size)
{
	char name[NAME_SIZE];

	if (depth == 0 || !certificate) {
		(void)ks_text_print(out, size, "its certificate");
		return;
	}
	put_name(X509_get_subject_name(certificate), name);
	(void)ks_text_print(out, size, "the certificate of the authority \"%s\" above it", name);
}

/* What can be said with nothing but which certificate it is. */
static const char *predicate_of(int error)
{
	static const struct {
		int error;
		const char *predicate;
	} predicates[] = {
		{ X509_V_ERR_CERT_SIGNATURE_FAILURE, "has a signature that is not of its issuer" },
		{ X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, "has a signature that is not of its issuer" },
		{ X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, "was issued with a kind of key that is not known" },
		{ X509_V_ERR_INVALID_PURPOSE, "is not for servers, by its (extended) key usage" },
		{ X509_V_ERR_INVALID_CA, "is not that of an authority" },
		{ X509_V_ERR_INVALID_NON_CA, "is that of an authority" },
		{ X509_V_ERR_KEYUSAGE_NO_CERTSIGN, "may not issue certificates, by its key usage" },
		{ X509_V_ERR_PATH_LENGTH_EXCEEDED, "allows fewer authorities below it" },
		{ X509_V_ERR_PERMITTED_VIOLATION, "has a name that an authority above may not issue for" },
		{ X509_V_ERR_EXCLUDED_VIOLATION, "has a name that an authority above may not issue for" },
		{ X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, "has a name that an authority above may not issue for" },
		{ X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, "is below name constraints that are not understood" },
		{ X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, "is below name constraints that are not understood" },
		{ X509_V_ERR_SUBTREE_MINMAX, "is below name constraints that are not understood" },
		{ X509_V_ERR_EE_KEY_TOO_SMALL, "has a key that is too weak" },
		{ X509_V_ERR_CA_KEY_TOO_SMALL, "has a key that is too weak" },
		{ X509_V_ERR_CA_MD_TOO_WEAK, "is signed over a hash that is too weak" },
		{ X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, "has a curve without a name" },
		{ X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, "has a critical extension that is not understood" },
		{ X509_V_ERR_INVALID_EXTENSION, "has an extension that is not well-formed" },
		{ X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, "has no well-formed date" },
		{ X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, "has no well-formed date" },
		{ X509_V_ERR_CERT_REJECTED, "is rejected by a trust setting of this system" },
	};

	for (size_t i = 0; i < sizeof(predicates) / sizeof(predicates[0]); i++) {
		if (predicates[i].error == error)
			return predicates[i].predicate;
	}
	return NULL;
}

static int refuse_untrusted(X509 *leaf, char reason[KS_REASON_SIZE])
{
	char issuer[NAME_SIZE];

	put_name(X509_get_issuer_name(leaf), issuer);
	return ks_server_chain_refuse(
		reason, "no certificate authority that is trusted here issued its certificate (its issuer is \"%s\")",
		issuer);
}

static int explain(X509_STORE_CTX *context, X509 *leaf, char reason[KS_REASON_SIZE])
{
	X509 *certificate = X509_STORE_CTX_get_current_cert(context);
	int error = X509_STORE_CTX_get_error(context);
	char which[NAME_SIZE + 64], date[DATE_SIZE];

	put_which(certificate, X509_STORE_CTX_get_error_depth(context), which, sizeof(which));
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		put_date(certificate ? X509_get0_notAfter(certificate) : NULL, date);
		return ks_server_chain_refuse(reason, "%s expired on %s", which, date);
	case X509_V_ERR_CERT_NOT_YET_VALID:
		put_date(certificate ? X509_get0_notBefore(certificate) : NULL, date);
		return ks_server_chain_refuse(reason, "%s is not valid before %s", which, date);
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		return refuse_untrusted(leaf, reason);
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
		return ks_server_chain_refuse(reason, "its chain of certificates is too long");
	default:
		break;
	}
	if (predicate_of(error))
		return ks_server_chain_refuse(reason, "%s %s", which, predicate_of(error));
	return ks_server_chain_refuse(reason, "%s is not valid: %s", which, X509_verify_cert_error_string(error));
}

/* --- the chain --------------------------------------------------------------------------------------------------- */

static bool set_rules(X509_STORE_CTX *context, int64_t now)
{
	if (X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER) != 1)
		return false;
	X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
	/* An anchor need not be a root: whoever names an authority, or a server itself, means that one. */
	if (X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST) != 1)
		return false;
	X509_VERIFY_PARAM_set_time(rules, (time_t)now);
	X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
	X509_VERIFY_PARAM_set_depth(rules, (int)KS_PROOF_CERTIFICATES_MAX);
	return true;
}

int ks_server_chain_verify(const struct ks_server_trust *trust, X509 *leaf, STACK_OF(X509) * others, int64_t now,
			   STACK_OF(X509) * *ret_chain, char ret_reason[KS_REASON_SIZE])
{
	KS_CLEANUP(X509_STORE_CTX_freep)
	X509_STORE_CTX *context = X509_STORE_CTX_new_ex(ks_crypto_get()->context, NULL);

	if (!context || X509_STORE_CTX_init(context, ks_server_trust_store(trust), leaf, others) != 1 ||
	    !set_rules(context, now))
		return ks_server_chain_refuse(ret_reason, "its chain of certificates cannot be verified");
	/* An error that is set is a no, whatever is returned. */
	if (X509_verify_cert(context) != 1 || X509_STORE_CTX_get_error(context) != X509_V_OK)
		return explain(context, leaf, ret_reason);
	STACK_OF(X509) *chain = X509_STORE_CTX_get1_chain(context);
	if (!chain)
		return ks_server_chain_refuse(ret_reason, "memory ran out");
	*ret_chain = chain;
	return 0;
}

int ks_server_chain_check_usage(X509 *leaf, char ret_reason[KS_REASON_SIZE])
{
	/* Each is UINT32_MAX where the extension is absent. */
	if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
		return ks_server_chain_refuse(ret_reason,
					      "its certificate's key is not for signatures, by its key usage");
	/* OpenSSL takes "server gated cryptography" of the nineties as well. */
	if ((X509_get_extended_key_usage(leaf) & XKU_SSL_SERVER) == 0)
		return ks_server_chain_refuse(ret_reason,
					      "its certificate is not for servers, by its extended key usage");
	return 0;
}
