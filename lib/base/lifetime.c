/* SPDX-License-Identifier: Apache-2.0 */
/* lifetime: see lifetime.h. Runs in: keystay-agent, keystay. */
#include "lib/base/lifetime.h"

#include <stdbool.h>
#include <time.h>

#include "lib/base/text.h"

#define MINUTE_S ((uint64_t)60)
#define HOUR_S (60 * MINUTE_S)
#define DAY_S (24 * HOUR_S)

/* The year 9999, the last that certificates can name (RFC 5280 section 4.1.2.5). */
#define TIME_MAX_S ((uint64_t)253402300799)

static uint64_t life_of(uint64_t not_before, uint64_t not_after)
{
	return not_after > not_before ? not_after - not_before : 0;
}

enum ks_validity ks_lifetime_validity(uint64_t not_before, uint64_t not_after, uint64_t now)
{
	if (now > not_after)
		return KS_VALIDITY_EXPIRED;
	if (now < not_before)
		return KS_VALIDITY_EARLY;
	return not_after - now <= life_of(not_before, not_after) / 3 ? KS_VALIDITY_SOON : KS_VALIDITY_GOOD;
}

int64_t ks_lifetime_days_left(uint64_t not_after, uint64_t now)
{
	if (now <= not_after)
		return (int64_t)((not_after - now) / DAY_S);
	return -1 - (int64_t)((now - not_after - 1) / DAY_S);
}

/* --- words ------------------------------------------------------------------------------------------------------- */

void ks_lifetime_left(uint64_t seconds, char out[KS_LIFETIME_TEXT_MAX])
{
	static const struct {
		uint64_t size;
		const char *name;
	} units[] = { { DAY_S, "day" }, { HOUR_S, "hour" }, { MINUTE_S, "minute" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		unsigned long n = (unsigned long)(seconds / units[i].size);
		if (n == 0)
			continue;
		(void)ks_text_print(out, KS_LIFETIME_TEXT_MAX, "%lu %s%s", n, units[i].name, n == 1 ? "" : "s");
		return;
	}
	(void)ks_text_print(out, KS_LIFETIME_TEXT_MAX, "less than a minute");
}

static void print_date(uint64_t seconds, char *out, size_t size)
{
	time_t when = (time_t)(seconds < TIME_MAX_S ? seconds : TIME_MAX_S);
	struct tm parts;

	if (!localtime_r(&when, &parts) || strftime(out, size, "%Y-%m-%d", &parts) == 0)
		(void)ks_text_print(out, size, "?");
}

void ks_lifetime_words(uint64_t not_before, uint64_t not_after, uint64_t now, char out[KS_LIFETIME_TEXT_MAX])
{
	char what[KS_LIFETIME_TEXT_MAX];

	out[0] = '\0';
	switch (ks_lifetime_validity(not_before, not_after, now)) {
	case KS_VALIDITY_GOOD:
	case KS_VALIDITY_REVOKED:
		return;
	case KS_VALIDITY_SOON:
		ks_lifetime_left(not_after - now, what);
		(void)ks_text_print(out, KS_LIFETIME_TEXT_MAX, "expires in %s", what);
		return;
	case KS_VALIDITY_EXPIRED:
		print_date(not_after, what, sizeof(what));
		(void)ks_text_print(out, KS_LIFETIME_TEXT_MAX, "expired on %s", what);
		return;
	case KS_VALIDITY_EARLY:
		print_date(not_before, what, sizeof(what));
		(void)ks_text_print(out, KS_LIFETIME_TEXT_MAX, "is not valid before %s", what);
		return;
	}
}

/* --- when a person is told --------------------------------------------------------------------------------------- */

struct threshold {
	enum ks_lifetime_threshold name;
	uint64_t left; /* when so much of the life is left */
};

/* Is it one of this life? */
static bool applies(const struct threshold *threshold, uint64_t life)
{
	if (life <= KS_LIFETIME_SHORT_S)
		return threshold->name == KS_LIFETIME_THIRD && life > 0;
	if (threshold->name == KS_LIFETIME_DAY || threshold->name == KS_LIFETIME_HOUR)
		return threshold->left < life / 3;
	return true;
}

struct ks_lifetime_plan ks_lifetime_plan(uint64_t not_before, uint64_t not_after, uint64_t now)
{
	uint64_t life = life_of(not_before, not_after);
	const struct threshold thresholds[] = {
		{ KS_LIFETIME_THIRD, life / 3 }, { KS_LIFETIME_SIXTH, life / 6 }, { KS_LIFETIME_TWELFTH, life / 12 },
		{ KS_LIFETIME_DAY, DAY_S },      { KS_LIFETIME_HOUR, HOUR_S },
	};
	struct ks_lifetime_plan plan = { .next = UINT64_MAX };

	for (size_t i = 0; i < sizeof(thresholds) / sizeof(thresholds[0]); i++) {
		if (!applies(&thresholds[i], life))
			continue;
		uint64_t when = not_after - thresholds[i].left;
		if (when <= now)
			plan.passed |= (unsigned)thresholds[i].name;
		else if (when < plan.next)
			plan.next = when;
	}
	return plan;
}
