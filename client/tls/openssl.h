/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl: an OpenSSL of our own: no configuration file, the default provider, keystay's provider and the tap.
 *
 * Runs in: keystay-tunnel, keystay-explain, keystay-enroll.
 */
#pragma once

#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <stddef.h>

#include "lib/base/error.h"

struct ks_openssl {
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *base, *signing, *tap; /* tap may be NULL: then no server can be proven in TLS 1.3 */
	char *folder;                        /* of keystay.so and keystay-tap.so; owned */
};

/* On failure why is one sentence, here and below. */
int ks_openssl_load(struct ks_openssl *ret_openssl, char *why, size_t why_size) KS_WARN_UNUSED;

/* The same with a provider "keystay" that stands in the program, in place of keystay.so. */
int ks_openssl_load_with(OSSL_provider_init_fn *provider, struct ks_openssl *ret_openssl, char *why, size_t why_size)
	KS_WARN_UNUSED;
void ks_openssl_unload(struct ks_openssl *openssl);

/* Which CAs may have issued the server's certificate; ca_file NULL = the system's. */
int ks_openssl_trust(SSL_CTX *ssl, const char *ca_file, char *why, size_t why_size) KS_WARN_UNUSED;

/* What the server's certificate must name, and what it is asked for by (SNI) unless that is an address. */
int ks_openssl_expect(SSL *ssl, const char *server_name) KS_WARN_UNUSED;

/* After a call of SSL that gave result, on a descriptor that does not block. 1: call it again; 0: the server is silent
 * for timeout_ms; -1: TLS has failed, or stopped. */
int ks_openssl_wait(SSL *ssl, int fd, int result, unsigned timeout_ms) KS_WARN_UNUSED;
