/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signable: may these bytes be signed with this key? The heart of invariant I2.
 *
 * Yes only for the to-be-signed input of a TLS 1.3 client CertificateVerify (RFC 8446 section 4.4.3, read by
 * certificate_verify13.h) or a TLS 1.2 one (RFC 5246 section 7.4.8, read by transcript12.h), and, where that is asked
 * for, of a certificate request for the same key (RFC 2986 section 4.1, read by request10.h) or of a message of CMP (RFC
 * 4210 section 5.1.3, read by cmp_part.h). Everything else gets a reason code and a sentence, before any PIN prompt or
 * token call. Pure; touches no token, no file, no clock.
 */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/scheme.h"
#include "lib/protocol/spki.h"

enum ks_signable_kind {
	KS_SIGNABLE_TLS13_CLIENT = 1,
	KS_SIGNABLE_TLS12_CLIENT,
	KS_SIGNABLE_DIGEST,  /* of something that nobody here has seen (invariant I3) */
	KS_SIGNABLE_REQUEST, /* a CertificationRequestInfo of this key */
	KS_SIGNABLE_CMP,     /* what this key signs in CMP, or a CertRequest of this key */
};

struct ks_signable {
	enum ks_signable_kind kind;
	const struct ks_scheme *scheme;
	enum ks_hash transcript_hash;       /* TLS 1.3: of the cipher suite; TLS 1.2: of the scheme */
	struct ks_bytes transcript_digest;  /* TLS 1.3: the last 32 or 48 bytes of the input; else none */
	struct ks_bytes client_certificate; /* TLS 1.2: the leaf that the client shows, DER, borrowed from the input */
	char server_name[256];              /* TLS 1.2: the SNI of the ClientHello, claimed, not proven; else "" */
	char cmp[128]; /* CMP: what is asked for, for a person: "a key update (kur) of CMP"; else "" */
};

/* A longer explanation than the code's own: which message, which length, what was seen. */
struct ks_signable_refusal {
	char text[256];
};

/* 0, or KS_ERR_INPUT_* with ret_refusal filled. spki is the identity's key as its certificate says it (RSASSA-PSS
 * certificates allow only rsa_pss_pss_*). scheme_code is what the client asks for. */
int ks_signable_check(struct ks_bytes input, uint32_t scheme_code, const struct ks_spki *spki,
		      struct ks_signable *ret_signable, struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* A bare digest: is it one of the scheme's hash, and may this key make the scheme? Whether digests are signed at all is
 * policy's to say. */
int ks_signable_check_digest(struct ks_bytes digest, uint32_t scheme_code, const struct ks_spki *spki,
			     struct ks_signable *ret_signable, struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* A certificate request, which nothing but its own message may ask for: INPUT_REQUEST unless it is a whole
 * CertificationRequestInfo whose key is spki, byte for byte. */
int ks_signable_check_request(struct ks_bytes request, uint32_t scheme_code, const struct ks_spki *spki,
			      struct ks_signable *ret_signable, struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* A message of CMP, which nothing but its own message may ask for: INPUT_CMP unless it is a whole ProtectedPart that says
 * it is signed with this scheme, or a whole CertRequest whose key is spki, byte for byte. In a key update spki is the old
 * key; the one that a certificate is asked for may be another: cmp says of which type. */
int ks_signable_check_cmp(struct ks_bytes input, uint32_t scheme_code, const struct ks_spki *spki,
			  struct ks_signable *ret_signable, struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;
