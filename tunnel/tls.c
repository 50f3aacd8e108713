/* SPDX-License-Identifier: Apache-2.0 */
/* tls: see tls.h. Runs in: keystay-tunnel. */
#include "tunnel/tls.h"

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "tunnel/identity.h"
#include "tunnel/limits.h"
#include "tunnel/report.h"

struct ks_tls {
	const struct ks_options *options; /* borrowed */
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *base, *signing, *tap;
	SSL_CTX *ssl;
	struct ks_tunnel_identity *identity;
	bool is_address; /* the server is known by an address, not by a name */
};

static void say(char *why, size_t why_size, const char *what)
{
	(void)ks_text_print(why, why_size, "%s: ", what);
	ks_report_append(why, why_size);
}

/* --- OpenSSL ----------------------------------------------------------------------------------------------------- */

/* Where the provider is: beside the program in a build tree, as far from it as the installation was told, and at last
 * where it was told. Only by paths that stand in this program or come from its own. */
static char *find_modules(void)
{
	static const char *const from_here[] = { KEYSTAY_MODULES_IN_BUILD, KEYSTAY_MODULES_FROM_BIN };
	KS_AUTO_FREE char *own = NULL;

	if (ks_path_own_folder(&own) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(from_here) / sizeof(from_here[0]); i++) {
		KS_AUTO_FREE char *folder = ks_path_join(own, from_here[i]);
		KS_AUTO_FREE char *file = folder ? ks_path_join(folder, "keystay.so") : NULL;
		if (file && access(file, R_OK) == 0)
			return KS_STEAL(folder);
	}
	return ks_text_copy(ks_bytes_text(KEYSTAY_MODULES));
}

static int load_providers(struct ks_tls *tls, char *why, size_t why_size)
{
	KS_AUTO_FREE char *folder = find_modules();

	if (!folder)
		return KS_ERR_NO_MEMORY;
	tls->context = OSSL_LIB_CTX_new();
	if (!tls->context || OSSL_PROVIDER_set_default_search_path(tls->context, folder) != 1)
		return KS_ERR_NO_MEMORY;
	tls->base = OSSL_PROVIDER_load(tls->context, "default");
	tls->signing = tls->base ? OSSL_PROVIDER_load(tls->context, "keystay") : NULL;
	if (!tls->signing) {
		(void)ks_text_print(why, why_size, "keystay's OpenSSL provider cannot be loaded from %s: ", folder);
		ks_report_append(why, why_size);
		return KS_ERR_NOT_FOUND;
	}
	/* Without the tap signatures are made all the same; only a rule that asks for a proven server refuses then. */
	tls->tap = OSSL_PROVIDER_load(tls->context, "keystay-tap");
	if (tls->tap && EVP_set_default_properties(tls->context, "?keystay.tap=yes") != 1)
		return KS_ERR_NO_MEMORY;
	ERR_clear_error();
	return 0;
}

static int trust(struct ks_tls *tls, char *why, size_t why_size)
{
	const char *file = tls->options->ca_file;
	char what[512];

	if ((file ? SSL_CTX_load_verify_file(tls->ssl, file) : SSL_CTX_set_default_verify_paths(tls->ssl)) == 1)
		return 0;
	(void)ks_text_print(what, sizeof(what), "no CA certificates can be read from %s",
			    file ? file : "the system's folder");
	say(why, why_size, what);
	return KS_ERR_NOT_FOUND;
}

static int make_ssl(struct ks_tls *tls, char *why, size_t why_size)
{
	const struct ks_alpn *alpn = &tls->options->alpn;

	tls->ssl = SSL_CTX_new_ex(tls->context, NULL, TLS_client_method());
	if (!tls->ssl || SSL_CTX_set_min_proto_version(tls->ssl, TLS1_2_VERSION) != 1)
		return KS_ERR_NO_MEMORY;
	SSL_CTX_set_verify(tls->ssl, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_post_handshake_auth(tls->ssl, 1);
	SSL_CTX_set_mode(tls->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					   SSL_MODE_RELEASE_BUFFERS);
	if (alpn->size > 0 && SSL_CTX_set_alpn_protos(tls->ssl, alpn->list, (unsigned)alpn->size) != 0)
		return KS_ERR_NO_MEMORY;
	return trust(tls, why, why_size);
}

static bool is_address(const char *host)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
	bool result = address != NULL;

	ASN1_OCTET_STRING_free(address);
	ERR_clear_error();
	return result;
}

int ks_tls_new(const struct ks_options *options, struct ks_tls **ret_tls, char *why, size_t why_size)
{
	struct ks_tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return KS_ERR_NO_MEMORY;
	/* libssl would read openssl.cnf into its own context, where it may name our provider once more. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1) {
		free(tls);
		return KS_ERR_NO_MEMORY;
	}
	(void)ks_text_print(why, why_size, "memory ran out");
	tls->options = options;
	tls->is_address = is_address(options->server_name);
	int r = load_providers(tls, why, why_size);
	if (r == 0)
		r = make_ssl(tls, why, why_size);
	if (r == 0)
		r = ks_tunnel_identity_new(tls->context, options->name, &tls->identity, why, why_size);
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
	ks_tunnel_identity_free(tls->identity);
	SSL_CTX_free(tls->ssl);
	OSSL_PROVIDER_unload(tls->tap);
	OSSL_PROVIDER_unload(tls->signing);
	OSSL_PROVIDER_unload(tls->base);
	OSSL_LIB_CTX_free(tls->context);
	free(tls);
}

/* --- a handshake ------------------------------------------------------------------------------------------------- */

/* 1: go on; 0: time ran out; -1: TLS has failed. */
static int wait_for_server(SSL *ssl, int fd, int result)
{
	int wanted = SSL_get_error(ssl, result);
	struct pollfd poll_fd = { .fd = fd };

	if (wanted == SSL_ERROR_WANT_READ)
		poll_fd.events = POLLIN;
	else if (wanted == SSL_ERROR_WANT_WRITE)
		poll_fd.events = POLLOUT;
	else
		return -1;
	return poll(&poll_fd, 1, (int)KS_TUNNEL_SERVER_MS) == 1;
}

static int prepare(struct ks_tls *tls, SSL *ssl, int fd)
{
	const char *name = tls->options->server_name;

	if (SSL_set_fd(ssl, fd) != 1)
		return KS_ERR_NO_MEMORY;
	if (tls->is_address) {
		if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) != 1)
			return KS_ERR_NO_MEMORY;
	} else {
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		/* A macro that casts const away; what it calls copies the name. */
		if (SSL_set1_host(ssl, name) != 1 || SSL_set_tlsext_host_name(ssl, (uintptr_t)name) != 1)
			return KS_ERR_NO_MEMORY;
	}
	return ks_tunnel_identity_use(tls->identity, ssl);
}

static void say_unverified(const struct ks_tls *tls, long result, char *why, size_t why_size)
{
	switch (result) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		(void)ks_text_print(
			why, why_size,
			"the server's certificate is not for \"%s\"; nothing was sent. If the server is the "
			"right one, give the name in its certificate: --server-name",
			tls->options->server_name);
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		(void)ks_text_print(why, why_size,
				    "the server's certificate is of no CA that %s names (%s); nothing was sent%s",
				    tls->options->ca_file ? tls->options->ca_file : "this system",
				    X509_verify_cert_error_string(result),
				    tls->options->ca_file ? "" : ". The server's CA can be given with --ca FILE");
		return;
	default:
		(void)ks_text_print(why, why_size, "the server's certificate is not accepted (%s); nothing was sent",
				    X509_verify_cert_error_string(result));
	}
}

/* What the server chose must be what the client will speak. A server without ALPN speaks what it did before ALPN. */
static bool alpn_is_good(const struct ks_tls *tls, const SSL *ssl, char *why, size_t why_size)
{
	static const unsigned char http1[] = "\x08http/1.1";
	const struct ks_alpn *alpn = &tls->options->alpn;
	const unsigned char *chosen;
	unsigned size;

	SSL_get0_alpn_selected(ssl, &chosen, &size);
	if (alpn->size == 0 || size > 0 || memmem(alpn->list, alpn->size, http1, sizeof(http1) - 1))
		return true;
	(void)ks_text_print(why, why_size, "the server speaks none of the protocols of --alpn");
	return false;
}

static int handshake(struct ks_tls *tls, SSL *ssl, int fd, char *why, size_t why_size)
{
	int r, go_on;

	do {
		ERR_clear_error();
		r = SSL_connect(ssl);
		if (r == 1)
			return alpn_is_good(tls, ssl, why, why_size) ? 0 : KS_ERR_UNSUPPORTED;
		go_on = wait_for_server(ssl, fd, r);
	} while (go_on == 1);
	if (go_on == 0)
		(void)ks_text_print(why, why_size, "the server does not answer in the TLS handshake");
	else if (SSL_get_verify_result(ssl) != X509_V_OK)
		say_unverified(tls, SSL_get_verify_result(ssl), why, why_size);
	else if (ERR_peek_error() == 0)
		(void)ks_text_print(why, why_size, "the server closed the connection in the TLS handshake");
	else
		say(why, why_size, "the TLS handshake failed");
	return KS_ERR_CLOSED;
}

int ks_tls_connect(struct ks_tls *tls, int fd, SSL **ret_ssl, char *why, size_t why_size)
{
	SSL *ssl = SSL_new(tls->ssl);
	int r = ssl ? prepare(tls, ssl, fd) : KS_ERR_NO_MEMORY;

	if (r < 0)
		say(why, why_size, "TLS cannot begin");
	else
		r = handshake(tls, ssl, fd, why, why_size);
	if (r < 0) {
		SSL_free(ssl);
		return r;
	}
	*ret_ssl = ssl;
	return 0;
}
