/* SPDX-License-Identifier: Apache-2.0 */
/* expiry_file: see expiry_file.h. Runs in: keystay-agent. */
#include "agent/expiry_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/lifetime.h"
#include "lib/base/text.h"

void ks_expiry_list_deinit(struct ks_expiry_list *list)
{
	free(list->lines);
	*list = (struct ks_expiry_list){ 0 };
}

static struct ks_expiry_line *find(const struct ks_expiry_list *list, const uint8_t hash[32])
{
	for (size_t i = 0; i < list->n; i++) {
		if (memcmp(list->lines[i].hash, hash, 32) == 0)
			return &list->lines[i];
	}
	return NULL;
}

unsigned ks_expiry_list_told(const struct ks_expiry_list *list, const uint8_t hash[32])
{
	const struct ks_expiry_line *line = find(list, hash);

	return line ? line->told : 0;
}

static void drop_first_to_end(struct ks_expiry_list *list)
{
	size_t first = 0;

	for (size_t i = 1; i < list->n; i++) {
		if (list->lines[i].not_after < list->lines[first].not_after)
			first = i;
	}
	list->lines[first] = list->lines[--list->n];
}

int ks_expiry_list_add(struct ks_expiry_list *list, const struct ks_expiry_line *line)
{
	struct ks_expiry_line *known = find(list, line->hash);

	if (known) {
		known->told |= line->told;
		return 0;
	}
	if (list->n == KS_EXPIRY_LINES_MAX)
		drop_first_to_end(list);
	if (list->n == list->room) {
		size_t room = list->room ? list->room * 2 : 16;
		struct ks_expiry_line *lines = reallocarray(list->lines, room, sizeof(*lines));
		if (!lines)
			return KS_ERR_NO_MEMORY;
		list->lines = lines;
		list->room = room;
	}
	list->lines[list->n++] = *line;
	return 0;
}

/* --- text -------------------------------------------------------------------------------------------------------- */

static int read_line(char *text, struct ks_expiry_line *line)
{
	char *rest = text;
	const char *told = strsep(&rest, " ");
	const char *not_after = strsep(&rest, " ");
	uint64_t thresholds;
	size_t size;

	if (!rest || !not_after || ks_text_number(told, KS_LIFETIME_ALL, &thresholds) < 0 || thresholds == 0 ||
	    ks_text_number(not_after, INT64_MAX, &line->not_after) < 0 || strlen(rest) != 2 * sizeof(line->hash) ||
	    ks_text_unhex(rest, line->hash, sizeof(line->hash), &size) < 0 || size != sizeof(line->hash))
		return KS_ERR_MALFORMED;
	line->told = (unsigned)thresholds;
	return 0;
}

int ks_expiry_file_read(struct ks_bytes text, struct ks_expiry_list *list)
{
	while (text.size > 0) {
		struct ks_expiry_line line;
		char copy[KS_EXPIRY_LINE_MAX];
		const uint8_t *end = memchr(text.data, '\n', text.size);
		size_t size = end ? (size_t)(end - text.data) : sizeof(copy);
		if (size >= sizeof(copy) || memchr(text.data, '\0', size))
			return KS_ERR_MALFORMED;
		memcpy(copy, text.data, size);
		copy[size] = '\0';
		int r = read_line(copy, &line);
		if (r == 0)
			r = ks_expiry_list_add(list, &line);
		if (r < 0)
			return r;
		text = ks_bytes(text.data + size + 1, text.size - size - 1);
	}
	return 0;
}

void ks_expiry_file_write(const struct ks_expiry_list *list, uint64_t now_s, struct ks_buffer *text)
{
	char hex[65];

	for (size_t i = 0; i < list->n; i++) {
		const struct ks_expiry_line *line = &list->lines[i];
		if (line->not_after + KS_EXPIRY_KEPT_S < now_s)
			continue;
		ks_text_hex(ks_bytes(line->hash, sizeof(line->hash)), hex);
		ks_buffer_printf(text, "%u %" PRIu64 " %s\n", line->told, line->not_after, hex);
	}
}
