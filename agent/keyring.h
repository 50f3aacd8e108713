/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring: the identities, found by SPKI hash or by name.
 *
 * Runs in: keystay-agent. Built as a whole from what all workers reported, the certificates in certs/ and the
 * settings, and never changed afterwards (but for chains, which are worked out when first asked for): a change makes a
 * new keyring with a new generation.
 *
 * An identity is one SubjectPublicKeyInfo. It stands for a key on one or more tokens, with the newest valid
 * certificate that has this public key (from the same module, or from certs/). A certificate of RSASSA-PSS type and an
 * RSA key with the same numbers belong together; the identity then says RSASSA-PSS. A key that has certificates of both
 * types makes two identities. A public key or certificate whose private half is not visible before login counts, unless
 * a login has shown that there is none, and unless it is a CA certificate without a key object beside it.
 *
 * Names and URIs depend on what there is, never on the order in which it came: they stay through restarts, replugging
 * and another numbering by the worker.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/inventory.h"
#include "agent/overlay.h"
#include "agent/settings.h"
#include "lib/base/lifetime.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"
#include "lib/tls/certificate.h"
#include "lib/tls/verify_signature.h"

/* One place where the private key is. */
struct ks_location {
	size_t module;  /* index in the sources given to ks_keyring_build() */
	uint32_t token; /* the worker's numbers */
	uint32_t key; /* or KS_LOCATION_NO_KEY: only a certificate is seen; a login will show whether there is a key */
	char token_label[65], token_serial[65];
};

#define KS_LOCATIONS_MAX 8
#define KS_LOCATION_NO_KEY UINT32_MAX

/* What is known of the revocation of one certificate, whatever keystay.conf makes of it (keyring_revoked.c). */
struct ks_revocation_finding {
	enum ks_revocation_state state;
	int64_t said_s;    /* GOOD, UNKNOWN, OUTDATED: since when its CA says so (thisUpdate) */
	int64_t until_s;   /* GOOD, UNKNOWN, OUTDATED: until when that holds */
	int64_t revoked_s; /* REVOKED: since when; 0 = not told */
	int reason;        /* REVOKED: CRLReason (RFC 5280 section 5.3.1), -1 = not told */
};

/* A certificate of an identity: the one that stands for it, or another one with which a client may sign in. */
struct ks_identity_leaf {
	uint8_t hash[32]; /* SHA-256 of its DER */
	struct ks_revocation_finding revocation;
};

struct ks_identity {
	char *name;
	char *uri; /* pkcs11:token=…;object=…;id=…  (with serial where that is needed to be unique) */
	char *label;
	char *module;
	uint8_t spki_hash[32];
	uint8_t *spki_der;
	struct ks_spki spki;
	char key_type[32];
	struct ks_public_key *public_key;   /* made by ks_keyring_by_hash(), NULL before: it is what costs most */
	struct ks_certificate *certificate; /* leaf or NULL */
	struct ks_location locations[KS_LOCATIONS_MAX];
	size_t n_locations;
	const struct ks_settings_key *rules; /* borrowed from the settings; of the first [key] section that fits, else
					      * settings->others, which may be NULL */
	bool revoked;                        /* its certificate is, and there is no other valid one */
	struct ks_revocation_finding revocation;     /* of its certificate; NOT_LOOKED_AT with revocation = off */
	enum ks_settings_revocation revocation_mode; /* that holds for this key */
	const struct ks_settings_origin *revocation_origin; /* where that is written; NULL = nowhere; borrowed */
	struct ks_identity_leaf *leaves;                    /* all its certificates; none with revocation = off */
	size_t n_leaves;
	bool always_authenticate;
	struct ks_certificate *chain[KS_CHAIN_MAX]; /* leaf first; chain.c fills it */
	size_t n_chain;
	bool chain_known;
};

struct ks_keyring; /* opaque */

struct ks_keyring_source {
	const char *module; /* name */
	const struct ks_inventory *inventory;
};

/* overlay: what is in certs/. settings and sources are borrowed only during the call, except
 * that identities keep pointing into settings (rebuild the keyring when settings change, before freeing old ones). */
int ks_keyring_build(const struct ks_settings *settings, const struct ks_keyring_source *sources, size_t n_sources,
		     const struct ks_overlay *overlay, struct ks_keyring **ret_keyring) KS_WARN_UNUSED;
void ks_keyring_free(struct ks_keyring *keyring);

size_t ks_keyring_count(const struct ks_keyring *keyring);

/* In the order of their names. Borrowed, valid while the keyring lives. */
struct ks_identity *ks_keyring_at(struct ks_keyring *keyring, size_t index);

/* Also finds an identity by the hash of another form of the same key (RSA and RSASSA-PSS). NULL when unknown, or when
 * OpenSSL refuses the public key. Fills in public_key. */
struct ks_identity *ks_keyring_by_hash(struct ks_keyring *keyring, const uint8_t spki_hash[32]);

/* name: short name, fingerprint prefix (8 or more hex digits of the SPKI hash), PKCS#11 URI (its type is not looked
 * at), "" for the only one, or for the only one that can be used: with a certificate for clients that is valid now.
 * UNKNOWN_KEY or AMBIGUOUS with one sentence in why (KS_TEXT_MAX bytes): which names and URIs there are. */
int ks_keyring_by_name(struct ks_keyring *keyring, struct ks_bytes name, struct ks_identity **ret_identity, char *why,
		       size_t why_size) KS_WARN_UNUSED;

/* The same among the keys of this socket: to its clients there are no others. */
int ks_keyring_by_name_at(struct ks_keyring *keyring, const struct ks_settings_socket *socket, struct ks_bytes name,
			  struct ks_identity **ret_identity, char *why, size_t why_size) KS_WARN_UNUSED;

/* "expires in 6 days", "expired on 2026-06-14" (lib/base/lifetime.h) of its certificate as it is now; "" when there is
 * nothing to say. */
void ks_identity_warning(const struct ks_identity *identity, char out[KS_LIFETIME_TEXT_MAX]);

/* The certificate that issued identity's, root or not, of all that the keyring knows. Borrowed; or NULL. */
const struct ks_certificate *ks_keyring_issuer(struct ks_keyring *keyring, const struct ks_identity *identity);

/* The chain of identity, leaf first, worked out from all certificates that the keyring knows (agent/chain.h); empty
 * without a certificate. Root certificates are left out. */
void ks_keyring_chain(struct ks_keyring *keyring, struct ks_identity *identity);
