/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock: see clock.h.
 *
 * Runs in: every program and plug-in.
 */
#include "lib/base/clock.h"

#include <limits.h>
#include <time.h>

/* The three clocks exist on every kernel this runs on, so clock_gettime(2) has no way to fail here. */
static struct timespec now(clockid_t clock)
{
	struct timespec time = { 0 };
	(void)clock_gettime(clock, &time);
	return time;
}

static uint64_t now_ms(clockid_t clock)
{
	struct timespec time = now(clock);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

uint64_t ks_clock_monotonic_ms(void)
{
	return now_ms(CLOCK_MONOTONIC);
}

uint64_t ks_clock_boot_ms(void)
{
	return now_ms(CLOCK_BOOTTIME);
}

uint64_t ks_clock_wall_s(void)
{
	return (uint64_t)now(CLOCK_REALTIME).tv_sec;
}

uint64_t ks_clock_wall_ms(void)
{
	return now_ms(CLOCK_REALTIME);
}

int ks_clock_left_ms(uint64_t deadline_ms)
{
	uint64_t at = ks_clock_monotonic_ms();
	if (deadline_ms <= at)
		return 0;
	uint64_t left = deadline_ms - at;
	return left > INT_MAX ? INT_MAX : (int)left;
}
