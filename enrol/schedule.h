/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule: when a certificate is to be renewed, and when something that failed or waits is to be tried again.
 *
 * Runs in: keystay-enroll. Pure: the caller gives the time and the random numbers. All times are seconds since 1970.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

/* A third of the life that was really issued before its end, and up to a twentieth of it earlier, so that a fleet does
 * not come at once. random: of this certificate, always the same (ks_schedule_random()), or the time would move at each
 * look. */
uint64_t ks_schedule_due(uint64_t not_before, uint64_t not_after, uint64_t random);

/* A number that this certificate always has and no other: the beginning of its SHA-256. */
uint64_t ks_schedule_random(struct ks_bytes certificate);

/* Seconds to wait after n failures in a row (1, 2, ...): a minute, doubled, at most an hour and at most a tenth of what
 * is left until not_after (0, or past: no such bound); of that between half and all. Never 0. */
uint64_t ks_schedule_retry_s(unsigned n_failures, uint64_t now, uint64_t not_after, uint64_t random);

/* The longest of them: for what fails the same way until a person changes something. */
uint64_t ks_schedule_longest_s(uint64_t now, uint64_t not_after);

/* Seconds to wait after n answers "come again" (1, 2, ...), the last of which said retry_after_s (0: nothing). Never
 * less than the n-th may be (limits.h), never more than ks_schedule_longest_s(), but for a CA that says so where
 * nothing expires: a day. */
uint64_t ks_schedule_poll_s(unsigned n_polls, uint32_t retry_after_s, uint64_t now, uint64_t not_after);
