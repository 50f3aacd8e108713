/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ocsp_answer: see ocsp_answer.h.
 *
 * OpenSSL takes the response apart; who may have signed it is decided here and not by OCSP_basic_verify(), which asks
 * the clock itself, works in another library context, and lets more pass than is needed.
 *
 * Runs in: keystay-prove's children, keystay-agent, keystay-enroll.
 */
#include "lib/tls/ocsp_answer.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"
#include "lib/tls/crypto.h"
#include "lib/tls/server_chain.h"

KS_DEFINE_CLEANUP(OCSP_RESPONSE *, OCSP_RESPONSE_free)
KS_DEFINE_CLEANUP(OCSP_BASICRESP *, OCSP_BASICRESP_free)
KS_DEFINE_CLEANUP(OCSP_CERTID *, OCSP_CERTID_free)
KS_DEFINE_CLEANUP(EVP_MD *, EVP_MD_free)
KS_DEFINE_CLEANUP(X509 *, X509_free)

/* --- the signature ----------------------------------------------------------------------------------------------- */

static bool is_weak_hash(int nid)
{
	return nid == NID_sha1 || nid == NID_md5 || nid == NID_md5_sha1 || nid == NID_md4 || nid == NID_ripemd160;
}

static bool is_signed_by(const OCSP_BASICRESP *basic, X509 *signer)
{
	const X509_ALGOR *algorithm = OCSP_resp_get0_tbs_sigalg(basic);
	EVP_PKEY *key = X509_get0_pubkey(signer);
	const ASN1_OBJECT *type = NULL;
	int hash = NID_undef;

	X509_ALGOR_get0(&type, NULL, NULL, algorithm);
	if (!key || (OBJ_find_sigid_algs(OBJ_obj2nid(type), &hash, NULL) == 1 && is_weak_hash(hash)))
		return false;
	return ASN1_item_verify_ex(ASN1_ITEM_rptr(OCSP_RESPDATA), algorithm, OCSP_resp_get0_signature(basic),
				   OCSP_resp_get0_respdata(basic), NULL, key, ks_crypto_get()->context, NULL) == 1;
}

/* RFC 6960 section 4.2.1, ResponderID: by name, or by the SHA-1 of the key's bits. */
static bool is_responder(const OCSP_BASICRESP *basic, X509 *certificate)
{
	const ASN1_OCTET_STRING *key_hash = NULL;
	const X509_NAME *name = NULL;
	const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(certificate);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	if (OCSP_resp_get0_id(basic, &key_hash, &name) != 1)
		return false;
	if (name)
		return X509_NAME_cmp(name, X509_get_subject_name(certificate)) == 0;
	KS_CLEANUP(EVP_MD_freep) EVP_MD *sha1 = EVP_MD_fetch(ks_crypto_get()->context, "SHA1", NULL);
	if (!sha1 || !key ||
	    EVP_Digest(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key), digest, &size, sha1, NULL) != 1)
		return false;
	return ks_bytes_equal(ks_bytes(digest, size),
			      ks_bytes(ASN1_STRING_get0_data(key_hash), (size_t)ASN1_STRING_length(key_hash)));
}

static bool is_valid_at(X509 *certificate, int64_t now)
{
	int64_t from = 0, until = 0;

	return ks_server_chain_read_time(X509_get0_notBefore(certificate), &from) &&
	       ks_server_chain_read_time(X509_get0_notAfter(certificate), &until) && from <= now && now <= until;
}

/* RFC 6960 section 4.2.2.2: issued by the very authority that issued the certificate in question, and for this. */
static bool is_delegated(X509 *responder, X509 *issuer, int64_t now)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	uint32_t purposes = X509_get_extended_key_usage(responder); /* UINT32_MAX without the extension */

	return key && purposes != UINT32_MAX && (purposes & XKU_OCSP_SIGN) != 0 &&
	       (X509_get_key_usage(responder) & KU_DIGITAL_SIGNATURE) != 0 && is_valid_at(responder, now) &&
	       X509_NAME_cmp(X509_get_issuer_name(responder), X509_get_subject_name(issuer)) == 0 &&
	       !is_weak_hash(X509_get_signature_nid(responder)) && X509_verify(responder, key) == 1;
}

/* OpenSSL read it in its own library context; ours has nothing but what we loaded. */
static X509 *read_again(const X509 *certificate)
{
	unsigned char *der = NULL;
	int size = i2d_X509(certificate, &der);
	X509 *again = size > 0 ? ks_server_chain_read(ks_bytes(der, (size_t)size)) : NULL;

	OPENSSL_free(der);
	return again;
}

bool ks_ocsp_answer_is_signed(const OCSP_BASICRESP *basic, X509 *issuer, int64_t at)
{
	const STACK_OF(X509) *others = OCSP_resp_get0_certs(basic);

	if (is_responder(basic, issuer) && is_signed_by(basic, issuer))
		return true;
	for (int i = 0; i < sk_X509_num(others) && i < (int)KS_PROOF_CERTIFICATES_MAX; i++) {
		KS_CLEANUP(X509_freep) X509 *responder = read_again(sk_X509_value(others, i));
		if (responder && is_responder(basic, responder) && is_delegated(responder, issuer, at) &&
		    is_signed_by(basic, responder))
			return true;
	}
	return false;
}

/* --- the entries ------------------------------------------------------------------------------------------------- */

/* The hash in the id is the responder's choice, and no matter of trust: the response is
 * signed. */
bool ks_ocsp_answer_is_for(const OCSP_SINGLERESP *entry, X509 *leaf, X509 *issuer)
{
	const OCSP_CERTID *wanted = OCSP_SINGLERESP_get0_id(entry);
	OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)wanted; /* OpenSSL's getters forgot const */
	ASN1_OBJECT *type = NULL;
	char name[64];

	if (OCSP_id_get0_info(NULL, &type, NULL, NULL, id) != 1 || OBJ_obj2txt(name, sizeof(name), type, 1) <= 0)
		return false;
	KS_CLEANUP(EVP_MD_freep) EVP_MD *hash = EVP_MD_fetch(ks_crypto_get()->context, name, NULL);
	KS_CLEANUP(OCSP_CERTID_freep) OCSP_CERTID *ours = hash ? OCSP_cert_to_id(hash, leaf, issuer) : NULL;
	return ours && OCSP_id_cmp(ours, id) == 0;
}

bool ks_ocsp_answer_is_plain(OCSP_BASICRESP *basic)
{
	return OCSP_BASICRESP_get_ext_by_critical(basic, 1, -1) < 0;
}

bool ks_ocsp_answer_entry_is_plain(OCSP_SINGLERESP *entry)
{
	return OCSP_SINGLERESP_get_ext_by_critical(entry, 1, -1) < 0;
}

bool ks_ocsp_answer_times(const ASN1_GENERALIZEDTIME *this_update, const ASN1_GENERALIZEDTIME *next_update,
			  int64_t *ret_from, int64_t *ret_until)
{
	int64_t from = 0, until = 0;

	if (!ks_server_chain_read_time(this_update, &from) ||
	    (next_update && !ks_server_chain_read_time(next_update, &until)))
		return false;
	if (!next_update)
		until = from + KS_OCSP_AGE_MAX_S;
	if (until < from)
		return false;
	*ret_from = from;
	*ret_until = until;
	return true;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

/* OpenSSL reads more than DER, and signs what it would have written itself. The end of response must be what it writes
 * of what it has read; der is freed. */
static bool is_end_of(struct ks_bytes response, unsigned char *der, int size)
{
	bool is_same = der && size > 0 && (size_t)size <= response.size &&
		       memcmp(response.data + response.size - (size_t)size, der, (size_t)size) == 0;

	OPENSSL_free(der);
	return is_same;
}

/* RFC 6960 section 4.2.1: DER, and the basic response is the last thing in it. */
static bool is_der(struct ks_bytes response, const OCSP_RESPONSE *outer, const OCSP_BASICRESP *basic)
{
	unsigned char *whole = NULL, *inner = NULL;
	int whole_size = i2d_OCSP_RESPONSE(outer, &whole);
	int inner_size = i2d_OCSP_BASICRESP(basic, &inner);
	bool is_whole = is_end_of(response, whole, whole_size) && (size_t)whole_size == response.size;

	return is_end_of(response, inner, inner_size) && is_whole;
}

int ks_ocsp_answer_read(struct ks_bytes response, int *ret_status, OCSP_BASICRESP **ret_basic)
{
	const unsigned char *next = response.data;

	if (response.size == 0)
		return KS_ERR_MALFORMED;
	KS_CLEANUP(OCSP_RESPONSE_freep) OCSP_RESPONSE *outer = d2i_OCSP_RESPONSE(NULL, &next, (long)response.size);
	if (!outer || next != response.data + response.size)
		return KS_ERR_MALFORMED;
	int status = OCSP_response_status(outer);
	if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
		*ret_status = status;
		*ret_basic = NULL;
		return 0;
	}
	KS_CLEANUP(OCSP_BASICRESP_freep) OCSP_BASICRESP *basic = OCSP_response_get1_basic(outer);
	if (!basic || !is_der(response, outer, basic))
		return KS_ERR_MALFORMED;
	*ret_status = status;
	*ret_basic = KS_STEAL(basic);
	return 0;
}
