/* SPDX-License-Identifier: Apache-2.0 */
/* words: see words.h. Runs in: keystay. */
#include "cli/words.h"

#include <time.h>

#include "lib/base/text.h"
#include "lib/protocol/message.h"

#define MINUTE_S ((uint64_t)60)
#define HOUR_S (60 * MINUTE_S)
#define DAY_S (24 * HOUR_S)

/* The year 9999, the last that RFC 5280 certificates can name; mktime's relatives need not manage more. */
#define TIME_MAX_S ((uint64_t)253402300799)

const char *ks_words_token_state(uint32_t state)
{
	static const char *const words[] = {
		[KS_TOKEN_LOCKED] = "locked",   [KS_TOKEN_UNLOCKED] = "unlocked", [KS_TOKEN_OPEN] = "open",
		[KS_TOKEN_BLOCKED] = "blocked", [KS_TOKEN_ABSENT] = "absent",
	};

	return state < sizeof(words) / sizeof(*words) ? words[state] : "unknown";
}

const char *ks_words_module_state(uint32_t state)
{
	static const char *const words[] = {
		[KS_MODULE_STARTING] = "starting",
		[KS_MODULE_READY] = "ready",
		[KS_MODULE_WAITING] = "waiting",
		[KS_MODULE_FAILED] = "failed",
	};

	return state < sizeof(words) / sizeof(*words) ? words[state] : "unknown";
}

const char *ks_words_token_events(uint32_t events)
{
	static const char *const words[] = {
		[KS_EVENTS_NONE] = "none",
		[KS_EVENTS_SLOTS] = "slots",
		[KS_EVENTS_READERS] = "readers",
	};

	return events < sizeof(words) / sizeof(*words) ? words[events] : "unknown";
}

void ks_words_duration(uint64_t seconds, char *out, size_t size)
{
	unsigned long days = (unsigned long)(seconds / DAY_S);
	unsigned long hours = (unsigned long)(seconds % DAY_S / HOUR_S);
	unsigned long minutes = (unsigned long)(seconds % HOUR_S / MINUTE_S);

	if (days && hours)
		(void)ks_text_print(out, size, "%lu d %lu h", days, hours);
	else if (days)
		(void)ks_text_print(out, size, "%lu d", days);
	else if (hours && minutes)
		(void)ks_text_print(out, size, "%lu h %lu min", hours, minutes);
	else if (hours)
		(void)ks_text_print(out, size, "%lu h", hours);
	else if (minutes)
		(void)ks_text_print(out, size, "%lu min", minutes);
	else
		(void)ks_text_print(out, size, "%lu s", (unsigned long)seconds);
}

static time_t clip(uint64_t seconds)
{
	return (time_t)(seconds < TIME_MAX_S ? seconds : TIME_MAX_S);
}

void ks_words_time(uint64_t seconds, char *out, size_t size)
{
	time_t when = clip(seconds);
	struct tm parts;

	if (!localtime_r(&when, &parts) || strftime(out, size, "%Y-%m-%d %H:%M", &parts) == 0)
		(void)ks_text_print(out, size, "?");
}

void ks_words_date(uint64_t seconds, char *out, size_t size)
{
	time_t when = clip(seconds);
	struct tm parts;

	if (!localtime_r(&when, &parts) || strftime(out, size, "%Y-%m-%d", &parts) == 0)
		(void)ks_text_print(out, size, "?");
}

void ks_words_timestamp(uint64_t seconds, char *out, size_t size)
{
	time_t when = clip(seconds);
	struct tm parts;

	if (!gmtime_r(&when, &parts) || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
		(void)ks_text_print(out, size, "?");
}

const char *ks_words_validity(enum ks_validity validity)
{
	static const char *const words[] = {
		[KS_VALIDITY_GOOD] = "good",   [KS_VALIDITY_SOON] = "soon",       [KS_VALIDITY_EXPIRED] = "expired",
		[KS_VALIDITY_EARLY] = "early", [KS_VALIDITY_REVOKED] = "revoked",
	};

	return words[validity];
}

/* --- revocation -------------------------------------------------------------------------------------------------- */

const char *ks_words_revocation_state(uint32_t state)
{
	static const char *const words[] = {
		[KS_REVOCATION_NOT_LOOKED_AT] = "off",   [KS_REVOCATION_GOOD] = "good",
		[KS_REVOCATION_REVOKED] = "revoked",     [KS_REVOCATION_UNKNOWN] = "unknown",
		[KS_REVOCATION_OUTDATED] = "outdated",   [KS_REVOCATION_NO_ANSWER] = "no-answer",
		[KS_REVOCATION_NO_SOURCE] = "no-source",
	};

	return state < sizeof(words) / sizeof(words[0]) ? words[state] : "unknown";
}

/* " until 2026-11-28 04:19"; a time that is not told is left out. */
static void put_time(const char *before, uint64_t seconds, char out[KS_WORDS_TIME_MAX + 16])
{
	char when[KS_WORDS_TIME_MAX];

	out[0] = '\0';
	if (seconds == 0)
		return;
	ks_words_time(seconds, when, sizeof(when));
	(void)ks_text_print(out, KS_WORDS_TIME_MAX + 16, "%s%s", before, when);
}

void ks_words_revocation(uint32_t state, uint64_t said, uint64_t until, char out[KS_WORDS_REVOCATION_MAX])
{
	char when[KS_WORDS_TIME_MAX + 16];

	switch (state) {
	case KS_REVOCATION_NOT_LOOKED_AT:
		(void)ks_text_print(out, KS_WORDS_REVOCATION_MAX, "not looked at (revocation = off)");
		return;
	case KS_REVOCATION_GOOD:
		put_time(" until ", until, when);
		(void)ks_text_print(out, KS_WORDS_REVOCATION_MAX, "good by its CA's word%s", when);
		return;
	case KS_REVOCATION_REVOKED:
		put_time(" on ", said, when);
		(void)ks_text_print(out, KS_WORDS_REVOCATION_MAX, "revoked%s; nothing is signed, get another one",
				    when);
		return;
	case KS_REVOCATION_OUTDATED:
		put_time(" since ", until, when);
		(void)ks_text_print(out, KS_WORDS_REVOCATION_MAX,
				    "not known: the last answer of its CA is outdated%s; ask again: keystay renew "
				    "--status-only",
				    when);
		return;
	case KS_REVOCATION_NO_ANSWER:
		(void)ks_text_print(out, KS_WORDS_REVOCATION_MAX,
				    "not known: no answer of its CA yet; ask by: keystay renew --status-only");
		return;
	case KS_REVOCATION_NO_SOURCE:
		(void)ks_text_print(out, KS_WORDS_REVOCATION_MAX,
				    "not known: the certificate names nobody who could be asked by http");
		return;
	case KS_REVOCATION_UNKNOWN:
	default:
		(void)ks_text_print(out, KS_WORDS_REVOCATION_MAX, "not known, not even to its CA's responder");
	}
}
