/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ini: see ini.h.
 *
 * A file is copied once and cut up where it stands: every string of its entries is a piece of that copy, ended by a
 * NUL that is written over the byte behind it. What an error quotes comes from the untouched original.
 *
 * Runs in: keystay-agent, keystay. Must never know what a key means, nor guess what a wrong line was meant to be.
 */
#include "lib/base/ini.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

#define LINE_FORMS "\"key = value\" or \"[section]\""
#define DROP_IN_FOLDER ".d"
#define DROP_IN_SUFFIX ".conf"
#define FOUND_SIZE 100 /* how much of a wrong line an error shows */
#define FILE_SIZE 256  /* how much of a file's name */

_Static_assert(KS_INI_FILE_MAX == (size_t)1 << 20 && KS_INI_LINE_MAX == 4096 && KS_INI_ENTRIES_MAX == 16384,
	       "the sentences of this file name these limits");

struct parser {
	const char *file;
	char *copy;
	unsigned line;
	struct ks_bytes original; /* of the line that is being read, for errors */
	const char *section;      /* NULL before the first one */
	const char *name;
	struct ks_ini_entry *entries; /* behind those that the ks_ini has; its own when the text is found good */
	size_t n_entries;
	size_t n_entries_max;
	struct ks_ini_error *error;
};

static void set_error(struct ks_ini_error *error, const char *file, const char *text)
{
	char shown[FILE_SIZE];
	ks_text_escape(ks_bytes_text(file), shown, sizeof(shown));
	(void)ks_text_print(error->text, sizeof(error->text), "%s: %s", shown, text);
}

/* The error of a line: what was expected there, and the line as it is. */
static int refuse(const struct parser *parser, const char *expected)
{
	char file[FILE_SIZE];
	char found[FOUND_SIZE];
	ks_text_escape(ks_bytes_text(parser->file), file, sizeof(file));
	ks_text_escape(parser->original, found, sizeof(found));
	(void)ks_text_print(parser->error->text, sizeof(parser->error->text), "%s:%u: expected %s, found \"%s\"", file,
			    parser->line, expected, found);
	return KS_ERR_CONFIG;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_comment(char c)
{
	return c == ';' || c == '#';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c == '.';
}

static char *skip_space(char *at)
{
	while (is_space(*at))
		at++;
	return at;
}

static char *skip_word(char *at)
{
	while (is_word(*at))
		at++;
	return at;
}

/* Nothing but white space and a comment up to the end of the line? A comment needs white space before it. */
static bool is_rest_empty(const char *at)
{
	if (*at != '\0' && !is_space(*at))
		return false;
	while (is_space(*at))
		at++;
	return *at == '\0' || is_comment(*at);
}

/* at is behind an opening quote. Takes the escapes out where they stand and ends the string with a NUL; returns what
 * follows the closing quote, NULL when the quotes are wrong. */
static char *unquote(char *at)
{
	char *out = at;
	while (*at != '"') {
		bool escaped = *at == '\\';
		if (escaped)
			at++;
		if (*at == '\0' || (escaped && *at != '"' && *at != '\\'))
			return NULL;
		*out++ = *at++;
	}
	*out = '\0';
	return at + 1;
}

static int append(struct parser *parser, const char *key, const char *value)
{
	if (parser->n_entries == parser->n_entries_max)
		return refuse(parser, "at most 16384 sections and settings in all files");
	parser->entries[parser->n_entries++] = (struct ks_ini_entry){
		.file = parser->file,
		.line = parser->line,
		.section = parser->section,
		.name = parser->name,
		.key = key,
		.value = value,
	};
	return 0;
}

/* [section] or [section "name"]; at is behind the bracket. */
static int parse_head(struct parser *parser, char *at)
{
	char *section = at;
	char *section_end = skip_word(at);
	const char *name = "";
	at = section_end;
	if (at == section)
		return refuse(parser, "a section's name after \"[\"");
	if (is_space(*at)) {
		at = skip_space(at);
		if (*at != '"')
			return refuse(parser, "\"[section]\" or \"[section \"name\"]\"");
		name = at + 1;
		at = unquote(at + 1);
		if (!at || *name == '\0')
			return refuse(parser, "a name in double quotes (\\\" and \\\\ inside) after the section");
	}
	if (*at != ']')
		return refuse(parser, "\"[section]\" or \"[section \"name\"]\"");
	if (!is_rest_empty(at + 1))
		return refuse(parser, "nothing but a comment after \"]\"");
	*section_end = '\0';
	parser->section = section;
	parser->name = name;
	return append(parser, NULL, "");
}

/* Ends a value without quotes where its comment or the white space before its end begins. */
static int cut_plain_value(const struct parser *parser, char *value)
{
	char *end = value;
	for (char *at = value; *at != '\0' && !(is_comment(*at) && is_space(at[-1])); at++) {
		if (*at == '"')
			return refuse(parser,
				      "one pair of double quotes around the whole value (\\\" and \\\\ inside)");
		if (!is_space(*at))
			end = at + 1;
	}
	*end = '\0';
	return 0;
}

static int parse_setting(struct parser *parser, char *at)
{
	char *key = at;
	char *key_end = skip_word(at);
	at = skip_space(key_end);
	if (key_end == key || *at != '=')
		return refuse(parser, LINE_FORMS);
	if (!parser->section)
		return refuse(parser, "a \"[section]\" before the first setting");
	char *value = skip_space(at + 1);
	if (*value == '"') {
		char *after = unquote(++value);
		if (!after)
			return refuse(parser,
				      "a closing double quote, and before it only \\\" or \\\\ after a backslash");
		if (!is_rest_empty(after))
			return refuse(parser, "nothing but a comment after the closing double quote");
	} else {
		int r = cut_plain_value(parser, value);
		if (r < 0)
			return r;
	}
	*key_end = '\0';
	return append(parser, key, value);
}

static bool has_only_text(struct ks_bytes line)
{
	for (size_t start = 0; start <= line.size;) {
		const uint8_t *tab = line.size > start ? memchr(line.data + start, '\t', line.size - start) : NULL;
		size_t end = tab ? (size_t)(tab - line.data) : line.size;
		if (!ks_text_valid(ks_bytes(line.data + start, end - start)))
			return false;
		start = end + 1;
	}
	return true;
}

/* line is the NUL-terminated copy of parser->original. */
static int parse_line(struct parser *parser, char *line)
{
	struct ks_bytes original = parser->original;
	if (original.size > KS_INI_LINE_MAX)
		return refuse(parser, "at most 4096 bytes in a line");
	if (original.size > 0 && original.data[original.size - 1] == '\r')
		return refuse(parser, "lines that end in a newline alone, without a carriage return");
	if (!has_only_text(original))
		return refuse(parser, "UTF-8 text without control characters");
	char *at = skip_space(line);
	if (*at == '\0' || is_comment(*at))
		return 0;
	return *at == '[' ? parse_head(parser, at + 1) : parse_setting(parser, at);
}

static int parse_lines(struct parser *parser, const char *text, size_t size)
{
	size_t start = 0;
	while (start < size) {
		const char *newline = memchr(text + start, '\n', size - start);
		size_t end = newline ? (size_t)(newline - text) : size;
		parser->line++;
		parser->original = ks_bytes(text + start, end - start);
		parser->copy[end] = '\0';
		int r = parse_line(parser, parser->copy + start);
		if (r < 0)
			return r;
		start = end + 1;
	}
	return 0;
}

static size_t count_lines(const char *text, size_t size)
{
	size_t n_lines = 1;
	for (size_t i = 0; i < size; i++)
		n_lines += text[i] == '\n';
	return n_lines;
}

/* Room for as many entries as the text can have, and for two more strings. */
static int make_room(struct ks_ini *ini, size_t n_entries)
{
	struct ks_ini_entry *entries =
		reallocarray(ini->entries, ini->n_entries + n_entries + 1, sizeof(*ini->entries));
	if (!entries)
		return KS_ERR_NO_MEMORY;
	ini->entries = entries;
	char **strings = reallocarray(ini->strings, ini->n_strings + 2, sizeof(*ini->strings));
	if (!strings)
		return KS_ERR_NO_MEMORY;
	ini->strings = strings;
	return 0;
}

int ks_ini_parse(struct ks_ini *ini, const char *file, const char *text, size_t size, struct ks_ini_error *ret_error)
{
	if (size > KS_INI_FILE_MAX) {
		set_error(ret_error, file, "expected a file of at most 1 MiB");
		return KS_ERR_CONFIG;
	}
	size_t n_entries_max = count_lines(text, size);
	if (n_entries_max > KS_INI_ENTRIES_MAX - ini->n_entries)
		n_entries_max = KS_INI_ENTRIES_MAX - ini->n_entries;
	KS_AUTO_FREE char *name = ks_text_copy(ks_bytes_text(file));
	KS_AUTO_FREE char *copy = ks_text_copy(ks_bytes(text, size));
	int r = name && copy ? make_room(ini, n_entries_max) : KS_ERR_NO_MEMORY;
	if (r < 0) {
		set_error(ret_error, file, ks_error_text(r));
		return r;
	}
	struct parser parser = {
		.file = name,
		.copy = copy,
		.entries = ini->entries + ini->n_entries,
		.n_entries_max = n_entries_max,
		.error = ret_error,
	};
	r = parse_lines(&parser, text, size);
	if (r < 0)
		return r;
	ini->n_entries += parser.n_entries;
	ini->strings[ini->n_strings++] = KS_STEAL(name);
	ini->strings[ini->n_strings++] = KS_STEAL(copy);
	return 0;
}

int ks_ini_read_file(struct ks_ini *ini, const char *path, struct ks_ini_error *ret_error)
{
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;
	int r = ks_path_read_file(path, KS_INI_FILE_MAX, &text, &size);
	if (r == 0)
		return ks_ini_parse(ini, path, text, size, ret_error);
	if (r == KS_ERR_NOT_FOUND)
		return r;
	if (r == KS_ERR_TOO_LARGE) {
		set_error(ret_error, path, "expected a file of at most 1 MiB");
		return KS_ERR_CONFIG;
	}
	char why[128];
	(void)ks_text_print(why, sizeof(why), "expected a regular file that can be read: %s", ks_error_text(r));
	set_error(ret_error, path, why);
	return r;
}

static int is_drop_in(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);
	size_t suffix_size = strlen(DROP_IN_SUFFIX);
	return entry->d_name[0] != '.' && size > suffix_size &&
	       strcmp(entry->d_name + size - suffix_size, DROP_IN_SUFFIX) == 0;
}

/* By the bytes, not by the locale: the order decides which value holds. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_one(struct ks_ini *ini, const char *folder, const char *name, struct ks_ini_error *ret_error)
{
	KS_AUTO_FREE char *path = ks_path_join(folder, name);
	if (!path) {
		set_error(ret_error, folder, ks_error_text(KS_ERR_NO_MEMORY));
		return KS_ERR_NO_MEMORY;
	}
	int r = ks_ini_read_file(ini, path, ret_error);
	return r == KS_ERR_NOT_FOUND ? 0 : r;
}

static int read_drop_ins(struct ks_ini *ini, const char *folder, struct ks_ini_error *ret_error)
{
	struct dirent **names = NULL;
	int n_names = scandir(folder, &names, is_drop_in, compare_names);
	if (n_names < 0) {
		if (errno == ENOENT)
			return 0;
		int error = ks_error_from_errno(errno);
		set_error(ret_error, folder, "expected a folder that can be read");
		return error;
	}
	int r = 0;
	for (int i = 0; i < n_names; i++) {
		if (r == 0)
			r = read_one(ini, folder, names[i]->d_name, ret_error);
		free(names[i]);
	}
	free(names);
	return r;
}

static void forget_from(struct ks_ini *ini, size_t n_entries, size_t n_strings)
{
	ini->n_entries = n_entries;
	while (ini->n_strings > n_strings)
		free(ini->strings[--ini->n_strings]);
}

int ks_ini_read_folder(struct ks_ini *ini, const char *folder, const char *name, struct ks_ini_error *ret_error)
{
	size_t n_entries = ini->n_entries;
	size_t n_strings = ini->n_strings;
	KS_AUTO_FREE char *file = ks_path_join(folder, name);
	KS_AUTO_FREE char *drop_ins = file ? ks_text_format("%s" DROP_IN_FOLDER, file) : NULL;
	if (!drop_ins) {
		set_error(ret_error, folder, ks_error_text(KS_ERR_NO_MEMORY));
		return KS_ERR_NO_MEMORY;
	}
	int r = read_one(ini, folder, name, ret_error);
	if (r == 0)
		r = read_drop_ins(ini, drop_ins, ret_error);
	if (r < 0)
		forget_from(ini, n_entries, n_strings);
	return r;
}

void ks_ini_deinit(struct ks_ini *ini)
{
	forget_from(ini, 0, 0);
	free(ini->strings);
	free(ini->entries);
	*ini = (struct ks_ini){ 0 };
}
