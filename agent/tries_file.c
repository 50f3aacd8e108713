/* SPDX-License-Identifier: Apache-2.0 */
/* tries_file: see tries_file.h. Runs in: keystay-agent. */
#include "agent/tries_file.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

#define HASH_DIGITS 64u

void ks_tries_list_deinit(struct ks_tries_list *list)
{
	free(list->lines);
	*list = (struct ks_tries_list){ 0 };
}

static size_t place_of(const struct ks_tries_list *list, const uint8_t hash[32])
{
	size_t i = 0;

	while (i < list->n && memcmp(list->lines[i].hash, hash, 32) != 0)
		i++;
	return i;
}

const struct ks_tries_line *ks_tries_list_find(const struct ks_tries_list *list, const uint8_t hash[32])
{
	size_t i = place_of(list, hash);

	return i < list->n ? &list->lines[i] : NULL;
}

static void take_out(struct ks_tries_list *list, size_t i)
{
	list->n--;
	memmove(&list->lines[i], &list->lines[i + 1], (list->n - i) * sizeof(list->lines[0]));
}

static int append(struct ks_tries_list *list, const struct ks_tries_line *line)
{
	if (list->n == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		struct ks_tries_line *lines = reallocarray(list->lines, room, sizeof(*lines));
		if (!lines)
			return KS_ERR_NO_MEMORY;
		list->lines = lines;
		list->room = room;
	}
	list->lines[list->n++] = *line;
	return 0;
}

/* Nobody is done wrong by it: a token without a line has no count either. */
static int drop_oldest_without_count(struct ks_tries_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->lines[i].count == 0) {
			take_out(list, i);
			return 0;
		}
	}
	return KS_ERR_LIMIT;
}

int ks_tries_list_set(struct ks_tries_list *list, const uint8_t hash[32], unsigned count, const char *label)
{
	struct ks_tries_line line = { .count = count };
	size_t i = place_of(list, hash);

	if (i < list->n)
		take_out(list, i);
	int r = list->n < KS_TRIES_LINES_MAX ? 0 : drop_oldest_without_count(list);
	if (r < 0)
		return r;
	memcpy(line.hash, hash, sizeof(line.hash));
	ks_text_escape(ks_bytes_text(label), line.label, sizeof(line.label));
	return append(list, &line);
}

/* --- text -------------------------------------------------------------------------------------------------------- */

static bool read_count(struct ks_bytes *text, unsigned *ret_count)
{
	unsigned count = 0;
	size_t i = 0;

	while (i < text->size && i < 2 && text->data[i] >= '0' && text->data[i] <= '9')
		count = count * 10 + (unsigned)(text->data[i++] - '0');
	bool padded = i == 2 && count < 10;
	if (i == 0 || padded || i == text->size || text->data[i] != ' ')
		return false;
	*text = ks_bytes(text->data + i + 1, text->size - i - 1);
	*ret_count = count;
	return true;
}

/* One line without its end. */
static int read_line(struct ks_bytes text, struct ks_tries_line *line)
{
	char digits[HASH_DIGITS + 1];
	size_t size = 0;

	if (!read_count(&text, &line->count) || text.size < HASH_DIGITS + 1 || text.data[HASH_DIGITS] != ' ')
		return KS_ERR_MALFORMED;
	memcpy(digits, text.data, HASH_DIGITS);
	digits[HASH_DIGITS] = '\0';
	if (strpbrk(digits, "ABCDEF") || ks_text_unhex(digits, line->hash, sizeof(line->hash), &size) < 0 ||
	    size != sizeof(line->hash))
		return KS_ERR_MALFORMED;
	struct ks_bytes label = ks_bytes(text.data + HASH_DIGITS + 1, text.size - HASH_DIGITS - 1);
	if (label.size >= sizeof(line->label) || !ks_text_valid(label))
		return KS_ERR_MALFORMED;
	if (label.size > 0)
		memcpy(line->label, label.data, label.size);
	return 0;
}

int ks_tries_file_read(struct ks_bytes text, struct ks_tries_list *list)
{
	list->n = 0;
	while (text.size > 0) {
		struct ks_tries_line line = { .count = 0 };
		const uint8_t *end = memchr(text.data, '\n', text.size);
		size_t size = end ? (size_t)(end - text.data) : 0;
		if (!end || list->n == KS_TRIES_LINES_MAX)
			return KS_ERR_MALFORMED;
		int r = read_line(ks_bytes(text.data, size), &line);
		if (r == 0 && ks_tries_list_find(list, line.hash))
			r = KS_ERR_MALFORMED;
		if (r == 0)
			r = append(list, &line);
		if (r < 0)
			return r;
		text = ks_bytes(end + 1, text.size - size - 1);
	}
	return 0;
}

void ks_tries_file_write(const struct ks_tries_list *list, struct ks_buffer *text)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct ks_tries_line *line = &list->lines[i];
		ks_buffer_printf(text, "%u ", line->count);
		for (size_t k = 0; k < sizeof(line->hash); k++)
			ks_buffer_printf(text, "%02x", line->hash[k]);
		ks_buffer_printf(text, " %s\n", line->label);
	}
}
