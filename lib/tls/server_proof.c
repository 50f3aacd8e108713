/* SPDX-License-Identifier: Apache-2.0 */
/* server_proof: see server_proof.h. The order of questions; each is answered elsewhere. Runs in: keystay-prove's children. */
#include "lib/tls/server_proof.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/scheme.h"
#include "lib/tls/crypto.h"
#include "lib/tls/pss_key.h"
#include "lib/tls/server_chain.h"
#include "lib/tls/server_signature.h"
#include "lib/tls/server_ocsp.h"
#include "lib/tls/verify_signature.h"

KS_DEFINE_CLEANUP(struct ks_public_key *, ks_public_key_free)

struct certificates {
	X509 *leaf;
	STACK_OF(X509) * others; /* as they were sent */
	STACK_OF(X509) * chain;  /* as it was verified last, leaf first */
};

static void free_all(struct certificates *certificates)
{
	X509_free(certificates->leaf);
	sk_X509_pop_free(certificates->others, X509_free);
	sk_X509_pop_free(certificates->chain, X509_free);
}

static int read_certificates(const struct ks_server_claim *claim, struct certificates *certificates, char *reason)
{
	if (claim->n_certificates == 0 || claim->n_certificates > KS_PROOF_CERTIFICATES_MAX)
		return ks_server_chain_refuse(reason, "it showed no certificate, or more than %u",
					      KS_PROOF_CERTIFICATES_MAX);
	certificates->leaf = ks_server_chain_read(claim->certificates[0]);
	certificates->others = sk_X509_new_null();
	if (!certificates->leaf || !certificates->others)
		return ks_server_chain_refuse(reason, "its certificate is not well-formed");
	for (size_t i = 1; i < claim->n_certificates; i++) {
		X509 *other = ks_server_chain_read(claim->certificates[i]);
		if (!other || sk_X509_push(certificates->others, other) <= 0) {
			X509_free(other);
			return ks_server_chain_refuse(reason, "certificate %zu of its chain is not well-formed", i + 1);
		}
	}
	return 0;
}

static int check_chains(struct certificates *certificates, const struct ks_server_trust *const *anchors,
			size_t n_anchors, int64_t now, char *reason)
{
	if (n_anchors == 0 || n_anchors > KS_PROOF_ANCHORS_MAX)
		return ks_server_chain_refuse(reason, "no certificate authority is trusted here");
	for (size_t i = 0; i < n_anchors; i++) {
		sk_X509_pop_free(certificates->chain, X509_free);
		certificates->chain = NULL;
		int r = ks_server_chain_verify(anchors[i], certificates->leaf, certificates->others, now,
					       &certificates->chain, reason);
		if (r < 0)
			return r;
	}
	return ks_server_chain_check_usage(certificates->leaf, reason);
}

/* --- the server's own signature ---------------------------------------------------------------------------------- */

static int check_signature(const struct ks_server_claim *claim, struct ks_bytes spki_der, char *reason)
{
	KS_CLEANUP(ks_public_key_freep) struct ks_public_key *key = NULL;
	struct ks_spki spki;

	if (ks_spki_read(spki_der, &spki) < 0)
		return ks_server_chain_refuse(reason, "its certificate has a kind of key that keystay does not know");
	if (ks_public_key_new(spki_der, &key) < 0)
		return ks_server_chain_refuse(reason, "its certificate has a key that is not well-formed");
	return ks_server_signature_check(claim, &spki, key, reason);
}

/* --- the stapled response ---------------------------------------------------------------------------------------- */

/* Whoever issued the leaf, among what was verified or, where the leaf is an anchor itself, what was sent. That its key made
 * the leaf's signature is what makes it the issuer. */
static X509 *find_issuer(const struct certificates *certificates)
{
	if (sk_X509_num(certificates->chain) > 1)
		return sk_X509_value(certificates->chain, 1);
	for (int i = -1; i < sk_X509_num(certificates->others); i++) {
		X509 *other = i < 0 ? certificates->leaf : sk_X509_value(certificates->others, i);
		EVP_PKEY *key = X509_get0_pubkey(other);
		if (key && X509_NAME_cmp(X509_get_subject_name(other), X509_get_issuer_name(certificates->leaf)) == 0 &&
		    X509_verify(certificates->leaf, key) == 1)
			return other;
	}
	return NULL;
}

static int check_staple(const struct ks_server_claim *claim, const struct certificates *certificates, int64_t now,
			char *reason)
{
	if (claim->ocsp_response.size == 0)
		return 0;
	X509 *issuer = find_issuer(certificates);
	if (!issuer)
		return ks_server_chain_refuse(reason, "the OCSP response that it stapled cannot be checked: the "
						      "authority of its certificate is not known");
	return ks_server_ocsp_check(claim->ocsp_response, certificates->leaf, issuer, now, reason);
}

static int prove(const struct ks_server_claim *claim, const struct ks_server_trust *const *anchors, size_t n_anchors,
		 int64_t now, uint8_t ret_spki_hash[32], char *reason)
{
	KS_CLEANUP(free_all) struct certificates certificates = { 0 };
	struct ks_bytes spki;

	int r = read_certificates(claim, &certificates, reason);
	if (r == 0)
		r = check_chains(&certificates, anchors, n_anchors, now, reason);
	if (r == 0)
		r = ks_server_chain_check_name(certificates.leaf, claim->server_name, reason);
	if (r == 0 && ks_spki_of_certificate(claim->certificates[0], &spki) < 0)
		r = ks_server_chain_refuse(reason, "its certificate is not well-formed");
	if (r == 0)
		r = check_signature(claim, spki, reason);
	if (r == 0)
		r = check_staple(claim, &certificates, now, reason);
	if (r == 0 && ks_sha256(spki, ret_spki_hash) < 0)
		r = ks_server_chain_refuse(reason, "memory ran out");
	return r;
}

int ks_server_proof_make(const struct ks_server_claim *claim, const struct ks_server_trust *const *anchors,
			 size_t n_anchors, int64_t now, uint8_t ret_spki_hash[32], char ret_reason[256])
{
	if (!ks_crypto_get())
		return ks_server_chain_refuse(ret_reason, "OpenSSL cannot be used");
	/* A no is an answer and not an error of the library: leave no trace in its queue. */
	ERR_set_mark();
	int r = prove(claim, anchors, n_anchors, now, ret_spki_hash, ret_reason);
	ERR_pop_to_mark();
	return r;
}
