/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_print: each effective value with the file and line, or the profile, that it came from, for people and as
 * JSON.
 *
 * Runs in: keystay-agent --print-config. The text is a configuration file itself (where each value
 * came from is a comment), so that what it shows can be kept and read again. JSON is written by hand: the agent links
 * no JSON library for one page of output.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/settings_enrol.h"
#include "agent/settings_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* Where comments begin, for values that are not longer. */
#define COMMENT_COLUMN 40

/* --- text -------------------------------------------------------------------------------------------------------- */

/* Would the reader take it for something else when it stands bare (lib/base/ini.h)? */
static bool needs_quotes(const char *value)
{
	if (value[0] == '\0' || value[0] == ' ' || value[0] == '\t')
		return true;
	return strpbrk(value, ";#\"\\") || value[strlen(value) - 1] == ' ';
}

static void put_quoted(struct ks_buffer *out, const char *value)
{
	ks_buffer_put_u8(out, '"');
	for (const char *at = value; *at; at++) {
		if (*at == '"' || *at == '\\')
			ks_buffer_put_u8(out, '\\');
		ks_buffer_put_u8(out, (uint8_t)*at);
	}
	ks_buffer_put_u8(out, '"');
}

static void print_value(const struct ks_settings_row *row, const struct ks_settings_value *value, const char *text,
			struct ks_buffer *out)
{
	size_t start = out->size;
	if (!text)
		return;

	ks_buffer_printf(out, "%s = ", row->key);
	if (needs_quotes(text))
		put_quoted(out, text);
	else
		ks_buffer_printf(out, "%s", text);
	size_t width = out->size - start;
	ks_buffer_printf(out, "%*s ; ", width < COMMENT_COLUMN ? COMMENT_COLUMN - (int)width : 0, "");
	if (value->text && value->origin.file)
		ks_buffer_printf(out, "%s:%u%s", value->origin.file, value->origin.line,
				 value->enforced ? " (enforced)" : "");
	if (value->profile)
		ks_buffer_printf(out, "%sprofile %s", value->origin.file ? ", " : "", value->profile);
	ks_buffer_printf(out, "%s\n", value->text ? "" : "built in");
}

/* What is printed can be read again: no built-in value of a setting that may not be there. */
static const char *effective(const struct ks_settings_section *section, size_t row)
{
	if (section->kind == KS_SETTINGS_PROFILE && !ks_settings_enrol_row_speaks(section, row))
		return NULL;
	return ks_settings_effective(section, row);
}

static void print_section(const struct ks_settings_section *section, struct ks_buffer *out)
{
	const struct ks_settings_table *table = &ks_settings_tables[section->kind];

	if (table->named) {
		ks_buffer_printf(out, "\n[%s ", table->section);
		put_quoted(out, section->name);
		ks_buffer_printf(out, "]\n");
	} else {
		ks_buffer_printf(out, "[%s]\n", table->section);
	}
	for (size_t i = 0; i < table->n_rows; i++)
		print_value(&table->rows[i], &section->values[i], effective(section, i), out);
}

/* Rules for keys that have no section cannot be written in a file of a user: they are comments. */
static void print_others(const struct ks_settings *settings, struct ks_buffer *out)
{
	const struct ks_settings_table *table = &ks_settings_tables[KS_SETTINGS_KEY];

	if (!settings->others)
		return;
	ks_buffer_printf(out, "\n; every key without a [key] section:\n");
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct ks_settings_value *value = &settings->private->others.values[i];
		if (!value->text)
			continue;
		ks_buffer_printf(out, "; ");
		print_value(&table->rows[i], value, value->text, out);
	}
}

static void print_text(const struct ks_settings *settings, struct ks_buffer *out)
{
	const struct ks_settings_private *private = settings->private;

	print_section(&private->agent, out);
	for (size_t i = 0; i < private->modules.n; i++)
		print_section(&private->modules.at[i], out);
	for (size_t i = 0; i < private->sockets.n; i++)
		print_section(&private->sockets.at[i], out);
	for (size_t i = 0; i < private->tokens.n; i++)
		print_section(&private->tokens.at[i], out);
	for (size_t i = 0; i < private->keys.n; i++)
		print_section(&private->keys.at[i], out);
	for (size_t i = 0; i < private->profiles.n; i++)
		print_section(&private->profiles.at[i], out);
	print_others(settings, out);
}

/* --- JSON (RFC 8259) --------------------------------------------------------------------------------------------- */

/* All texts here are UTF-8 without control characters: values and names are checked, paths are escaped on reading. What
 * is not, is escaped once more. */
static void put_json_text(struct ks_buffer *out, const char *text)
{
	char shown[2 * 1024];
	if (!ks_text_valid(ks_bytes_text(text))) {
		ks_text_escape(ks_bytes_text(text), shown, sizeof(shown));
		text = shown;
	}
	put_quoted(out, text); /* '"' and '\' are all that is left to escape, with a backslash in both languages */
}

static void put_json_text_or_null(struct ks_buffer *out, const char *text)
{
	if (text)
		put_json_text(out, text);
	else
		ks_buffer_printf(out, "null");
}

static void put_json_value(const struct ks_settings_row *row, const struct ks_settings_value *value, const char *text,
			   bool first, struct ks_buffer *out)
{
	ks_buffer_printf(out, "%s\n      {\"key\": ", first ? "" : ",");
	put_json_text(out, row->key);
	ks_buffer_printf(out, ", \"value\": ");
	put_json_text(out, text);
	ks_buffer_printf(out, ", \"file\": ");
	put_json_text_or_null(out, value->origin.file);
	ks_buffer_printf(out, ", \"line\": %u, \"profile\": ", value->origin.line);
	put_json_text_or_null(out, value->profile);
	ks_buffer_printf(out, ", \"enforced\": %s}", value->enforced ? "true" : "false");
}

/* name NULL: of all keys that have no section. */
static void put_json_section(const struct ks_settings_section *section, const char *name, bool first,
			     struct ks_buffer *out)
{
	const struct ks_settings_table *table = &ks_settings_tables[section->kind];
	bool first_value = true;

	ks_buffer_printf(out, "%s\n    {\"section\": ", first ? "" : ",");
	put_json_text(out, table->section);
	ks_buffer_printf(out, ", \"name\": ");
	put_json_text_or_null(out, name);
	ks_buffer_printf(out, ", \"values\": [");
	for (size_t i = 0; i < table->n_rows; i++) {
		const char *text = effective(section, i);
		if (!text)
			continue;
		put_json_value(&table->rows[i], &section->values[i], text, first_value, out);
		first_value = false;
	}
	ks_buffer_printf(out, "]}");
}

static void print_json(const struct ks_settings *settings, struct ks_buffer *out)
{
	const struct ks_settings_private *private = settings->private;

	ks_buffer_printf(out, "{\n  \"files\": [");
	for (size_t i = 0; i < private->n_files; i++) {
		ks_buffer_printf(out, "%s", i ? ", " : "");
		put_json_text(out, private->files[i]);
	}
	ks_buffer_printf(out, "],\n  \"sections\": [");
	put_json_section(&private->agent, NULL, true, out);
	for (size_t i = 0; i < private->modules.n; i++)
		put_json_section(&private->modules.at[i], private->modules.at[i].name, false, out);
	for (size_t i = 0; i < private->sockets.n; i++)
		put_json_section(&private->sockets.at[i], private->sockets.at[i].name, false, out);
	for (size_t i = 0; i < private->tokens.n; i++)
		put_json_section(&private->tokens.at[i], private->tokens.at[i].name, false, out);
	for (size_t i = 0; i < private->keys.n; i++)
		put_json_section(&private->keys.at[i], private->keys.at[i].name, false, out);
	for (size_t i = 0; i < private->profiles.n; i++)
		put_json_section(&private->profiles.at[i], private->profiles.at[i].name, false, out);
	if (settings->others)
		put_json_section(&private->others, NULL, false, out);
	ks_buffer_printf(out, "\n  ]\n}\n");
}

/* --- both -------------------------------------------------------------------------------------------------------- */

static int write_out(const struct ks_buffer *text, FILE *out)
{
	int r = ks_buffer_error(text);
	if (r < 0)
		return r;
	return fwrite(text->data, 1, text->size, out) == text->size && fflush(out) == 0 ? 0 : KS_ERR_SYSTEM;
}

int ks_settings_print(const struct ks_settings *settings, bool json, FILE *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };

	if (json)
		print_json(settings, &text);
	else
		print_text(settings, &text);
	return write_out(&text, out);
}
