/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: lines for the person who runs the program, on standard error.
 *
 * Under systemd (JOURNAL_STREAM names our stderr) a line starts with its "<N>" priority, else with the program's name.
 * One line is one write(2). Text of others is escaped by the caller with ks_text_escape(). Secrets have no way in.
 * Library code logs nothing above debug: who gives up, logs once.
 */
#pragma once

#include "lib/base/error.h"

/* syslog's numbers. */
enum ks_log_level {
	KS_LOG_ERROR = 3,
	KS_LOG_WARNING = 4,
	KS_LOG_NOTICE = 5,
	KS_LOG_INFO = 6,
	KS_LOG_DEBUG = 7,
};

/* program is borrowed for ever. Lines above level (less important) are dropped. */
void ks_log_init(const char *program, enum ks_log_level level);

void ks_log(enum ks_log_level level, const char *format, ...) KS_PRINTF(2, 3);

#define ks_log_error(...) ks_log(KS_LOG_ERROR, __VA_ARGS__)
#define ks_log_warning(...) ks_log(KS_LOG_WARNING, __VA_ARGS__)
#define ks_log_notice(...) ks_log(KS_LOG_NOTICE, __VA_ARGS__)
#define ks_log_info(...) ks_log(KS_LOG_INFO, __VA_ARGS__)
#define ks_log_debug(...) ks_log(KS_LOG_DEBUG, __VA_ARGS__)
