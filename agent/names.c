/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: see names.h. Runs in: keystay-agent.
 *
 * Labels and certificates come from hostile workers (invariant I4), so a name made from them is short, has no character
 * that a shell or a terminal reads as anything but text, and never takes a name that keystay.conf gives.
 */
#include "agent/names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/keyring_private.h"
#include "lib/base/buffer.h"
#include "lib/base/text.h"

#define NAME_MAX_BYTES 64u
#define BASE_MAX_BYTES 40u
#define FINGERPRINT_MIN 8u

/* Of a key id that is a SHA-1 nobody wants to type more. */
#define ID_BYTES 4u

/* --- what a name may look like ----------------------------------------------------------------------------------- */

/* The letters of Latin-1 and Latin Extended-A and -B (U+00C0 to U+024F, two bytes each): Zoë, Łukasz. Other scripts
 * have too many look-alikes and invisible characters to let a token choose among them. */
static size_t latin_letter(const char *at)
{
	uint8_t first = (uint8_t)at[0];
	uint8_t second = (uint8_t)at[1];
	if ((first == 0xc3 && second >= 0x80 && second != 0x97 && second != 0xb7) ||
	    (first >= 0xc4 && first <= 0xc8 && second >= 0x80) || (first == 0xc9 && second >= 0x80 && second <= 0x8f))
		return second <= 0xbf ? 2 : 0;
	return 0;
}

static bool is_plain(char letter)
{
	return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9');
}

/* The bytes of the character that a name may have here; 0 when it must not. */
static size_t good_character(const char *at)
{
	if (is_plain(*at) || (*at && strchr("._@+-", *at)))
		return 1;
	return latin_letter(at);
}

bool ks_names_is_fingerprint(struct ks_bytes name)
{
	for (size_t i = 0; i < name.size; i++) {
		uint8_t digit = name.data[i];
		if (!((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f') ||
		      (digit >= 'A' && digit <= 'F')))
			return false;
	}
	return name.size >= FINGERPRINT_MIN;
}

bool ks_names_is_simple(const char *label)
{
	size_t size = strlen(label);
	if (size == 0 || size > NAME_MAX_BYTES || label[0] == '-' || label[0] == '.')
		return false;
	for (const char *at = label; *at;) {
		size_t n = good_character(at);
		if (n == 0)
			return false;
		at += n;
	}
	return strcmp(label, KS_NAMES_AUTO) != 0 && !ks_names_is_fingerprint(ks_bytes_text(label));
}

/* text in lower case, with '-' for every run of characters that a name must not have. */
static void put_simple(struct ks_buffer *out, const char *text, size_t size)
{
	const char *end = text + size;
	bool gap = false;

	while (text < end && out->size < BASE_MAX_BYTES) {
		size_t n = good_character(text);
		/* '@' separates what is a name from what is not, and a '-' of the text is a gap like any other. */
		if (n == 0 || *text == '@' || *text == '-') {
			gap = out->size > 0;
			text += n ? n : 1;
			continue;
		}
		if (gap)
			ks_buffer_put_u8(out, '-');
		gap = false;
		if (n == 1)
			ks_buffer_put_u8(out,
					 *text >= 'A' && *text <= 'Z' ? (uint8_t)(*text - 'A' + 'a') : (uint8_t)*text);
		else
			ks_buffer_put(out, ks_bytes(text, n));
		text += n;
	}
}

/* --- sets of names ----------------------------------------------------------------------------------------------- */

/* Names that are taken. Grows in phases: filled, sorted, then asked. */
struct taken {
	const char **names; /* borrowed from settings and entries */
	size_t n;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_taken(const struct taken *taken, const char *name)
{
	return taken->n > 0 && bsearch(&name, taken->names, taken->n, sizeof(*taken->names), by_text);
}

/* Takes the names that entries have by now. There is room for all of them. */
static void take_all(struct taken *taken, struct ks_keyring_entry *const *entries, size_t n,
		     const struct ks_settings *settings)
{
	taken->n = 0;
	for (size_t i = 0; i < settings->n_keys; i++)
		taken->names[taken->n++] = settings->keys[i].name;
	for (size_t i = 0; i < n; i++) {
		if (entries[i]->identity.name)
			taken->names[taken->n++] = entries[i]->identity.name;
	}
	qsort(taken->names, taken->n, sizeof(*taken->names), by_text);
}

/* --- 1. by section ----------------------------------------------------------------------------------------------- */

static int by_hash(const struct ks_keyring_entry *a, const struct ks_keyring_entry *b)
{
	return memcmp(a->identity.spki_hash, b->identity.spki_hash, sizeof(a->identity.spki_hash));
}

/* Best first within a section. */
static int by_section(const void *a, const void *b)
{
	const struct ks_keyring_entry *left = *(struct ks_keyring_entry *const *)a;
	const struct ks_keyring_entry *right = *(struct ks_keyring_entry *const *)b;
	if (left->section != right->section)
		return left->section < right->section ? -1 : 1;
	if (left->leaf_valid != right->leaf_valid)
		return left->leaf_valid ? -1 : 1;
	if (left->leaf_from != right->leaf_from)
		return left->leaf_from > right->leaf_from ? -1 : 1;
	return by_hash(left, right);
}

/* taken has the names of all sections. What is made here differs from all of them, and from what another section makes:
 * without its last number it is the section's own name. */
static int name_by_section(struct ks_keyring_entry **entries, size_t n, const struct ks_settings *settings,
			   const struct taken *taken)
{
	size_t section = KS_NO_SECTION;
	unsigned number = 1;

	qsort(entries, n, sizeof(struct ks_keyring_entry *), by_section);
	for (size_t i = 0; i < n && entries[i]->section != KS_NO_SECTION; i++) {
		bool first = entries[i]->section != section;
		section = entries[i]->section;
		number = first ? 1 : number;
		const char *base = settings->keys[section].name;
		char *name = NULL;
		do {
			free(name);
			name = number == 1 ? ks_text_copy(ks_bytes_text(base)) : ks_text_format("%s-%u", base, number);
			if (!name)
				return KS_ERR_NO_MEMORY;
		} while (number++ > 1 && is_taken(taken, name));
		entries[i]->identity.name = name;
	}
	return 0;
}

/* --- 2. by label ------------------------------------------------------------------------------------------------- */

static int by_label(const void *a, const void *b)
{
	const struct ks_keyring_entry *left = *(struct ks_keyring_entry *const *)a;
	const struct ks_keyring_entry *right = *(struct ks_keyring_entry *const *)b;
	return strcmp(left->identity.label, right->identity.label);
}

/* A label counts as unique among all identities, also those that have a name from a section. */
static int name_by_label(struct ks_keyring_entry **entries, size_t n, const struct taken *taken)
{
	qsort(entries, n, sizeof(struct ks_keyring_entry *), by_label);
	for (size_t i = 0; i < n; i++) {
		struct ks_identity *identity = &entries[i]->identity;
		bool repeated = (i > 0 && by_label(&entries[i - 1], &entries[i]) == 0) ||
				(i + 1 < n && by_label(&entries[i], &entries[i + 1]) == 0);
		if (identity->name || repeated || !ks_names_is_simple(identity->label) ||
		    is_taken(taken, identity->label))
			continue;
		identity->name = ks_text_copy(ks_bytes_text(identity->label));
		if (!identity->name)
			return KS_ERR_NO_MEMORY;
	}
	return 0;
}

/* --- 3. by certificate ------------------------------------------------------------------------------------------- */

/* What modules call the keys of PIV cards (SP 800-73-4): OpenSC's and Yubico's labels of keys and certificates. */
static const char *piv_slot(const char *label)
{
	static const struct {
		const char *part;
		const char *slot;
	} parts[] = {
		{ "PIV AUTH", "9a" },
		{ "for PIV Authentication", "9a" },
		{ "SIGN key", "9c" },
		{ "SIGN pubkey", "9c" },
		{ "for Digital Signature", "9c" },
		{ "KEY MAN key", "9d" },
		{ "KEY MAN pubkey", "9d" },
		{ "for Key Management", "9d" },
		{ "CARD AUTH", "9e" },
		{ "for Card Authentication", "9e" },
	};
	if (strncasecmp(label, "Retired", 7) == 0)
		return NULL;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcasestr(label, parts[i].part))
			return parts[i].slot;
	}
	return NULL;
}

static void put_slot_or_id(struct ks_buffer *out, const struct ks_keyring_entry *entry)
{
	char digits[2 * ID_BYTES + 1];
	const char *slot = piv_slot(entry->identity.label);
	struct ks_bytes id = entry->subjects[0].uri.value[KS_URI_ID];

	if (slot) {
		ks_buffer_printf(out, "-%s", slot);
		return;
	}
	if (id.size == 0)
		id = ks_bytes(entry->identity.spki_hash, ID_BYTES);
	ks_text_hex(ks_bytes(id.data, id.size < ID_BYTES ? id.size : ID_BYTES), digits);
	ks_buffer_printf(out, "-%s", digits);
}

static void put_base(struct ks_buffer *out, const struct ks_keyring_entry *entry)
{
	const struct ks_certificate *leaf = entry->identity.certificate;
	const char *const sources[] = {
		leaf ? ks_certificate_upn(leaf) : "",         leaf ? ks_certificate_email(leaf) : "",
		leaf ? ks_certificate_common_name(leaf) : "", entry->identity.label,
		entry->identity.locations[0].token_label,
	};
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]) && out->size == 0; i++) {
		/* Of an address what stands before its domain; others may have an '@' as well, and lose no more by it.
		 *  */
		const char *domain = strchr(sources[i], '@');
		bool is_address = i < 2 && domain && domain > sources[i];
		put_simple(out, sources[i], is_address ? (size_t)(domain - sources[i]) : strlen(sources[i]));
		/* An option, or a hidden file, where somebody writes the certificate to one of its name. */
		while (out->size > 0 && (out->data[0] == '-' || out->data[0] == '.'))
			ks_buffer_consume(out, 1);
	}
	if (out->size == 0)
		ks_buffer_printf(out, "key");
}

struct made {
	struct ks_keyring_entry *entry;
	char *name; /* owned until it is given to the entry */
};

static int by_made(const void *a, const void *b)
{
	const struct made *left = a;
	const struct made *right = b;
	int order = strcmp(left->name, right->name);
	return order != 0 ? order : by_hash(left->entry, right->entry);
}

static int make_name(struct made *made, struct ks_keyring_entry *entry)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer name = { 0 };

	put_base(&name, entry);
	put_slot_or_id(&name, entry);
	*made = (struct made){ .entry = entry, .name = ks_buffer_steal_text(&name) };
	return made->name ? 0 : KS_ERR_NO_MEMORY;
}

/* Puts n_bytes of the fingerprint behind every name that others have or that is taken. */
static int tell_apart(struct made *made, size_t n, const struct taken *taken, size_t n_bytes)
{
	qsort(made, n, sizeof(*made), by_made);
	KS_AUTO_FREE bool *repeated = calloc(n + 1, sizeof(*repeated));
	if (!repeated)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i + 1 < n; i++) {
		if (strcmp(made[i].name, made[i + 1].name) == 0)
			repeated[i] = repeated[i + 1] = true;
	}
	for (size_t i = 0; i < n; i++) {
		char digits[2 * 32 + 1];
		if (!repeated[i] && !is_taken(taken, made[i].name))
			continue;
		ks_text_hex(ks_bytes(made[i].entry->identity.spki_hash, n_bytes), digits);
		char *longer = ks_text_format("%s-%s", made[i].name, digits);
		if (!longer)
			return KS_ERR_NO_MEMORY;
		free(made[i].name);
		made[i].name = longer;
	}
	return 0;
}

/* Two bytes of the fingerprint nearly always do; all of it, behind 40 bytes and an id, is longer than any label or name
 * of a section may be, so that the last round leaves nothing equal. */
static int tell_all_apart(struct made *made, size_t n, const struct taken *taken)
{
	static const size_t rounds[] = { 2, 8, 32 };
	for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
		int r = tell_apart(made, n, taken, rounds[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int name_the_rest(struct ks_keyring_entry *const *entries, size_t n, const struct taken *taken)
{
	KS_AUTO_FREE struct made *made = calloc(n + 1, sizeof(*made));
	size_t n_made = 0;
	int r = made ? 0 : KS_ERR_NO_MEMORY;

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!entries[i]->identity.name)
			r = make_name(&made[n_made++], entries[i]);
	}
	if (r == 0)
		r = tell_all_apart(made, n_made, taken);
	for (size_t i = 0; i < n_made; i++) {
		if (r == 0)
			made[i].entry->identity.name = made[i].name;
		else
			free(made[i].name);
	}
	return r;
}

int ks_names_assign(struct ks_keyring_entry *const *entries, size_t n, const struct ks_settings *settings)
{
	KS_AUTO_FREE struct ks_keyring_entry **sorted = calloc(n + 1, sizeof(*sorted));
	KS_AUTO_FREE const char **names = calloc(n + settings->n_keys + 1, sizeof(*names));
	if (!sorted || !names)
		return KS_ERR_NO_MEMORY;
	if (n > 0)
		memcpy(sorted, entries, n * sizeof(struct ks_keyring_entry *));

	struct taken taken = { .names = names };
	take_all(&taken, entries, n, settings);
	int r = name_by_section(sorted, n, settings, &taken);
	if (r < 0)
		return r;
	take_all(&taken, entries, n, settings);
	r = name_by_label(sorted, n, &taken);
	if (r < 0)
		return r;
	take_all(&taken, entries, n, settings);
	return name_the_rest(sorted, n, &taken);
}
