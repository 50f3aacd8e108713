/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_merge: from the words of all files to sections whose values are well-formed, merged key by key, with every
 * mistake of every file reported.
 *
 * Runs in: keystay-agent. Opens no file (settings_files.c does).
 */
#include <stdlib.h>
#include <string.h>

#include "agent/settings_private.h"
#include "lib/base/spelling.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* Of a wrong value, as much as is needed to find it. */
#define SHOWN_MAX 80u

static void show(const char *value, char out[SHOWN_MAX])
{
	ks_text_escape(ks_bytes_text(value), out, SHOWN_MAX);
}

/* "did you mean" as the end of a sentence, or nothing. */
static const char *hint(const struct ks_spelling *spelling, char *out, size_t size)
{
	out[0] = '\0';
	if (spelling->best)
		(void)ks_text_print(out, size, "; did you mean \"%s\"?", spelling->best);
	return out;
}

/* --- sections ---------------------------------------------------------------------------------------------------- */

static const struct ks_settings_table *table_of(const char *section)
{
	for (size_t i = 0; i < KS_SETTINGS_N_KINDS; i++) {
		if (strcmp(ks_settings_tables[i].section, section) == 0)
			return &ks_settings_tables[i];
	}
	return NULL;
}

static struct ks_settings_section *find_section(const struct ks_settings_sections *sections, const char *name)
{
	for (size_t i = sections->n; i > 0; i--) {
		if (strcmp(sections->at[i - 1].name, name) == 0)
			return &sections->at[i - 1];
	}
	return NULL;
}

static void report_unknown_section(struct ks_settings_report *report, const struct ks_settings_origin *origin,
				   const char *section)
{
	char found[SHOWN_MAX];
	char meant[SHOWN_MAX];
	struct ks_spelling spelling = { .word = section };

	show(section, found);
	for (size_t i = 0; i < KS_SETTINGS_N_KINDS; i++)
		ks_spelling_offer(&spelling, ks_settings_tables[i].section);
	ks_settings_report_add(
		report, origin, NULL,
		"expected a section [agent], [module \"NAME\"], [token \"NAME\"], [socket \"NAME\"], [key \"NAME\"], "
		"[profile \"NAME\"] or [enforce], found \"[%s]\"%s",
		found, hint(&spelling, meant, sizeof(meant)));
}

/* Is the head of a section as its kind wants it? */
static bool check_head(const struct ks_settings_table *table, const char *name, const struct ks_settings_origin *origin,
		       bool may_enforce, struct ks_settings_report *report)
{
	char found[SHOWN_MAX];

	if (!table->named && name[0] != '\0') {
		show(name, found);
		ks_settings_report_add(report, origin, table->written, "expected no name, found \"%s\"", found);
		return false;
	}
	if (table->named && name[0] == '\0') {
		ks_settings_report_add(report, origin, table->written, "expected a name, found none");
		return false;
	}
	if (table->named && !ks_settings_name_is_good(name)) {
		show(name, found);
		ks_settings_report_add(report, origin, table->written,
				       "expected " KS_SETTINGS_NAME_EXPECTED ", found \"%s\"", found);
		return false;
	}
	if (table == &ks_settings_tables[KS_SETTINGS_ENFORCE] && !may_enforce) {
		ks_settings_report_add(report, origin, table->written,
				       "expected in files of the administrator only (/etc/keystay), found in a user's");
		return false;
	}
	return true;
}

struct merge {
	struct ks_settings_private *private;
	struct ks_settings_report *report;
	const struct ks_settings_table *table; /* of the section that is being read; NULL = pass its entries over */
	struct ks_settings_section *section;
};

/* The section of this name, made when it is new; NULL when there must be no more of them. There is room for limit. */
static struct ks_settings_section *take_named(struct merge *merge, struct ks_settings_sections *sections, size_t limit,
					      const char *name, const struct ks_settings_origin *origin)
{
	struct ks_settings_section *section = find_section(sections, name);
	if (section)
		return section;
	if (sections->n == limit) {
		ks_settings_report_add(merge->report, origin, merge->table->written,
				       "expected at most %zu such sections in all files, found one more", limit);
		return NULL;
	}
	section = &sections->at[sections->n++];
	*section = (struct ks_settings_section){
		.kind = (enum ks_settings_kind)(merge->table - ks_settings_tables),
		.name = name,
	};
	return section;
}

static struct ks_settings_section *take_section(struct merge *merge, const char *name,
						const struct ks_settings_origin *origin)
{
	struct ks_settings_private *private = merge->private;

	if (merge->table == &ks_settings_tables[KS_SETTINGS_AGENT])
		return &private->agent;
	if (merge->table == &ks_settings_tables[KS_SETTINGS_ENFORCE])
		return &private->enforce;
	if (merge->table == &ks_settings_tables[KS_SETTINGS_MODULE])
		return take_named(merge, &private->modules, KS_MODULES_MAX, name, origin);
	if (merge->table == &ks_settings_tables[KS_SETTINGS_TOKEN])
		return take_named(merge, &private->tokens, KS_TOKEN_SECTIONS_MAX, name, origin);
	if (merge->table == &ks_settings_tables[KS_SETTINGS_SOCKET])
		return take_named(merge, &private->sockets, KS_SOCKETS_MAX, name, origin);
	if (merge->table == &ks_settings_tables[KS_SETTINGS_PROFILE])
		return take_named(merge, &private->profiles, KS_PROFILE_SECTIONS_MAX, name, origin);
	return take_named(merge, &private->keys, KS_KEY_SECTIONS_MAX, name, origin);
}

static void take_head(struct merge *merge, const struct ks_ini_entry *entry, bool may_enforce)
{
	const struct ks_settings_origin origin = { entry->file, entry->line };

	merge->section = NULL;
	merge->table = table_of(entry->section);
	if (!merge->table) {
		report_unknown_section(merge->report, &origin, entry->section);
		return;
	}
	if (check_head(merge->table, entry->name, &origin, may_enforce, merge->report))
		merge->section = take_section(merge, entry->name, &origin);
	if (!merge->section)
		return;

	/* Two sections of one name in one file: a copy whose name was forgotten. In two files: the way to override. */
	struct ks_settings_section *section = merge->section;
	if (section->latest.file && strcmp(section->latest.file, entry->file) == 0) {
		ks_settings_report_add(merge->report, &origin, merge->table->written,
				       "expected once in a file, found again%s%s%s (first in line %u)",
				       section->name[0] ? " with the name \"" : "", section->name,
				       section->name[0] ? "\"" : "", section->latest.line);
		section->spoiled = true;
		merge->section = NULL;
		return;
	}
	section->latest = origin;
	if (!section->origin.file)
		section->origin = origin;
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static void report_unknown_key(const struct merge *merge, const struct ks_settings_origin *origin, const char *key)
{
	const struct ks_settings_table *table = merge->table;
	char found[SHOWN_MAX];
	char meant[SHOWN_MAX];
	char known[512] = "";
	struct ks_spelling spelling = { .word = key };
	size_t used = 0;

	show(key, found);
	for (size_t i = 0; i < table->n_rows; i++) {
		const char *between = i == 0 ? "" : i + 1 == table->n_rows ? " or " : ", ";
		ks_spelling_offer(&spelling, table->rows[i].key);
		(void)ks_text_print(known + used, sizeof(known) - used, "%s%s", between, table->rows[i].key);
		used += strlen(known + used);
	}
	ks_settings_report_add(merge->report, origin, found, "expected %s in %s, found \"%s\"%s", known, table->written,
			       found, hint(&spelling, meant, sizeof(meant)));
}

static bool check_value(const struct ks_settings_row *row, const char *value, const struct ks_settings_origin *origin,
			struct ks_settings_report *report)
{
	char found[SHOWN_MAX];
	const char *why = NULL;

	/* Valid text also where a tab would do no harm: values go into messages, which take nothing else. */
	if (ks_text_valid(ks_bytes_text(value)) && row->is_good(value, &why))
		return true;
	show(value, found);
	ks_settings_report_add(report, origin, row->key, "expected %s%s%s%s%s%s%s", row->expected,
			       row->hide ? "" : ", found \"", row->hide ? "" : found, row->hide ? "" : "\"",
			       why ? " (" : "", why ? why : "", why ? ")" : "");
	return false;
}

/* path and p11-kit are one choice: a later file that makes it replaces an earlier one that made it otherwise. */
static void choose_module_file(struct ks_settings_section *section, size_t row)
{
	size_t other = row == KS_MODULE_PATH ? KS_MODULE_P11_KIT : KS_MODULE_PATH;
	struct ks_settings_value *value = &section->values[other];

	if (value->text && strcmp(value->origin.file, section->values[row].origin.file) != 0)
		*value = (struct ks_settings_value){ 0 };
}

static void take_value(struct merge *merge, const struct ks_ini_entry *entry)
{
	const struct ks_settings_origin origin = { entry->file, entry->line };
	const struct ks_settings_table *table = merge->table;
	size_t row = 0;

	while (row < table->n_rows && strcmp(table->rows[row].key, entry->key) != 0)
		row++;
	if (row == table->n_rows) {
		report_unknown_key(merge, &origin, entry->key);
		merge->section->spoiled = true;
		return;
	}
	struct ks_settings_value *value = &merge->section->values[row];
	if (value->text && strcmp(value->origin.file, entry->file) == 0) {
		ks_settings_report_add(merge->report, &origin, entry->key,
				       "expected once in a section, found again (first in line %u)",
				       value->origin.line);
		return;
	}
	if (!check_value(&table->rows[row], entry->value, &origin, merge->report)) {
		merge->section->spoiled = true;
		return;
	}
	*value = (struct ks_settings_value){ .text = entry->value, .origin = origin };
	if (merge->section->kind == KS_SETTINGS_MODULE && (row == KS_MODULE_PATH || row == KS_MODULE_P11_KIT))
		choose_module_file(merge->section, row);
}

/* --- all files --------------------------------------------------------------------------------------------------- */

/* The reader shows the wrong line, which it cannot understand; what if it holds a PIN (invariant I7)? */
static void hide_pin(char *text)
{
	char *found = strstr(text, ", found ");
	if (found && strcasestr(found, "pin"))
		*found = '\0';
}

/* Where each source's entries begin, so that all files are parsed, and their mistakes found, before any is used. */
static int parse_all(struct ks_settings_private *private, const struct ks_settings_source *sources, size_t n_sources,
		     size_t *ends, struct ks_settings_report *report)
{
	for (size_t i = 0; i < n_sources; i++) {
		struct ks_ini_error error = { 0 };
		int r = ks_ini_parse(&private->ini, sources[i].file, sources[i].text, sources[i].size, &error);
		if (r == KS_ERR_NO_MEMORY)
			return r;
		if (r < 0) {
			hide_pin(error.text);
			ks_settings_report_add(report, NULL, NULL, "%s", error.text);
			report->incomplete = true;
		}
		ends[i] = private->ini.n_entries;
	}
	return 0;
}

int ks_settings_merge(struct ks_settings *settings, const struct ks_settings_source *sources, size_t n_sources,
		      struct ks_settings_report *report)
{
	struct ks_settings_private *private = settings->private;
	KS_AUTO_FREE size_t *ends = calloc(n_sources + 1, sizeof(*ends));
	if (!ends)
		return KS_ERR_NO_MEMORY;
	int r = parse_all(private, sources, n_sources, ends, report);
	if (r < 0)
		return r;

	struct merge merge = { .private = private, .report = report };
	size_t source = 0;
	for (size_t i = 0; i < private->ini.n_entries; i++) {
		const struct ks_ini_entry *entry = &private->ini.entries[i];
		while (i >= ends[source])
			source++;
		if (!entry->key)
			take_head(&merge, entry, sources[source].may_enforce);
		else if (merge.section)
			take_value(&merge, entry);
	}
	return 0;
}
