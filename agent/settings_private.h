/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_private: what the files settings*.c share; nobody else includes it, but for tests and the fuzz target, which
 * read configurations from memory.
 *
 * The way of a value, in one direction: settings_files.c (which files, may they be trusted) → settings_merge.c (words
 * of all files, merged by section and key, each checked by settings_table.c) → settings_check.c (do they go together?)
 * → settings_profile.c (what is known of usual modules) → settings_enforce.c (narrowed) → settings_typed.c and
 * settings_rules.c (struct ks_settings) → settings_print.c, settings_warn.c.
 */
#pragma once

#include <stdarg.h>

#include "agent/settings.h"
#include "agent/settings_table.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/ini.h"

/* One file's text, in the order of reading. */
struct ks_settings_source {
	const char *file; /* as it is called in messages */
	const char *text;
	size_t size;
	bool may_enforce; /* the vendor's and /etc's */
};

struct ks_settings_value {
	const char *text; /* borrowed from private; NULL = no file says it */
	struct ks_settings_origin origin;
	const char *profile; /* the profile that says it, or that adds to what the file says; or NULL */
	bool enforced;       /* [enforce] put it there, origin is of that line */
};

struct ks_settings_section {
	enum ks_settings_kind kind;
	const char *name;                 /* "" for [agent] and [enforce] */
	struct ks_settings_origin origin; /* where it was first named */
	struct ks_settings_origin latest; /* where it was last named */
	bool has_person;                  /* a socket at whose other end somebody may be asked, unless it says no */
	bool spoiled;                     /* a value of it was refused: nothing more is said of what it lacks */
	struct ks_settings_value values[KS_SETTINGS_ROWS_MAX];
};

struct ks_settings_sections {
	struct ks_settings_section *at; /* owned */
	size_t n;
};

struct ks_settings_private {
	struct ks_ini ini; /* owns the texts of all values and the names of all files */
	struct ks_settings_section agent;
	struct ks_settings_section enforce;
	struct ks_settings_section others;   /* what [enforce] says for keys without a section */
	struct ks_settings_sections modules; /* as settings->modules, index by index */
	struct ks_settings_sections tokens;  /* as settings->tokens */
	struct ks_settings_sections sockets; /* as settings->sockets */
	struct ks_settings_sections keys;    /* as settings->keys */
	struct ks_settings_sections profiles;
	char **texts; /* owned: values that narrowing made */
	size_t n_texts;
	char **files; /* owned: those that were read */
	size_t n_files;
	struct ks_buffer warnings; /* lines, each with its end */
};

/* Problems, collected until all files are read. */
struct ks_settings_report {
	struct ks_settings_error *error;
	size_t used;
	size_t n_problems;
	size_t n_left_out;
	bool incomplete; /* a file could not be read at all: what other files lack may stand there */
};

/* Adds one line: "FILE:LINE: WHAT: …"; origin and what may be NULL. */
void ks_settings_report_add(struct ks_settings_report *report, const struct ks_settings_origin *origin,
			    const char *what, const char *format, ...) KS_PRINTF(4, 5);

/* Reads the sources into settings, whose private part exists. 0 even when problems were reported; NO_MEMORY. */
int ks_settings_merge(struct ks_settings *settings, const struct ks_settings_source *sources, size_t n_sources,
		      struct ks_settings_report *report) KS_WARN_UNUSED;

/* Reports what is wrong with sections as a whole, or with values that do not go together. */
void ks_settings_check(const struct ks_settings *settings, struct ks_settings_report *report);

/* Holds what [enforce] says against every value and writes warnings. NO_MEMORY. */
int ks_settings_enforce(struct ks_settings *settings) KS_WARN_UNUSED;

/* Fills in the typed values. NO_MEMORY. */
int ks_settings_type(struct ks_settings *settings) KS_WARN_UNUSED;

/* Fills in the rules of one [key] or [socket]. NO_MEMORY. */
int ks_settings_type_rules(struct ks_rules *rules, const struct ks_settings_section *section) KS_WARN_UNUSED;

/* All of them in one line for a person, each behind the words that say whose it is, given; "" when there are none, NULL
 * without memory. */
char *ks_settings_rules_words(const char *whose, const struct ks_rules *rules, bool allow_digest);

/* Reports rules that do not go together, and accounts that do not exist. */
void ks_settings_check_rules(const struct ks_settings_section *section, struct ks_settings_report *report);
void ks_settings_check_accounts(const struct ks_settings_section *section, size_t row, bool is_group,
				struct ks_settings_report *report);

/* The numbers of "alice, 1000", given, at most KS_SOCKET_ACCOUNTS_MAX; those that do not exist were reported by the
 * check and are left out. Nothing for NULL. NO_MEMORY. */
int ks_settings_find_accounts(const char *value, bool is_group, uint32_t **ret_numbers, size_t *ret_n) KS_WARN_UNUSED;

/* Reports what is wrong with a [socket], and types it. NO_MEMORY. */
void ks_settings_socket_check(const struct ks_settings_section *section, bool is_system,
			      struct ks_settings_report *report);
int ks_settings_socket_type(const struct ks_settings_section *section, bool is_system,
			    struct ks_settings_socket *ret_socket) KS_WARN_UNUSED;
void ks_settings_socket_deinit(struct ks_settings_socket *socket);

/* Takes text, also on failure: what a value may point to. NO_MEMORY, also for NULL. */
int ks_settings_keep_text(struct ks_settings_private *private, char *text) KS_WARN_UNUSED;

/* All of the above. Earlier problems may stand in report already; any problem makes CONFIG. */
int ks_settings_build(const struct ks_settings_source *sources, size_t n_sources, bool is_system,
		      struct ks_settings_report *report, struct ks_settings **ret_settings) KS_WARN_UNUSED;

/* The same from memory, without files: for tests and the fuzz target. */
int ks_settings_read_memory(const struct ks_settings_source *sources, size_t n_sources,
			    struct ks_settings **ret_settings, struct ks_settings_error *ret_error) KS_WARN_UNUSED;

/* The value that holds: from a file, else the built-in one, else NULL. */
const char *ks_settings_effective(const struct ks_settings_section *section, size_t row);

KS_DEFINE_CLEANUP(struct ks_settings *, ks_settings_free)
