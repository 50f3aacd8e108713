/* SPDX-License-Identifier: Apache-2.0 */
/* tls: see tls.h. Runs in: keystay-tunnel. */
#include "tunnel/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

struct ks_tls {
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *base, *signing, *tap;
	SSL_CTX *ssl;
	char *host;
	bool is_address;
};

/* The sentence of the agent when there is one, else what OpenSSL says of it. */
static void say(char *why, size_t why_size, const char *what)
{
	const char *best = NULL;
	unsigned long code;

	while ((code = ERR_get_error()) != 0) {
		const char *library = ERR_lib_error_string(code);
		const char *reason = ERR_reason_error_string(code);
		if (reason && (!best || (library && strcmp(library, "keystay") == 0)))
			best = reason;
		if (library && strcmp(library, "keystay") == 0)
			break;
	}
	ERR_clear_error();
	(void)ks_text_print(why, why_size, "%s: %s", what, best ? best : "OpenSSL does not say why");
}

/* --- OpenSSL ----------------------------------------------------------------------------------------------------- */

static int load_providers(struct ks_tls *tls, char *why, size_t why_size)
{
	KS_AUTO_FREE char *own = NULL;
	KS_AUTO_FREE char *folder = NULL;

	if (ks_path_own_folder(&own) < 0 || !(folder = ks_path_join(own, KEYSTAY_MODULES_FROM_BIN)))
		return KS_ERR_NO_MEMORY;
	tls->context = OSSL_LIB_CTX_new();
	if (!tls->context || OSSL_PROVIDER_set_default_search_path(tls->context, folder) != 1)
		return KS_ERR_NO_MEMORY;
	tls->base = OSSL_PROVIDER_load(tls->context, "default");
	tls->signing = tls->base ? OSSL_PROVIDER_load(tls->context, "keystay") : NULL;
	if (!tls->signing) {
		say(why, why_size, "keystay.so cannot be loaded");
		return KS_ERR_NOT_FOUND;
	}
	/* Without the tap signatures are made all the same; only a rule that asks for a proven server refuses then. */
	tls->tap = OSSL_PROVIDER_load(tls->context, "keystay-tap");
	if (tls->tap && EVP_set_default_properties(tls->context, "?keystay.tap=yes") != 1)
		return KS_ERR_NO_MEMORY;
	ERR_clear_error();
	return 0;
}

/* "h2,http/1.1" as the list of RFC 7301 section 3.1. */
static int set_alpn(struct ks_tls *tls, const char *alpn)
{
	unsigned char list[256];
	size_t used = 0;

	while (alpn && *alpn) {
		size_t size = strcspn(alpn, ",");
		if (size == 0 || used + 1 + size > sizeof(list))
			return KS_ERR_INVALID;
		list[used++] = (unsigned char)size;
		memcpy(list + used, alpn, size);
		used += size;
		alpn += size + (alpn[size] == ',' ? 1 : 0);
	}
	return used == 0 || SSL_CTX_set_alpn_protos(tls->ssl, list, (unsigned)used) == 0 ? 0 : KS_ERR_NO_MEMORY;
}

static int load_identity(struct ks_tls *tls, const struct ks_tls_options *options, char *why, size_t why_size)
{
	if (SSL_CTX_use_certificate_chain_file(tls->ssl, options->certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls->ssl, options->certificate, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(tls->ssl) != 1) {
		say(why, why_size, "the certificate and key cannot be used");
		return KS_ERR_NO_CERTIFICATE;
	}
	return 0;
}

static int make_ssl(struct ks_tls *tls, const struct ks_tls_options *options, char *why, size_t why_size)
{
	tls->ssl = SSL_CTX_new_ex(tls->context, NULL, TLS_client_method());
	if (!tls->ssl || SSL_CTX_set_min_proto_version(tls->ssl, TLS1_2_VERSION) != 1)
		return KS_ERR_NO_MEMORY;
	SSL_CTX_set_verify(tls->ssl, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(tls->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	int r = options->ca_file ? SSL_CTX_load_verify_file(tls->ssl, options->ca_file) :
				   SSL_CTX_set_default_verify_paths(tls->ssl);
	if (r != 1) {
		say(why, why_size, options->ca_file ? options->ca_file : "the system's CA certificates cannot be read");
		return KS_ERR_NOT_FOUND;
	}
	if (set_alpn(tls, options->alpn) < 0) {
		(void)ks_text_print(why, why_size, "--alpn takes names with commas between them, such as h2,http/1.1");
		return KS_ERR_INVALID;
	}
	return load_identity(tls, options, why, why_size);
}

static bool is_address(const char *host)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
	bool result = address != NULL;

	ASN1_OCTET_STRING_free(address);
	return result;
}

int ks_tls_new(const struct ks_tls_options *options, struct ks_tls **ret_tls, char *why, size_t why_size)
{
	struct ks_tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return KS_ERR_NO_MEMORY;
	(void)ks_text_print(why, why_size, "memory ran out");
	tls->host = strdup(options->host);
	tls->is_address = is_address(options->host);
	ERR_clear_error();
	int r = tls->host ? load_providers(tls, why, why_size) : KS_ERR_NO_MEMORY;
	if (r == 0)
		r = make_ssl(tls, options, why, why_size);
	if (r < 0) {
		ks_tls_free(tls);
		return r;
	}
	*ret_tls = tls;
	return 0;
}

void ks_tls_free(struct ks_tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->ssl);
	OSSL_PROVIDER_unload(tls->tap);
	OSSL_PROVIDER_unload(tls->signing);
	OSSL_PROVIDER_unload(tls->base);
	OSSL_LIB_CTX_free(tls->context);
	free(tls->host);
	free(tls);
}

/* --- a handshake ------------------------------------------------------------------------------------------------- */

static bool wait_for(SSL *ssl, int fd, int result, uint64_t deadline_ms)
{
	int wanted = SSL_get_error(ssl, result);
	struct pollfd poll_fd = { .fd = fd };

	if (wanted == SSL_ERROR_WANT_READ)
		poll_fd.events = POLLIN;
	else if (wanted == SSL_ERROR_WANT_WRITE)
		poll_fd.events = POLLOUT;
	else
		return false;
	return poll(&poll_fd, 1, ks_clock_left_ms(deadline_ms)) == 1;
}

static int set_target(const struct ks_tls *tls, SSL *ssl, int fd)
{
	if (SSL_set_fd(ssl, fd) != 1)
		return KS_ERR_NO_MEMORY;
	if (tls->is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), tls->host) == 1 ? 0 : KS_ERR_NO_MEMORY;
	return SSL_set1_host(ssl, tls->host) == 1 && SSL_set_tlsext_host_name(ssl, tls->host) == 1 ? 0 :
												     KS_ERR_NO_MEMORY;
}

int ks_tls_connect(struct ks_tls *tls, int fd, uint64_t deadline_ms, SSL **ret_ssl, char *why, size_t why_size)
{
	SSL *ssl = SSL_new(tls->ssl);
	int r = ssl ? set_target(tls, ssl, fd) : KS_ERR_NO_MEMORY;

	if (r < 0) {
		SSL_free(ssl);
		(void)ks_text_print(why, why_size, "memory ran out");
		return r;
	}
	for (;;) {
		ERR_clear_error();
		r = SSL_connect(ssl);
		if (r == 1) {
			*ret_ssl = ssl;
			return 0;
		}
		if (!wait_for(ssl, fd, r, deadline_ms))
			break;
	}
	if (SSL_get_verify_result(ssl) != X509_V_OK)
		(void)ks_text_print(why, why_size, "the server's certificate is not accepted: %s",
				    X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
	else if (ks_clock_left_ms(deadline_ms) == 0)
		(void)ks_text_print(why, why_size, "the TLS handshake was not finished in time");
	else
		say(why, why_size, "the TLS handshake failed");
	SSL_free(ssl);
	return KS_ERR_CLOSED;
}
