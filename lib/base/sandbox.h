/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox: what a process gives up before it touches data of others.
 *
 * Made of seccomp (which system calls there are at all), Landlock (no path leads to a file any more, no TCP, no signal
 * to others) and resource limits. Nothing that is given up comes back, for this process and all that it starts.
 * Knows no data; which process gives up what is said here, in one place.
 *
 * Never enters half of a sandbox silently: what cannot be had is an error, but for Landlock, which old kernels lack.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

enum ks_sandbox_kind {
	/* Memory, clock, randomness, reading and writing what is open, its own end. */
	KS_SANDBOX_ALONE,
	/* The same, and children: fork, socket pairs to them, SIGKILL, waiting; and giving up more. */
	KS_SANDBOX_PARENT,
};

struct ks_sandbox_filter; /* opaque */

/* Was keystay built with a sandbox? Without one (sandbox_none.c) all of the below does nothing and is good. */
bool ks_sandbox_is_built(void);

/* Made ahead, since what makes it needs more than a sandbox leaves. UNSUPPORTED, NO_MEMORY. */
int ks_sandbox_make(enum ks_sandbox_kind kind, struct ks_sandbox_filter **ret_filter) KS_WARN_UNUSED;
void ks_sandbox_free(struct ks_sandbox_filter *filter); /* NULL is allowed */

/* From here on a call that the filter does not have fails with EPERM. Sets no_new_privs. Async-signal-safe. */
int ks_sandbox_enter(const struct ks_sandbox_filter *filter) KS_WARN_UNUSED;

/* By Landlock: no file can be opened, made, changed or run any more; what is open stays. ret_version: what the kernel
 * has, 0 = nothing, which is no error. Before ks_sandbox_enter(). */
int ks_sandbox_leave_files(int *ret_version) KS_WARN_UNUSED;

/* 0 leaves a limit as it is. */
struct ks_sandbox_limits {
	uint64_t memory; /* bytes of data beyond what this process has now (RLIMIT_DATA) */
	unsigned cpu_s;  /* RLIMIT_CPU */
	bool no_files;   /* no descriptor more, poll(2) neither (RLIMIT_NOFILE); no file grows (RLIMIT_FSIZE) */
};

/* memory is read from /proc: before ks_sandbox_leave_files(). */
int ks_sandbox_limit(const struct ks_sandbox_limits *limits) KS_WARN_UNUSED;
