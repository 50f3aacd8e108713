/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signable: see signable.h. Finds the reader for an input, then holds what was read against key and scheme.
 *
 * Runs in: keystay-agent. Must never accept what no reader has read to its last byte.
 */
#include "lib/tls/signable.h"

#include <string.h>

#include "lib/base/der.h"
#include "lib/base/text.h"
#include "lib/tls/certificate_verify13.h"
#include "lib/tls/cmp_part.h"
#include "lib/tls/foreign_input.h"
#include "lib/tls/pss_key.h"
#include "lib/tls/refusal.h"
#include "lib/tls/request10.h"
#include "lib/tls/signature_algorithm.h"
#include "lib/tls/transcript12.h"

static int refuse_scheme(uint32_t code, struct ks_signable_refusal *refusal)
{
	/* SignatureAndHashAlgorithm (RFC 5246 section 7.4.1.4.1): the hash, then the signature. */
	static const char *const weak_hashes[] = { [1] = "MD5", [2] = "SHA-1", [3] = "SHA-224" };
	uint32_t hash = code >> 8;
	uint32_t signature = code & 0xff;

	if (hash >= 1 && hash <= 3 && signature >= 1 && signature <= 3)
		return ks_refusal_give(refusal, KS_ERR_INPUT_SCHEME,
				       "the signature scheme 0x%04x uses %s, which is too weak to sign with",
				       (unsigned)code, weak_hashes[hash]);
	return ks_refusal_give(refusal, KS_ERR_INPUT_SCHEME, "the signature scheme 0x%04x is not known",
			       (unsigned)code);
}

static int refuse_key_type(const struct ks_scheme *scheme, const struct ks_spki *spki, const char *where,
			   struct ks_signable_refusal *refusal)
{
	char type[32];

	ks_spki_type_name(spki, type, sizeof(type));
	return ks_refusal_give(refusal, KS_ERR_INPUT_KEY_TYPE, "a key of type %s cannot make %s signatures in %s", type,
			       scheme->name, where);
}

/* binds_curve: the hash goes with the curve, as in TLS 1.3. */
static int check_key_in(const char *where, bool binds_curve, const struct ks_scheme *scheme, const struct ks_spki *spki,
			struct ks_signable_refusal *refusal)
{
	if (!ks_scheme_fits(scheme, spki, binds_curve))
		return refuse_key_type(scheme, spki, where, refusal);
	if (!ks_pss_key_allows(spki, scheme))
		return ks_refusal_give(refusal, KS_ERR_INPUT_KEY_TYPE,
				       "this RSASSA-PSS key is restricted to other signatures than %s", scheme->name);
	return 0;
}

static int check_key(const struct ks_scheme *scheme, const struct ks_spki *spki, bool is_tls13,
		     struct ks_signable_refusal *refusal)
{
	if (is_tls13 && !scheme->tls13)
		return ks_refusal_give(refusal, KS_ERR_INPUT_SCHEME,
				       "TLS 1.3 does not allow the signature scheme %s (0x%04x)", scheme->name,
				       scheme->code);
	return check_key_in(is_tls13 ? "TLS 1.3" : "TLS 1.2", is_tls13, scheme, spki, refusal);
}

/* The certificate that the client showed to the server must be of the key that is to sign; which of several
 * certificates of this key it is does not matter (clients that run keep an old one after a renewal). */
static int check_certificate(struct ks_bytes certificate, const struct ks_spki *spki,
			     struct ks_signable_refusal *refusal)
{
	struct ks_bytes der;
	struct ks_spki shown;

	if (ks_spki_of_certificate(certificate, &der) < 0 || ks_spki_read(der, &shown) < 0)
		return ks_refusal_give(
			refusal, KS_ERR_INPUT_CERTIFICATE,
			"the client certificate in the TLS 1.2 transcript has no public key that is known");
	if (!ks_spki_same_key(&shown, spki))
		return ks_refusal_give(refusal, KS_ERR_INPUT_CERTIFICATE,
				       "the client certificate in the TLS 1.2 transcript is of another key");
	return 0;
}

static int check13(struct ks_bytes input, const struct ks_scheme *scheme, const struct ks_spki *spki,
		   struct ks_signable *signable, struct ks_signable_refusal *refusal)
{
	struct ks_certificate_verify13 verify;
	int r = ks_certificate_verify13_read(input, &verify, refusal);
	if (r < 0)
		return r;
	r = check_key(scheme, spki, true, refusal);
	if (r < 0)
		return r;
	signable->kind = KS_SIGNABLE_TLS13_CLIENT;
	signable->transcript_hash = verify.transcript_hash;
	signable->transcript_digest = verify.transcript_digest;
	return 0;
}

static int check12(struct ks_bytes input, const struct ks_scheme *scheme, const struct ks_spki *spki,
		   struct ks_signable *signable, struct ks_signable_refusal *refusal)
{
	struct ks_transcript12 transcript;
	int r = ks_transcript12_read(input, &transcript, refusal);
	if (r < 0)
		return r;
	r = check_certificate(transcript.client_certificate, spki, refusal);
	if (r < 0)
		return r;
	r = check_key(scheme, spki, false, refusal);
	if (r < 0)
		return r;
	if (!ks_transcript12_offers(&transcript, scheme->code))
		return ks_refusal_give(refusal, KS_ERR_INPUT_NOT_OFFERED,
				       "the server did not ask for the signature scheme %s (0x%04x)", scheme->name,
				       scheme->code);
	signable->kind = KS_SIGNABLE_TLS12_CLIENT;
	signable->transcript_hash = scheme->hash;
	signable->client_certificate = transcript.client_certificate;
	memcpy(signable->server_name, transcript.server_name, sizeof(signable->server_name));
	return 0;
}

int ks_signable_check(struct ks_bytes input, uint32_t scheme_code, const struct ks_spki *spki,
		      struct ks_signable *ret_signable, struct ks_signable_refusal *ret_refusal)
{
	struct ks_signable signable = { .scheme = ks_scheme_find(scheme_code) };
	int r;

	if (!signable.scheme)
		return refuse_scheme(scheme_code, ret_refusal);
	if (ks_certificate_verify13_resembles(input))
		r = check13(input, signable.scheme, spki, &signable, ret_refusal);
	else if (!ks_foreign_input_is_digest(input, spki) && ks_transcript12_resembles(input))
		r = check12(input, signable.scheme, spki, &signable, ret_refusal);
	else
		r = ks_foreign_input_refuse(input, spki, ret_refusal);
	if (r < 0)
		return r;
	*ret_signable = signable;
	return 0;
}

int ks_signable_check_digest(struct ks_bytes digest, uint32_t scheme_code, const struct ks_spki *spki,
			     struct ks_signable *ret_signable, struct ks_signable_refusal *ret_refusal)
{
	const struct ks_scheme *scheme = ks_scheme_find(scheme_code);

	ret_refusal->text[0] = '\0';
	if (!scheme)
		return refuse_scheme(scheme_code, ret_refusal);
	if (scheme->hash == KS_HASH_NONE)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_DIGEST, "%s signs whole messages, never digests",
				       scheme->name);
	if (digest.size != ks_hash_size(scheme->hash))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_DIGEST,
				       "%zu bytes are no digest for %s, which takes %zu", digest.size, scheme->name,
				       ks_hash_size(scheme->hash));
	/* As TLS 1.2 does it: without a bond between curve and hash. */
	int r = check_key(scheme, spki, false, ret_refusal);
	if (r < 0)
		return r;
	*ret_signable =
		(struct ks_signable){ .kind = KS_SIGNABLE_DIGEST, .scheme = scheme, .transcript_hash = scheme->hash };
	return 0;
}

int ks_signable_check_request(struct ks_bytes input, uint32_t scheme_code, const struct ks_spki *spki,
			      struct ks_signable *ret_signable, struct ks_signable_refusal *ret_refusal)
{
	const struct ks_scheme *scheme = ks_scheme_find(scheme_code);
	struct ks_request10 request;

	if (!scheme)
		return refuse_scheme(scheme_code, ret_refusal);
	int r = ks_request10_read(input, &request, ret_refusal);
	if (r < 0)
		return r;
	/* Byte for byte: a CA would take another form of the same key for another key. */
	if (!ks_bytes_equal(request.spki.der, spki->der))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_REQUEST,
				       "in the certificate request the public key is another one than this key's");
	r = check_key_in("certificate requests", scheme->signing == KS_SIGNING_ECDSA, scheme, spki, ret_refusal);
	if (r < 0)
		return r;
	*ret_signable =
		(struct ks_signable){ .kind = KS_SIGNABLE_REQUEST, .scheme = scheme, .transcript_hash = scheme->hash };
	return 0;
}

/* --- CMP --------------------------------------------------------------------------------------------------------- */

/* Is the key that is asked for the one that signs? Byte for byte, as in a certificate request. */
static bool asks_for(const struct ks_cmp_part *part, const struct ks_spki *spki)
{
	struct ks_reader reader = ks_reader(spki->der);

	return ks_bytes_equal(part->key, ks_der_take(&reader, KS_DER_SEQUENCE));
}

static int describe_key_update(const struct ks_cmp_part *part, const struct ks_spki *spki, struct ks_signable *signable,
			       struct ks_signable_refusal *refusal)
{
	uint8_t memory[KS_SPKI_MAX];
	struct ks_spki asked;
	char type[32];

	if (ks_cmp_part_key(part, memory, &asked) < 0)
		return ks_refusal_give(refusal, KS_ERR_INPUT_CMP,
				       "in the CMP message the new public key is none that keystay knows");
	ks_spki_type_name(&asked, type, sizeof(type));
	if (asks_for(part, spki))
		(void)ks_text_print(signable->cmp, sizeof(signable->cmp), "a key update (kur) of CMP, for this key");
	else
		(void)ks_text_print(signable->cmp, sizeof(signable->cmp),
				    "a key update (kur) of CMP, for another key of type %s", type);
	return 0;
}

static void describe_revocation(const struct ks_cmp_part *part, struct ks_signable *signable)
{
	char digits[2 * 21 + 1]; /* as crmf.c has them */

	ks_text_hex(part->serial, digits);
	(void)ks_text_print(signable->cmp, sizeof(signable->cmp),
			    "a revocation (rr) of CMP, of the certificate with the serial number %s", digits);
}

/* What is asked for, and is it for this key to ask? */
static int judge_part(const struct ks_cmp_part *part, const struct ks_spki *spki, struct ks_signable *signable,
		      struct ks_signable_refusal *refusal)
{
	switch (part->kind) {
	case KS_CMP_KEY_UPDATE:
		return describe_key_update(part, spki, signable, refusal);
	case KS_CMP_REVOCATION:
		describe_revocation(part, signable);
		return 0;
	case KS_CMP_CONFIRMATION:
		(void)ks_text_print(signable->cmp, sizeof(signable->cmp), "a confirmation (certConf) of CMP");
		return 0;
	case KS_CMP_POLL:
		(void)ks_text_print(signable->cmp, sizeof(signable->cmp), "a poll (pollReq) of CMP");
		return 0;
	case KS_CMP_CERT_REQUEST:
		break;
	}
	(void)ks_text_print(signable->cmp, sizeof(signable->cmp), "a certificate request (CRMF), for this key");
	return asks_for(part, spki) ?
		       0 :
		       ks_refusal_give(refusal, KS_ERR_INPUT_CMP,
				       "in the CertRequest the public key is another one than this key's");
}

int ks_signable_check_cmp(struct ks_bytes input, uint32_t scheme_code, const struct ks_spki *spki,
			  struct ks_signable *ret_signable, struct ks_signable_refusal *ret_refusal)
{
	const struct ks_scheme *scheme = ks_scheme_find(scheme_code);
	struct ks_cmp_part part;

	if (!scheme)
		return refuse_scheme(scheme_code, ret_refusal);
	struct ks_signable signable = { .kind = KS_SIGNABLE_CMP, .scheme = scheme, .transcript_hash = scheme->hash };
	int r = ks_cmp_part_read(input, &part, ret_refusal);
	if (r == 0)
		r = judge_part(&part, spki, &signable, ret_refusal);
	if (r == 0)
		r = check_key_in("CMP", scheme->signing == KS_SIGNING_ECDSA, scheme, spki, ret_refusal);
	if (r < 0)
		return r;
	/* A MAC's algorithm, or another signature's: then these bytes are not what is to be made of them. */
	if (part.kind != KS_CMP_CERT_REQUEST && !ks_signature_algorithm_is(part.protection, scheme))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_CMP,
				       "the CMP message says that it is protected by something else than %s",
				       scheme->name);
	*ret_signable = signable;
	return 0;
}
