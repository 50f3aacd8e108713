/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_ocsp: see server_ocsp.h. Who may have signed is for ocsp_answer.c.
 *
 * Runs in: keystay-prove's children.
 */
#include "lib/tls/server_ocsp.h"

#include "lib/base/cleanup.h"
#include "lib/tls/ocsp_answer.h"

#define STAPLE "the OCSP response that it stapled"

KS_DEFINE_CLEANUP(OCSP_BASICRESP *, OCSP_BASICRESP_free)

static int check_time(const ASN1_GENERALIZEDTIME *this_update, const ASN1_GENERALIZEDTIME *next_update, int64_t now,
		      char reason[KS_REASON_SIZE])
{
	int64_t from = 0, until = 0;

	if (!ks_ocsp_answer_times(this_update, next_update, &from, &until))
		return ks_server_chain_refuse(reason, STAPLE " has no well-formed date");
	if (from > now + KS_OCSP_SKEW_S)
		return ks_server_chain_refuse(reason, STAPLE " is of the future");
	if (until < now - KS_OCSP_SKEW_S)
		return ks_server_chain_refuse(reason, STAPLE " has expired");
	return 0;
}

static int check_entry(OCSP_SINGLERESP *entry, int64_t now, char reason[KS_REASON_SIZE])
{
	ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;
	int status = OCSP_single_get0_status(entry, NULL, NULL, &this_update, &next_update);

	if (!ks_ocsp_answer_entry_is_plain(entry))
		return ks_server_chain_refuse(reason, STAPLE " has a critical extension that is not understood");
	int r = check_time(this_update, next_update, now, reason);
	if (r < 0)
		return r;
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return ks_server_chain_refuse(reason, "its certificate is revoked, by " STAPLE);
	if (status != V_OCSP_CERTSTATUS_GOOD)
		return ks_server_chain_refuse(reason, STAPLE " does not know its certificate");
	return 0;
}

static int check_entries(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int64_t now, char reason[KS_REASON_SIZE])
{
	bool found = false;
	int n = OCSP_resp_count(basic);

	if (!ks_ocsp_answer_is_plain(basic))
		return ks_server_chain_refuse(reason, STAPLE " has a critical extension that is not understood");
	for (int i = 0; i < n && i < KS_OCSP_ENTRIES_MAX; i++) {
		OCSP_SINGLERESP *entry = OCSP_resp_get0(basic, i);
		if (!ks_ocsp_answer_is_for(entry, leaf, issuer))
			continue;
		int r = check_entry(entry, now, reason);
		if (r < 0)
			return r;
		found = true;
	}
	return found ? 0 : ks_server_chain_refuse(reason, STAPLE " is for another certificate");
}

int ks_server_ocsp_check(struct ks_bytes response, X509 *leaf, X509 *issuer, int64_t now,
			 char ret_reason[KS_REASON_SIZE])
{
	OCSP_BASICRESP *read = NULL;
	int status = 0;

	if (ks_ocsp_answer_read(response, &status, &read) < 0)
		return ks_server_chain_refuse(ret_reason, STAPLE " is not well-formed");
	if (!read)
		return ks_server_chain_refuse(ret_reason, STAPLE " is an error and no answer");
	KS_CLEANUP(OCSP_BASICRESP_freep) OCSP_BASICRESP *basic = read;
	if (!ks_ocsp_answer_is_signed(basic, issuer, now))
		return ks_server_chain_refuse(ret_reason, STAPLE " is not signed by the authority of its certificate");
	return check_entries(basic, leaf, issuer, now, ret_reason);
}
