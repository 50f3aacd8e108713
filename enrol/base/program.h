/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program: runs a program that keystay.conf names (command =): no shell, a clean environment, an end.
 *
 * Runs in: keystay-enroll. The program is started in a session of its own and dies with keystay-enroll; at its end, or at
 * the time limit, its whole process group is killed. Must never be given a secret: what it needs of those is its own matter.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "enrol/base/problem.h"
#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/protocol/limits.h"

/* Everything is borrowed. */
struct ks_program {
	const char *what;      /* for messages: "command = of profile \"corp\"" */
	const char *command;   /* split at spaces; the first word is the absolute path of a file that no other user can
			      * change */
	struct ks_bytes input; /* its standard input, a file that it may read again */
	const char *const
		*variables; /* "NAME=value", NULL-terminated, or NULL; PATH and HOME come along, nothing else */
	uint64_t timeout_ms;
	size_t output_max; /* more on its standard output than this ends it */
};

struct ks_program_result {
	int exit_code; /* 0 … 255 */
	struct ks_buffer output;
	char messages[KS_PROGRAM_MESSAGES_MAX]; /* the last lines of its standard error, escaped, in one line; "" */
};

/* 0 when it ended by itself, whatever its exit code. */
int ks_program_run(const struct ks_program *program, struct ks_program_result *ret_result,
		   struct ks_enrol_problem *problem) KS_WARN_UNUSED;
void ks_program_result_deinit(struct ks_program_result *result);
