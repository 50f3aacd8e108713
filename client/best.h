/* SPDX-License-Identifier: Apache-2.0 */
/*
 * best: which identities a server will take, why not the others, and which of several is the best one.
 *
 * One place for all who choose: engine, module, `keystay:auto`, tunnel, `keystay explain`. Pure, libc only: what the
 * agent told and what the server asked come in, a verdict goes out. Where something is not known (which CAs the server
 * names, before there is a connection) it does not count.
 *
 * Who fits: has a certificate that is valid now, not revoked, good by its CA's word where keystay.conf asks for that, and for TLS clients, on a token that is there; whose chain is issued
 * by a CA that the server names; whose key can make a signature that the server knows.
 * Who comes first, of those that fit: the scheme that the server names first; a certificate that will last before one
 * that is about to expire; the person's order (that of the [key] sections of keystay.conf); the newest; by name.
 *
 * Runs in: keystay, keystay-tunnel, keystay-explain and, by the plug-ins, any program.
 */
#pragma once

#include "lib/protocol/message.h"
#include "lib/protocol/scheme.h"

/* What a server asked for, as far as it is known. */
struct ks_best_asked {
	const struct ks_bytes *ca_names; /* DER Names (RFC 8446 section 4.2.4); none = any */
	size_t n_ca_names;
	const uint16_t *schemes; /* SignatureSchemes, the one it likes most first; none = not known */
	size_t n_schemes;
	uint16_t tls_version; /* 0x0303, 0x0304; 0 = not known */
	uint64_t now_s;
};

/* In the order in which they are looked for: of several faults the first one is told. */
enum ks_best_fault {
	KS_BEST_FITS = 0,
	KS_BEST_NO_CERTIFICATE,
	KS_BEST_REVOKED,
	KS_BEST_EXPIRED,
	KS_BEST_EARLY,
	KS_BEST_STATUS,  /* revocation = require, and its CA does not say that it is good */
	KS_BEST_PURPOSE, /* its certificate is not for TLS clients */
	KS_BEST_ISSUER,
	KS_BEST_KEY_TYPE,
	KS_BEST_PSS, /* an RSA key that could sign if the server, or the token, knew RSASSA-PSS */
	KS_BEST_TOKEN,
};

#define KS_BEST_REASON_MAX 512u

struct ks_best {
	enum ks_best_fault fault;
	char reason[KS_BEST_REASON_MAX]; /* why not: a clause in plain words, safe to show; "" when it fits */
	const struct ks_scheme *scheme;  /* that it would sign with; NULL where the server's are not known */
	size_t place;                    /* of that scheme in the server's list */
	bool ends_soon;
	uint32_t rank;
	uint64_t not_before, not_after;
	char name[257];
};

/* chain: LIST of certificate records as GET gives it, leaf first; only looked at when CA names are asked for. */
void ks_best_judge(const struct ks_msg_identity *identity, struct ks_bytes chain, const struct ks_best_asked *asked,
		   struct ks_best *ret_verdict);

/* For qsort(3) over struct ks_best: those that fit first, the best of them first of all; the others by fault. */
int ks_best_compare(const void *a, const void *b);

/* "fits", "no-certificate", "expired" …: stable words, for JSON. Never NULL. */
const char *ks_best_word(enum ks_best_fault fault);

/* "ecdsa_secp256r1_sha256"; "0x0201" for a scheme that keystay does not sign with. out has at least 32 bytes. */
void ks_best_scheme_name(uint16_t code, char *out, size_t size);
