/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asked: what a server asks for in its CertificateRequest, as libssl knows it, for client/best.h.
 *
 * Runs in: keystay-tunnel, keystay-explain, and any program that loads the engine.
 */
#pragma once

#include <openssl/ssl.h>

#include "client/best.h"
#include "lib/base/error.h"

/* best borrows from the rest, and names from ca_names; libssl lets a CertificateRequest have 100 KiB at most. */
struct ks_asked {
	struct ks_best_asked best;
	struct ks_bytes *names; /* owned */
	uint16_t *schemes;      /* owned */
};

/* In a callback for the client's certificate. ssl may be NULL: then only the names are known. */
int ks_asked_read(SSL *ssl, const STACK_OF(X509_NAME) * ca_names, struct ks_asked *ret_asked) KS_WARN_UNUSED;
void ks_asked_deinit(struct ks_asked *asked);
