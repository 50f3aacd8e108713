/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mechanism: the ways in which a token may be brought to make a signature of a TLS scheme.
 *
 * Runs in: keystay-token. One table: what a token offers decides which row is used, and a row says what the token is
 * given. Pure but for reading a token's list.
 */
#pragma once

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/protocol/scheme.h"
#include "pkcs11/module.h"

/* What C_Sign is given. */
enum ks_operand {
	KS_OPERAND_INPUT,        /* the whole input; the token hashes */
	KS_OPERAND_DIGEST,       /* hashed here */
	KS_OPERAND_DIGEST_INFO,  /* hashed here, in a DigestInfo (RFC 8017 section 9.2) */
	KS_OPERAND_PSS_ENCODING, /* hashed here, encoded by EMSA-PSS here (RFC 8017 section 9.1) */
};

#define KS_HASHES 4u /* enum ks_hash */
#define KS_WAYS_MAX 8u
#define KS_WAY_NONE 0xffu

struct ks_way {
	enum ks_signing signing;
	enum ks_operand operand;
	bool last_resort; /* after those that a token did not even list: raw RSA, which can be used for anything */
	CK_MECHANISM_TYPE mechanism[KS_HASHES]; /* by enum ks_hash; KS_NO_MECHANISM where there is none */
};

#define KS_NO_MECHANISM CK_UNAVAILABLE_INFORMATION

/* Which rows a token lists. */
struct ks_mechanisms {
	uint32_t listed[KS_HASHES]; /* bit n: row n with this hash */
};

/* C_GetMechanismList. A module that gives none is not refused: ways are tried whether listed or not. */
CK_RV ks_mechanisms_read(const struct ks_module *module, CK_SLOT_ID slot, struct ks_mechanisms *ret_mechanisms)
	KS_WARN_UNUSED;

/* Marks one mechanism as listed. */
void ks_mechanisms_add(struct ks_mechanisms *mechanisms, CK_MECHANISM_TYPE mechanism);

/* The row of a number that ks_mechanism_ways() gave. */
const struct ks_way *ks_mechanism_way(uint8_t way);

/* The ways to make this scheme in the order in which to try them: what the token lists, then what it does not list
 * (tpm2-pkcs11 lists no PSS and has it), last resorts at the end. known (or KS_WAY_NONE): the one that worked before,
 * which comes first. Returns how many. */
size_t ks_mechanism_ways(const struct ks_mechanisms *mechanisms, const struct ks_scheme *scheme, uint8_t known,
			 uint8_t ret_ways[KS_WAYS_MAX]);

/* Fills a mechanism and its parameters, if it has any, for C_SignInit. pss must live as long as the mechanism. */
CK_MECHANISM ks_mechanism_make(uint8_t way, enum ks_hash hash, CK_RSA_PKCS_PSS_PARAMS *pss);
