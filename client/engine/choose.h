/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choose: which identity a server will take, for programs that leave the choice to the engine
 * (SSL_CTX_set_client_cert_engine(3)).
 *
 * Of all identities the best one for what the server asks (client/best.h): names of CAs, signature schemes, version.
 *
 * Runs in: any program that loads the engine.
 */
#pragma once

#include <openssl/engine.h>
#include <openssl/ssl.h>

/* ENGINE_SSL_CLIENT_CERT_PTR. 1 with certificate, key and chain given; 0 when nothing fits. */
int ks_engine_choose(ENGINE *engine, SSL *ssl, STACK_OF(X509_NAME) * ca_names, X509 **ret_certificate,
		     EVP_PKEY **ret_key, STACK_OF(X509) * *ret_others, UI_METHOD *ui_method, void *callback_data);
