/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine: what keystay-token gives up before it loads a vendor's module: system calls that none needs, and for modules
 * that are known also files, signals and the network.
 *
 * Runs in: keystay-token. A refused call fails with EPERM (a path with EACCES) and kills nobody: a module that tries too
 * much goes on with less. What is not held by it: connect(2) to a Unix socket whose path can be reached, and what the
 * module does to its own process.
 */
#pragma once

#include <stddef.h>

#include "lib/base/error.h"

enum ks_confine_level {
	KS_CONFINE_NONE,
	KS_CONFINE_CALLS, /* of modules that nobody knows: no tracing, mounting, new namespaces, kernel modules … */
	KS_CONFINE_FILES, /* and no file but those of its places, no program, no signal to others, no network */
	KS_CONFINE_NET,   /* the same with the network */
};

/* "none", "calls", "files" or "net"; INVALID. */
int ks_confine_level_read(const char *word, enum ks_confine_level *ret_level) KS_WARN_UNUSED;

enum ks_confine_access { KS_CONFINE_READ, KS_CONFINE_DEVICE, KS_CONFINE_CHANGE };

/* Something a module may get at. */
struct ks_confine_place {
	const char *path; /* a file or a folder with all that is in it; one that is missing is passed over */
	enum ks_confine_access access;
};

/* For this process and all threads that it starts later: while there is one thread. Where the kernel lacks Landlock files
 * stay open, and that is logged. UNSUPPORTED when system calls cannot be taken away. */
int ks_confine_enter(enum ks_confine_level level, const struct ks_confine_place *places, size_t n_places)
	KS_WARN_UNUSED;

/* confine_calls.c and confine_files.c, each a part of it. */
int ks_confine_calls(enum ks_confine_level level) KS_WARN_UNUSED;
int ks_confine_files(const struct ks_confine_place *places, size_t n_places) KS_WARN_UNUSED;
