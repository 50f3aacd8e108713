/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console: what keystay-enroll says: results on standard output, trouble on standard error as "keystay: ...".
 *
 * Runs in: keystay-enroll. Texts of peers come escaped (problem.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"

/* From now on results are not said. */
void ks_console_be_quiet(void);

/* One line of a result. */
void ks_console_tell(const char *format, ...) KS_PRINTF(1, 2);
/* One line of trouble. */
void ks_console_warn(const char *format, ...) KS_PRINTF(1, 2);

#define KS_CONSOLE_TIME_MAX 32
/* "2026-11-21 16:40", local time; with seconds within an hour of now, where minutes tell too little. */
void ks_console_time(uint64_t when, uint64_t now, char out[KS_CONSOLE_TIME_MAX]);
