/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output: what keystay says, and to whom: records to standard output, sentences about trouble to standard error.
 *
 * Text of tokens, certificates and other people goes through ks_output_escape() before a terminal sees it. Colour is
 * for terminals alone, never with NO_COLOR (https://no-color.org) or TERM=dumb, and never carries meaning by itself.
 *
 * Runs in: keystay. Must never be given a secret.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

/* What a command writes to, and the moment it runs in; tests bring their own. */
struct ks_cli {
	FILE *out;
	FILE *err;
	bool color;     /* of out */
	uint64_t now_s; /* wall time */
};

/* Standard output and error, as they are now. */
void ks_cli_init(struct ks_cli *cli);

/* "keystay: …" and a newline on cli->err. */
void ks_output_error(const struct ks_cli *cli, const char *format, ...) KS_PRINTF(2, 3);
void ks_output_warning(const struct ks_cli *cli, const char *format, ...) KS_PRINTF(2, 3);

/* What is safe to show, as a given string (free()); NULL when memory runs out. */
char *ks_output_escape(struct ks_bytes text);

enum ks_color {
	KS_COLOR_NONE = 0,
	KS_COLOR_GOOD,    /* green */
	KS_COLOR_CARE,    /* yellow */
	KS_COLOR_BAD,     /* red */
	KS_COLOR_HEADING, /* bold */
};

/* Around a piece of text on cli->out; both are "" without colour. */
const char *ks_color_on(const struct ks_cli *cli, enum ks_color color);
const char *ks_color_off(const struct ks_cli *cli, enum ks_color color);

/* --- JSON -------------------------------------------------------------------------------------------------------- */

/* A JSON string of foreign text; what is not UTF-8 is escaped. Given. */
json_t *ks_output_json_text(struct ks_bytes text);

/* Puts value (taken) into *object. When memory runs out *object becomes NULL and stays so: look once, at the end. */
void ks_output_json_put(json_t **object, const char *key, json_t *value);

/* Writes value with a final newline. value is taken, and may be NULL when memory ran out. */
int ks_output_json(const struct ks_cli *cli, json_t *value) KS_WARN_UNUSED;

/* --- tables ------------------------------------------------------------------------------------------------------ */

#define KS_TABLE_COLUMNS_MAX 8

struct ks_table_cell {
	char *text; /* owned */
	enum ks_color color;
	bool is_note; /* a line of its own, below the row that it follows */
};

struct ks_table {
	const char *const *headings; /* borrowed */
	size_t n_columns;
	struct ks_table_cell *cells; /* owned; row by row, notes in between */
	size_t n_cells;
	size_t n_reserved;
	bool failed; /* memory ran out */
};

void ks_table_init(struct ks_table *table, const char *const *headings, size_t n_columns);
void ks_table_deinit(struct ks_table *table);

/* The next cell of the row under way; n_columns of them make a row. The text must be safe to show. */
void ks_table_cell(struct ks_table *table, enum ks_color color, const char *format, ...) KS_PRINTF(3, 4);

/* As ks_table_cell() with foreign text; "-" when there is none. */
void ks_table_foreign(struct ks_table *table, enum ks_color color, struct ks_bytes text);

/* Only between two rows, or after the last one. */
void ks_table_note(struct ks_table *table, enum ks_color color, const char *format, ...) KS_PRINTF(3, 4);

/* Every line starts with indent. NO_MEMORY when something was lost before. */
int ks_table_print(const struct ks_table *table, const struct ks_cli *cli, const char *indent) KS_WARN_UNUSED;
