/* SPDX-License-Identifier: Apache-2.0 */
/* state_tokens: the tokens of all workers, and how people name them. See state.h. Runs in: keystay-agent. */
#include <stdio.h>
#include <string.h>

#include "agent/asking.h"
#include "agent/consent.h"
#include "agent/login.h"
#include "agent/state.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/uri.h"

static bool has_twin(const struct ks_inventory *inventory, const struct ks_inventory_token *token)
{
	for (size_t i = 0; i < inventory->n_tokens; i++) {
		if (&inventory->tokens[i] != token && ks_inventory_are_twins(&inventory->tokens[i], token))
			return true;
	}
	return false;
}

static bool fill_token(struct ks_state *state, struct ks_worker *worker, struct ks_inventory_token *inventory,
		       struct ks_token *ret_token)
{
	const struct ks_token_id id = { .module = ks_worker_name(worker),
					.manufacturer = inventory->manufacturer,
					.model = inventory->model,
					.serial = inventory->serial,
					.label = inventory->label,
					.digest = inventory->digest,
					.twin = inventory->twin };
	struct ks_unlock_entry *entry = ks_unlock_entry(&state->unlock, &id);

	if (!entry)
		return false;
	entry->has_twin = entry->has_twin || has_twin(ks_worker_inventory(worker), inventory);
	*ret_token = (struct ks_token){ .worker = worker, .inventory = inventory, .lock = entry };
	return true;
}

bool ks_state_token_at(struct ks_state *state, size_t index, struct ks_token *ret_token)
{
	for (size_t i = 0; i < state->n_workers; i++) {
		struct ks_inventory *inventory = ks_worker_inventory(state->workers[i]);
		if (index < inventory->n_tokens)
			return fill_token(state, state->workers[i], &inventory->tokens[index], ret_token);
		index -= inventory->n_tokens;
	}
	return false;
}

bool ks_state_token_of(struct ks_state *state, const struct ks_location *location, struct ks_token *ret_token)
{
	if (location->module >= state->n_workers)
		return false;
	struct ks_worker *worker = state->workers[location->module];
	struct ks_inventory_token *token = ks_inventory_token(ks_worker_inventory(worker), location->token);
	return token && strcmp(token->serial, location->token_serial) == 0 &&
	       strcmp(token->label, location->token_label) == 0 && fill_token(state, worker, token, ret_token);
}

enum ks_token_state ks_state_of_token(const struct ks_token *token)
{
	uint32_t flags = token->inventory->pin_flags;

	if (!(flags & KS_PIN_NEEDED))
		return KS_TOKEN_OPEN;
	if (token->lock->unlocked)
		return KS_TOKEN_UNLOCKED;
	return flags & KS_PIN_IS_BLOCKED ? KS_TOKEN_BLOCKED : KS_TOKEN_LOCKED;
}

static struct ks_uri uri_of(const struct ks_token *token)
{
	const struct ks_inventory_token *known = token->inventory;

	return ks_uri_of_token(known->label, known->manufacturer, known->model, known->serial);
}

void ks_state_token_uri(const struct ks_token *token, char *out, size_t size)
{
	struct ks_uri uri = uri_of(token);
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	uri.present[KS_URI_MANUFACTURER] = false;
	uri.present[KS_URI_MODEL] = false;
	ks_uri_write(&buffer, &uri);
	(void)ks_text_print(out, size, "%.*s", (int)buffer.size, (const char *)buffer.data);
}

void ks_state_token_word(const struct ks_token *token, char *out, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+@";
	const char *label = token->inventory->label;

	if (label[0] != '\0' && strspn(label, plain) == strlen(label))
		(void)ks_text_print(out, size, "%s", label);
	else if (label[0] != '\0' && !strchr(label, '\''))
		(void)ks_text_print(out, size, "'%s'", label);
	else {
		char uri[1024];
		ks_state_token_uri(token, uri, sizeof(uri));
		(void)ks_text_print(out, size, "'%s'", uri);
	}
}

/* --- by name ----------------------------------------------------------------------------------------------------- */

struct search {
	struct ks_uri uri;
	bool by_uri;
	struct ks_bytes name; /* "" = any that needs a PIN */
	size_t n_found;
	struct ks_token found;
	struct ks_buffer names; /* of all tokens, for the answer */
};

static bool matches(const struct search *search, const struct ks_token *token)
{
	if (search->by_uri) {
		struct ks_uri uri = uri_of(token);
		return ks_uri_matches(&search->uri, &uri);
	}
	if (search->name.size == 0)
		return ks_state_of_token(token) != KS_TOKEN_OPEN;
	return ks_bytes_equal(search->name, ks_bytes_text(token->inventory->label));
}

static void look_at_tokens(struct ks_state *state, struct search *search)
{
	struct ks_token token;
	size_t n_locked = 0;

	for (size_t i = 0; ks_state_token_at(state, i, &token); i++) {
		char uri[1024];
		ks_state_token_uri(&token, uri, sizeof(uri));
		ks_buffer_printf(&search->names, "%s\"%s\" (%s)", search->names.size ? ", " : "",
				 token.inventory->label, uri);
		if (!matches(search, &token))
			continue;
		/* Without a name the only locked one is meant, even when others are unlocked already. */
		bool locked = ks_state_of_token(&token) != KS_TOKEN_UNLOCKED;
		if (search->name.size == 0 && !search->by_uri && locked && n_locked++ == 0)
			search->n_found = 0;
		else if (search->name.size == 0 && !search->by_uri && !locked && n_locked > 0)
			continue;
		search->n_found++;
		search->found = token;
	}
}

/* The name of a key stands for its token too. */
static bool look_at_keys(struct ks_state *state, struct search *search)
{
	struct ks_identity *identity;
	char why[16];

	if (search->name.size == 0 || ks_keyring_by_name(state->keyring, search->name, &identity, why, sizeof(why)) < 0)
		return false;
	for (size_t i = 0; i < identity->n_locations; i++) {
		if (ks_state_token_of(state, &identity->locations[i], &search->found))
			return true;
	}
	return false;
}

static int explain(const struct search *search, const struct ks_state *state, char *why, size_t why_size)
{
	char name[256];
	ks_text_escape(search->name, name, sizeof(name));
	int size = (int)search->names.size;
	const char *names = (const char *)search->names.data;

	if (state->n_workers == 0)
		(void)ks_text_print(why, why_size,
				    "no PKCS#11 module is configured; add a [module] section to keystay.conf "
				    "(man keystay.conf) and run: keystay reload");
	else if (size == 0)
		(void)ks_text_print(why, why_size, "no token is present; see: keystay status");
	else if (search->n_found > 1)
		(void)ks_text_print(why, why_size, "%s%s%s; name one of: %.*s",
				    name[0] ? "more than one token is called \"" : "more than one token could be meant",
				    name, name[0] ? "\"" : "", size, names);
	else if (name[0] == '\0')
		(void)ks_text_print(why, why_size, "no token here needs a PIN; tokens: %.*s", size, names);
	else
		(void)ks_text_print(why, why_size, "no token is called \"%s\"; tokens: %.*s", name, size, names);
	return search->n_found > 1 ? KS_ERR_AMBIGUOUS : KS_ERR_TOKEN_ABSENT;
}

int ks_state_token_by_name(struct ks_state *state, struct ks_bytes name, struct ks_token *ret_token, char *why,
			   size_t why_size)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer none = { 0 };
	struct search search = { .name = name, .names = none };
	int result;

	ks_buffer_init(&search.names, KS_TEXT_MAX / 2);
	search.by_uri = ks_uri_is_one(name);
	if (search.by_uri) {
		const char *what = "";
		int error = ks_uri_read(name, &search.uri, &what);
		if (error < 0) {
			(void)ks_text_print(why, why_size, "the PKCS#11 URI cannot be read: %s", what);
			return error;
		}
		ks_uri_keep_token(&search.uri);
	}
	look_at_tokens(state, &search);
	if (search.n_found == 1 || (search.n_found == 0 && look_at_keys(state, &search))) {
		*ret_token = search.found;
		result = 0;
	} else {
		result = explain(&search, state, why, why_size);
	}
	ks_uri_deinit(&search.uri);
	ks_buffer_deinit(&search.names);
	return result;
}

uint32_t ks_state_count_keys(struct ks_state *state, const struct ks_token *wanted)
{
	uint32_t n = 0;

	for (size_t i = 0; i < ks_keyring_count(state->keyring); i++) {
		const struct ks_identity *identity = ks_keyring_at(state->keyring, i);
		for (size_t k = 0; k < identity->n_locations; k++) {
			const struct ks_location *location = &identity->locations[k];
			if (location->module < state->n_workers && state->workers[location->module] == wanted->worker &&
			    location->token == wanted->inventory->number)
				n++;
		}
	}
	return n;
}

/* --- locking ----------------------------------------------------------------------------------------------------- */

static void on_logged_out(int error, const char *text, struct ks_bytes reply, void *userdata)
{
	(void)reply;
	/* A token that does not log out is made to, by the end of the process that is logged in. */
	if (error < 0 && error != KS_ERR_MODULE_FAILED && error != KS_ERR_BUSY)
		ks_worker_kill(userdata, text);
}

void ks_state_log_out(struct ks_state *state, const struct ks_token *token)
{
	struct ks_worker_call *call;

	int error = ks_worker_logout(token->worker, token->inventory->number, on_logged_out, token->worker, &call);
	if (error < 0)
		ks_log_debug("token \"%s\": no logout was sent: %s", token->inventory->label, ks_error_text(error));
	else
		token->inventory->logged_in = false; /* what is asked from now on comes after it */
	ks_state_wake(state);
}

bool ks_state_lock(struct ks_state *state, const struct ks_token *token)
{
	bool was = ks_unlock_close(token->lock);
	bool logged_in = token->inventory->logged_in;

	ks_login_revoke(state, token->lock);
	/* Also where nobody seems logged in: that is only what was last heard of it. */
	if (was || logged_in)
		ks_state_log_out(state, token);
	ks_state_news(state);
	return was;
}

uint32_t ks_state_lock_all(struct ks_state *state, bool by_person)
{
	struct ks_token token;
	uint32_t n = 0;

	for (size_t i = 0; ks_state_token_at(state, i, &token); i++)
		n += ks_state_lock(state, &token);
	/* Also those that are not in sight now: their worker is being started again. */
	for (size_t i = 0; i < state->unlock.n_entries; i++) {
		struct ks_unlock_entry *entry = state->unlock.entries[i];
		entry->held = entry->held || by_person;
		ks_login_revoke(state, entry);
		n += ks_unlock_close(entry);
	}
	for (size_t i = 0; i < state->unlock.n_entries; i++)
		ks_asking_revoke(state, state->unlock.entries[i]);
	ks_consent_forget(state, true);
	return n;
}
