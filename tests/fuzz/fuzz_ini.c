/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration text: what is refused adds nothing and says where and why in words that a terminal may show; what is
 * taken is text through and through, and means the same when it is written out with every value in quotes.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/ini.h"
#include "lib/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char file[] = "fuzz.conf";

static void check_refusal(int error, const struct ks_ini *ini, const struct ks_ini_error *words)
{
	if (error != KS_ERR_CONFIG || ini->n_entries != 0 || ini->n_strings != 0)
		abort();
	if (strncmp(words->text, file, sizeof(file) - 1) != 0 || !strstr(words->text, ": expected ") ||
	    strlen(words->text) >= sizeof(words->text) - 1 || !ks_text_valid(ks_bytes_text(words->text)))
		abort();
}

/* Text, but for the tabs that stand inside. */
static void check_text(const char *text)
{
	for (const char *c = text; *c; c++) {
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
			abort();
	}
}

static void put_quoted(struct ks_buffer *out, const char *text)
{
	ks_buffer_put_u8(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			ks_buffer_put_u8(out, '\\');
		ks_buffer_put_u8(out, (uint8_t)*text);
	}
	ks_buffer_put_u8(out, '"');
}

static void put_entry(struct ks_buffer *out, const struct ks_ini_entry *entry)
{
	if (entry->key) {
		ks_buffer_printf(out, "%s=", entry->key);
		put_quoted(out, entry->value);
		ks_buffer_put_u8(out, '\n');
		return;
	}
	ks_buffer_printf(out, "[%s", entry->section);
	if (entry->name[0] != '\0') {
		ks_buffer_put_u8(out, ' ');
		put_quoted(out, entry->name);
	}
	ks_buffer_printf(out, "]\n");
}

static void check_entry(const struct ks_ini *ini, size_t i)
{
	const struct ks_ini_entry *entry = &ini->entries[i];
	unsigned line_before = i > 0 ? entry[-1].line : 0;
	if (strcmp(entry->file, file) != 0 || entry->line <= line_before || (i == 0 && entry->key))
		abort();
	check_text(entry->section);
	check_text(entry->name);
	check_text(entry->value);
	if (entry->key)
		check_text(entry->key);
}

static bool is_same(const struct ks_ini_entry *a, const struct ks_ini_entry *b)
{
	return strcmp(a->section, b->section) == 0 && strcmp(a->name, b->name) == 0 && !a->key == !b->key &&
	       (!a->key || strcmp(a->key, b->key) == 0) && strcmp(a->value, b->value) == 0;
}

static void check_rewritten(const struct ks_ini *ini, struct ks_bytes text)
{
	KS_CLEANUP(ks_ini_deinit) struct ks_ini again = { 0 };
	struct ks_ini_error words;
	if (ks_ini_parse(&again, file, (const char *)text.data, text.size, &words) < 0 ||
	    again.n_entries != ini->n_entries)
		abort();
	for (size_t i = 0; i < ini->n_entries; i++) {
		if (!is_same(&ini->entries[i], &again.entries[i]))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	struct ks_ini_error words = { .text = "" };
	int r = ks_ini_parse(&ini, file, (const char *)data, size, &words);
	if (r < 0) {
		check_refusal(r, &ini, &words);
		return 0;
	}
	/* Quotes and their escapes may make a long line longer than one may be. */
	bool fits = true;
	for (size_t i = 0; i < ini.n_entries; i++) {
		size_t before = out.size;
		check_entry(&ini, i);
		put_entry(&out, &ini.entries[i]);
		fits = fits && out.size - before <= KS_INI_LINE_MAX;
	}
	if (ks_buffer_error(&out) == 0 && fits && out.size <= KS_INI_FILE_MAX)
		check_rewritten(&ini, ks_buffer_bytes(&out));
	return 0;
}
