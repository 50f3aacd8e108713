/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standing: may the certificate of a key still be used: is it in its time, not revoked, and, where keystay.conf asks
 * for that, good by its CA's word?
 *
 * A signature with a certificate that has expired or was revoked would be refused by the server, in words that help
 * nobody. Not asked for requests by which a key gets another certificate.
 *
 * Runs in: keystay-agent. Pure.
 */
#pragma once

#include "agent/keyring.h"

struct ks_standing {
	int error;      /* EXPIRED, REVOKED or RULE */
	char text[768]; /* one sentence, with what to do */
	char rule[384]; /* RULE: `[key "web"] revocation = require (FILE:LINE)`, else "" */
};

/* shown: the certificate with which the client signs in, DER, where the handshake shows it; else none. That one is
 * judged, since a client that runs keeps the certificate with which it began, also after a renewal; where it
 * cannot be seen, the one that stands for the key does. 0 or ret_standing's error. */
int ks_standing_check(const struct ks_identity *identity, struct ks_bytes shown, int64_t now_s,
		      struct ks_standing *ret_standing) KS_WARN_UNUSED;

/* For messages: since when and until when what is known of its certificate's revocation holds; 0 = not told. */
uint64_t ks_standing_said(const struct ks_identity *identity);
uint64_t ks_standing_until(const struct ks_identity *identity);

/* Would ks_standing_check() refuse by revocation = require? */
bool ks_standing_is_unproven(const struct ks_identity *identity);
