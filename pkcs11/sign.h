/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign: one signature: from a TLS signature scheme and its input to the bytes that TLS carries.
 *
 * Runs in: keystay-token, in several threads at once. Hashes where the token does not, finds the mechanism that the
 * token understands, and throws every session away in which something failed. Whether the input may be signed was
 * decided by the agent, which also verifies what comes out.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/secret.h"
#include "pkcs11/digest.h"
#include "pkcs11/key.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/session.h"

/* The PIN of a context-specific login (CKA_ALWAYS_AUTHENTICATE), for one signature. */
struct ks_sign_pin {
	struct ks_secret *secret; /* owned; wiped and NULL as soon as the token has seen it */
	bool submitted;           /* set by ks_sign(): the token was given it, once */
	CK_RV rv;                 /* what C_Login said then */
};

struct ks_sign_request {
	const struct ks_digest *digests;
	struct ks_sessions *sessions;
	const struct ks_mechanisms *mechanisms;
	const char *token_label;
	bool login_required; /* by the token, for private keys */
	bool logged_in;      /* when the key was read */
	struct ks_key *key;
	const struct ks_scheme *scheme;
	struct ks_bytes input;
	bool is_digest;          /* input is the digest itself, of the scheme's hash: the token never gets it bare */
	struct ks_sign_pin *pin; /* NULL: without one */
	bool *ret_no_session;    /* set when the token gives no session: it may not be what it was */
};

/* Appends the signature: ECDSA as DER, all others as the token gives them. TOKEN_LOCKED: the user is not logged in, or
 * the key wants its PIN and none was given. MECHANISM: the token has no way to make this scheme. Whatever goes wrong,
 * the PIN is submitted at most once, and nothing is tried again after that. */
int ks_sign(const struct ks_sign_request *request, struct ks_buffer *signature, struct ks_problem *problem)
	KS_WARN_UNUSED;
