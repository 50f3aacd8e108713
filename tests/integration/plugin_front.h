/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin_front: one of keystay's plug-ins inside an OpenSSL program, loaded and unloaded by hand.
 *
 * Runs in: plugin_client.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

struct plugin_front;

/* kind: "provider", "tap" (with the provider) or "engine", from $OPENSSL_MODULES or $OPENSSL_ENGINES; NULL with words on
 * standard error. is_private: in a library context of its own instead of the program's. */
struct plugin_front *plugin_front_load(const char *kind, bool is_private);

/* A client context that knows this CA and has the certificate, chain and key of this PEM file; NULL as above. */
SSL_CTX *plugin_front_context(struct plugin_front *front, const char *ca, const char *pem);

/* The engine's key of this name; NULL and the error queue. */
EVP_PKEY *plugin_front_key(const struct plugin_front *front, const char *name);

bool plugin_front_unload(struct plugin_front *front);

/* --- plugin_engine.c, or plugin_engine_none.c where OpenSSL has no engines ----------------------------------------- */

void *plugin_engine_load(void);
EVP_PKEY *plugin_engine_key(void *engine, const char *name);
bool plugin_engine_unload(void *engine);
