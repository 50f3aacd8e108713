/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp_words: why an exchange with a CMP server failed, for a person; see cmp_session.h.
 *
 * Runs in: keystay-enroll. What the server said is escaped. An error that nobody protected is shown as such and changes
 * nothing: anybody on the way could have written it, so what it says is never final.
 */
#include <openssl/cmp_util.h>
#include <openssl/cmperr.h>
#include <openssl/err.h>

#include "enrol/drivers/cmp_session.h"
#include "lib/base/der.h"
#include "lib/base/text.h"

#define IN(number) (uint8_t)(KS_DER_CONTEXT_0 + (number))

/* --- errors without protection ------------------------------------------------------------------------------------ */

/* PKIFreeText ::= SEQUENCE OF UTF8String: the texts, a semicolon between them. */
static size_t append_texts(struct ks_bytes contents, char *out, size_t size, size_t used)
{
	struct ks_reader texts = ks_reader(contents);

	while (ks_reader_left(&texts) > 0) {
		struct ks_bytes text = ks_der_take(&texts, KS_DER_UTF8_STRING);
		if (!ks_reader_ok(&texts) || used + 3 >= size)
			break;
		if (used > 0)
			used += (size_t)snprintf(out + used, size - used, "; ");
		ks_text_escape(text, out + used, size - used);
		used += strlen(out + used);
	}
	return used;
}

/* ErrorMsgContent ::= SEQUENCE { PKIStatusInfo { status, texts OPTIONAL, … }, errorCode OPTIONAL, texts OPTIONAL } */
void ks_cmp_words_unprotected(struct ks_bytes answer, char *out, size_t size)
{
	struct ks_reader outer = ks_reader(answer);
	struct ks_reader message = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));

	out[0] = '\0';
	(void)ks_der_take(&message, KS_DER_SEQUENCE);
	struct ks_reader body = ks_reader(ks_der_take(&message, IN(KS_CMP_ERROR)));
	if (!ks_reader_ok(&message) || ks_der_peek(&message) == IN(0))
		return; /* protected: OpenSSL says what it says */
	(void)snprintf(out, size, "no reason");
	struct ks_reader content = ks_reader(ks_der_take(&body, KS_DER_SEQUENCE));
	struct ks_reader status = ks_reader(ks_der_take(&content, KS_DER_SEQUENCE));
	size_t used = 0;
	(void)ks_der_take(&status, KS_DER_INTEGER);
	if (ks_der_peek(&status) == KS_DER_SEQUENCE)
		used = append_texts(ks_der_take(&status, KS_DER_SEQUENCE), out, size, used);
	if (ks_der_peek(&content) == KS_DER_INTEGER)
		(void)ks_der_take(&content, KS_DER_INTEGER);
	if (ks_der_peek(&content) == KS_DER_SEQUENCE)
		(void)append_texts(ks_der_take(&content, KS_DER_SEQUENCE), out, size, used);
}

/* --- reasons ------------------------------------------------------------------------------------------------------ */

/* What OpenSSL's queue has to say, in our words where we have some; the first of them that is there tells most. */
static const struct reason {
	int reason;
	int code;
	bool is_final;
	const char *words;
} reasons[] = {
	{ CMP_R_CERTIFICATE_NOT_ACCEPTED, KS_ERR_INVALID, false,
	  "the certificate that came back is not wanted, and the CA was told so" },
	{ CMP_R_WRONG_PBM_VALUE, KS_ERR_DENIED, true,
	  "its answer is protected by another secret than the profile's; check user and secret-file" },
	{ CMP_R_MISSING_SECRET, KS_ERR_DENIED, true, "its answer is protected by a secret, and there is none here" },
	{ CMP_R_NO_SUITABLE_SENDER_CERT, KS_ERR_DENIED, true,
	  "its answer is signed by nobody that a CA of issued-by vouches for" },
	{ CMP_R_MISSING_TRUST_ANCHOR, KS_ERR_DENIED, true, "its answer is signed, and the profile has no issued-by" },
	{ CMP_R_MISSING_TRUST_STORE, KS_ERR_DENIED, true, "its answer is signed, and the profile has no issued-by" },
	{ CMP_R_ERROR_VALIDATING_SIGNATURE, KS_ERR_DENIED, false, "the signature of its answer does not verify" },
	{ CMP_R_MISSING_PROTECTION, KS_ERR_DENIED, false, "its answer is not protected, so it is not believed" },
	{ CMP_R_TRANSACTIONID_UNMATCHED, KS_ERR_MALFORMED, false, "its answer is of another exchange" },
	{ CMP_R_RECIPNONCE_UNMATCHED, KS_ERR_MALFORMED, false, "its answer is of another exchange" },
	{ CMP_R_UNSUPPORTED_KEY_TYPE, KS_ERR_UNSUPPORTED, true,
	  "OpenSSL protects no message of CMP with a key of this type (RSA and EC keys can); give the profile a secret" },
	{ CMP_R_TOTAL_TIMEOUT, KS_ERR_TIMEOUT, false, "it took too long" },
};

#define N_REASONS (sizeof(reasons) / sizeof(reasons[0]))

/* The most telling entry of the queue, with what is attached to it: its place in reasons, N_REASONS where it has none.
 * Empties the queue. */
static size_t take_reason(char *out, size_t size)
{
	size_t best = N_REASONS;
	unsigned long code;
	const char *data;
	int flags;

	out[0] = '\0';
	while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
		const char *words = ERR_reason_error_string(code);
		char attached[256] = "";
		size_t i = 0;
		while (i < best && (ERR_GET_LIB(code) != ERR_LIB_CMP || ERR_GET_REASON(code) != reasons[i].reason))
			i++;
		if (i == best && out[0])
			continue;
		if ((flags & ERR_TXT_STRING) && data)
			ks_text_escape(ks_bytes_text(data), attached, sizeof(attached));
		if (i < best)
			words = reasons[i].words;
		best = i;
		(void)ks_text_print(out, size, "%s%s%s%s", words ? words : "OpenSSL does not say what is wrong",
				    attached[0] ? " (" : "", attached, attached[0] ? ")" : "");
	}
	return best;
}

/* Has the CA itself said no, in a message that was verified? */
static bool is_rejected(const struct ks_cmp_session *session, char *out, size_t size)
{
	char text[512] = "";

	if (OSSL_CMP_CTX_get_status(session->cmp) != OSSL_CMP_PKISTATUS_rejection)
		return false;
	(void)OSSL_CMP_CTX_snprint_PKIStatus(session->cmp, text, sizeof(text));
	ks_text_escape(ks_bytes_text(text), out, size);
	return true;
}

int ks_cmp_words_fail(struct ks_cmp_session *session, const char *what)
{
	const struct ks_profile *profile = session->request->profile;
	const struct ks_client_error *agent = &session->keys.error;
	char text[640], status[512];

	if (session->failed_here)
		return session->problem->code; /* it says why */
	if (agent->code < 0)
		return ks_enrol_problem_client(session->problem, agent);
	size_t reason = take_reason(text, sizeof(text));
	bool is_ours = reason < N_REASONS && reasons[reason].reason == CMP_R_CERTIFICATE_NOT_ACCEPTED;
	if (session->said[0] && !is_ours)
		return ks_enrol_problem_set(
			session->problem, KS_ERR_DENIED,
			"the CMP server %s does not %s; it says, in an answer that nobody has protected: "
			"\"%s\"",
			profile->url, what, session->said);
	if (!is_ours && is_rejected(session, status, sizeof(status)))
		return ks_enrol_problem_final(session->problem, KS_ERR_DENIED,
					      "the CA behind %s does not %s: %s (profile \"%s\", %s)", profile->url,
					      what, status, profile->name, profile->origin);
	int code = reason < N_REASONS ? reasons[reason].code : KS_ERR_DENIED;
	(void)ks_enrol_problem_set(session->problem, code, "the CMP server %s: %s (profile \"%s\", %s)", profile->url,
				   text, profile->name, profile->origin);
	session->problem->is_final = reason < N_REASONS && reasons[reason].is_final;
	return code;
}
