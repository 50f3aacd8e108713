/* SPDX-License-Identifier: Apache-2.0 */
/* rate: see rate.h. Runs in: keystay-agent. */
#include "agent/rate.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define N_SLOTS (KS_RATE_SLOTS + 1)

struct ks_rate_counter {
	char name[96];
	uint64_t window_ms;
	uint64_t slot;          /* number of the newest one: now_ms / its length */
	uint32_t uses[N_SLOTS]; /* of slot number i at i % N_SLOTS */
};

void ks_rate_deinit(struct ks_rate *rate)
{
	free(rate->counters);
	*rate = (struct ks_rate){ 0 };
}

static uint64_t slot_of(uint64_t window_ms, uint64_t now_ms)
{
	return now_ms / (window_ms / KS_RATE_SLOTS);
}

static struct ks_rate_counter *find(const struct ks_rate *rate, const char *name, uint64_t window_ms)
{
	for (size_t i = 0; i < rate->n; i++) {
		if (rate->counters[i].window_ms == window_ms && strcmp(rate->counters[i].name, name) == 0)
			return &rate->counters[i];
	}
	return NULL;
}

/* All slots that are not older than the window. */
static uint64_t sum(const struct ks_rate_counter *counter, uint64_t now)
{
	uint64_t uses = 0;

	for (uint64_t slot = counter->slot; slot + N_SLOTS > counter->slot; slot--) {
		if (slot + N_SLOTS > now)
			uses += counter->uses[slot % N_SLOTS];
		if (slot == 0)
			break;
	}
	return uses;
}

bool ks_rate_has_room(const struct ks_rate *rate, const char *name, uint32_t number, uint64_t window_ms,
		      uint64_t now_ms)
{
	const struct ks_rate_counter *counter = find(rate, name, window_ms);

	return !counter || sum(counter, slot_of(window_ms, now_ms)) < number;
}

static void move_to(struct ks_rate_counter *counter, uint64_t now)
{
	if (now > counter->slot + N_SLOTS)
		memset(counter->uses, 0, sizeof(counter->uses));
	else
		for (uint64_t slot = counter->slot + 1; slot <= now; slot++)
			counter->uses[slot % N_SLOTS] = 0;
	if (now > counter->slot)
		counter->slot = now;
}

/* Nothing of it is remembered that matters. */
static bool is_spent(const struct ks_rate_counter *counter, uint64_t now_ms)
{
	return slot_of(counter->window_ms, now_ms) > counter->slot + N_SLOTS;
}

static struct ks_rate_counter *add(struct ks_rate *rate, uint64_t now_ms)
{
	for (size_t i = 0; i < rate->n; i++) {
		if (is_spent(&rate->counters[i], now_ms))
			return &rate->counters[i];
	}
	if (rate->n >= KS_RATE_COUNTERS_MAX)
		return NULL;
	struct ks_rate_counter *counters = reallocarray(rate->counters, rate->n + 1, sizeof(*counters));
	if (!counters)
		return NULL;
	rate->counters = counters;
	return &counters[rate->n++];
}

int ks_rate_count(struct ks_rate *rate, const char *name, uint64_t window_ms, uint64_t now_ms)
{
	uint64_t now = slot_of(window_ms, now_ms);
	struct ks_rate_counter *counter = find(rate, name, window_ms);

	if (!counter) {
		counter = add(rate, now_ms);
		if (!counter)
			return rate->n >= KS_RATE_COUNTERS_MAX ? KS_ERR_LIMIT : KS_ERR_NO_MEMORY;
		*counter = (struct ks_rate_counter){ .window_ms = window_ms, .slot = now };
		if (!ks_text_print(counter->name, sizeof(counter->name), "%s", name))
			counter->name[sizeof(counter->name) - 1] = '\0';
	}
	move_to(counter, now);
	counter->uses[now % N_SLOTS]++;
	return 0;
}
