/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: hardening of our own processes and starting of child processes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/base/error.h"

/* First statement of every program that may see a PIN: undumpable, no core file, no new privileges. */
int ks_process_harden(void) KS_WARN_UNUSED;

/* Dies with SIGKILL when the parent dies; CLOSED when the parent (expected_parent) is gone already. */
int ks_process_die_with_parent(pid_t expected_parent) KS_WARN_UNUSED;

/* Closes every descriptor from first on. */
void ks_process_close_from(int first);

/* Opens /dev/null on 0, 1, 2 where they are closed, so that no socket ever gets those numbers. */
int ks_process_open_standard(void) KS_WARN_UNUSED;

/* Raises the soft limit of open files to its hard limit, at most wanted; returns what holds now. */
size_t ks_process_raise_files(size_t wanted);

/* The most descriptors that a child is given by name. */
#define KS_PROCESS_FDS_MAX 16

/* A descriptor of ours and the number it gets in the child. */
struct ks_process_fd {
	int ours;
	int theirs;
};

struct ks_process_spec {
	const char *path;                /* absolute */
	char *const *argv;               /* NULL-terminated, argv[0] included */
	char *const *envp;               /* NULL-terminated; the whole environment of the child */
	const struct ks_process_fd *fds; /* all the child gets; 0, 1 and 2 become /dev/null where they are not named */
	size_t n_fds;                    /* at most KS_PROCESS_FDS_MAX */
	bool in_our_session;             /* stay in the caller's session and group, and be killed when it ends */
	bool ends_with_us;               /* be killed when the caller ends, in a session of its own */
};

/* Starts path, in a session of its own unless the spec says otherwise, with all signals at default and unblocked. Every descriptor that is not named is
 * closed. ret_pidfd (may be NULL) is given. Errors of exec(2) itself are returned here; no child is left then. */
int ks_process_spawn(const struct ks_process_spec *spec, pid_t *ret_pid, int *ret_pidfd) KS_WARN_UNUSED;
