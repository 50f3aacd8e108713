/* SPDX-License-Identifier: Apache-2.0 */
/* unlock: see unlock.h. Runs in: keystay-agent. */
#include "agent/unlock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/protocol/limits.h"

void ks_unlock_init(struct ks_unlock *unlock, sd_event *event,
		    void (*expired)(struct ks_unlock_entry *entry, void *userdata), void *userdata)
{
	*unlock = (struct ks_unlock){ .event = event, .expired = expired, .userdata = userdata };
}

static void entry_free(struct ks_unlock_entry *entry)
{
	if (!entry)
		return;
	(void)ks_unlock_close(entry);
	free(entry->module);
	free(entry->manufacturer);
	free(entry->model);
	free(entry->serial);
	free(entry->label);
	free(entry);
}
KS_DEFINE_CLEANUP(struct ks_unlock_entry *, entry_free)

void ks_unlock_deinit(struct ks_unlock *unlock)
{
	for (size_t i = 0; i < unlock->n_entries; i++)
		entry_free(unlock->entries[i]);
	free(unlock->entries);
	unlock->entries = NULL;
	unlock->n_entries = 0;
}

static bool is_for(const struct ks_unlock_entry *entry, const struct ks_token_id *id)
{
	return entry->twin == id->twin && memcmp(entry->digest, id->digest, sizeof(entry->digest)) == 0 &&
	       strcmp(entry->serial, id->serial) == 0 && strcmp(entry->label, id->label) == 0 &&
	       strcmp(entry->module, id->module) == 0 && strcmp(entry->model, id->model) == 0 &&
	       strcmp(entry->manufacturer, id->manufacturer) == 0;
}

struct ks_token_id ks_unlock_id(const struct ks_unlock_entry *entry)
{
	return (struct ks_token_id){ .module = entry->module,
				     .manufacturer = entry->manufacturer,
				     .model = entry->model,
				     .serial = entry->serial,
				     .label = entry->label,
				     .digest = entry->digest,
				     .twin = entry->twin };
}

void ks_unlock_hold(struct ks_unlock_entry *entry)
{
	entry->n_users++;
}

void ks_unlock_release(struct ks_unlock_entry *entry)
{
	entry->n_users--;
}

static int fill_entry(struct ks_unlock_entry *entry, const struct ks_token_id *id)
{
	entry->module = strdup(id->module);
	entry->manufacturer = strdup(id->manufacturer);
	entry->model = strdup(id->model);
	entry->serial = strdup(id->serial);
	entry->label = strdup(id->label);
	memcpy(entry->digest, id->digest, sizeof(entry->digest));
	entry->twin = id->twin;
	return entry->module && entry->manufacturer && entry->model && entry->serial && entry->label ? 0 :
												       KS_ERR_NO_MEMORY;
}

/* Somebody may have a pointer to it: who holds it, or who asked for it since the event loop was last returned to. */
static bool may_be_in_use(const struct ks_unlock_entry *entry, uint64_t iteration)
{
	return entry->unlocked || entry->n_users > 0 || entry->iteration == iteration;
}

/* Which entry makes way: the one that was asked for the longest ago. Those that a person locked go last, since without
 * them a PIN from a file would unlock their token. n_entries when none can. */
static size_t find_oldest(const struct ks_unlock *unlock, uint64_t iteration)
{
	size_t oldest = unlock->n_entries;

	for (size_t i = 0; i < unlock->n_entries; i++) {
		const struct ks_unlock_entry *entry = unlock->entries[i];
		const struct ks_unlock_entry *best = oldest < unlock->n_entries ? unlock->entries[oldest] : NULL;
		if (may_be_in_use(entry, iteration))
			continue;
		if (!best || (entry->held == best->held ? entry->last_use < best->last_use : best->held))
			oldest = i;
	}
	return oldest;
}

/* A place for one more, at the end or that of the oldest, whose entry is freed: others keep theirs, so that whoever
 * goes through them by index misses none. */
static int make_place(struct ks_unlock *unlock, uint64_t iteration, size_t *ret_place)
{
	size_t place = unlock->n_entries;

	if (unlock->n_entries >= KS_UNLOCK_ENTRIES) {
		place = find_oldest(unlock, iteration);
		if (place == unlock->n_entries)
			return KS_ERR_LIMIT;
		entry_free(unlock->entries[place]);
		unlock->entries[place] = NULL;
	} else {
		struct ks_unlock_entry **entries =
			reallocarray(unlock->entries, unlock->n_entries + 1, sizeof(struct ks_unlock_entry *));
		if (!entries)
			return KS_ERR_NO_MEMORY;
		unlock->entries = entries;
		unlock->n_entries++;
	}
	*ret_place = place;
	return 0;
}

static struct ks_unlock_entry *find(const struct ks_unlock *unlock, const struct ks_token_id *id)
{
	for (size_t i = 0; i < unlock->n_entries; i++) {
		if (is_for(unlock->entries[i], id))
			return unlock->entries[i];
	}
	return NULL;
}

struct ks_unlock_entry *ks_unlock_entry(struct ks_unlock *unlock, const struct ks_token_id *id)
{
	uint64_t iteration = 0;
	size_t place = 0;

	(void)sd_event_get_iteration(unlock->event, &iteration);
	struct ks_unlock_entry *found = find(unlock, id);
	if (!found) {
		KS_CLEANUP(entry_freep) struct ks_unlock_entry *entry = calloc(1, sizeof(*entry));
		if (!entry || fill_entry(entry, id) < 0 || make_place(unlock, iteration, &place) < 0)
			return NULL;
		entry->owner = unlock;
		found = unlock->entries[place] = KS_STEAL(entry);
	}
	found->last_use = ++unlock->n_uses;
	found->iteration = iteration;
	return found;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_unlock_entry *entry = userdata;

	(void)ks_unlock_close(entry);
	entry->owner->expired(entry, entry->owner->userdata);
	return 0;
}

int ks_unlock_open(struct ks_unlock_entry *entry, uint64_t unlock_for_ms, struct ks_secret *pin)
{
	uint64_t until = ks_clock_boot_ms() + unlock_for_ms;

	(void)ks_unlock_close(entry);
	if (unlock_for_ms > 0 && sd_event_add_time(entry->owner->event, &entry->timer, CLOCK_BOOTTIME, until * 1000, 0,
						   on_time, entry) < 0) {
		ks_secret_free(pin);
		return KS_ERR_SYSTEM; /* without its end the token must not be open */
	}
	entry->unlocked = true;
	entry->once = unlock_for_ms == 0;
	entry->until_boot_ms = unlock_for_ms > 0 ? until : 0;
	entry->pin = pin;
	return 0;
}

void ks_unlock_narrow(struct ks_unlock_entry *entry, uint64_t unlock_for_ms, bool keep_pin)
{
	uint64_t until = ks_clock_boot_ms() + unlock_for_ms;

	if (!keep_pin)
		ks_unlock_forget_pin(entry);
	if (!entry->unlocked || entry->once)
		return;
	if (unlock_for_ms == 0) {
		entry->once = true;
	} else if (until < entry->until_boot_ms) {
		entry->until_boot_ms = until;
		if (sd_event_source_set_time(entry->timer, until * 1000) < 0)
			(void)ks_unlock_close(entry);
	}
}

void ks_unlock_forget_pin(struct ks_unlock_entry *entry)
{
	ks_secret_free(entry->pin);
	entry->pin = NULL;
}

bool ks_unlock_close(struct ks_unlock_entry *entry)
{
	bool was = entry->unlocked;

	entry->unlocked = false;
	entry->once = false;
	entry->until_boot_ms = 0;
	entry->timer = sd_event_source_disable_unref(entry->timer);
	ks_unlock_forget_pin(entry);
	return was;
}

bool ks_unlock_spent(struct ks_unlock_entry *entry)
{
	entry->n_signatures++;
	return entry->once && ks_unlock_close(entry);
}

uint64_t ks_unlock_left_s(const struct ks_unlock_entry *entry)
{
	uint64_t now = ks_clock_boot_ms();

	if (!entry->unlocked || entry->until_boot_ms <= now)
		return 0;
	return (entry->until_boot_ms - now + 999) / 1000;
}
