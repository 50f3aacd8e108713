/* SPDX-License-Identifier: Apache-2.0 */
/* phrase: see phrase.h. Runs in: keystay-explain. */
#include "explain/phrase.h"

#include <openssl/bio.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <time.h>

#include "lib/base/text.h"
#include "lib/protocol/scheme.h"

/* --- alerts ------------------------------------------------------------------------------------------------------ */

static const struct {
	int number;
	const char *name, *meaning;
} alerts[] = {
	{ 10, "unexpected_message", "it got a message out of turn" },
	{ 40, "handshake_failure",
	  "it finds nothing in common with this client; many servers say so when they get no certificate" },
	{ 42, "bad_certificate", "it does not accept the certificate; many servers say so when they get none" },
	{ 43, "unsupported_certificate", "it does not take this kind of certificate: its purpose or type of key" },
	{ 44, "certificate_revoked", "the certificate was revoked" },
	{ 45, "certificate_expired", "the certificate has expired, or is not valid yet by the server's clock" },
	{ 46, "certificate_unknown", "something in the certificate is not to its liking" },
	{ 47, "illegal_parameter", "something in the handshake does not fit together" },
	{ 48, "unknown_ca",
	  "it does not trust the CA of the certificate, or an intermediate certificate is missing in what was sent" },
	{ 49, "access_denied", "it knows the certificate and does not let it in" },
	{ 50, "decode_error", "it could not read a message" },
	{ 51, "decrypt_error", "the signature did not verify there" },
	{ 70, "protocol_version", "it does not speak this version of TLS" },
	{ 71, "insufficient_security", "it wants stronger cryptography than was offered" },
	{ 80, "internal_error", "it met an error of its own" },
	{ 112, "unrecognized_name", "it does not know the name that it was asked for" },
	{ 116, "certificate_required", "it wants a certificate and got none" },
	{ 120, "no_application_protocol", "it speaks none of the protocols that were offered" },
};

void ks_phrase_alert(int alert, char *out, size_t size)
{
	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++) {
		if (alerts[i].number == alert) {
			(void)ks_text_print(out, size, "%s (%s)", alerts[i].meaning, alerts[i].name);
			return;
		}
	}
	(void)ks_text_print(out, size, "by alert %d", alert);
}

/* --- schemes ----------------------------------------------------------------------------------------------------- */

/* What servers name, and keystay does not sign with. */
static const struct {
	uint16_t code;
	const char *name;
} others[] = {
	{ 0x0201, "rsa_pkcs1_sha1" },
	{ 0x0202, "dsa_sha1" },
	{ 0x0203, "ecdsa_sha1" },
	{ 0x0301, "rsa_pkcs1_sha224" },
	{ 0x0302, "dsa_sha224" },
	{ 0x0303, "ecdsa_sha224" },
	{ 0x0402, "dsa_sha256" },
	{ 0x0502, "dsa_sha384" },
	{ 0x0602, "dsa_sha512" },
	{ 0x0808, "ed448" },
	{ 0x081a, "ecdsa_brainpoolP256r1tls13_sha256" },
	{ 0x081b, "ecdsa_brainpoolP384r1tls13_sha384" },
	{ 0x081c, "ecdsa_brainpoolP512r1tls13_sha512" },
};

static void print_known(const struct ks_scheme *scheme, bool is_tls13, char *out, size_t size)
{
	static const char *const curves[] = {
		[KS_CURVE_NONE] = "",
		[KS_CURVE_P256] = "P-256 and ",
		[KS_CURVE_P384] = "P-384 and ",
		[KS_CURVE_P521] = "P-521 and ",
	};
	unsigned bits = (unsigned)ks_hash_size(scheme->hash) * 8;

	switch (scheme->signing) {
	case KS_SIGNING_ECDSA:
		(void)ks_text_print(out, size, "ECDSA with %sSHA-%u", is_tls13 ? curves[scheme->tls13_curve] : "",
				    bits);
		return;
	case KS_SIGNING_RSA_PKCS1:
		(void)ks_text_print(out, size, "RSA PKCS#1 with SHA-%u%s", bits,
				    is_tls13 ? ", in certificates only" : "");
		return;
	case KS_SIGNING_RSA_PSS:
		(void)ks_text_print(out, size, "RSA-PSS with SHA-%u%s", bits,
				    scheme->algorithm == KS_KEY_RSA_PSS ? ", for RSASSA-PSS certificates" : "");
		return;
	case KS_SIGNING_EDDSA:
		(void)ks_text_print(out, size, "Ed25519");
		return;
	}
}

void ks_phrase_scheme(uint16_t code, bool is_tls13, char *out, size_t size)
{
	const struct ks_scheme *scheme = ks_scheme_find(code);

	if (scheme) {
		print_known(scheme, is_tls13, out, size);
		return;
	}
	(void)ks_text_print(out, size, "0x%04x", (unsigned)code);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (others[i].code == code)
			(void)ks_text_print(out, size, "%s", others[i].name);
	}
}

/* --- certificates ------------------------------------------------------------------------------------------------ */

void ks_phrase_name(const X509_NAME *name, char *out, size_t size)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char *text;

	(void)ks_text_print(out, size, "?");
	if (memory && X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		long n = BIO_get_mem_data(memory, &text);
		ks_text_escape(ks_bytes(text, (size_t)n), out, size);
	}
	BIO_free(memory);
}

void ks_phrase_day(const ASN1_TIME *time, char *out, size_t size)
{
	struct tm parts;

	if (ASN1_TIME_to_tm(time, &parts) != 1 || strftime(out, size, "%Y-%m-%d", &parts) == 0)
		(void)ks_text_print(out, size, "?");
}

void ks_phrase_problem(long problem, const char *server_name, const char *ca_file, char *out, size_t size)
{
	switch (problem) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		(void)ks_text_print(out, size,
				    "it is not for \"%s\"; if the server is the right one, give the name in its "
				    "certificate: --server-name",
				    server_name);
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		(void)ks_text_print(out, size, "it is of no CA that %s names (%s)%s", ca_file ? ca_file : "this system",
				    X509_verify_cert_error_string(problem),
				    ca_file ? "" : "; the server's CA can be given with --ca FILE");
		return;
	default:
		(void)ks_text_print(out, size, "%s", X509_verify_cert_error_string(problem));
	}
}
