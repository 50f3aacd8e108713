/* SPDX-License-Identifier: Apache-2.0 */
/* audit_line: see audit_line.h. Runs in: keystay-audit, keystay. */
#include "lib/protocol/audit_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"

/* --- reading ----------------------------------------------------------------------------------------------------- */

static bool take(struct ks_bytes *text, const char *word)
{
	size_t size = strlen(word);

	if (text->size < size || memcmp(text->data, word, size) != 0)
		return false;
	*text = ks_bytes(text->data + size, text->size - size);
	return true;
}

/* As it was written: no sign, no zero in front. */
static bool take_number(struct ks_bytes *text, uint64_t *ret_number)
{
	char digits[21] = "";
	size_t n = 0;

	while (n < text->size && n < sizeof(digits) - 1 && text->data[n] >= '0' && text->data[n] <= '9') {
		digits[n] = (char)text->data[n];
		n++;
	}
	if ((n > 1 && digits[0] == '0') || ks_text_number(digits, UINT64_MAX, ret_number) < 0)
		return false;
	*text = ks_bytes(text->data + n, text->size - n);
	return true;
}

/* Lower-case digits alone, as ks_text_hex() writes them. */
static bool take_hex(struct ks_bytes *text, uint8_t *out, size_t size)
{
	char digits[65];
	size_t n = 0;

	if (size > 32 || text->size < 2 * size)
		return false;
	memcpy(digits, text->data, 2 * size);
	digits[2 * size] = '\0';
	for (size_t i = 0; i < 2 * size; i++) {
		if (digits[i] >= 'A' && digits[i] <= 'F')
			return false;
	}
	if (ks_text_unhex(digits, out, size, &n) < 0 || n != size)
		return false;
	*text = ks_bytes(text->data + 2 * size, text->size - 2 * size);
	return true;
}

bool ks_audit_link_read(struct ks_bytes line, struct ks_audit_link *ret_link)
{
	struct ks_audit_link link = { 0 };
	uint64_t schema = 0;
	uint8_t agent[8];

	bool good = take(&line, "{\"schema\":") && take_number(&line, &schema) && schema == KS_AUDIT_SCHEMA &&
		    take(&line, ",\"n\":") && take_number(&line, &link.n) && link.n > 0 &&
		    take(&line, ",\"prev\":\"") && take_hex(&line, link.prev, sizeof(link.prev)) &&
		    take(&line, "\",\"agent\":\"") && take_hex(&line, agent, sizeof(agent)) &&
		    take(&line, "\",\"seq\":") && take_number(&line, &link.sequence) && take(&line, ",");
	if (!good)
		return false;
	for (size_t i = 0; i < sizeof(agent); i++)
		link.agent = link.agent << 8 | agent[i];
	*ret_link = link;
	return true;
}

bool ks_audit_head_read(struct ks_bytes text, struct ks_audit_head *ret_head)
{
	struct ks_audit_head head = { 0 };
	uint64_t schema = 0;

	bool good = take(&text, "{\"schema\":") && take_number(&text, &schema) && schema == KS_AUDIT_SCHEMA &&
		    take(&text, ",\"n\":") && take_number(&text, &head.n) && take(&text, ",\"sha256\":\"") &&
		    take_hex(&text, head.hash, sizeof(head.hash)) && take(&text, "\",\"first\":") &&
		    take_number(&text, &head.first) && take(&text, "}\n") && text.size == 0 && head.n > 0 &&
		    head.first > 0;
	if (good)
		*ret_head = head;
	return good;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

void ks_audit_link_write(struct ks_buffer *line, const struct ks_audit_link *link)
{
	char prev[65];

	ks_text_hex(ks_bytes(link->prev, sizeof(link->prev)), prev);
	ks_buffer_printf(line,
			 "{\"schema\":%u,\"n\":%" PRIu64 ",\"prev\":\"%s\",\"agent\":\"%016" PRIx64
			 "\",\"seq\":%" PRIu64 ",",
			 KS_AUDIT_SCHEMA, link->n, prev, link->agent, link->sequence);
}

void ks_audit_head_write(struct ks_buffer *text, const struct ks_audit_head *head)
{
	char hash[65];

	ks_text_hex(ks_bytes(head->hash, sizeof(head->hash)), hash);
	ks_buffer_printf(text, "{\"schema\":%u,\"n\":%" PRIu64 ",\"sha256\":\"%s\",\"first\":%" PRIu64 "}\n",
			 KS_AUDIT_SCHEMA, head->n, hash, head->first);
}

/* --- names ------------------------------------------------------------------------------------------------------- */

static bool ends_with(struct ks_bytes text, const char *end)
{
	size_t size = strlen(end);

	return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

bool ks_audit_name_is_log(const char *name)
{
	static const char *const packed[] = { ".gz", ".xz", ".zst", ".bz2" };
	struct ks_bytes rest = ks_bytes_text(name);

	if (!take(&rest, KS_AUDIT_FILE_BEGIN))
		return false;
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		if (ends_with(rest, packed[i]))
			return false;
	}
	for (struct ks_bytes at = rest; at.size > 0; at = ks_bytes(at.data + 1, at.size - 1)) {
		struct ks_bytes middle = at;
		if (take(&middle, KS_AUDIT_FILE_MIDDLE))
			return true;
	}
	return false;
}
