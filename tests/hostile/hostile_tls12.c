/* SPDX-License-Identifier: Apache-2.0 */
/* hostile_tls12: C6, the target's transcript with one wrong length or its messages in disorder. Runs in: tests. */
#include "lib/base/cleanup.h"
#include "tests/hostile/hostile_list.h"
#include "tests/hostile/transcript_layout.h"
#include "tests/hostile/transcript_maker.h"

enum { CLIENT_KEY_EXCHANGE = 16, CERTIFICATE_STATUS = 22 };

static void add(struct ks_hostile_list *list, struct ks_bytes input, int expected, int or_else, const char *what,
		const char *of)
{
	ks_hostile_list_add(list,
			    &(struct ks_hostile_input){
				    .class = "C6",
				    .input = input,
				    .scheme = list->target->scheme12,
				    .expected = expected,
				    .or_else = or_else,
			    },
			    "%s: %s (%d)", what, of, list->n);
}

/* --- lengths ----------------------------------------------------------------------------------------------------- */

/* Adds difference to the big-endian number there. */
static void change_number(uint8_t *number, unsigned width, int difference)
{
	for (unsigned i = width; i-- > 0;) {
		int sum = number[i] + difference;
		number[i] = (uint8_t)sum;
		difference = sum < 0 ? -1 : sum > 255 ? 1 : 0;
	}
}

static void add_lengths(struct ks_hostile_list *list, const struct ks_layout *layout)
{
	static const int differences[] = { -1, 1 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };

	ks_buffer_put(&input, list->target->transcript);
	for (size_t i = 0; i < layout->n_lengths; i++) {
		const struct ks_layout_length *length = &layout->lengths[i];
		for (size_t j = 0; j < 2; j++) {
			change_number(input.data + length->at, length->width, differences[j]);
			add(list, ks_buffer_bytes(&input), KS_ERR_INPUT_TRUNCATED, KS_ERR_INPUT_MESSAGE,
			    differences[j] < 0 ? "length one less" : "length one more", length->name);
			change_number(input.data + length->at, length->width, -differences[j]);
		}
	}
}

static void add_cuts(struct ks_hostile_list *list, const struct ks_layout *layout)
{
	for (size_t i = 0; i < layout->n_messages; i++) {
		const struct ks_layout_message *message = &layout->messages[i];
		const char *name = ks_transcript_layout_name(message->type);
		struct ks_bytes all = list->target->transcript;
		if (i > 0)
			add(list, ks_bytes(all.data, message->at), KS_ERR_INPUT_MISSING, 0, "ends before", name);
		add(list, ks_bytes(all.data, message->at + 3), KS_ERR_INPUT_TRUNCATED, KS_ERR_INPUT_UNKNOWN,
		    "ends in the header of", name);
		add(list, ks_bytes(all.data, message->at + message->size - 1), KS_ERR_INPUT_TRUNCATED, 0,
		    "ends one byte before the end of", name);
	}
}

/* --- order ------------------------------------------------------------------------------------------------------- */

static void put_message(struct ks_buffer *out, const struct ks_hostile_list *list, const struct ks_layout *layout,
			size_t i)
{
	ks_buffer_put(out, ks_bytes(list->target->transcript.data + layout->messages[i].at, layout->messages[i].size));
}

/* The messages in the order of the indexes. */
static void add_order(struct ks_hostile_list *list, const struct ks_layout *layout, const size_t *order, size_t n,
		      int expected, const char *what, size_t message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };

	for (size_t i = 0; i < n; i++)
		put_message(&input, list, layout, order[i]);
	add(list, ks_buffer_bytes(&input), expected, 0, what,
	    ks_transcript_layout_name(layout->messages[message].type));
}

static void add_orders(struct ks_hostile_list *list, const struct ks_layout *layout)
{
	size_t order[KS_LAYOUT_MESSAGES_MAX + 1];
	size_t n = layout->n_messages;

	for (size_t i = 0; i < n; i++) {
		uint8_t type = layout->messages[i].type;
		size_t used = 0;
		for (size_t j = 0; j < n; j++) {
			if (j != i)
				order[used++] = j;
		}
		if (type != CERTIFICATE_STATUS) /* which a server may leave out */
			add_order(list, layout, order, used, KS_ERR_INPUT_MISSING, "without", i);

		for (size_t j = 0; j <= n; j++)
			order[j] = j <= i ? j : j - 1;
		add_order(list, layout, order, n + 1,
			  type == CLIENT_KEY_EXCHANGE ? KS_ERR_INPUT_TRAILING : KS_ERR_INPUT_ORDER, "twice", i);

		for (size_t other = i + 1; other < n; other++) {
			for (size_t j = 0; j < n; j++)
				order[j] = j == i ? other : j == other ? i : j;
			/* The two Certificates have changed their owners; everything else is out of order. */
			bool is_same = type == layout->messages[other].type;
			add_order(list, layout, order, n, is_same ? KS_ERR_INPUT_CERTIFICATE : KS_ERR_INPUT_ORDER,
				  "exchanged with a later one", i);
		}
	}
}

/* A message that has no business there, before each message and after the last. */
static void add_strangers(struct ks_hostile_list *list, const struct ks_layout *layout)
{
	static const struct {
		const char *name;
		const char *message;
		size_t size;
	} strangers[] = {
		{ "HelloRequest", "\x00\x00\x00\x00", 4 },
		{ "NewSessionTicket", "\x04\x00\x00\x06\x00\x00\x00\x00\x00\x00", 10 },
		{ "EncryptedExtensions", "\x08\x00\x00\x02\x00\x00", 6 },
		{ "CertificateVerify", "\x0f\x00\x00\x05\x04\x03\x00\x01\xaa", 9 },
		{ "Finished",
		  "\x14\x00\x00\x0c"
		  "abcdefghijkl",
		  16 },
		{ "SupplementalData", "\x17\x00\x00\x03\x00\x00\x00", 7 },
		{ "an empty message of an unknown type", "\x63\x00\x00\x00", 4 },
	};

	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		for (size_t at = 0; at <= layout->n_messages; at++) {
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
			bool is_last = at == layout->n_messages;
			for (size_t j = 0; j <= layout->n_messages; j++) {
				if (j == at)
					ks_buffer_put(&input, ks_bytes(strangers[i].message, strangers[i].size));
				if (j < layout->n_messages)
					put_message(&input, list, layout, j);
			}
			/* What begins with something unknown is not taken for a transcript in the first place. */
			add(list, ks_buffer_bytes(&input), is_last ? KS_ERR_INPUT_TRAILING : KS_ERR_INPUT_ORDER,
			    at == 0 ? KS_ERR_INPUT_UNKNOWN : 0, strangers[i].name,
			    is_last ? "at the end" : ks_transcript_layout_name(layout->messages[at].type));
		}
	}
}

/* --- ends and beginnings ----------------------------------------------------------------------------------------- */

static void add_tail(struct ks_hostile_list *list, struct ks_bytes tail, const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };

	ks_buffer_put(&input, list->target->transcript);
	ks_buffer_put(&input, tail);
	add(list, ks_buffer_bytes(&input), KS_ERR_INPUT_TRAILING, 0, "trailing", name);
}

static void add_head(struct ks_hostile_list *list, struct ks_bytes head, int expected, const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };

	ks_buffer_put(&input, head);
	ks_buffer_put(&input, list->target->transcript);
	add(list, ks_buffer_bytes(&input), expected, 0, "leading", name);
}

#define TEXT(text) ks_bytes(text, sizeof(text) - 1)

static void add_ends(struct ks_hostile_list *list)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer records = { 0 };
	struct ks_bytes all = list->target->transcript;

	add_tail(list, TEXT("\x00"), "a zero byte");
	add_tail(list, TEXT("\x00\x00\x00\x00"), "a HelloRequest");
	add_tail(list, TEXT("\x0f\x00\x00\x00"), "an empty CertificateVerify");
	add_tail(list, TEXT("\x20"), "a space");
	add_tail(list, TEXT("\x14\x03\x03\x00\x01\x01"), "ChangeCipherSpec as a record");
	add_tail(list, all, "the whole transcript again");
	add_head(list, TEXT("\x00"), KS_ERR_INPUT_UNKNOWN, "a zero byte");
	add_head(list, TEXT("\x16\x03\x03"), KS_ERR_INPUT_UNKNOWN, "the start of a record header");
	add_head(list, TEXT(" "), KS_ERR_INPUT_UNKNOWN, "a space");

	/* the record layer was left in */
	ks_buffer_put(&records, TEXT("\x16\x03\x03"));
	ks_transcript_maker_put_vector(&records, 2, all);
	add(list, ks_buffer_bytes(&records), KS_ERR_INPUT_UNKNOWN, 0, "as a record", "whole transcript");
}

void ks_hostile_tls12_add(struct ks_hostile_list *list)
{
	struct ks_layout layout;

	if (!ks_transcript_layout_read(list->target->transcript, &layout)) {
		list->error = KS_ERR_INVALID;
		return;
	}
	add_lengths(list, &layout);
	add_cuts(list, &layout);
	add_orders(list, &layout);
	add_strangers(list, &layout);
	add_ends(list);
}
