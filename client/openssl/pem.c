/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pem: see pem.h.
 *
 *	OUTSIDE ──BEGIN KEYSTAY KEY──▶ INSIDE ──END KEYSTAY KEY──▶ WHOLE      take_boundary()
 *	   │                             └──anything but base64──▶ BROKEN     take_base64(), ks_pem_end()
 *	   └──BEGIN something else──▶ FOREIGN ──its END──▶ PASSED             take_boundary()
 *
 * Stops at the end of one block, whosever it is: OpenSSL goes on from there, and a reader that ran ahead would make
 * blocks of others vanish from a file that holds several.
 *
 * Runs in: any program that loads the provider. Never keeps contents of other people's keys.
 */
#include "client/openssl/pem.h"

#include <string.h>

#include "lib/protocol/reference.h"

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

void ks_pem_init(struct ks_pem *pem, size_t limit)
{
	*pem = (struct ks_pem){ .state = KS_PEM_OUTSIDE };
	ks_buffer_init(&pem->contents, limit);
}

void ks_pem_deinit(struct ks_pem *pem)
{
	ks_buffer_deinit(&pem->contents);
}

static bool is_space(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static struct ks_bytes without_end(struct ks_bytes line)
{
	while (line.size > 0 && is_space(line.data[line.size - 1]))
		line.size--;
	return line;
}

/* The label of "-----BEGIN label-----" for that beginning; false for every other line. */
static bool read_boundary(struct ks_bytes line, const char *beginning, struct ks_bytes *ret_label)
{
	struct ks_bytes text = without_end(line);
	size_t head = strlen(beginning);
	size_t tail = strlen(DASHES);

	if (text.size < head + tail || memcmp(text.data, beginning, head) != 0 ||
	    memcmp(text.data + text.size - tail, DASHES, tail) != 0)
		return false;
	*ret_label = ks_bytes(text.data + head, text.size - head - tail);
	return true;
}

/* --- base64 (RFC 4648 section 4) --------------------------------------------------------------------------------- */

static int value_of(uint8_t character)
{
	if (character >= 'A' && character <= 'Z')
		return character - 'A';
	if (character >= 'a' && character <= 'z')
		return character - 'a' + 26;
	if (character >= '0' && character <= '9')
		return character - '0' + 52;
	if (character == '+')
		return 62;
	return character == '/' ? 63 : -1;
}

/* Writes a group of four out: three bytes, less one for each "=". Bits that stand for nothing must be zero. */
static bool end_group(struct ks_pem *pem)
{
	unsigned n_bytes = 3 - pem->n_padding;

	if (pem->bits & ((UINT32_C(1) << (8 * pem->n_padding)) - 1))
		return false;
	for (unsigned i = 0; i < n_bytes; i++)
		ks_buffer_put_u8(&pem->contents, (uint8_t)(pem->bits >> (16 - 8 * i)));
	pem->bits = 0;
	pem->n_characters = 0;
	return ks_buffer_error(&pem->contents) == 0;
}

static bool take_character(struct ks_pem *pem, uint8_t character)
{
	int value = value_of(character);

	if (character == '=') {
		if (pem->n_characters < 2)
			return false;
		pem->n_padding++;
		value = 0;
	} else if (value < 0 || pem->n_padding > 0) {
		return false;
	}
	pem->bits = pem->bits << 6 | (uint32_t)value;
	return ++pem->n_characters < 4 || end_group(pem);
}

static bool take_base64(struct ks_pem *pem, struct ks_bytes piece)
{
	for (size_t i = 0; i < piece.size; i++) {
		if (!is_space(piece.data[i]) && !take_character(pem, piece.data[i]))
			return false;
	}
	return true;
}

/* --- lines ------------------------------------------------------------------------------------------------------- */

static void begin(struct ks_pem *pem, struct ks_bytes label)
{
	if (ks_bytes_equal(label, ks_bytes_text(KS_REFERENCE_LABEL))) {
		pem->state = KS_PEM_INSIDE;
	} else if (label.size < sizeof(pem->label)) {
		pem->state = KS_PEM_FOREIGN;
		memcpy(pem->label, label.data, label.size);
		pem->label[label.size] = '\0';
	}
}

/* Is the line one that begins or ends a block? Then it moves the state on. */
static bool take_boundary(struct ks_pem *pem, struct ks_bytes line)
{
	struct ks_bytes label;

	switch (pem->state) {
	case KS_PEM_OUTSIDE:
		if (!read_boundary(line, BEGIN, &label))
			return false;
		begin(pem, label);
		return true;
	case KS_PEM_FOREIGN:
		if (!read_boundary(line, END, &label) || !ks_bytes_equal(label, ks_bytes_text(pem->label)))
			return false;
		pem->state = KS_PEM_PASSED;
		return true;
	case KS_PEM_INSIDE:
		if (!read_boundary(line, END, &label))
			return false;
		if (!ks_bytes_equal(label, ks_bytes_text(KS_REFERENCE_LABEL)) || pem->n_characters != 0)
			pem->state = KS_PEM_BROKEN;
		else
			pem->state = KS_PEM_WHOLE;
		return true;
	case KS_PEM_PASSED:
	case KS_PEM_WHOLE:
	case KS_PEM_BROKEN:
		break;
	}
	return false;
}

enum ks_pem_state ks_pem_feed(struct ks_pem *pem, struct ks_bytes piece)
{
	bool at_start = !pem->mid_line;

	if (piece.size == 0)
		return pem->state;
	pem->mid_line = piece.data[piece.size - 1] != '\n';
	if (at_start && take_boundary(pem, piece))
		return pem->state;
	if (pem->state == KS_PEM_INSIDE && !take_base64(pem, piece))
		pem->state = KS_PEM_BROKEN;
	return pem->state;
}

enum ks_pem_state ks_pem_end(struct ks_pem *pem)
{
	if (pem->state == KS_PEM_INSIDE)
		pem->state = KS_PEM_BROKEN;
	else if (pem->state == KS_PEM_OUTSIDE || pem->state == KS_PEM_FOREIGN)
		pem->state = KS_PEM_PASSED;
	return pem->state;
}
