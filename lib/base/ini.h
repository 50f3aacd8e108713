/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ini: reads keystay.conf's syntax: sections, "key = value" lines, comments. Knows no key of it.
 *
 *	; or # at the start of a line, or after white space, begins a comment
 *	[section]
 *	[section "name"]
 *	key = value          ; white space around is not part of the value
 *	key = "va;lue"       ; double quotes keep it, \" and \\ inside
 *
 * Strict: anything else is an error that names file, line and what was expected. Files are read whole, at most
 * KS_INI_FILE_MAX bytes; lines at most KS_INI_LINE_MAX. Entries come in the order of the files.
 */
#pragma once

#include <stddef.h>

#include "lib/base/error.h"

#define KS_INI_FILE_MAX ((size_t)1 << 20)
#define KS_INI_LINE_MAX 4096
#define KS_INI_ENTRIES_MAX 16384

/* One "key = value" line, or the mere head of a section (key NULL). All strings live as long as the ks_ini. */
struct ks_ini_entry {
	const char *file;
	unsigned line;
	const char *section; /* "key" */
	const char *name;    /* "alice"; "" for a section without a name */
	const char *key;     /* NULL for the section's head itself */
	const char *value;   /* "" when nothing stands after "=" */
};

struct ks_ini {
	struct ks_ini_entry *entries; /* owned */
	size_t n_entries;
	char **strings; /* owned, what the entries point into */
	size_t n_strings;
};

/* What is wrong, ready to print: "FILE:LINE: expected …". */
struct ks_ini_error {
	char text[640];
};

void ks_ini_deinit(struct ks_ini *ini);

/* Appends the entries of text (named file in messages). On CONFIG nothing is appended and ret_error is filled. */
int ks_ini_parse(struct ks_ini *ini, const char *file, const char *text, size_t size, struct ks_ini_error *ret_error)
	KS_WARN_UNUSED;

/* Appends the entries of one file. NOT_FOUND when it does not exist (no error text), else as above. */
int ks_ini_read_file(struct ks_ini *ini, const char *path, struct ks_ini_error *ret_error) KS_WARN_UNUSED;

/* Reads "folder/name" and then every "folder/name.d/ *.conf" in byte order of the names. A missing one is no error. */
int ks_ini_read_folder(struct ks_ini *ini, const char *folder, const char *name, struct ks_ini_error *ret_error)
	KS_WARN_UNUSED;
