/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binding: a path in the file system at which a socket of ours listens.
 *
 * Runs in: keystay-agent. A live socket of another program is never stolen: a lock file beside the socket decides who
 * may bind, and a stale socket is removed only under that lock and only after nobody answered on it. Others of the same
 * user can remove or replace what lies there; ks_binding_look() says so.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/error.h"

struct ks_binding {
	char *path; /* NULL: none */
	int lock_fd;
	dev_t device; /* of the socket's file, so that only our own is removed */
	ino_t inode;
	mode_t mode;
	bool in_private_folder; /* of ours, mode 0700, made where it is missing; else one that the configuration names */
};

/* What went wrong, in one sentence: "another keystay-agent (pid 4711) already listens on …". */
struct ks_binding_error {
	char text[512];
};

enum ks_binding_place { KS_BINDING_OURS, KS_BINDING_MISSING, KS_BINDING_TAKEN };

/* Binds and listens; the socket is given. in_private_folder: the folder is made private (0700). Else it has to be there, and
 * only root and we may be able to change it. BUSY when somebody listens there; ret_error always has a sentence. */
int ks_binding_make(struct ks_binding *binding, const char *path, mode_t mode, bool in_private_folder, int *ret_fd,
		    struct ks_binding_error *ret_error) KS_WARN_UNUSED;

/* What lies at the path now? */
enum ks_binding_place ks_binding_look(const struct ks_binding *binding);

/* The same path once more, when ours does not lie there any more. On failure the binding stays as it is, and may be tried
 * again. */
int ks_binding_make_again(struct ks_binding *binding, int *ret_fd, struct ks_binding_error *ret_error) KS_WARN_UNUSED;

/* Removes the socket's file if it is still ours. */
void ks_binding_deinit(struct ks_binding *binding);
