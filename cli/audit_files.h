/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_files: the files of the audit log (docs/audit.md), in the order of their lines, as they are at one moment.
 *
 * Runs in: keystay. Reads; nothing here waits for keystay-audit or makes it wait.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/error.h"
#include "lib/protocol/audit_line.h"

struct ks_audit_file {
	char *name;     /* owned */
	FILE *stream;   /* owned; at its start */
	uint64_t first; /* number of its first line; 0 = that is none of keystay's */
};

struct ks_audit_files {
	struct ks_audit_file *at; /* owned */
	size_t n;
	size_t n_packed;    /* compressed ones, which are not looked into */
	bool has_head;      /* head is there and well-formed */
	bool head_is_wrong; /* it is there and is not */
	struct ks_audit_head head;
};

/* The folder of this user's log. Given (free()). */
int ks_audit_files_folder(char **ret_folder) KS_WARN_UNUSED;

/* All files are open when this returns, so that a rotation meanwhile takes nothing away; the head is not newer than they
 * are. NOT_FOUND when there is no folder. */
int ks_audit_files_open(const char *folder, struct ks_audit_files *ret_files) KS_WARN_UNUSED;
void ks_audit_files_close(struct ks_audit_files *files);
