/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lifetime: how long a certificate will still do, when its end is to be spoken of, and in what words.
 *
 * Why here: the agent's dialogs and notices and the command line must not differ in when they warn.
 *
 * Pure, but for the time zone of dates. All times are seconds since 1970.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum ks_validity {
	KS_VALIDITY_GOOD,
	KS_VALIDITY_SOON, /* a third of its life or less is left: it should have been renewed */
	KS_VALIDITY_EXPIRED,
	KS_VALIDITY_EARLY,   /* does not hold yet */
	KS_VALIDITY_REVOKED, /* somebody else says so: never of ks_lifetime_validity() */
};

enum ks_validity ks_lifetime_validity(uint64_t not_before, uint64_t not_after, uint64_t now);

/* Whole days that are left, cut off below; negative once it has expired (-1: less than a day ago). */
int64_t ks_lifetime_days_left(uint64_t not_after, uint64_t now);

/* Room for each text below, with its NUL. */
#define KS_LIFETIME_TEXT_MAX 64

/* "6 days", "1 day", "7 hours", "12 minutes", "less than a minute": one unit, cut off below. */
void ks_lifetime_left(uint64_t seconds, char out[KS_LIFETIME_TEXT_MAX]);

/* "expires in 6 days", "expired on 2026-06-14", "is not valid before 2026-06-16"; "" while there is nothing to say. */
void ks_lifetime_words(uint64_t not_before, uint64_t not_after, uint64_t now, char out[KS_LIFETIME_TEXT_MAX]);

/* --- when a person is told --------------------------------------------------------------------------------------- */

/* Stable: they stand in the agent's file of what was told. */
enum ks_lifetime_threshold {
	KS_LIFETIME_THIRD = 1, /* a third of its life is left */
	KS_LIFETIME_SIXTH = 2, /* and so on */
	KS_LIFETIME_TWELFTH = 4,
	KS_LIFETIME_DAY = 8,
	KS_LIFETIME_HOUR = 16,
};
#define KS_LIFETIME_ALL 31u

/* Of a life of at most an hour only the third is told: such certificates are renewed by programs, and five notices in
 * a minute and a half help nobody. */
#define KS_LIFETIME_SHORT_S 3600u

/* A day and an hour count only where they are less than a third of the life. */
struct ks_lifetime_plan {
	unsigned passed; /* thresholds of this life behind now, or-ed; all of them once it has expired */
	uint64_t next;   /* when the next one is reached; UINT64_MAX = none is left */
};

struct ks_lifetime_plan ks_lifetime_plan(uint64_t not_before, uint64_t not_after, uint64_t now);
