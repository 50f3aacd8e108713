/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_revoked: what the lists and OCSP responses of certs/ and status/ say of the certificates.
 *
 * Runs in: keystay-agent. A list is asked for names and numbers first, which is cheap; whether its CA signed it is
 * looked at once for each list that has to do with a certificate of ours, and remembered. A response is for one
 * certificate, that its name says. So neither large lists nor a module that shows many certificates make the agent
 * compute for long (invariant I8). Of several that speak of one certificate: revoked, whoever says it; good, if
 * somebody says that freshly; then unknown.
 */
#include <string.h>

#include "agent/keyring_items.h"
#include "agent/keyring_private.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/tls/own_status.h"
#include "lib/tls/status_sources.h"
#include "lib/tls/verify_signature.h"

/* --- several that speak of one ----------------------------------------------------------------------------------- */

/* Which of two findings counts; of equals the one that holds longer. */
static bool is_weightier(const struct ks_revocation_finding *a, const struct ks_revocation_finding *b)
{
	static const int weights[] = {
		[KS_REVOCATION_NOT_LOOKED_AT] = 0, [KS_REVOCATION_GOOD] = 3,     [KS_REVOCATION_REVOKED] = 4,
		[KS_REVOCATION_UNKNOWN] = 2,       [KS_REVOCATION_OUTDATED] = 1, [KS_REVOCATION_NO_ANSWER] = 0,
		[KS_REVOCATION_NO_SOURCE] = 0,
	};

	return weights[a->state] != weights[b->state] ? weights[a->state] > weights[b->state] : a->until_s > b->until_s;
}

static void tell(struct ks_keyring_item *item, const struct ks_revocation_finding *finding)
{
	if (is_weightier(finding, &item->revocation))
		item->revocation = *finding;
}

/* --- lists ------------------------------------------------------------------------------------------------------- */

static bool has_signed(const struct ks_certificate *issuer, void *userdata)
{
	struct ks_overlay_list *from = userdata;
	uint8_t hash[32];

	if (ks_sha256(ks_certificate_der(issuer), hash) < 0)
		return false;
	if (from->has_signer)
		return memcmp(hash, from->signer_hash, sizeof(hash)) == 0;
	if (!ks_revocation_signed_by(from->list, issuer))
		return false;
	memcpy(from->signer_hash, hash, sizeof(hash));
	from->has_signer = true;
	return true;
}

static const struct ks_certificate *find_signer(struct ks_overlay_list *from, const struct ks_certificate *certificate,
						struct ks_chain_pool *pool, int64_t now_s)
{
	const char *name = ks_certificate_issuer(certificate);
	const struct ks_certificate *signer = ks_chain_find(pool, name, now_s, has_signed, from);

	if (signer || !from->has_signer)
		return signer;
	/* The one of that time is gone; another one of the same key may be there. */
	from->has_signer = false;
	return ks_chain_find(pool, name, now_s, has_signed, from);
}

static void complain(struct ks_overlay_list *from, const struct ks_certificate *certificate)
{
	char subject[512];
	char path[512];

	if (from->told)
		return;
	from->told = true;
	ks_text_escape(ks_bytes_text(ks_certificate_subject(certificate)), subject, sizeof(subject));
	ks_text_escape(ks_bytes_text(from->path), path, sizeof(path));
	ks_log_warning(
		"%s: it says that the certificate of %s was revoked, but counts for nothing: no certificate that is "
		"known here is of the CA that issued that one and signed this list; put the CA's certificate into "
		"certs/",
		path, subject);
}

/* What the list says of this certificate, were it signed. */
static bool ask_list(const struct ks_revocation *list, const struct ks_certificate *certificate, int64_t now_s,
		     struct ks_revocation_finding *ret_finding)
{
	struct ks_revocation_finding finding = { .state = KS_REVOCATION_REVOKED, .until_s = INT64_MAX, .reason = -1 };

	if (!ks_revocation_names(list, certificate, &finding.revoked_s)) {
		if (!ks_revocation_covers(list, certificate) ||
		    !ks_revocation_times(list, &finding.said_s, &finding.until_s) ||
		    finding.said_s > now_s + KS_PROOF_OCSP_SKEW_S)
			return false;
		finding.state = now_s <= finding.until_s ? KS_REVOCATION_GOOD : KS_REVOCATION_OUTDATED;
	}
	*ret_finding = finding;
	return true;
}

static void mark(struct ks_keyring_items *items, struct ks_overlay_list *from, struct ks_chain_pool *pool,
		 int64_t now_s)
{
	const struct ks_certificate *signer = NULL;
	bool looked = false;
	unsigned n_others = 0;
	struct ks_revocation_finding finding;

	for (size_t i = 0; i < items->n; i++) {
		struct ks_keyring_item *item = &items->items[i];
		if (!item->certificate || !ask_list(from->list, item->certificate, now_s, &finding))
			continue;
		/* Look-alikes of a module cost a check of a signature each; they may hide good words, never bad ones. */
		if (finding.state != KS_REVOCATION_REVOKED && n_others >= KS_CHAIN_TRIES)
			continue;
		if (!looked)
			signer = find_signer(from, item->certificate, pool, now_s);
		looked = true;
		/* The same serial number of another CA of this name says nothing. */
		if (signer && ks_certificate_issued_by(item->certificate, signer))
			tell(item, &finding);
		else if (finding.state == KS_REVOCATION_REVOKED)
			complain(from, item->certificate);
		else
			n_others++;
	}
}

/* --- OCSP responses ---------------------------------------------------------------------------------------------- */

static bool has_issued(const struct ks_certificate *issuer, void *userdata)
{
	return ks_certificate_issued_by(userdata, issuer);
}

static void complain_of_answer(struct ks_overlay_answer *answer, const char *why)
{
	char path[512];

	if (answer->told)
		return;
	answer->told = true;
	ks_text_escape(ks_bytes_text(answer->path), path, sizeof(path));
	ks_log_warning("%s: it counts for nothing: %s", path, why);
}

static void understand(const struct ks_own_status *status, struct ks_revocation_finding *ret_finding)
{
	struct ks_revocation_finding finding = {
		.state = !status->fresh                     ? KS_REVOCATION_OUTDATED :
			 status->word == KS_OWN_STATUS_GOOD ? KS_REVOCATION_GOOD :
							      KS_REVOCATION_UNKNOWN,
		.said_s = status->said_s,
		.until_s = status->until_s + KS_PROOF_OCSP_SKEW_S,
		.reason = -1,
	};

	/* What is on hold may come back: only a fresh answer says that it has not. */
	if (status->word == KS_OWN_STATUS_REVOKED && (status->fresh || status->reason != KS_OWN_STATUS_ON_HOLD))
		finding = (struct ks_revocation_finding){ .state = KS_REVOCATION_REVOKED,
							  .until_s = status->reason == KS_OWN_STATUS_ON_HOLD ?
									     finding.until_s :
									     INT64_MAX,
							  .said_s = status->said_s,
							  .revoked_s = status->revoked_s,
							  .reason = status->reason };
	*ret_finding = finding;
}

static void ask_answer(struct ks_keyring_item *item, struct ks_overlay_answer *answer, struct ks_chain_pool *pool,
		       int64_t now_s)
{
	char why[KS_OWN_STATUS_WHY_MAX];
	struct ks_own_status status;
	struct ks_revocation_finding finding;
	const struct ks_certificate *issuer =
		ks_chain_find(pool, ks_certificate_issuer(item->certificate), now_s, has_issued, item->certificate);

	if (!issuer) {
		complain_of_answer(answer, "the CA's certificate is not known here; put it into certs/");
		return;
	}
	if (ks_own_status_read(ks_bytes(answer->content, answer->size), item->certificate, issuer, now_s, &status,
			       why) < 0) {
		complain_of_answer(answer, why);
		return;
	}
	understand(&status, &finding);
	tell(item, &finding);
}

/* --- all --------------------------------------------------------------------------------------------------------- */

void ks_keyring_mark_revoked(struct ks_keyring_items *items, const struct ks_overlay *overlay,
			     struct ks_chain_pool *pool, int64_t now_s)
{
	uint8_t hash[32];

	for (size_t i = 0; i < overlay->n_lists; i++)
		mark(items, &overlay->lists[i], pool, now_s);
	for (size_t i = 0; overlay->n_answers > 0 && i < items->n; i++) {
		struct ks_keyring_item *item = &items->items[i];
		struct ks_overlay_answer *answer = NULL;
		if (item->certificate && ks_sha256(ks_certificate_der(item->certificate), hash) == 0)
			answer = ks_overlay_answer_for(overlay, hash);
		if (answer)
			ask_answer(item, answer, pool, now_s);
	}
}

enum ks_revocation_state ks_keyring_unasked(const struct ks_certificate *certificate)
{
	struct ks_status_sources sources;

	if (ks_status_sources_read(certificate, &sources) < 0)
		return KS_REVOCATION_NO_SOURCE;
	bool any = sources.n_responders > 0 || sources.n_lists > 0;
	ks_status_sources_deinit(&sources);
	return any ? KS_REVOCATION_NO_ANSWER : KS_REVOCATION_NO_SOURCE;
}
