/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp: certificates by CMP (RFC 4210, RFC 9480, over HTTP by RFC 6712): first ones, renewed ones, revocation.
 *
 * Runs in: keystay-enroll. OpenSSL's client makes and verifies the messages; its signatures come from the agent, which
 * reads each of them first (agent_key.h), its messages go by enrol/base/http (cmp_transfer.c).
 *
 *	no old certificate   ir with a proof of possession, or p10cr where there is a PKCS#10 request; the secret protects it
 *	an old certificate   kur, which the old key signs, also for another key
 *	to revoke            rr, which the old key signs
 *
 * A CA that has not decided answers "waiting"; then the answer is PENDING, and a later run polls on (cmp_pending.c).
 */
#include <openssl/err.h>

#include "enrol/drivers/cmp_session.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/spki.h"

static void free_stack(STACK_OF(X509) * *stack)
{
	sk_X509_pop_free(*stack, X509_free);
}

/* --- what is issued ----------------------------------------------------------------------------------------------- */

static int put_certificate(struct ks_buffer *out, X509 *certificate)
{
	unsigned char *der = NULL;
	int size = i2d_X509(certificate, &der);

	if (size > 0)
		ks_buffer_put(out, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	return size > 0 ? ks_buffer_error(out) : KS_ERR_NO_MEMORY;
}

static int put_all(struct ks_buffer *out, const STACK_OF(X509) * certificates, unsigned *n)
{
	int r = 0;

	for (int i = 0; r == 0 && i < sk_X509_num(certificates); i++)
		r = ++*n > KS_ENROL_CERTIFICATES_MAX ? KS_ERR_LIMIT :
						       put_certificate(out, sk_X509_value(certificates, i));
	return r;
}

/* The certificate, what came along, and the CAs that the CA vouches for. */
static int put_answer(struct ks_cmp_session *session, struct ks_enrol_answer *answer)
{
	KS_CLEANUP(free_stack) STACK_OF(X509) *extra = OSSL_CMP_CTX_get1_extraCertsIn(session->cmp);
	KS_CLEANUP(free_stack) STACK_OF(X509) *trusted = OSSL_CMP_CTX_get1_caPubs(session->cmp);
	X509 *certificate = OSSL_CMP_CTX_get0_newCert(session->cmp);
	unsigned n = 1;

	int r = certificate ? put_certificate(&answer->certificates, certificate) : KS_ERR_NO_CERTIFICATE;
	if (r == 0)
		r = put_all(&answer->certificates, extra, &n);
	if (r == 0)
		r = put_all(&answer->anchors, trusted, &n);
	if (r < 0)
		return ks_enrol_problem_set(session->problem, r, "the answer of the CMP server %s cannot be used: %s",
					    session->request->profile->url, ks_error_text(r));
	answer->outcome = KS_ENROL_ISSUED;
	return 0;
}

/* --- what is to come ---------------------------------------------------------------------------------------------- */

static int put_pending(struct ks_cmp_session *session, int check_after, struct ks_enrol_answer *answer)
{
	const struct ks_client_identity *key = session->request->key;
	bool is_resumed = session->pending.waiting.size > 0;
	struct ks_cmp_pending pending = {
		.type = (uint32_t)session->type,
		.waiting = is_resumed ? session->pending.waiting : ks_buffer_bytes(&session->waiting),
		.poll = ks_buffer_bytes(&session->poll),
	};

	memcpy(pending.spki_hash, key->identity.spki_hash.data, sizeof(pending.spki_hash));
	int r = ks_cmp_pending_put(&answer->pending, &pending);
	if (r < 0)
		return ks_enrol_problem_code(session->problem, r);
	answer->outcome = KS_ENROL_PENDING;
	answer->retry_after_s = check_after > 0 ? (uint32_t)check_after : 0;
	return 0;
}

/* --- the exchange ------------------------------------------------------------------------------------------------- */

static int exchange(struct ks_cmp_session *session, struct ks_enrol_answer *answer)
{
	int check_after = 0;
	int r = OSSL_CMP_try_certreq(session->cmp, session->type, NULL, &check_after);

	/* That was what an earlier run has heard; now the server is asked. */
	if (r == -1 && session->n_replayed > 0)
		r = OSSL_CMP_try_certreq(session->cmp, session->type, NULL, &check_after);
	if (r == -1 && session->poll.size > 0)
		return put_pending(session, check_after, answer);
	return r == 1 ? put_answer(session, answer) : ks_cmp_words_fail(session, "issue a certificate");
}

/* The CA's answer of then does not hold any more (another secret, another CA), or it does not know of that exchange: then
 * it calls the poll a bad request, while its no to what was asked for comes with a reason of its own, or as an answer. */
static bool is_outdated(const struct ks_cmp_session *session)
{
	static const int bad_request = 1 << OSSL_CMP_PKIFAILUREINFO_badRequest;
	int failure = OSSL_CMP_CTX_get_failInfoCode(session->cmp);

	if (session->pending.waiting.size == 0 || session->failed_here || session->keys.error.code < 0)
		return false;
	return session->n_exchanges == 0 || (session->n_exchanges == 1 && session->had_error &&
					     (session->said[0] || failure <= 0 || (failure & bad_request)));
}

/* ret_anew: what an earlier run has left is of no use any more. */
static int attempt(const struct ks_enrol_request *request, int type, const struct ks_cmp_pending *pending,
		   struct ks_enrol_answer *answer, bool *ret_anew, struct ks_enrol_problem *problem)
{
	struct ks_cmp_session session = { .request = request, .problem = problem, .type = type, .pending = *pending };

	int r = ks_cmp_session_init(&session);
	if (r == 0)
		r = exchange(&session, answer);
	*ret_anew = r < 0 && session.cmp && is_outdated(&session);
	ks_cmp_session_deinit(&session);
	return r;
}

/* --- the driver --------------------------------------------------------------------------------------------------- */

/* Can OpenSSL protect messages with this key? Until 3.1 it cannot with Ed25519 and RSASSA-PSS. */
static bool may_protect(const struct ks_client_identity *old)
{
	struct ks_spki spki;
	int nid;

	if (ks_spki_read(old->identity.spki, &spki) < 0)
		return false;
	if (spki.algorithm == KS_KEY_ED25519)
		return OBJ_find_sigid_by_algs(&nid, NID_sha256, NID_ED25519) == 1;
	return spki.algorithm != KS_KEY_RSA_PSS || OBJ_find_sigid_by_algs(&nid, NID_sha256, NID_rsassaPss) == 1;
}

static int choose_type(const struct ks_enrol_request *request, int *ret_type, struct ks_enrol_problem *problem)
{
	const struct ks_profile *profile = request->profile;
	bool has_secret = request->secret && ks_secret_bytes(request->secret).size > 0;

	if (request->old && (may_protect(request->old) || !has_secret))
		*ret_type = OSSL_CMP_KUR;
	else if (has_secret)
		*ret_type = request->csr.size > 0 ? OSSL_CMP_P10CR : OSSL_CMP_IR;
	else
		return ks_enrol_problem_final(
			problem, KS_ERR_CONFIG,
			"a first certificate by CMP needs the secret that the CA has given out; write user = REFERENCE and "
			"secret-file = FILE into [profile \"%s\"] (%s)",
			profile->name, profile->origin);
	return 0;
}

static int run(const struct ks_enrol_request *request, struct ks_enrol_answer *ret_answer,
	       struct ks_enrol_problem *problem)
{
	struct ks_enrol_answer answer = { .outcome = KS_ENROL_ISSUED };
	const struct ks_cmp_pending none = { .type = 0 };
	struct ks_cmp_pending pending = none;
	bool anew = false;
	int type = OSSL_CMP_IR;

	int r = choose_type(request, &type, problem);
	if (r < 0)
		return r;
	if (request->pending.size > 0 &&
	    (ks_cmp_pending_read(request->pending, &pending) < 0 || pending.type != (uint32_t)type ||
	     !ks_bytes_equal(ks_bytes(pending.spki_hash, sizeof(pending.spki_hash)), request->key->identity.spki_hash)))
		pending = none;
	r = attempt(request, type, &pending, &answer, &anew, problem);
	if (anew)
		r = attempt(request, type, &none, &answer, &anew, problem);
	if (r < 0) {
		ks_enrol_answer_deinit(&answer);
		return r;
	}
	*ret_answer = answer;
	return 0;
}

static int ask_revocation(const struct ks_enrol_request *request, unsigned reason, struct ks_enrol_problem *problem)
{
	struct ks_cmp_session session = { .request = request, .problem = problem, .type = KS_CMP_RR };

	if (!request->old)
		return ks_enrol_problem_final(problem, KS_ERR_INVALID, "it was not said which certificate to revoke");
	int r = ks_cmp_session_init(&session);
	if (r == 0 && OSSL_CMP_CTX_set_option(session.cmp, OSSL_CMP_OPT_REVOCATION_REASON, (int)reason) != 1)
		r = ks_enrol_problem_final(problem, KS_ERR_INVALID, "CMP does not know the reason %u", reason);
	if (r == 0 && OSSL_CMP_exec_RR_ses(session.cmp) != 1)
		r = ks_cmp_words_fail(&session, "revoke the certificate");
	ks_cmp_session_deinit(&session);
	return r;
}

const struct ks_enrol_driver ks_enrol_cmp = {
	.protocol = "cmp",
	.may_be_plain_http = true,
	.makes_no_request = true,
	.run = run,
	.revoke = ask_revocation,
};
