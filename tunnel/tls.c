/* SPDX-License-Identifier: Apache-2.0 */
/* tls: see tls.h. Runs in: keystay-tunnel. */
#include "tunnel/tls.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "client/choose.h"
#include "client/tls/asked.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "client/tls/credentials.h"
#include "tunnel/identity.h"
#include "tunnel/limits.h"
#include "client/tls/openssl.h"
#include "client/tls/report.h"

struct ks_tls {
	const struct ks_options *options; /* borrowed */
	struct ks_openssl openssl;
	SSL_CTX *ssl;
	struct ks_tunnel_identity *identity; /* NULL: each connection gets the best one for what it is asked for */
};

static void say(char *why, size_t why_size, const char *what)
{
	(void)ks_text_print(why, why_size, "%s: ", what);
	ks_report_append(why, why_size);
}

/* --- OpenSSL ----------------------------------------------------------------------------------------------------- */

static int make_ssl(struct ks_tls *tls, char *why, size_t why_size)
{
	const struct ks_alpn *alpn = &tls->options->alpn;

	tls->ssl = SSL_CTX_new_ex(tls->openssl.context, NULL, TLS_client_method());
	if (!tls->ssl || SSL_CTX_set_min_proto_version(tls->ssl, TLS1_2_VERSION) != 1)
		return KS_ERR_NO_MEMORY;
	SSL_CTX_set_verify(tls->ssl, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_post_handshake_auth(tls->ssl, 1);
	SSL_CTX_set_mode(tls->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					   SSL_MODE_RELEASE_BUFFERS);
	if (alpn->size > 0 && SSL_CTX_set_alpn_protos(tls->ssl, alpn->list, (unsigned)alpn->size) != 0)
		return KS_ERR_NO_MEMORY;
	return ks_openssl_trust(tls->ssl, tls->options->ca_file, why, why_size);
}

/* --- the best key for each server -------------------------------------------------------------------------------- */

struct chosen {
	struct ks_tls *tls;
	SSL *ssl;
};

static int take(struct ks_client_identity **identity, const struct ks_best *verdict, void *userdata)
{
	KS_CLEANUP(ks_credentials_deinit) struct ks_credentials credentials = { NULL, NULL, NULL };
	struct chosen *chosen = userdata;
	char why[512];

	(void)verdict;
	/* What OpenSSL cannot read here, another key may do as well. */
	return ks_credentials_make(chosen->tls->openssl.context, *identity, &credentials, why, sizeof(why)) == 0 &&
	       ks_credentials_use(&credentials, chosen->ssl) == 0;
}

/* libssl's cert_cb: the server asks for a certificate, in its handshake or after it. */
static int choose(SSL *ssl, void *userdata)
{
	struct chosen chosen = { userdata, ssl };
	struct ks_client_error error;
	struct ks_asked asked;

	if (ks_asked_read(ssl, SSL_get0_peer_CA_list(ssl), &asked) < 0)
		return 0;
	int r = ks_choose(KS_CLIENT_SIGN, &asked.best, chosen.tls->options->server_name, take, &chosen, &error);
	ks_asked_deinit(&asked);
	if (r < 0)
		ks_report_raise(error.text);
	return r == 0;
}

/* What is wrong with the agent is said at the start; keys may still come. */
static int prepare_choice(struct ks_tls *tls, char *why, size_t why_size)
{
	struct ks_client_identity *identity = NULL;
	struct ks_client_error error;

	SSL_CTX_set_cert_cb(tls->ssl, choose, tls);
	int r = ks_choose_auto(KS_CLIENT_SIGN, &identity, &error);
	ks_client_identity_free(identity);
	if (r == KS_ERR_UNKNOWN_KEY) {
		ks_log_warning("%s", error.text);
		return 0;
	}
	if (r < 0)
		(void)ks_text_print(why, why_size, "%s", error.text);
	return r;
}

int ks_tls_new(const struct ks_options *options, struct ks_tls **ret_tls, char *why, size_t why_size)
{
	struct ks_tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return KS_ERR_NO_MEMORY;
	tls->options = options;
	int r = ks_openssl_load(&tls->openssl, why, why_size);
	if (r == 0)
		r = make_ssl(tls, why, why_size);
	if (r == 0 && strcmp(options->name, KS_CHOOSE_AUTO) == 0)
		r = prepare_choice(tls, why, why_size);
	else if (r == 0)
		r = ks_tunnel_identity_new(tls->openssl.context, options->name, &tls->identity, why, why_size);
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
	ks_openssl_unload(&tls->openssl);
	free(tls);
}

/* --- a handshake ------------------------------------------------------------------------------------------------- */

static int prepare(struct ks_tls *tls, SSL *ssl, int fd)
{
	if (SSL_set_fd(ssl, fd) != 1)
		return KS_ERR_NO_MEMORY;
	int r = ks_openssl_expect(ssl, tls->options->server_name);
	return r == 0 && tls->identity ? ks_tunnel_identity_use(tls->identity, ssl) : r;
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
		go_on = ks_openssl_wait(ssl, fd, r, KS_TUNNEL_SERVER_MS);
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
