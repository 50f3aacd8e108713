/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_folder: the files of the audit log and their names: the one that is written to, the full ones, the head.
 *
 *	audit.jsonl               is written to
 *	audit-000000000017.jsonl  full; its first line is number 17
 *	head                      what the log ends with (lib/protocol/audit_line.h)
 *	not-ours-17               what stood in the place of audit.jsonl and was none
 *
 * The folder is locked (flock(2)) for each change, since another agent of the same user may write there too.
 *
 * Runs in: keystay-audit. Never follows a symbolic link, never deletes what it did not make.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/base/error.h"
#include "lib/protocol/audit_line.h"

struct ks_audit_folder {
	const char *path; /* borrowed */
	int fd;           /* -1 = not open */
};

/* Opened, made where it is missing, and locked; what is at path now. After an error errno tells more. */
int ks_audit_folder_lock(struct ks_audit_folder *folder) KS_WARN_UNUSED;
void ks_audit_folder_unlock(struct ks_audit_folder *folder);
void ks_audit_folder_close(struct ks_audit_folder *folder);

/* Is audit.jsonl that file still, and so long? */
bool ks_audit_folder_is_same(const struct ks_audit_folder *folder, const struct stat *file, uint64_t size);

/* audit.jsonl, made where it is missing. What stands there and is no file of ours is put aside, which ret_aside tells
 * ("" = nothing was), n is for its new name. */
int ks_audit_folder_open_file(const struct ks_audit_folder *folder, uint64_t n, int *ret_fd, struct stat *ret_file,
			      char ret_aside[64]) KS_WARN_UNUSED;

/* audit.jsonl is full: it gets the name of its first line. */
int ks_audit_folder_rename_full(const struct ks_audit_folder *folder, uint64_t first) KS_WARN_UNUSED;

/* The newest full file, for reading; NOT_FOUND. */
int ks_audit_folder_open_newest(const struct ks_audit_folder *folder, int *ret_fd) KS_WARN_UNUSED;

/* The number that the oldest of the newest n full files begins with; 0 when there is none. */
uint64_t ks_audit_folder_oldest(const struct ks_audit_folder *folder, unsigned n);

/* Deletes full files that begin before this number. */
void ks_audit_folder_drop(const struct ks_audit_folder *folder, uint64_t before);

/* NOT_FOUND, or MALFORMED for what is no head. */
int ks_audit_folder_read_head(const struct ks_audit_folder *folder, struct ks_audit_head *ret_head) KS_WARN_UNUSED;
int ks_audit_folder_write_head(const struct ks_audit_folder *folder, const struct ks_audit_head *head) KS_WARN_UNUSED;
