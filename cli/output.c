/* SPDX-License-Identifier: Apache-2.0 */
/* output: see output.h. Runs in: keystay. */
#include "cli/output.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

/* The longest escaped text: every byte as \xNN. */
#define ESCAPED_MAX(size) (4 * (size) + 1)

#define CELLS_FIRST 64u

/* --- who reads --------------------------------------------------------------------------------------------------- */

static bool wants_color(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) == 1 && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
}

void ks_cli_init(struct ks_cli *cli)
{
	*cli = (struct ks_cli){ .out = stdout, .err = stderr, .color = wants_color(), .now_s = ks_clock_wall_s() };
}

/* One write, so that lines of several processes do not mix. */
static void KS_PRINTF(3, 0) say(const struct ks_cli *cli, const char *prefix, const char *format, va_list arguments)
{
	char text[4 * 1024 + 256];

	(void)vsnprintf(text, sizeof(text), format, arguments);
	(void)fprintf(cli->err, "keystay: %s%s\n", prefix, text);
	(void)fflush(cli->err);
}

void ks_output_error(const struct ks_cli *cli, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(cli, "", format, arguments);
	va_end(arguments);
}

void ks_output_warning(const struct ks_cli *cli, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(cli, "warning: ", format, arguments);
	va_end(arguments);
}

char *ks_output_escape(struct ks_bytes text)
{
	size_t size = ESCAPED_MAX(text.size);
	char *shown = malloc(size);

	if (shown)
		ks_text_escape(text, shown, size);
	return shown;
}

/* --- colour ------------------------------------------------------------------------------------------------------ */

const char *ks_color_on(const struct ks_cli *cli, enum ks_color color)
{
	static const char *const codes[] = {
		[KS_COLOR_NONE] = "",        [KS_COLOR_GOOD] = "\033[32m",   [KS_COLOR_CARE] = "\033[33m",
		[KS_COLOR_BAD] = "\033[31m", [KS_COLOR_HEADING] = "\033[1m",
	};

	return cli->color ? codes[color] : "";
}

const char *ks_color_off(const struct ks_cli *cli, enum ks_color color)
{
	return cli->color && color != KS_COLOR_NONE ? "\033[0m" : "";
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

json_t *ks_output_json_text(struct ks_bytes text)
{
	json_t *value = json_stringn(text.data ? (const char *)text.data : "", text.size);
	if (value)
		return value;

	KS_AUTO_FREE char *shown = ks_output_escape(text);
	return shown ? json_string(shown) : NULL;
}

void ks_output_json_put(json_t **object, const char *key, json_t *value)
{
	/* Takes value in any case, also when there is no object or no value. */
	if (json_object_set_new(*object, key, value) == 0)
		return;
	json_decref(*object);
	*object = NULL;
}

int ks_output_json(const struct ks_cli *cli, json_t *value)
{
	if (!value)
		return KS_ERR_NO_MEMORY;
	int failed = json_dumpf(value, cli->out, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
	json_decref(value);
	return failed < 0 || fputc('\n', cli->out) == EOF ? KS_ERR_SYSTEM : 0;
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

void ks_table_init(struct ks_table *table, const char *const *headings, size_t n_columns)
{
	*table = (struct ks_table){ .headings = headings, .n_columns = n_columns };
}

void ks_table_deinit(struct ks_table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	*table = (struct ks_table){ 0 };
}

/* text is taken, and may be NULL when memory ran out. */
static void add(struct ks_table *table, enum ks_color color, char *text, bool is_note)
{
	if (text && table->n_cells == table->n_reserved) {
		size_t wanted = table->n_reserved ? 2 * table->n_reserved : CELLS_FIRST;
		struct ks_table_cell *cells = reallocarray(table->cells, wanted, sizeof(*cells));
		if (cells) {
			table->cells = cells;
			table->n_reserved = wanted;
		}
	}
	if (!text || table->n_cells == table->n_reserved) {
		free(text);
		table->failed = true;
		return;
	}
	table->cells[table->n_cells++] = (struct ks_table_cell){ text, color, is_note };
}

static char *KS_PRINTF(1, 0) format_text(const char *format, va_list arguments)
{
	char *text = NULL;

	return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

void ks_table_cell(struct ks_table *table, enum ks_color color, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(table, color, format_text(format, arguments), false);
	va_end(arguments);
}

void ks_table_foreign(struct ks_table *table, enum ks_color color, struct ks_bytes text)
{
	add(table, color, text.size ? ks_output_escape(text) : strdup("-"), false);
}

void ks_table_note(struct ks_table *table, enum ks_color color, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(table, color, format_text(format, arguments), true);
	va_end(arguments);
}

/* Columns of a terminal: characters, as far as UTF-8 tells without asking the locale. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0u) != 0x80u;
	return width;
}

static void print_cell(const struct ks_cli *cli, const char *text, enum ks_color color, size_t width, bool is_last)
{
	(void)fprintf(cli->out, "%s%s%s", ks_color_on(cli, color), text, ks_color_off(cli, color));
	/* Nothing is padded at the end of a line. */
	size_t used = width_of(text);
	if (is_last)
		(void)fputc('\n', cli->out);
	else
		(void)fprintf(cli->out, "%*s", (int)(width - used + 2), "");
}

static void measure(const struct ks_table *table, size_t widths[KS_TABLE_COLUMNS_MAX])
{
	size_t column = 0;

	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = width_of(table->headings[i]);
	for (size_t i = 0; i < table->n_cells; i++) {
		if (table->cells[i].is_note)
			continue;
		size_t width = width_of(table->cells[i].text);
		if (width > widths[column])
			widths[column] = width;
		column = (column + 1) % table->n_columns;
	}
}

int ks_table_print(const struct ks_table *table, const struct ks_cli *cli, const char *indent)
{
	size_t widths[KS_TABLE_COLUMNS_MAX] = { 0 };
	size_t column = 0;

	if (table->failed)
		return KS_ERR_NO_MEMORY;
	measure(table, widths);
	(void)fputs(indent, cli->out);
	for (size_t i = 0; i < table->n_columns; i++)
		print_cell(cli, table->headings[i], KS_COLOR_HEADING, widths[i], i + 1 == table->n_columns);
	for (size_t i = 0; i < table->n_cells; i++) {
		const struct ks_table_cell *cell = &table->cells[i];
		if (cell->is_note) {
			(void)fprintf(cli->out, "%s  %s%s%s\n", indent, ks_color_on(cli, cell->color), cell->text,
				      ks_color_off(cli, cell->color));
			continue;
		}
		if (column == 0)
			(void)fputs(indent, cli->out);
		print_cell(cli, cell->text, cell->color, widths[column], column + 1 == table->n_columns);
		column = (column + 1) % table->n_columns;
	}
	return 0;
}
