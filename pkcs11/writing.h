/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writing: a read-write session of its own for one change to a token, while that token's user is logged in.
 *
 * Runs in: keystay-token, main thread, while nobody signs. The warm sessions stay read-only: nothing that signs could
 * write, and what fails here costs no session of theirs. Must never log in or out.
 */
#pragma once

#include "pkcs11/object.h"
#include "pkcs11/problem.h"
#include "pkcs11/token.h"

struct ks_writing {
	struct ks_token *token;         /* borrowed */
	const struct ks_module *module; /* borrowed */
	CK_SESSION_HANDLE session;
	struct ks_object_memory memory; /* for what is read in it */
};

/* Closes the session. */
void ks_writing_deinit(struct ks_writing *writing);

/* TOKEN_LOCKED when the token needs a login and nobody is logged in, UNSUPPORTED when it cannot be written to. */
int ks_writing_begin(struct ks_token *token, struct ks_writing *ret_writing, struct ks_problem *problem) KS_WARN_UNUSED;

/* Objects of this class with this value of attribute type (CKA_ID or CKA_LABEL), at most KS_WRITING_FOUND_MAX. */
#define KS_WRITING_FOUND_MAX 64u
CK_RV ks_writing_find(const struct ks_writing *writing, CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type,
		      struct ks_bytes value, struct ks_handles *handles) KS_WARN_UNUSED;

enum ks_writing_what { KS_WRITING_KEY, KS_WRITING_CERTIFICATE, KS_WRITING_REMOVAL, KS_WRITING_PIN };

/* Why the module did not do it, after rv came from function. A module or token that cannot is UNSUPPORTED, and where it
 * is known which program can, the sentence says so. */
int ks_writing_refused(const struct ks_token *token, CK_RV rv, const char *function, enum ks_writing_what what,
		       struct ks_problem *problem);

/* "; run: …": which program of the vendor's does this to such a token. "" when that is not known. */
const char *ks_writing_hint(const struct ks_module *module, const CK_TOKEN_INFO *info, enum ks_writing_what what);

/* A PIV card (NIST SP 800-73) behind OpenSC, which neither initialises it nor knows an SO PIN of it. */
bool ks_writing_is_opensc_piv(const struct ks_module *module, const CK_TOKEN_INFO *info);

/* tpm2-pkcs11. */
bool ks_writing_is_tpm2(const struct ks_module *module);
