/* SPDX-License-Identifier: Apache-2.0 */
/* schedule: see schedule.h. Runs in: keystay-enroll. */
#include "enrol/schedule.h"

#include <string.h>

#include "lib/protocol/limits.h"
#include "lib/tls/verify_signature.h"

#define DAY_S ((uint64_t)24 * 3600)

uint64_t ks_schedule_due(uint64_t not_before, uint64_t not_after, uint64_t random)
{
	uint64_t life = not_after > not_before ? not_after - not_before : 0;
	uint64_t spread = life / 20;

	return not_after - life / 3 - (spread > 0 ? random % spread : 0);
}

uint64_t ks_schedule_random(struct ks_bytes certificate)
{
	uint8_t hash[32] = { 0 };
	uint64_t random;

	/* Without memory every certificate has the same number, which harms nobody. */
	if (ks_sha256(certificate, hash) < 0)
		memset(hash, 0, sizeof(hash));
	memcpy(&random, hash, sizeof(random));
	return random;
}

static uint64_t at_least_one(uint64_t seconds)
{
	return seconds > 0 ? seconds : 1;
}

uint64_t ks_schedule_longest_s(uint64_t now, uint64_t not_after)
{
	uint64_t tenth = not_after > now ? (not_after - now) / 10 : UINT64_MAX;

	return at_least_one(tenth < KS_ENROL_RETRY_LAST_S ? tenth : KS_ENROL_RETRY_LAST_S);
}

uint64_t ks_schedule_retry_s(unsigned n_failures, uint64_t now, uint64_t not_after, uint64_t random)
{
	uint64_t longest = ks_schedule_longest_s(now, not_after);
	uint64_t wait = KS_ENROL_RETRY_FIRST_S;

	for (unsigned i = 1; i < n_failures && wait < longest; i++)
		wait *= 2;
	if (wait > longest)
		wait = longest;
	return at_least_one(wait - random % (wait / 2 + 1));
}

uint64_t ks_schedule_poll_s(unsigned n_polls, uint32_t retry_after_s, uint64_t now, uint64_t not_after)
{
	uint64_t least = n_polls <= KS_ENROL_POLLS_QUICK  ? 1 :
			 n_polls <= KS_ENROL_POLLS_MINUTE ? KS_ENROL_RETRY_FIRST_S :
							    KS_ENROL_RETRY_LAST_S;
	uint64_t most = not_after > now ? ks_schedule_longest_s(now, not_after) : DAY_S;
	uint64_t wait = retry_after_s > 0 ? retry_after_s : KS_ENROL_RETRY_FIRST_S;

	if (wait > most)
		wait = most;
	return wait > least ? wait : least;
}
