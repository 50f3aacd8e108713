/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words: states and times as people and scripts read them.
 *
 * Runs in: keystay. Pure, but for the time zone.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/lifetime.h"

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

/* "good", "soon", "expired", "early": stable, in JSON. Never NULL. */
const char *ks_words_validity(enum ks_validity validity);

/* "good", "revoked", "unknown", "outdated", "no-answer", "no-source", "off" (enum ks_revocation_state); stable, in JSON. Never
 * NULL. */
const char *ks_words_revocation_state(uint32_t state);

/* What is known of a certificate's revocation, for a person: "good by its CA's word until 2026-11-28", "revoked on …". */
#define KS_WORDS_REVOCATION_MAX 192
void ks_words_revocation(uint32_t state, uint64_t said, uint64_t until, char out[KS_WORDS_REVOCATION_MAX]);
