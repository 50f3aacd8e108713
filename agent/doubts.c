/* SPDX-License-Identifier: Apache-2.0 */
/* doubts: see doubts.h. Runs in: keystay-agent. */
#include "agent/doubts.h"

#include <stdlib.h>
#include <string.h>

#include "agent/standing.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/tls/verify_signature.h"

#define DOUBTS_MAX KS_OCSP_ANSWERS_MAX

static struct ks_doubt *find(const struct ks_doubts *doubts, const uint8_t hash[32])
{
	for (size_t i = 0; i < doubts->n; i++) {
		if (memcmp(doubts->at[i].hash, hash, 32) == 0)
			return &doubts->at[i];
	}
	return NULL;
}

/* Was it told already? Then nothing is to be said. Without memory nothing is told either: status tells it. */
static bool is_news(struct ks_doubts *doubts, const uint8_t hash[32], enum ks_revocation_state state)
{
	struct ks_doubt *doubt = find(doubts, hash);

	if (!doubt) {
		if (!doubts->at)
			doubts->at = calloc(DOUBTS_MAX, sizeof(*doubts->at));
		if (!doubts->at)
			return false;
		doubt = &doubts->at[doubts->next];
		doubts->next = (doubts->next + 1) % DOUBTS_MAX;
		doubts->n += doubts->n < DOUBTS_MAX ? 1 : 0;
		*doubt = (struct ks_doubt){ 0 };
		memcpy(doubt->hash, hash, 32);
	}
	bool is_new = doubt->told != state;
	doubt->told = state;
	return is_new;
}

/* NULL: nothing is doubtful. Where the CA was never asked that is said only when it matters. */
static const char *words_of(const struct ks_identity *identity)
{
	bool matters = identity->revocation_mode == KS_SETTINGS_REVOCATION_REQUIRE;

	switch (identity->revocation.state) {
	case KS_REVOCATION_UNKNOWN:
		return "its CA's responder does not know it";
	case KS_REVOCATION_OUTDATED:
		return "the last answer of its CA is outdated, and no newer one could be had";
	case KS_REVOCATION_NO_ANSWER:
		return "no answer of its CA could be had yet";
	case KS_REVOCATION_NO_SOURCE:
		return matters ? "it names nobody who could be asked by http" : NULL;
	case KS_REVOCATION_NOT_LOOKED_AT:
	case KS_REVOCATION_GOOD:
	case KS_REVOCATION_REVOKED:
	default:
		return NULL;
	}
}

bool ks_doubts_look(struct ks_doubts *doubts, const struct ks_identity *identity)
{
	const char *words = words_of(identity);
	struct ks_standing standing;
	char name[257];
	uint8_t hash[32];

	if (!identity->certificate || (!words && !identity->revoked) ||
	    ks_sha256(ks_certificate_der(identity->certificate), hash) < 0 ||
	    !is_news(doubts, hash, identity->revocation.state))
		return false;
	ks_text_escape(ks_bytes_text(identity->name), name, sizeof(name));
	if (identity->revoked) {
		if (ks_standing_check(identity, KS_BYTES_NONE, (int64_t)ks_clock_wall_s(), &standing) < 0)
			ks_log_error("nothing is signed with it any more: %s", standing.text);
		return true;
	}
	ks_log_notice("whether the certificate of \"%s\" was revoked is not known: %s; %sask by: keystay renew "
		      "--status-only",
		      name, words,
		      identity->revocation_mode == KS_SETTINGS_REVOCATION_REQUIRE ? "nothing is signed with it; " : "");
	return false;
}

void ks_doubts_deinit(struct ks_doubts *doubts)
{
	free(doubts->at);
	*doubts = (struct ks_doubts){ 0 };
}
