/* SPDX-License-Identifier: Apache-2.0 */
/* own_status: see own_status.h. Runs in: keystay-agent, keystay-enroll. */
#include "lib/tls/own_status.h"

#include <openssl/err.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/tls/ocsp_answer.h"
#include "lib/tls/server_chain.h"

KS_DEFINE_CLEANUP(OCSP_BASICRESP *, OCSP_BASICRESP_free)

static int refuse(char why[KS_OWN_STATUS_WHY_MAX], int error, const char *text)
{
	(void)ks_text_print(why, KS_OWN_STATUS_WHY_MAX, "%s", text);
	return error;
}

/* RFC 6960 section 4.2.1, OCSPResponseStatus. */
static const char *error_words(int status)
{
	switch (status) {
	case OCSP_RESPONSE_STATUS_MALFORMEDREQUEST:
		return "the responder does not understand the request";
	case OCSP_RESPONSE_STATUS_INTERNALERROR:
		return "the responder has an internal error";
	case OCSP_RESPONSE_STATUS_TRYLATER:
		return "the responder is busy";
	case OCSP_RESPONSE_STATUS_SIGREQUIRED:
		return "the responder wants requests to be signed";
	case OCSP_RESPONSE_STATUS_UNAUTHORIZED:
		return "the responder has no answer for this certificate";
	default:
		return "the responder gives an error that is unknown here";
	}
}

/* --- the entries ------------------------------------------------------------------------------------------------- */

static bool read_entry(OCSP_SINGLERESP *entry, int64_t now_s, struct ks_own_status *ret_status)
{
	ASN1_GENERALIZEDTIME *revoked = NULL, *this_update = NULL, *next_update = NULL;
	struct ks_own_status status = { .reason = -1 };
	int reason = -1;
	int word = OCSP_single_get0_status(entry, &reason, &revoked, &this_update, &next_update);

	if (!ks_ocsp_answer_entry_is_plain(entry) ||
	    !ks_ocsp_answer_times(this_update, next_update, &status.said_s, &status.until_s))
		return false;
	/* One that is of the future is not yet an answer, whatever it says. */
	if (status.said_s > now_s + KS_OCSP_SKEW_S)
		return false;
	status.fresh = now_s - KS_OCSP_SKEW_S <= status.until_s;
	status.word = word == V_OCSP_CERTSTATUS_GOOD    ? KS_OWN_STATUS_GOOD :
		      word == V_OCSP_CERTSTATUS_REVOKED ? KS_OWN_STATUS_REVOKED :
							  KS_OWN_STATUS_UNKNOWN;
	if (status.word == KS_OWN_STATUS_REVOKED) {
		status.reason = reason;
		if (!ks_server_chain_read_time(revoked, &status.revoked_s))
			status.revoked_s = 0;
	}
	*ret_status = status;
	return true;
}

/* Revoked before unknown before good. */
static bool is_worse(const struct ks_own_status *a, const struct ks_own_status *b)
{
	static const int badness[] = {
		[KS_OWN_STATUS_GOOD] = 0, [KS_OWN_STATUS_UNKNOWN] = 1, [KS_OWN_STATUS_REVOKED] = 2
	};

	return badness[a->word] > badness[b->word];
}

static int read_entries(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int64_t now_s,
			struct ks_own_status *ret_status, char why[KS_OWN_STATUS_WHY_MAX])
{
	struct ks_own_status worst = { 0 }, status;
	int n = OCSP_resp_count(basic);

	if (!ks_ocsp_answer_is_plain(basic))
		return refuse(why, KS_ERR_MALFORMED, "it has a critical extension that is not understood");
	for (int i = 0; i < n && i < KS_OCSP_ENTRIES_MAX; i++) {
		OCSP_SINGLERESP *entry = OCSP_resp_get0(basic, i);
		if (!ks_ocsp_answer_is_for(entry, leaf, issuer))
			continue;
		if (!read_entry(entry, now_s, &status))
			return refuse(why, KS_ERR_MALFORMED,
				      "its dates make no sense, or it has an extension that is not understood");
		if (worst.word == 0 || is_worse(&status, &worst))
			worst = status;
	}
	if (worst.word == 0)
		return refuse(why, KS_ERR_NOT_FOUND, "it is for another certificate");
	*ret_status = worst;
	return 0;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

/* What was good when the responder signed it holds for "revoked" alone, which does not age. */
static bool was_signed(const OCSP_BASICRESP *basic, X509 *issuer, int64_t now_s)
{
	int64_t produced_s = 0;

	return ks_server_chain_read_time(OCSP_resp_get0_produced_at(basic), &produced_s) && produced_s < now_s &&
	       ks_ocsp_answer_is_signed(basic, issuer, produced_s);
}

static int read_basic(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int64_t now_s, struct ks_own_status *ret_status,
		      char why[KS_OWN_STATUS_WHY_MAX])
{
	struct ks_own_status status;
	bool is_signed = ks_ocsp_answer_is_signed(basic, issuer, now_s);

	if (!is_signed && !was_signed(basic, issuer, now_s))
		return refuse(why, KS_ERR_DENIED,
			      "it is not signed by the CA of the certificate, nor by a responder of that CA");
	int r = read_entries(basic, leaf, issuer, now_s, &status, why);
	if (r < 0)
		return r;
	status.fresh = status.fresh && is_signed;
	*ret_status = status;
	return 0;
}

int ks_own_status_read(struct ks_bytes response, const struct ks_certificate *leaf, const struct ks_certificate *issuer,
		       int64_t now_s, struct ks_own_status *ret_status, char why[KS_OWN_STATUS_WHY_MAX])
{
	OCSP_BASICRESP *read = NULL;
	int status = 0;

	ERR_set_mark();
	int r = response.size > KS_OCSP_ANSWER_MAX ? KS_ERR_MALFORMED : ks_ocsp_answer_read(response, &status, &read);
	KS_CLEANUP(OCSP_BASICRESP_freep) OCSP_BASICRESP *basic = read;
	if (r < 0)
		r = refuse(why, KS_ERR_MALFORMED, "it is no well-formed OCSP response");
	else if (!basic)
		r = refuse(why, KS_ERR_UNSUPPORTED, error_words(status));
	else
		r = read_basic(basic, ks_certificate_x509(leaf), ks_certificate_x509(issuer), now_s, ret_status, why);
	ERR_pop_to_mark();
	return r;
}

const char *ks_own_status_reason(int reason)
{
	static const char *const words[] = { "",
					     "its key was compromised",
					     "its CA was compromised",
					     "the affiliation changed",
					     "it was superseded",
					     "it is not needed any more",
					     "it is on hold",
					     "",
					     "",
					     "a privilege was withdrawn",
					     "the attribute authority was compromised" };

	return reason > 0 && reason < (int)(sizeof(words) / sizeof(words[0])) ? words[reason] : "";
}
