/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing_certificate: may the certificate still be used with which the client signs in? See signing_private.h.
 *
 * Runs in: keystay-agent.
 */
#include "agent/signing_private.h"
#include "agent/standing.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/tls/certificate_dates.h"

bool ks_signing_refuse_certificate(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	const struct ks_identity *identity = finding->identity;
	struct ks_standing standing;

	if (ks_signing_is_for_a_certificate(signing))
		return false;
	const struct ks_bytes shown =
		ks_certificate_shown(&finding->signable, signing->message.transcript, &identity->spki);
	if (ks_standing_check(identity, shown, (int64_t)ks_clock_wall_s(), &standing) == 0)
		return false;
	if (standing.rule[0])
		(void)ks_text_print(signing->rule, sizeof(signing->rule), "%s", standing.rule);
	ks_signing_refuse(signing, identity->name, standing.error, standing.text);
	return true;
}
