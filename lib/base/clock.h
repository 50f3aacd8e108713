/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock: which clock is for what.
 *
 * Deadlines of I/O use the monotonic clock; how long a token stays unlocked uses the boot clock, which counts sleep
 * (a closed laptop lid does not stretch an unlock); certificates and records use wall time.
 */
#pragma once

#include <stdint.h>

uint64_t ks_clock_monotonic_ms(void);
uint64_t ks_clock_boot_ms(void);
uint64_t ks_clock_wall_s(void);
uint64_t ks_clock_wall_ms(void);

/* Milliseconds from now to deadline_ms (monotonic), 0 when past; at most INT_MAX, as poll(2) wants it. */
int ks_clock_left_ms(uint64_t deadline_ms);
