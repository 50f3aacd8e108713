/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_chooser: a TLS client that leaves the choice of its certificate to the engine (SSL_CTX_set_client_cert_engine),
 * as programs do that ask the user of a browser: prints which one it was, "none", or why there is no connection.
 *
 * Runs in: stories. usage: engine_chooser PORT CA-FILE
 */
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/plugin_front.h"

static int fail(const char *what)
{
	(void)fprintf(stderr, "%s\n", what);
	ERR_print_errors_fp(stderr);
	return 1;
}

static void print_choice(SSL *ssl)
{
	X509 *certificate = SSL_get_certificate(ssl);
	char subject[512] = "none";

	if (certificate)
		(void)X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, subject,
						sizeof(subject));
	(void)printf("%s\n", subject);
}

/* The server has answered: in TLS 1.3 it refuses only after the client thinks that all is well. */
static int talk(SSL *ssl, BIO *connection)
{
	char page[256];

	if (BIO_puts(connection, "GET / HTTP/1.0\r\n\r\n") <= 0 || BIO_read(connection, page, sizeof(page)) <= 0)
		return fail("the server does not answer");
	print_choice(ssl);
	return 0;
}

int main(int argc, char **argv)
{
	ENGINE *engine = plugin_engine_load();
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = NULL;
	char address[64];

	if (argc != 3 || !engine || !context || SSL_CTX_load_verify_file(context, argv[2]) != 1 ||
	    SSL_CTX_set_client_cert_engine(context, engine) != 1)
		return fail("usage: engine_chooser PORT CA-FILE");
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	BIO *connection = BIO_new_ssl_connect(context);
	(void)BIO_get_ssl(connection, &ssl);
	(void)snprintf(address, sizeof(address), "127.0.0.1:%s", argv[1]);
	(void)BIO_set_conn_hostname(connection, address);
	int result = BIO_do_handshake(connection) == 1 ? talk(ssl, connection) : fail("no handshake");
	BIO_free_all(connection);
	SSL_CTX_free(context);
	(void)plugin_engine_unload(engine);
	return result;
}
