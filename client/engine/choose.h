/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choose: which identity a server will take, for programs that leave the choice to the engine
 * (SSL_CTX_set_client_cert_engine(3)).
 *
 * Of all identities: one that has a certificate for TLS clients that is valid now, whose chain leads to a CA that the
 * server names (any, when it names none), whose key makes a signature that this connection knows; the one that stays
 * valid the longest comes first.
 *
 * Runs in: any program that loads the engine.
 */
#pragma once

#include <openssl/engine.h>
#include <openssl/ssl.h>

/* ENGINE_SSL_CLIENT_CERT_PTR. 1 with certificate, key and chain given; 0 when nothing fits. */
int ks_engine_choose(ENGINE *engine, SSL *ssl, STACK_OF(X509_NAME) * ca_names, X509 **ret_certificate,
		     EVP_PKEY **ret_key, STACK_OF(X509) * *ret_others, UI_METHOD *ui_method, void *callback_data);
