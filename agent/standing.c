/* SPDX-License-Identifier: Apache-2.0 */
/* standing: see standing.h. Runs in: keystay-agent. */
#include "agent/standing.h"

#include <string.h>
#include <time.h>

#include "lib/base/lifetime.h"
#include "lib/base/text.h"
#include "lib/tls/certificate_dates.h"
#include "lib/tls/own_status.h"
#include "lib/tls/verify_signature.h"

#define DAY_SIZE 32
#define ADVICE_SIZE 128

/* What is to be judged. */
struct subject {
	const struct ks_identity *identity;
	bool is_other; /* not the certificate that stands for the key */
	int64_t not_before, not_after;
	struct ks_revocation_finding revocation;
};

static void put_day(const char *before, int64_t when_s, char out[DAY_SIZE])
{
	time_t when = (time_t)when_s;
	struct tm parts;
	char day[16];

	out[0] = '\0';
	if (when_s > 0 && gmtime_r(&when, &parts) && strftime(day, sizeof(day), "%Y-%m-%d", &parts) > 0)
		(void)ks_text_print(out, DAY_SIZE, "%s%s", before, day);
}

/* --- which certificate ------------------------------------------------------------------------------------------- */

/* Where nobody says anything of it, what is known of the key's own certificate holds for it as well: revoked or not. */
static void find_revocation(struct ks_bytes shown, struct subject *subject)
{
	const struct ks_identity *identity = subject->identity;
	uint8_t hash[32];

	if (!subject->is_other || identity->revocation_mode == KS_SETTINGS_REVOCATION_OFF || ks_sha256(shown, hash) < 0)
		return;
	for (size_t i = 0; i < identity->n_leaves; i++) {
		if (memcmp(identity->leaves[i].hash, hash, sizeof(hash)) == 0) {
			subject->revocation = identity->leaves[i].revocation;
			return;
		}
	}
	if (identity->revoked)
		subject->is_other = false; /* in the words */
	else
		subject->revocation = (struct ks_revocation_finding){ .state = KS_REVOCATION_NO_ANSWER };
}

/* false: there is nothing to judge. */
static bool find_subject(const struct ks_identity *identity, struct ks_bytes shown, struct subject *subject)
{
	const struct ks_certificate *newest = identity->certificate;

	*subject = (struct subject){ .identity = identity, .revocation = identity->revocation };
	subject->is_other = shown.size > 0 &&
			    ks_certificate_dates_read(shown, &subject->not_before, &subject->not_after) == 0 &&
			    !(newest && ks_bytes_equal(shown, ks_certificate_der(newest)));
	if (!subject->is_other) {
		if (!newest)
			return false; /* the client has one that we do not know, and the server will look at it */
		subject->not_before = ks_certificate_not_before(newest);
		subject->not_after = ks_certificate_not_after(newest);
	}
	find_revocation(shown, subject);
	return true;
}

/* --- what to do --------------------------------------------------------------------------------------------------- */

#define KEY_COMPROMISE 1 /* CRLReason (RFC 5280 section 5.3.1) */

/* Short: curl shows 256 bytes of the sentence, whatever name and reason are. A compromised key must not get another
 * certificate. */
static void put_advice(const struct subject *subject, char *out, size_t size)
{
	const struct ks_identity *identity = subject->identity;
	bool is_revoked = subject->revocation.state == KS_REVOCATION_REVOKED;
	bool has_profile = identity->rules && identity->rules->profile;

	if (subject->is_other && !(is_revoked && identity->revoked))
		(void)ks_text_print(out, size, "start the program again with the new one");
	else if (!is_revoked && has_profile)
		(void)ks_text_print(out, size, "run: keystay renew %s", identity->name);
	else if (!is_revoked)
		(void)ks_text_print(out, size, "put a new one on the token or into certs/, then run: keystay reload");
	else if (has_profile && !subject->is_other && subject->revocation.reason != KEY_COMPROMISE)
		(void)ks_text_print(out, size, "run: keystay enroll %s --force", identity->name);
	else
		(void)ks_text_print(out, size, "get another one");
}

/* --- the questions ----------------------------------------------------------------------------------------------- */

static int judge_revoked(const struct subject *subject, struct ks_standing *standing)
{
	char day[DAY_SIZE];
	const char *reason = ks_own_status_reason(subject->revocation.reason);
	char advice[ADVICE_SIZE];

	if (subject->revocation.state != KS_REVOCATION_REVOKED)
		return 0;
	put_day(" on ", subject->revocation.revoked_s, day);
	put_advice(subject, advice, sizeof(advice));
	(void)ks_text_print(standing->text, sizeof(standing->text), "key \"%s\": %s was revoked%s%s%s%s; %s",
			    subject->identity->name,
			    subject->is_other ? "the certificate that this program uses" : "its certificate", day,
			    reason[0] ? " (" : "", reason, reason[0] ? ")" : "", advice);
	return KS_ERR_REVOKED;
}

static int judge_dates(const struct subject *subject, int64_t now_s, struct ks_standing *standing)
{
	int64_t from = subject->not_before, until = subject->not_after;
	char words[KS_LIFETIME_TEXT_MAX], advice[ADVICE_SIZE] = "is this computer's clock right?";

	if (from - (int64_t)KS_CLOCK_SKEW_S <= now_s && now_s <= until)
		return 0;
	ks_lifetime_words((uint64_t)(from > 0 ? from : 0), (uint64_t)(until > 0 ? until : 0), (uint64_t)now_s, words);
	if (now_s >= from)
		put_advice(subject, advice, sizeof(advice));
	(void)ks_text_print(standing->text, sizeof(standing->text),
			    subject->is_other ? "the certificate of key \"%s\" that this program uses %s; %s" :
						"the certificate of key \"%s\" %s; %s",
			    subject->identity->name, words, advice);
	return KS_ERR_EXPIRED;
}

static void put_unproven(const struct subject *subject, char *out, size_t size)
{
	char day[DAY_SIZE];

	switch (subject->revocation.state) {
	case KS_REVOCATION_UNKNOWN:
		(void)ks_text_print(out, size, "its CA does not know its certificate");
		return;
	case KS_REVOCATION_OUTDATED:
		put_day(" since ", subject->revocation.until_s, day);
		(void)ks_text_print(out, size, "the last answer of its CA is outdated%s", day);
		return;
	case KS_REVOCATION_NO_SOURCE:
		(void)ks_text_print(out, size, "its certificate names nobody who could be asked by http");
		return;
	case KS_REVOCATION_NOT_LOOKED_AT:
	case KS_REVOCATION_GOOD:
	case KS_REVOCATION_REVOKED:
	case KS_REVOCATION_NO_ANSWER:
	default:
		(void)ks_text_print(out, size, "its CA was not asked%s yet",
				    subject->is_other ? " about the certificate that this program uses" : "");
	}
}

/* revocation = require. The sentence is short: curl shows 256 bytes. */
static int judge_proof(const struct subject *subject, struct ks_standing *standing)
{
	const struct ks_identity *identity = subject->identity;
	const struct ks_settings_origin *origin = identity->revocation_origin;
	char why[128];

	if (identity->revocation_mode != KS_SETTINGS_REVOCATION_REQUIRE ||
	    subject->revocation.state == KS_REVOCATION_GOOD)
		return 0;
	put_unproven(subject, why, sizeof(why));
	(void)ks_text_print(standing->text, sizeof(standing->text),
			    "key \"%s\": revocation = require, and %s; run: keystay renew --status-only %s",
			    identity->name, why, identity->name);
	(void)ks_text_print(standing->rule, sizeof(standing->rule), "[key \"%s\"] revocation = require (%s:%u)",
			    identity->name, origin && origin->file ? origin->file : "built in",
			    origin ? origin->line : 0);
	return KS_ERR_RULE;
}

int ks_standing_check(const struct ks_identity *identity, struct ks_bytes shown, int64_t now_s,
		      struct ks_standing *ret_standing)
{
	struct subject subject;

	ret_standing->text[0] = ret_standing->rule[0] = '\0';
	ret_standing->error = 0;
	if (!find_subject(identity, shown, &subject))
		return 0;
	ret_standing->error = judge_revoked(&subject, ret_standing);
	if (ret_standing->error == 0)
		ret_standing->error = judge_dates(&subject, now_s, ret_standing);
	if (ret_standing->error == 0)
		ret_standing->error = judge_proof(&subject, ret_standing);
	return ret_standing->error;
}

uint64_t ks_standing_said(const struct ks_identity *identity)
{
	const struct ks_revocation_finding *finding = &identity->revocation;
	int64_t said_s = finding->state == KS_REVOCATION_REVOKED ? finding->revoked_s : finding->said_s;

	return said_s > 0 ? (uint64_t)said_s : 0;
}

uint64_t ks_standing_until(const struct ks_identity *identity)
{
	const struct ks_revocation_finding *finding = &identity->revocation;
	bool is_limited = finding->state == KS_REVOCATION_GOOD || finding->state == KS_REVOCATION_OUTDATED;

	return is_limited && finding->until_s > 0 ? (uint64_t)finding->until_s : 0;
}

bool ks_standing_is_unproven(const struct ks_identity *identity)
{
	return identity->certificate && identity->revocation_mode == KS_SETTINGS_REVOCATION_REQUIRE &&
	       identity->revocation.state != KS_REVOCATION_GOOD;
}
