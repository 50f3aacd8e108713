/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory: see inventory.h. Runs in: keystay-agent.
 *
 * Objects of all tokens together are counted against the limits of one module; a report that replaces a token gives
 * back what the old one had.
 */
#include "agent/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* --- tokens ------------------------------------------------------------------------------------------------------ */

static void key_deinit(struct ks_inventory_key *key)
{
	free(key->id);
	free(key->label);
	free(key->spki_der);
}

static void certificate_deinit(struct ks_inventory_certificate *certificate)
{
	free(certificate->id);
	free(certificate->label);
	ks_certificate_unref(certificate->certificate);
}

static void token_deinit(struct ks_inventory_token *token)
{
	for (size_t i = 0; i < token->n_keys; i++)
		key_deinit(&token->keys[i]);
	free(token->keys);
	for (size_t i = 0; i < token->n_certificates; i++)
		certificate_deinit(&token->certificates[i]);
	free(token->certificates);
	*token = (struct ks_inventory_token){ 0 };
}

static void tokens_free(struct ks_inventory_token *tokens, size_t n)
{
	for (size_t i = 0; i < n; i++)
		token_deinit(&tokens[i]);
	free(tokens);
}

void ks_inventory_deinit(struct ks_inventory *inventory)
{
	tokens_free(inventory->tokens, inventory->n_tokens);
	tokens_free(inventory->news, inventory->n_news);
	*inventory = (struct ks_inventory){ 0 };
}

static struct ks_inventory_token *find(struct ks_inventory_token *tokens, size_t n, uint32_t number)
{
	for (size_t i = 0; i < n; i++) {
		if (tokens[i].number == number)
			return &tokens[i];
	}
	return NULL;
}

struct ks_inventory_token *ks_inventory_token(struct ks_inventory *inventory, uint32_t number)
{
	return find(inventory->tokens, inventory->n_tokens, number);
}

void ks_inventory_drop(struct ks_inventory *inventory, uint32_t number)
{
	struct ks_inventory_token *token = ks_inventory_token(inventory, number);

	if (!token)
		return;
	token_deinit(token);
	inventory->n_tokens--;
	memmove(token, token + 1, (size_t)(inventory->tokens + inventory->n_tokens - token) * sizeof(*token));
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

static size_t objects_of(const struct ks_inventory_token *token)
{
	return token->n_keys + token->n_certificates;
}

/* Is there room for one more object of this size, once the report is whole? Tokens that it has named count as it says,
 * the others as they were: they may all stay. At most KS_TOKENS_PER_MODULE steps. */
static bool has_room(struct ks_inventory *inventory, size_t size)
{
	size_t n_objects = 1;
	size_t n_bytes = size;

	for (size_t i = 0; i < inventory->n_news; i++) {
		n_objects += objects_of(&inventory->news[i]);
		n_bytes += inventory->news[i].n_bytes;
	}
	for (size_t i = 0; i < inventory->n_tokens; i++) {
		if (find(inventory->news, inventory->n_news, inventory->tokens[i].number))
			continue;
		n_objects += objects_of(&inventory->tokens[i]);
		n_bytes += inventory->tokens[i].n_bytes;
	}
	if (n_objects <= KS_OBJECTS_PER_MODULE && n_bytes <= KS_OBJECT_BYTES_PER_MODULE)
		return true;
	inventory->news_cut = true;
	return false;
}

/* elements with room for one more behind the n there are; NULL when memory runs out. Sizes are powers of two, so n
 * alone says when it is time. */
static void *with_room(void *elements, size_t n, size_t element_size)
{
	if (n != 0 && (n & (n - 1)) != 0)
		return elements;
	return reallocarray(elements, n ? n * 2 : 1, element_size);
}

static int copy_bytes(struct ks_bytes bytes, uint8_t **ret_copy)
{
	uint8_t *copy = malloc(bytes.size ? bytes.size : 1);
	if (!copy)
		return KS_ERR_NO_MEMORY;
	if (bytes.size > 0)
		memcpy(copy, bytes.data, bytes.size);
	*ret_copy = copy;
	return 0;
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

/* The codec has bounded text to size - 1 bytes; a longer one would be its bug and is cut. */
static void copy_text(struct ks_bytes text, char *out, size_t size)
{
	size_t n = text.size < size ? text.size : size - 1;
	if (n > 0)
		memcpy(out, text.data, n);
	out[n] = '\0';
}

/* Whatever the worker's message is called in its errors, it is malformed to the agent, and fatal to the worker. */
static int read_message(uint8_t type, struct ks_bytes body, void *ret_message, size_t size)
{
	int r = ks_message_read(type, body, ret_message, size);
	return r < 0 && r != KS_ERR_NO_MEMORY ? KS_ERR_MALFORMED : r;
}

static int take_token(struct ks_inventory *inventory, struct ks_bytes body)
{
	struct ks_msg_worker_token message;
	int r = read_message(KS_MSG_WORKER_TOKEN, body, &message, sizeof(message));
	if (r < 0)
		return r;

	struct ks_inventory_token *token = find(inventory->news, inventory->n_news, message.token);
	if (token) {
		token_deinit(token);
	} else if (inventory->n_news == KS_TOKENS_PER_MODULE) {
		inventory->news_cut = true;
		return 0;
	} else {
		void *grown = with_room(inventory->news, inventory->n_news, sizeof(*inventory->news));
		if (!grown)
			return KS_ERR_NO_MEMORY;
		inventory->news = grown;
		token = &inventory->news[inventory->n_news++];
	}
	*token = (struct ks_inventory_token){
		.number = message.token,
		.pin_flags = message.pin_flags,
		.pin_min = message.pin_min,
		.pin_max = message.pin_max,
		.logged_in = message.logged_in,
	};
	copy_text(message.label, token->label, sizeof(token->label));
	copy_text(message.manufacturer, token->manufacturer, sizeof(token->manufacturer));
	copy_text(message.model, token->model, sizeof(token->model));
	copy_text(message.serial, token->serial, sizeof(token->serial));
	memcpy(token->digest, message.digest.data, sizeof(token->digest)); /* FIXED: the codec has held its size */
	return 0;
}

/* The token of an object that is reported. 0 and NULL when it is one of those that were too many. */
static int token_of(struct ks_inventory *inventory, uint32_t number, struct ks_inventory_token **ret_token)
{
	struct ks_inventory_token *token = find(inventory->news, inventory->n_news, number);
	if (!token && !inventory->news_cut)
		return KS_ERR_MALFORMED;
	*ret_token = token;
	return 0;
}

/* Takes key on success. */
static int append_key(struct ks_inventory_token *token, const struct ks_inventory_key *key, size_t size)
{
	void *grown = with_room(token->keys, token->n_keys, sizeof(*token->keys));
	if (!grown)
		return KS_ERR_NO_MEMORY;
	token->keys = grown;
	token->keys[token->n_keys++] = *key;
	token->n_bytes += size;
	return 0;
}

static int take_key(struct ks_inventory *inventory, struct ks_bytes body)
{
	struct ks_msg_worker_key message;
	struct ks_inventory_token *token = NULL;
	int r = read_message(KS_MSG_WORKER_KEY, body, &message, sizeof(message));
	if (r == 0)
		r = token_of(inventory, message.token, &token);
	if (r < 0)
		return r;

	size_t size = message.object_id.size + message.label.size + message.spki.size;
	if (!token || !has_room(inventory, size))
		return 0;
	struct ks_spki spki;
	if (ks_spki_read(message.spki, &spki) < 0) {
		token->n_unreadable++;
		return 0;
	}
	struct ks_inventory_key key = {
		.number = message.key,
		.id_size = message.object_id.size,
		.private_seen = message.private_seen,
		.always_authenticate = message.always_authenticate,
		.decrypts = message.decrypts,
	};
	r = copy_bytes(message.object_id, &key.id);
	if (r == 0)
		r = copy_bytes(message.spki, &key.spki_der);
	if (r == 0)
		r = ks_spki_read(ks_bytes(key.spki_der, message.spki.size), &key.spki); /* to borrow from our copy */
	key.label = ks_text_copy(message.label);
	if (r == 0 && !key.label)
		r = KS_ERR_NO_MEMORY;
	if (r == 0)
		r = append_key(token, &key, size);
	if (r < 0)
		key_deinit(&key);
	return r;
}

/* Takes certificate on success. */
static int append_certificate(struct ks_inventory_token *token, const struct ks_inventory_certificate *certificate,
			      size_t size)
{
	void *grown = with_room(token->certificates, token->n_certificates, sizeof(*token->certificates));
	if (!grown)
		return KS_ERR_NO_MEMORY;
	token->certificates = grown;
	token->certificates[token->n_certificates++] = *certificate;
	token->n_bytes += size;
	return 0;
}

static int take_certificate(struct ks_inventory *inventory, struct ks_bytes body)
{
	struct ks_msg_worker_certificate message;
	struct ks_inventory_token *token = NULL;
	int r = read_message(KS_MSG_WORKER_CERTIFICATE, body, &message, sizeof(message));
	if (r == 0)
		r = token_of(inventory, message.token, &token);
	if (r < 0)
		return r;

	size_t size = message.object_id.size + message.label.size + message.der.size;
	if (!token || !has_room(inventory, size))
		return 0;
	struct ks_inventory_certificate certificate = { .id_size = message.object_id.size };
	r = ks_certificate_new(message.der, &certificate.certificate);
	if (r < 0 && r != KS_ERR_NO_MEMORY) {
		token->n_unreadable++;
		return 0;
	}
	if (r == 0)
		r = copy_bytes(message.object_id, &certificate.id);
	certificate.label = ks_text_copy(message.label);
	if (r == 0 && !certificate.label)
		r = KS_ERR_NO_MEMORY;
	if (r == 0)
		r = append_certificate(token, &certificate, size);
	if (r < 0)
		certificate_deinit(&certificate);
	return r;
}

/* --- the end of a report ----------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a;
	uint32_t right = *(const uint32_t *)b;
	return left < right ? -1 : left > right;
}

/* Looked at once per report, sorted: looking at each key as it comes would take a worker's 20,000 keys squared. */
static int check_numbers(const struct ks_inventory_token *token)
{
	if (token->n_keys < 2)
		return 0;
	KS_AUTO_FREE uint32_t *numbers = calloc(token->n_keys, sizeof(*numbers));
	if (!numbers)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i < token->n_keys; i++)
		numbers[i] = token->keys[i].number;
	qsort(numbers, token->n_keys, sizeof(*numbers), by_number);
	for (size_t i = 1; i < token->n_keys; i++) {
		if (numbers[i] == numbers[i - 1])
			return KS_ERR_MALFORMED;
	}
	return 0;
}

/* One line for all that is wrong with a token's objects, however many there are. */
static void log_left_out(const struct ks_inventory *inventory)
{
	char label[260];

	for (size_t i = 0; i < inventory->n_news; i++) {
		const struct ks_inventory_token *token = &inventory->news[i];
		if (token->n_unreadable == 0)
			continue;
		ks_text_escape(ks_bytes_text(token->label), label, sizeof(label));
		ks_log_info(
			"token \"%s\": %zu keys or certificates are of a kind that keystay cannot use and are left out",
			label, token->n_unreadable);
	}
	if (inventory->news_cut)
		ks_log_warning("a module reports more than %u tokens, %u objects or %u bytes; the rest is left out",
			       KS_TOKENS_PER_MODULE, KS_OBJECTS_PER_MODULE, KS_OBJECT_BYTES_PER_MODULE);
}

/* One token's news: it takes the place of its old self, or stands behind the others. */
static int merge_news(struct ks_inventory *inventory)
{
	for (size_t i = 0; i < inventory->n_news; i++) {
		struct ks_inventory_token *old = ks_inventory_token(inventory, inventory->news[i].number);
		if (old) {
			token_deinit(old);
		} else if (inventory->n_tokens == KS_TOKENS_PER_MODULE) {
			inventory->news_cut = true;
			continue;
		} else {
			/* Taken over arrays have any size, so room is made one by one: there are 64 at most. */
			void *grown =
				reallocarray(inventory->tokens, inventory->n_tokens + 1, sizeof(*inventory->tokens));
			if (!grown)
				return KS_ERR_NO_MEMORY;
			inventory->tokens = grown;
			old = &inventory->tokens[inventory->n_tokens++];
		}
		*old = inventory->news[i];
		inventory->news[i] = (struct ks_inventory_token){ 0 };
	}
	tokens_free(inventory->news, inventory->n_news);
	return 0;
}

/* --- twins ------------------------------------------------------------------------------------------------------- */

bool ks_inventory_are_twins(const struct ks_inventory_token *a, const struct ks_inventory_token *b)
{
	return strcmp(a->serial, b->serial) == 0 && strcmp(a->label, b->label) == 0 &&
	       strcmp(a->model, b->model) == 0 && strcmp(a->manufacturer, b->manufacturer) == 0 &&
	       memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

static bool is_taken(const struct ks_inventory *inventory, const struct ks_inventory_token *token, uint32_t twin)
{
	for (size_t i = 0; i < inventory->n_tokens; i++) {
		const struct ks_inventory_token *other = &inventory->tokens[i];
		if (other != token && other->has_place && other->twin == twin && ks_inventory_are_twins(other, token))
			return true;
	}
	return false;
}

/* A token keeps its number among twins from report to report: when one is taken out, no other takes its place, and with
 * it its PIN. */
static void keep_places(struct ks_inventory *inventory)
{
	for (size_t i = 0; i < inventory->n_news; i++) {
		const struct ks_inventory_token *old = ks_inventory_token(inventory, inventory->news[i].number);
		if (!old || !old->has_place || !ks_inventory_are_twins(old, &inventory->news[i]))
			continue;
		inventory->news[i].twin = old->twin;
		inventory->news[i].has_place = true;
	}
}

static void choose_places(struct ks_inventory *inventory)
{
	for (size_t i = 0; i < inventory->n_tokens; i++) {
		struct ks_inventory_token *token = &inventory->tokens[i];
		if (token->has_place)
			continue;
		token->twin = 0;
		while (is_taken(inventory, token, token->twin))
			token->twin++;
		token->has_place = true;
	}
}

static int take_end(struct ks_inventory *inventory, struct ks_bytes body)
{
	struct ks_msg_worker_inventory message;
	int r = read_message(KS_MSG_WORKER_INVENTORY, body, &message, sizeof(message));
	for (size_t i = 0; r == 0 && i < inventory->n_news; i++)
		r = check_numbers(&inventory->news[i]);
	if (r < 0)
		return r;

	log_left_out(inventory);
	keep_places(inventory);
	if (message.all) {
		tokens_free(inventory->tokens, inventory->n_tokens);
		inventory->tokens = inventory->news;
		inventory->n_tokens = inventory->n_news;
		inventory->cut = inventory->news_cut;
	} else {
		r = merge_news(inventory);
		if (r < 0)
			return r;
		inventory->cut |= inventory->news_cut;
	}
	inventory->events = message.events <= KS_EVENTS_READERS ? (enum ks_token_events)message.events : KS_EVENTS_NONE;
	inventory->news = NULL;
	inventory->n_news = 0;
	inventory->news_cut = false;
	choose_places(inventory);
	return 0;
}

int ks_inventory_take(struct ks_inventory *inventory, uint8_t type, struct ks_bytes body, bool *ret_complete)
{
	int r;

	switch (type) {
	case KS_MSG_WORKER_TOKEN:
		r = take_token(inventory, body);
		break;
	case KS_MSG_WORKER_KEY:
		r = take_key(inventory, body);
		break;
	case KS_MSG_WORKER_CERTIFICATE:
		r = take_certificate(inventory, body);
		break;
	case KS_MSG_WORKER_INVENTORY:
		r = take_end(inventory, body);
		break;
	default:
		r = KS_ERR_MALFORMED;
		break;
	}
	if (r == 0)
		*ret_complete = type == KS_MSG_WORKER_INVENTORY;
	return r;
}
