/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_names: names and URIs for all identities, and the way back from what a person types.
 *
 * Runs in: keystay-agent. A name that fits nothing or too much is answered with the choices there are; a guess is never
 * taken for what was meant.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/keyring_private.h"
#include "agent/names.h"
#include "lib/base/spelling.h"
#include "lib/base/buffer.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

/* What LIST and GET have room for (lib/protocol/messages.def, identity.uri). */
#define URI_MAX_BYTES 1024u

#define CHOICES_MAX 8u
#define SHOWN_MAX 128u

/* --- URIs -------------------------------------------------------------------------------------------------------- */

/* From the one that people read to the one that is unique in any case: the last names the public key itself. Vendor
 * attributes match nothing elsewhere (RFC 7512 section 2.3), so it is only for tokens that leave no other way. */
enum uri_form { URI_SHORT, URI_SERIAL, URI_FULL, URI_FINGERPRINT, URI_N_FORMS };

static int write_uri(const struct ks_keyring_entry *entry, enum uri_form form, char **ret_uri)
{
	static const bool wanted[URI_N_FORMS][KS_URI_N_ATTRIBUTES] = {
		[URI_SHORT] = { [KS_URI_TOKEN] = true, [KS_URI_OBJECT] = true, [KS_URI_ID] = true },
		[URI_SERIAL] = { [KS_URI_TOKEN] = true,
				 [KS_URI_SERIAL] = true,
				 [KS_URI_OBJECT] = true,
				 [KS_URI_ID] = true },
		[URI_FULL] = { [KS_URI_TOKEN] = true,
			       [KS_URI_MANUFACTURER] = true,
			       [KS_URI_MODEL] = true,
			       [KS_URI_SERIAL] = true,
			       [KS_URI_OBJECT] = true,
			       [KS_URI_ID] = true },
		[URI_FINGERPRINT] = { [KS_URI_TOKEN] = true, [KS_URI_SERIAL] = true },
	};
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	char digits[2 * 32 + 1];
	struct ks_uri uri = entry->subjects[0].uri; /* borrowed */

	/* What has no label has no "object=": an empty one would read like a mistake. */
	for (size_t i = 0; i < KS_URI_N_ATTRIBUTES; i++)
		uri.present[i] = wanted[form][i] && uri.value[i].size > 0;
	ks_uri_write(&out, &uri);
	if (form == URI_FINGERPRINT) {
		ks_text_hex(ks_bytes(entry->identity.spki_hash, sizeof(entry->identity.spki_hash)), digits);
		ks_buffer_printf(&out, "%sx-keystay-spki=%s", out.size > strlen("pkcs11:") ? ";" : "", digits);
	}
	*ret_uri = ks_buffer_steal_text(&out);
	return *ret_uri ? 0 : KS_ERR_NO_MEMORY;
}

static int by_uri(const void *a, const void *b)
{
	const struct ks_keyring_entry *left = *(struct ks_keyring_entry *const *)a;
	const struct ks_keyring_entry *right = *(struct ks_keyring_entry *const *)b;
	return strcmp(left->identity.uri, right->identity.uri);
}

/* All get the first form; those that are equal to another then, or too long for a message, get the next one, and so on.
 * sorted has them all. */
static int write_uris(struct ks_keyring_entry **sorted, size_t n)
{
	KS_AUTO_FREE bool *again = malloc(n + 1);
	if (!again)
		return KS_ERR_NO_MEMORY;
	memset(again, true, n + 1);
	for (enum uri_form form = URI_SHORT; form < URI_N_FORMS; form++) {
		for (size_t i = 0; i < n; i++) {
			struct ks_identity *identity = &sorted[i]->identity;
			if (!again[i])
				continue;
			free(identity->uri);
			identity->uri = NULL;
			int r = write_uri(sorted[i], form, &identity->uri);
			if (r < 0)
				return r;
		}
		qsort(sorted, n, sizeof(struct ks_keyring_entry *), by_uri);
		for (size_t i = 0; i < n; i++)
			again[i] = (i > 0 && by_uri(&sorted[i - 1], &sorted[i]) == 0) ||
				   (i + 1 < n && by_uri(&sorted[i], &sorted[i + 1]) == 0) ||
				   strlen(sorted[i]->identity.uri) > URI_MAX_BYTES;
	}
	return 0;
}

/* --- all names --------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct ks_keyring_entry *left = *(struct ks_keyring_entry *const *)a;
	const struct ks_keyring_entry *right = *(struct ks_keyring_entry *const *)b;
	return strcmp(left->identity.name, right->identity.name);
}

int ks_keyring_name_all(struct ks_keyring *keyring, const struct ks_settings *settings)
{
	if (keyring->n == 0)
		return 0;
	int r = write_uris(keyring->entries, keyring->n);
	if (r == 0)
		r = ks_names_assign(keyring->entries, keyring->n, settings);
	if (r < 0)
		return r;
	qsort(keyring->entries, keyring->n, sizeof(struct ks_keyring_entry *), by_name);
	return 0;
}

/* --- sentences --------------------------------------------------------------------------------------------------- */

/* Does this entry belong to the choice? */
typedef bool chosen(const struct ks_keyring_entry *entry, const void *userdata);

static bool any(const struct ks_keyring_entry *entry, const void *userdata)
{
	(void)entry;
	(void)userdata;
	return true;
}

/* Appends "NAME (URI), NAME (URI) and 3 more" to why; only whole ones, since a cut could leave half a character. */
static void list_choices(const struct ks_keyring *keyring, chosen *is_chosen, const void *userdata, char *why,
			 size_t size)
{
	char more[64];
	size_t n_listed = 0;
	size_t n_left = 0;
	size_t used = strlen(why);

	for (size_t i = 0; i < keyring->n; i++) {
		const struct ks_identity *identity = &keyring->entries[i]->identity;
		if (!is_chosen(keyring->entries[i], userdata))
			continue;
		size_t left = size - used;
		size_t room = left > sizeof(more) ? left - sizeof(more) : 1;
		if (n_left == 0 && n_listed < CHOICES_MAX &&
		    ks_text_print(why + used, room, "%s%s (%s)", n_listed ? ", " : "", identity->name, identity->uri)) {
			used += strlen(why + used);
			n_listed++;
		} else {
			why[used] = '\0';
			n_left++;
		}
	}
	if (n_left > 0 && ks_text_print(more, sizeof(more), " and %zu more (keystay list shows all)", n_left) &&
	    strlen(more) < size - used)
		memcpy(why + used, more, strlen(more) + 1);
}

static int ambiguous(const struct ks_keyring *keyring, chosen *is_chosen, const void *userdata, const char *what,
		     char *why, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < keyring->n; i++)
		n += is_chosen(keyring->entries[i], userdata) ? 1 : 0;
	(void)ks_text_print(why, size, "%s %zu keys; name one of: ", what, n);
	list_choices(keyring, is_chosen, userdata, why, size);
	return KS_ERR_AMBIGUOUS;
}

static int unknown(const struct ks_keyring *keyring, struct ks_bytes name, char *why, size_t size)
{
	char shown[SHOWN_MAX];
	char typed[SHOWN_MAX] = "";
	struct ks_spelling spelling = { .word = typed };

	if (keyring->n == 0) {
		(void)ks_text_print(
			why, size,
			"there is no key; is the card plugged in, and its module in keystay.conf? see: keystay status");
		return KS_ERR_UNKNOWN_KEY;
	}
	ks_text_escape(name, shown, sizeof(shown));
	if (name.size > 0 && name.size < sizeof(typed))
		memcpy(typed, name.data, name.size);
	for (size_t i = 0; i < keyring->n; i++)
		ks_spelling_offer(&spelling, keyring->entries[i]->identity.name);
	if (spelling.best)
		(void)ks_text_print(why, size, "no key is called \"%s\"; did you mean \"%s\"? keystay list shows all",
				    shown, spelling.best);
	else
		(void)ks_text_print(why, size, "no key is called \"%s\"; keystay list shows all", shown);
	return KS_ERR_UNKNOWN_KEY;
}

/* --- by name ----------------------------------------------------------------------------------------------------- */

/* name is not empty. */
static struct ks_keyring_entry *find_name(const struct ks_keyring *keyring, struct ks_bytes name)
{
	size_t begin = 0;
	size_t end = keyring->n;

	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		struct ks_keyring_entry *entry = keyring->entries[middle];
		const char *other = entry->identity.name;
		size_t size = strlen(other);
		int order = memcmp(name.data, other, name.size < size ? name.size : size);
		if (order == 0)
			order = name.size < size ? -1 : name.size > size;
		if (order == 0)
			return entry;
		if (order < 0)
			end = middle;
		else
			begin = middle + 1;
	}
	return NULL;
}

/* The only one that is chosen, and how many are. */
static struct ks_keyring_entry *find_only(const struct ks_keyring *keyring, chosen *is_chosen, const void *userdata,
					  size_t *ret_n)
{
	struct ks_keyring_entry *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < keyring->n; i++) {
		if (!is_chosen(keyring->entries[i], userdata))
			continue;
		found = keyring->entries[i];
		n++;
	}
	*ret_n = n;
	return n == 1 ? found : NULL;
}

static bool has_fingerprint(const struct ks_keyring_entry *entry, const void *userdata)
{
	const struct ks_bytes *prefix = userdata;
	char digits[2 * 32 + 1];

	ks_text_hex(ks_bytes(entry->identity.spki_hash, sizeof(entry->identity.spki_hash)), digits);
	return prefix->size < sizeof(digits) && strncasecmp(digits, (const char *)prefix->data, prefix->size) == 0;
}

static bool has_uri(const struct ks_keyring_entry *entry, const void *userdata)
{
	for (size_t i = 0; i < entry->n_subjects; i++) {
		if (ks_uri_matches(userdata, &entry->subjects[i].uri))
			return true;
	}
	return false;
}

static int find_uri(const struct ks_keyring *keyring, struct ks_bytes name, struct ks_keyring_entry **ret_entry,
		    char *why, size_t size)
{
	/* As we wrote it: also one whose object has no label, which as a pattern would fit others too. */
	for (size_t i = 0; i < keyring->n; i++) {
		if (ks_bytes_equal(name, ks_bytes_text(keyring->entries[i]->identity.uri))) {
			*ret_entry = keyring->entries[i];
			return 0;
		}
	}
	KS_CLEANUP(ks_uri_deinit) struct ks_uri uri = { 0 };
	const char *reason = "";
	int r = ks_uri_read(name, &uri, &reason);
	if (r == KS_ERR_INVALID) {
		/* Not shown: a PIN may be in it (invariant I7). */
		(void)ks_text_print(why, size, "this PKCS#11 URI cannot be used: %s", reason);
		return KS_ERR_UNKNOWN_KEY;
	}
	if (r < 0)
		return r;
	uri.present[KS_URI_TYPE] = false;
	size_t n = 0;
	*ret_entry = find_only(keyring, has_uri, &uri, &n);
	if (n == 0)
		return unknown(keyring, name, why, size);
	return n == 1 ? 0 : ambiguous(keyring, has_uri, &uri, "the URI fits", why, size);
}

bool ks_keyring_is_usable(const struct ks_identity *identity, int64_t now_s)
{
	const struct ks_certificate *leaf = identity->certificate;
	return leaf && !identity->revoked && ks_certificate_not_before(leaf) <= now_s &&
	       now_s <= ks_certificate_not_after(leaf) && ks_certificate_allows(leaf, "clientAuth");
}

static bool usable(const struct ks_keyring_entry *entry, const void *userdata)
{
	return ks_keyring_is_usable(&entry->identity, *(const int64_t *)userdata);
}

static int find_without_name(const struct ks_keyring *keyring, struct ks_keyring_entry **ret_entry, char *why,
			     size_t size)
{
	int64_t now_s = (int64_t)ks_clock_wall_s();
	size_t n = 0;

	*ret_entry = keyring->n == 1 ? keyring->entries[0] : find_only(keyring, usable, &now_s, &n);
	if (*ret_entry)
		return 0;
	if (keyring->n == 0)
		return unknown(keyring, KS_BYTES_NONE, why, size);
	return ambiguous(keyring, n > 0 ? usable : any, &now_s, "there are", why, size);
}

static int find(const struct ks_keyring *keyring, struct ks_bytes name, struct ks_keyring_entry **ret_entry, char *why,
		size_t size)
{
	if (name.size == 0)
		return find_without_name(keyring, ret_entry, why, size);
	*ret_entry = find_name(keyring, name);
	if (*ret_entry)
		return 0;
	if (ks_uri_is_one(name))
		return find_uri(keyring, name, ret_entry, why, size);
	if (!ks_names_is_fingerprint(name))
		return unknown(keyring, name, why, size);
	size_t n = 0;
	*ret_entry = find_only(keyring, has_fingerprint, &name, &n);
	if (n == 0)
		return unknown(keyring, name, why, size);
	return n == 1 ? 0 : ambiguous(keyring, has_fingerprint, &name, "the fingerprint fits", why, size);
}

int ks_keyring_by_name(struct ks_keyring *keyring, struct ks_bytes name, struct ks_identity **ret_identity, char *why,
		       size_t why_size)
{
	struct ks_keyring_entry *entry = NULL;
	char nothing[1];
	/* Room for at least the end of a text, so that nobody below has to think of there being none. */
	if (why_size == 0) {
		why = nothing;
		why_size = sizeof(nothing);
	}
	why[0] = '\0';
	int r = find(keyring, name, &entry, why, why_size);
	if (r < 0 && why[0] == '\0')
		(void)ks_text_print(why, why_size, "%s", ks_error_text(r));
	if (r < 0)
		return r;
	*ret_identity = &entry->identity;
	return 0;
}

int ks_keyring_by_name_at(struct ks_keyring *keyring, const struct ks_settings_socket *socket, struct ks_bytes name,
			  struct ks_identity **ret_identity, char *why, size_t why_size)
{
	struct ks_keyring view = *keyring;
	KS_AUTO_FREE struct ks_keyring_entry **entries = calloc(keyring->n + 1, sizeof(*entries));

	if (!entries)
		return KS_ERR_NO_MEMORY;
	view.entries = entries;
	view.n = 0;
	for (size_t i = 0; i < keyring->n; i++) {
		if (ks_settings_socket_has(socket, keyring->entries[i]->identity.name))
			entries[view.n++] = keyring->entries[i];
	}
	return ks_keyring_by_name(&view, name, ret_identity, why, why_size);
}
