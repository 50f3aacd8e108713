/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_trust: a set of certificates at which a server's chain may end.
 *
 * What stands in it was named by the owner of the machine or of the agent, never by a peer. Any certificate may: a root,
 * an authority below one, a server's own. No file is opened here; whoever reads files gives their bytes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

struct ks_server_trust;

int ks_server_trust_new(struct ks_server_trust **ret_trust) KS_WARN_UNUSED;
void ks_server_trust_free(struct ks_server_trust *trust); /* NULL is allowed */

/* Adds one certificate. MALFORMED. */
int ks_server_trust_add_der(struct ks_server_trust *trust, struct ks_bytes der) KS_WARN_UNUSED;

/* Adds the certificates of a PEM file's text. MALFORMED for a block that is none. Returns how many. */
int ks_server_trust_add_pem(struct ks_server_trust *trust, struct ks_bytes pem) KS_WARN_UNUSED;

size_t ks_server_trust_size(const struct ks_server_trust *trust);

/* Does now, before there is a child or a peer, what the first proof would otherwise do in each child: OpenSSL fetches
 * algorithms and takes certificates apart when it needs them. */
void ks_server_trust_warm(struct ks_server_trust *trust);

/* Where OpenSSL looks for the certificates that this system trusts: SSL_CERT_FILE and SSL_CERT_DIR, or what it was built
 * with. A folder has its certificates in files named by the hash of their subject ("002c0b4f.0"). Borrowed for ever. */
const char *ks_server_trust_system_file(void);
const char *ks_server_trust_system_folder(void);

/* Borrowed; for the rest of this room. */
X509_STORE *ks_server_trust_store(const struct ks_server_trust *trust);
