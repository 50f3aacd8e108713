/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token: keys and certificates on tokens, and the tokens themselves (docs/protocol.md, PROVISION and TOKEN_*), over the
 * control socket.
 *
 * libc only, like client.h. Hints (terminal, display, KEYSTAY_PROMPT=never) are taken from the environment: a token that
 * is locked is unlocked in the agent's usual way, or the call fails with TOKEN_LOCKED and a sentence that says how.
 * Runs in: keystay, keystay-enroll. Never keeps a PIN: what is borrowed here stands in the caller's struct ks_secret.
 */
#pragma once

#include "client/client.h"
#include "lib/protocol/spki.h"

/* --- keys and certificates --------------------------------------------------------------------------------------- */

struct ks_client_keygen {
	const char *token;               /* label, PKCS#11 URI or the name of one of its keys; "" = the only one */
	const char *label;               /* CKA_LABEL */
	struct ks_bytes object_id;       /* CKA_ID; none = one that is free */
	enum ks_key_algorithm algorithm; /* RSA, EC, ED25519 */
	unsigned bits;                   /* RSA 2048, 3072, 4096; EC 256, 384, 521; ED25519 256 */
	bool unattended;                 /* never ask a person, whatever the environment says (here and below) */
};

struct ks_client_new_key {
	char token[65]; /* label */
	uint8_t object_id[256];
	size_t object_id_size;
	uint8_t spki[KS_SPKI_MAX]; /* SubjectPublicKeyInfo, DER */
	size_t spki_size;
	uint8_t spki_hash[32]; /* SHA-256 of it, by which the agent's messages name the key */
};

/* The key is in the agent's list when this returns. UNSUPPORTED: the module makes no such keys; the text says what
 * does. */
int ks_client_token_keygen(const struct ks_client_keygen *request, struct ks_client_new_key *ret_key,
			   struct ks_client_error *ret_error) KS_WARN_UNUSED;

struct ks_client_store {
	const uint8_t *spki_hash;    /* 32 bytes: of the key that the certificate is for */
	struct ks_bytes certificate; /* DER */
	const char *label;           /* CKA_LABEL; "" = that of the key */
	bool unattended;
};

/* UNSUPPORTED: the token takes no certificate; a file in the agent's certs/ does the same. ret_token (65 bytes, may be
 * NULL): the label. Storing the same certificate again is no error. */
int ks_client_token_store(const struct ks_client_store *request, char *ret_token, struct ks_client_error *ret_error)
	KS_WARN_UNUSED;

struct ks_client_remove {
	const uint8_t *spki_hash;        /* 32 bytes */
	bool key;                        /* the key pair, for ever */
	bool certificates;               /* of that key, on its token */
	const uint8_t *certificate_hash; /* SHA-256 of the only one that is meant; NULL = all */
	bool unattended;
};

/* ret_n_removed: objects of the token; 0 = there was none. */
int ks_client_token_remove(const struct ks_client_remove *request, unsigned *ret_n_removed,
			   struct ks_client_error *ret_error) KS_WARN_UNUSED;

/* --- tokens ------------------------------------------------------------------------------------------------------ */

struct ks_client_provision {
	enum ks_provision operation;
	const char *module; /* in keystay.conf; "" = the one that has the token */
	const char *token;  /* label or PKCS#11 URI; "" = slot, or the only one */
	bool by_slot;
	uint64_t slot;
	const char *label; /* of INIT */
	const char *erase; /* of INIT of an initialised token: its serial number (its label where it has none) */
	struct ks_bytes so_pin, pin, new_pin; /* borrowed out of a struct ks_secret */
};

/* Calls found for each slot of the answer. text has KS_TEXT_MAX bytes: what was done, or which modules could not be
 * asked. */
int ks_client_token_provision(const struct ks_client_provision *request,
			      int (*found)(const struct ks_msg_slot_status *slot, void *userdata), void *userdata,
			      char *text, struct ks_client_error *ret_error) KS_WARN_UNUSED;
