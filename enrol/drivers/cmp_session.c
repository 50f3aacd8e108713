/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp_session: OpenSSL's CMP client as one request wants it; see cmp_session.h.
 *
 * Runs in: keystay-enroll. Answers are believed when the profile's secret protects them or a CA of issued-by vouches for
 * who signed them; there is no other way, and errors without protection are no exception (OSSL_CMP_OPT_UNPROTECTED_ERRORS
 * stays off).
 */
#include "enrol/drivers/cmp_session.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "client/csr_text.h"
#include "lib/base/cleanup.h"
#include "lib/base/reader.h"
#include "lib/protocol/csr.h"

static int no_memory(struct ks_cmp_session *session)
{
	ERR_clear_error();
	return ks_enrol_problem_code(session->problem, KS_ERR_NO_MEMORY);
}

/* --- certificates ------------------------------------------------------------------------------------------------- */

/* One certificate of a chain as the agent gives it; NULL at its end. */
static X509 *next_certificate(struct ks_reader *chain)
{
	struct ks_msg_certificate record;

	if (ks_record_read(chain, KS_RECORD(certificate), &record, sizeof(record)) != 1)
		return NULL;
	const unsigned char *at = record.der.data;
	return d2i_X509(NULL, &at, (long)record.der.size);
}

X509 *ks_cmp_session_leaf(const struct ks_client_identity *identity)
{
	struct ks_reader chain = ks_reader(identity->chain);

	return next_certificate(&chain);
}

/* The rest of the chain goes with the messages, so that the CA can verify them. */
static int add_chain(struct ks_cmp_session *session, const struct ks_client_identity *old)
{
	struct ks_reader chain = ks_reader(old->chain);
	STACK_OF(X509) *certificates = sk_X509_new_null();
	bool good = certificates != NULL;

	for (X509 *next = next_certificate(&chain); good && next; next = next_certificate(&chain)) {
		good = sk_X509_push(certificates, next) > 0;
		if (!good)
			X509_free(next);
	}
	good = good && OSSL_CMP_CTX_set1_untrusted(session->cmp, certificates) == 1;
	sk_X509_pop_free(certificates, X509_free);
	return good ? 0 : no_memory(session);
}

/* The CAs of issued-by; without one nobody is trusted by a signature. An intermediate may stand there. */
static int load_anchors(struct ks_cmp_session *session, X509_STORE **ret_store)
{
	const struct ks_profile *profile = session->request->profile;
	X509_STORE *store = X509_STORE_new();

	if (!store || X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) != 1) {
		X509_STORE_free(store);
		return no_memory(session);
	}
	if (profile->issued_by &&
	    X509_STORE_load_file_ex(store, profile->issued_by, session->keys.context, NULL) != 1) {
		X509_STORE_free(store);
		ERR_clear_error();
		return ks_enrol_problem_final(
			session->problem, KS_ERR_CONFIG,
			"no CA certificate can be read from %s, which issued-by of profile \"%s\" "
			"names (%s)",
			profile->issued_by, profile->name, profile->origin);
	}
	*ret_store = store;
	return 0;
}

static int set_trust(struct ks_cmp_session *session)
{
	X509_STORE *messages = NULL;
	int r = load_anchors(session, &messages);

	if (r < 0)
		return r;
	if (OSSL_CMP_CTX_set0_trustedStore(session->cmp, messages) != 1) {
		X509_STORE_free(messages);
		return no_memory(session);
	}
	if (!session->request->profile->issued_by)
		return 0;
	r = load_anchors(session, &session->anchors);
	if (r < 0)
		return r;
	/* So that the CA hears of a certificate that nobody will use. */
	return OSSL_CMP_CTX_set_certConf_cb(session->cmp, OSSL_CMP_certConf_cb) == 1 &&
			       OSSL_CMP_CTX_set_certConf_cb_arg(session->cmp, session->anchors) == 1 ?
		       0 :
		       no_memory(session);
}

/* --- who asks, and how -------------------------------------------------------------------------------------------- */

static int set_secret(struct ks_cmp_session *session)
{
	const struct ks_profile *profile = session->request->profile;
	struct ks_bytes secret = ks_secret_bytes(session->request->secret);
	struct ks_bytes reference = ks_bytes_text(profile->user);

	if (OSSL_CMP_CTX_set1_secretValue(session->cmp, secret.data, (int)secret.size) != 1 ||
	    (reference.size > 0 &&
	     OSSL_CMP_CTX_set1_referenceValue(session->cmp, reference.data, (int)reference.size) != 1))
		return no_memory(session);
	return 0;
}

/* The old certificate and its key protect the messages. */
static int set_old(struct ks_cmp_session *session)
{
	const struct ks_client_identity *old = session->request->old;
	X509 *certificate = ks_cmp_session_leaf(old);
	EVP_PKEY *key = NULL;

	if (!certificate)
		return ks_enrol_problem_final(session->problem, KS_ERR_NO_CERTIFICATE,
					      "key \"%.*s\" has no certificate that could be renewed or revoked",
					      (int)old->identity.name.size, (const char *)old->identity.name.data);
	int r = ks_agent_keys_get(&session->keys, old, &key, session->problem);
	if (r == 0 && (OSSL_CMP_CTX_set1_cert(session->cmp, certificate) != 1 ||
		       OSSL_CMP_CTX_set1_oldCert(session->cmp, certificate) != 1 ||
		       OSSL_CMP_CTX_set1_pkey(session->cmp, key) != 1))
		r = no_memory(session);
	EVP_PKEY_free(key);
	X509_free(certificate);
	return r < 0 ? r : add_chain(session, old);
}

/* The hash of whose signature stands for the whole exchange: CMP's digest is one for all. */
static int set_digest(struct ks_cmp_session *session)
{
	static const struct {
		const char *word;
		enum ks_hash hash;
		int nid;
	} hashes[] = { { "sha256", KS_HASH_SHA256, NID_sha256 },
		       { "sha384", KS_HASH_SHA384, NID_sha384 },
		       { "sha512", KS_HASH_SHA512, NID_sha512 } };
	const struct ks_client_identity *signer = session->request->old ? session->request->old : session->request->key;
	const char *word = session->request->profile->hash;
	struct ks_spki spki;
	int nid = NID_sha256;

	if (ks_spki_read(signer->identity.spki, &spki) < 0)
		return ks_enrol_problem_final(session->problem, KS_ERR_UNSUPPORTED, "this key is of an unknown type");
	const struct ks_scheme *of_curve = spki.algorithm == KS_KEY_EC ? ks_csr_scheme(&spki, false, KS_HASH_NONE) :
									 NULL;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		if (of_curve ? of_curve->hash == hashes[i].hash : word && strcmp(word, hashes[i].word) == 0)
			nid = hashes[i].nid;
	}
	return OSSL_CMP_CTX_set_option(session->cmp, OSSL_CMP_OPT_DIGEST_ALGNID, nid) == 1 ? 0 : no_memory(session);
}

static int set_recipient(struct ks_cmp_session *session)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	const struct ks_profile *profile = session->request->profile;
	struct ks_csr_problem problem;

	if (!profile->recipient)
		return 0; /* OpenSSL takes the issuer of the old certificate, or nobody */
	if (ks_csr_subject_put(&der, profile->recipient, &problem) < 0)
		return ks_enrol_problem_final(session->problem, KS_ERR_CONFIG, "recipient of profile \"%s\": %s (%s)",
					      profile->name, problem.text, profile->origin);
	const unsigned char *at = der.data;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)der.size);
	bool good = name && OSSL_CMP_CTX_set1_recipient(session->cmp, name) == 1;
	X509_NAME_free(name);
	return good ? 0 : no_memory(session);
}

/* --- what is asked for -------------------------------------------------------------------------------------------- */

static int set_subject(struct ks_cmp_session *session)
{
	struct ks_bytes der = session->request->subject;
	const unsigned char *at = der.data;

	if (der.size == 0)
		return 0;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)der.size);
	bool good = name && OSSL_CMP_CTX_set1_subjectName(session->cmp, name) == 1;
	X509_NAME_free(name);
	return good ? 0 : no_memory(session);
}

static int set_names(struct ks_cmp_session *session)
{
	struct ks_bytes der = session->request->names;
	const unsigned char *at = der.data;
	GENERAL_NAMES *names = der.size > 0 ? d2i_GENERAL_NAMES(NULL, &at, (long)der.size) : NULL;
	bool good = der.size == 0 || names;

	for (int i = 0; good && i < sk_GENERAL_NAME_num(names); i++)
		good = OSSL_CMP_CTX_push1_subjectAltName(session->cmp, sk_GENERAL_NAME_value(names, i)) == 1;
	GENERAL_NAMES_free(names);
	return good && OSSL_CMP_CTX_set_option(session->cmp, OSSL_CMP_OPT_SUBJECTALTNAME_NODEFAULT, 1) == 1 ?
		       0 :
		       no_memory(session);
}

static int set_csr(struct ks_cmp_session *session)
{
	struct ks_bytes der = session->request->csr;
	const unsigned char *at = der.data;
	X509_REQ *csr = d2i_X509_REQ(NULL, &at, (long)der.size);
	bool good = csr && OSSL_CMP_CTX_set1_p10CSR(session->cmp, csr) == 1;

	X509_REQ_free(csr);
	return good ? 0 : no_memory(session);
}

static int set_key(struct ks_cmp_session *session)
{
	EVP_PKEY *key = NULL;
	int r = ks_agent_keys_get(&session->keys, session->request->key, &key, session->problem);

	if (r < 0)
		return r;
	if (OSSL_CMP_CTX_set0_newPkey(session->cmp, 1, key) == 1)
		return 0;
	EVP_PKEY_free(key);
	return no_memory(session);
}

static int set_wishes(struct ks_cmp_session *session)
{
	if (session->type == KS_CMP_RR)
		return 0;
	if (session->type == OSSL_CMP_P10CR)
		return set_csr(session);
	int r = set_key(session);
	if (r == 0)
		r = set_subject(session);
	return r < 0 ? r : set_names(session);
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

/* HMAC-SHA256 in place of OpenSSL 3.0's HMAC-SHA1. A certificate that needs no confirmation saves the token a signature. */
static int set_options(struct ks_cmp_session *session)
{
	static const struct {
		int option, value;
	} options[] = {
		{ OSSL_CMP_OPT_MAC_ALGNID, NID_hmacWithSHA256 },
		{ OSSL_CMP_OPT_IMPLICIT_CONFIRM, 1 },
		{ OSSL_CMP_OPT_TOTAL_TIMEOUT, KS_CMP_TOTAL_S },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (OSSL_CMP_CTX_set_option(session->cmp, options[i].option, options[i].value) != 1)
			return no_memory(session);
	}
	return OSSL_CMP_CTX_set_transfer_cb(session->cmp, ks_cmp_transfer) == 1 &&
			       OSSL_CMP_CTX_set_transfer_cb_arg(session->cmp, session) == 1 ?
		       0 :
		       no_memory(session);
}

/* The exchange of an earlier run goes on with its number. */
static int set_transaction(struct ks_cmp_session *session)
{
	const unsigned char *at = session->pending.waiting.data;

	if (session->pending.waiting.size == 0)
		return 0;
	OSSL_CMP_MSG *answer = d2i_OSSL_CMP_MSG(NULL, &at, (long)session->pending.waiting.size);
	bool good = answer &&
		    OSSL_CMP_CTX_set1_transactionID(
			    session->cmp, OSSL_CMP_HDR_get0_transactionID(OSSL_CMP_MSG_get0_header(answer))) == 1;
	OSSL_CMP_MSG_free(answer);
	session->keys.is_rehearsal = true;
	return good ? 0 : no_memory(session);
}

int ks_cmp_session_init(struct ks_cmp_session *session)
{
	static int (*const steps[])(struct ks_cmp_session * session) = { set_options,   set_trust,  set_digest,
									 set_recipient, set_wishes, set_transaction };
	bool by_secret = session->type == OSSL_CMP_IR || session->type == OSSL_CMP_P10CR;
	int r = ks_agent_keys_init(&session->keys, session->problem);

	if (r < 0)
		return r;
	ks_buffer_init(&session->waiting, KS_ENROL_ANSWER_MAX);
	ks_buffer_init(&session->poll, KS_ENROL_ANSWER_MAX);
	session->cmp = OSSL_CMP_CTX_new(session->keys.context, NULL);
	if (!session->cmp)
		return no_memory(session);
	r = by_secret ? set_secret(session) : set_old(session);
	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = steps[i](session);
	return r;
}

void ks_cmp_session_deinit(struct ks_cmp_session *session)
{
	OSSL_CMP_CTX_free(session->cmp);
	X509_STORE_free(session->anchors);
	ks_buffer_deinit(&session->waiting);
	ks_buffer_deinit(&session->poll);
	ks_agent_keys_deinit(&session->keys);
	ERR_clear_error();
}
