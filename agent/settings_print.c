/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_print: each effective value with the file and line that it came from, for people and as JSON; and what is
 * not wrong but worth a word.
 *
 * Runs in: keystay-agent --print-config and --check-config. The text is a configuration file itself (where each value
 * came from is a comment), so that what it shows can be kept and read again. JSON is written by hand: the agent links
 * no JSON library for one page of output.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/settings_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
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

static void print_value(const struct ks_settings_row *row, const struct ks_settings_value *value, struct ks_buffer *out)
{
	const char *text = value->text ? value->text : row->built_in;
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
	if (value->text && value->origin.line == 0)
		ks_buffer_printf(out, "%s\n", value->origin.file);
	else if (value->text)
		ks_buffer_printf(out, "%s:%u%s\n", value->origin.file, value->origin.line,
				 value->enforced ? " (enforced)" : "");
	else
		ks_buffer_printf(out, "built in\n");
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
		print_value(&table->rows[i], &section->values[i], out);
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
		print_value(&table->rows[i], value, out);
	}
}

static void print_text(const struct ks_settings *settings, struct ks_buffer *out)
{
	const struct ks_settings_private *private = settings->private;

	print_section(&private->agent, out);
	for (size_t i = 0; i < private->modules.n; i++)
		print_section(&private->modules.at[i], out);
	print_section(&private->socket, out);
	for (size_t i = 0; i < private->tokens.n; i++)
		print_section(&private->tokens.at[i], out);
	for (size_t i = 0; i < private->keys.n; i++)
		print_section(&private->keys.at[i], out);
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

static void put_json_value(const struct ks_settings_row *row, const struct ks_settings_value *value, bool first,
			   struct ks_buffer *out)
{
	ks_buffer_printf(out, "%s\n      {\"key\": ", first ? "" : ",");
	put_json_text(out, row->key);
	ks_buffer_printf(out, ", \"value\": ");
	put_json_text(out, value->text ? value->text : row->built_in);
	ks_buffer_printf(out, ", \"file\": ");
	if (value->text)
		put_json_text(out, value->origin.file);
	else
		ks_buffer_printf(out, "null");
	ks_buffer_printf(out, ", \"line\": %u, \"enforced\": %s}", value->origin.line,
			 value->enforced ? "true" : "false");
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
	if (name)
		put_json_text(out, name);
	else
		ks_buffer_printf(out, "null");
	ks_buffer_printf(out, ", \"values\": [");
	for (size_t i = 0; i < table->n_rows; i++) {
		if (!section->values[i].text && !table->rows[i].built_in)
			continue;
		put_json_value(&table->rows[i], &section->values[i], first_value, out);
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
	put_json_section(&private->socket, private->socket.name, false, out);
	for (size_t i = 0; i < private->tokens.n; i++)
		put_json_section(&private->tokens.at[i], private->tokens.at[i].name, false, out);
	for (size_t i = 0; i < private->keys.n; i++)
		put_json_section(&private->keys.at[i], private->keys.at[i].name, false, out);
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

/* --- warnings ---------------------------------------------------------------------------------------------------- */

static size_t warn_of_module(const struct ks_settings_module *module, const struct ks_settings_value *path, FILE *out)
{
	KS_AUTO_FREE char *resolved = NULL;
	struct ks_path_problem problem = { 0 };
	char culprit[1024];
	if (!module->path)
		return 0;
	int r = ks_path_check_trusted(module->path, &resolved, &problem);
	if (r == 0)
		return 0;
	if (path->origin.line == 0)
		(void)fprintf(out, "[module \"%s\"]: ", module->name);
	else
		(void)fprintf(out, "%s:%u: path: ", path->origin.file, path->origin.line);
	ks_text_escape(ks_bytes_text(problem.path[0] ? problem.path : module->path), culprit, sizeof(culprit));
	if (r == KS_ERR_NOT_FOUND)
		(void)fprintf(out, "%s does not exist; module \"%s\" will not be started\n", module->path,
			      module->name);
	else
		(void)fprintf(out, "%s %s; module \"%s\" will not be started\n", culprit,
			      problem.text[0] ? problem.text : ks_error_text(r), module->name);
	return 1;
}

static size_t warn_of_key(const struct ks_settings_key *key, FILE *out)
{
	if (!key->unprovable)
		return 0;
	(void)fprintf(out, "%s:%u: this version of keystay cannot prove \"%s\" yet; ", key->unprovable_origin.file,
		      key->unprovable_origin.line, key->unprovable);
	if (key->name[0])
		(void)fprintf(out, "key \"%s\" refuses every signature\n", key->name);
	else
		(void)fprintf(out, "every key without a [key] section refuses every signature\n");
	return 1;
}

size_t ks_settings_warn(const struct ks_settings *settings, FILE *out)
{
	const struct ks_settings_private *private = settings->private;
	size_t n = 0;

	for (size_t i = 0; i < private->warnings.size; i++)
		n += private->warnings.data[i] == '\n' ? 1 : 0;
	if (n > 0)
		(void)fwrite(private->warnings.data, 1, private->warnings.size, out);
	for (size_t i = 0; i < settings->n_modules; i++)
		n += warn_of_module(&settings->modules[i], &private->modules.at[i].values[KS_MODULE_PATH], out);
	for (size_t i = 0; i < settings->n_keys; i++)
		n += warn_of_key(&settings->keys[i], out);
	if (settings->others)
		n += warn_of_key(settings->others, out);
	return n;
}
