/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words: states and times as people and scripts read them.
 *
 * Runs in: keystay. Pure, but for the time zone.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Room for every time and duration below. */
#define KS_WORDS_TIME_MAX 40

/* "locked", "unlocked", "open", "blocked", "absent" (enum ks_token_state); stable, also in JSON. Never NULL. */
const char *ks_words_token_state(uint32_t state);

/* "starting", "ready", "waiting", "failed" (enum ks_module_state); stable, also in JSON. Never NULL. */
const char *ks_words_module_state(uint32_t state);

/* "none", "slots", "readers" (enum ks_token_events); stable, in JSON. Never NULL. */
const char *ks_words_token_events(uint32_t events);

/* "45 s", "12 min", "7 h 59 min", "3 d 4 h": at most two units, cut off below. */
void ks_words_duration(uint64_t seconds, char *out, size_t size);

/* "2026-11-21 04:19", local time. */
void ks_words_time(uint64_t seconds, char *out, size_t size);

/* "2026-11-21", local time. */
void ks_words_date(uint64_t seconds, char *out, size_t size);

/* "2026-11-21T04:19:00Z" (RFC 3339), for JSON. */
void ks_words_timestamp(uint64_t seconds, char *out, size_t size);

/* How long a certificate will do. */
enum ks_validity {
	KS_VALIDITY_GOOD,
	KS_VALIDITY_SOON, /* to be renewed: see ks_words_validity() */
	KS_VALIDITY_EXPIRED,
	KS_VALIDITY_EARLY, /* does not hold yet */
};

/* SOON is the last month, or the last third of a life that is shorter than three months: a certificate that is made
 * for a day must not be warned of all day long. */
enum ks_validity ks_words_validity(uint64_t not_before, uint64_t not_after, uint64_t now);
