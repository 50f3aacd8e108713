/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_json: see state_json.h. Runs in: keystay-enroll.
 *
 * The file is the user's own, but a disk that fills up, an editor or an older version may have had it: what is not of
 * its form makes the whole file one that is set aside, never half a state.
 */
#include "enrol/state_json.h"

#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"

#define VERSION 1

/* --- to JSON ----------------------------------------------------------------------------------------------------- */

static int put(json_t *object, const char *name, json_t *value)
{
	return value && json_object_set_new(object, name, value) == 0 ? 0 : KS_ERR_NO_MEMORY;
}

static int put_text(json_t *object, const char *name, const char *text)
{
	return text && text[0] ? put(object, name, json_string(text)) : 0;
}

static int put_number(json_t *object, const char *name, uint64_t number)
{
	return number > 0 ? put(object, name, json_integer((json_int_t)number)) : 0;
}

static int put_bytes(json_t *object, const char *name, const struct ks_buffer *buffer)
{
	struct ks_bytes bytes = ks_buffer_bytes(buffer);
	KS_AUTO_FREE char *digits = malloc(2 * bytes.size + 1);

	if (!digits)
		return KS_ERR_NO_MEMORY;
	ks_text_hex(bytes, digits);
	int r = put_text(object, name, digits);
	if (buffer->secret)
		ks_secret_wipe(digits, 2 * bytes.size);
	return r;
}

static int put_previous(json_t *object, const struct ks_enrol_state *state)
{
	json_t *list = json_array();

	if (state->n_previous == 0) {
		json_decref(list);
		return 0;
	}
	for (size_t i = 0; i < state->n_previous; i++)
		(void)json_array_append_new(list,
					    json_pack("{s:s,s:I}", "spki", state->previous[i].spki, "remove-after",
						      (json_int_t)state->previous[i].remove_after));
	if (json_array_size(list) != state->n_previous) {
		json_decref(list);
		return KS_ERR_NO_MEMORY;
	}
	return put(object, "previous", list);
}

static int put_all(json_t *object, const struct ks_enrol_state *state)
{
	int bad = 0;

	bad |= put_number(object, "version", VERSION);
	bad |= put_text(object, "spki", state->spki);
	bad |= put_text(object, "key", state->key);
	bad |= put_text(object, "profile", state->profile);
	bad |= put_text(object, "subject", state->subject);
	bad |= put_text(object, "san", state->san);
	bad |= put_bytes(object, "request", &state->request);
	bad |= put_bytes(object, "pending", &state->pending);
	bad |= put_number(object, "pending-since", state->pending_since);
	bad |= put_number(object, "polls", state->n_polls);
	bad |= put_bytes(object, "issued", &state->issued);
	bad |= put_text(object, "new-id", state->new_id);
	bad |= put_text(object, "new-token", state->new_token);
	bad |= put_text(object, "new-spki", state->new_spki);
	bad |= put_previous(object, state);
	bad |= state->hook_due ? put(object, "hook-due", json_true()) : 0;
	bad |= put_text(object, "installed", state->installed);
	bad |= put_number(object, "installed-at", state->installed_at);
	bad |= put_number(object, "failures", state->n_failures);
	bad |= put_number(object, "next", state->next);
	bad |= put_number(object, "failed-at", state->failed_at);
	bad |= state->waits ? put(object, "waits", json_true()) : 0;
	bad |= put_text(object, "error", state->error);
	bad |= put_number(object, "code", (uint64_t)-state->code);
	return bad;
}

json_t *ks_enrol_state_to_json(const struct ks_enrol_state *state)
{
	json_t *object = json_object();

	if (object && put_all(object, state) != 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* --- from JSON --------------------------------------------------------------------------------------------------- */

static int take_text(const json_t *object, const char *name, char **field)
{
	const json_t *value = json_object_get(object, name);

	if (!value)
		return 0;
	return json_is_string(value) ? ks_enrol_state_set(field, json_string_value(value)) : KS_ERR_MALFORMED;
}

static int take_number(const json_t *object, const char *name, uint64_t max, uint64_t *field)
{
	const json_t *value = json_object_get(object, name);

	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > max)
		return KS_ERR_MALFORMED;
	*field = (uint64_t)json_integer_value(value);
	return 0;
}

static int take_count(const json_t *object, const char *name, unsigned *field)
{
	uint64_t number = 0;

	int r = take_number(object, name, UINT32_MAX, &number);
	*field = (unsigned)number;
	return r;
}

static int take_yes(const json_t *object, const char *name, bool *field)
{
	const json_t *value = json_object_get(object, name);

	*field = json_is_true(value);
	return !value || json_is_boolean(value) ? 0 : KS_ERR_MALFORMED;
}

static int take_bytes(const json_t *object, const char *name, struct ks_buffer *field)
{
	const json_t *value = json_object_get(object, name);
	size_t size = json_string_length(value) / 2;

	if (!value)
		return 0;
	if (!json_is_string(value) || size == 0)
		return KS_ERR_MALFORMED;
	uint8_t *room = ks_buffer_reserve(field, size);
	if (!room)
		return KS_ERR_NO_MEMORY;
	int r = ks_text_unhex(json_string_value(value), room, size, &size);
	if (r == 0)
		ks_buffer_grow(field, size);
	return r < 0 ? KS_ERR_MALFORMED : 0;
}

static bool is_hash(const char *text)
{
	uint8_t bytes[32];
	size_t size = 0;

	return text && ks_text_unhex(text, bytes, sizeof(bytes), &size) == 0 && size == sizeof(bytes);
}

static int take_hash(const json_t *object, const char *name, char field[KS_STATE_HASH_TEXT])
{
	const json_t *value = json_object_get(object, name);

	if (!value)
		return 0;
	if (!is_hash(json_string_value(value)))
		return KS_ERR_MALFORMED;
	(void)ks_text_print(field, KS_STATE_HASH_TEXT, "%s", json_string_value(value));
	return 0;
}

static int take_previous(const json_t *object, struct ks_enrol_state *state)
{
	const json_t *list = json_object_get(object, "previous");

	if (!list)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > KS_ENROL_PREVIOUS_MAX)
		return KS_ERR_MALFORMED;
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct ks_enrol_state_previous *previous = &state->previous[i];
		const json_t *element = json_array_get(list, i);
		if (!json_object_get(element, "spki") || take_hash(element, "spki", previous->spki) < 0 ||
		    take_number(element, "remove-after", INT64_MAX, &previous->remove_after) < 0)
			return KS_ERR_MALFORMED;
	}
	state->n_previous = json_array_size(list);
	return 0;
}

static int take_order(const json_t *object, struct ks_enrol_state *state)
{
	int r = take_bytes(object, "request", &state->request);
	if (r == 0)
		r = take_bytes(object, "pending", &state->pending);
	if (r == 0)
		r = take_number(object, "pending-since", INT64_MAX, &state->pending_since);
	if (r == 0)
		r = take_count(object, "polls", &state->n_polls);
	if (r == 0)
		r = take_bytes(object, "issued", &state->issued);
	if (r == 0)
		r = take_text(object, "new-id", &state->new_id);
	if (r == 0)
		r = take_text(object, "new-token", &state->new_token);
	if (r == 0)
		r = take_hash(object, "new-spki", state->new_spki);
	if (r == 0)
		r = take_previous(object, state);
	return r;
}

static int take_outcome(const json_t *object, struct ks_enrol_state *state)
{
	uint64_t code = 0;

	int r = take_yes(object, "hook-due", &state->hook_due);
	if (r == 0)
		r = take_text(object, "installed", &state->installed);
	if (r == 0)
		r = take_number(object, "installed-at", INT64_MAX, &state->installed_at);
	if (r == 0)
		r = take_count(object, "failures", &state->n_failures);
	if (r == 0)
		r = take_number(object, "next", INT64_MAX, &state->next);
	if (r == 0)
		r = take_number(object, "failed-at", INT64_MAX, &state->failed_at);
	if (r == 0)
		r = take_yes(object, "waits", &state->waits);
	if (r == 0)
		r = take_text(object, "error", &state->error);
	if (r == 0)
		r = take_number(object, "code", INT32_MAX, &code);
	state->code = -(int)code;
	return r;
}

int ks_enrol_state_from_json(const json_t *object, struct ks_enrol_state *state)
{
	char spki[KS_STATE_HASH_TEXT] = "";
	uint64_t version = 0;

	if (!json_is_object(object) || take_number(object, "version", VERSION, &version) < 0 || version != VERSION ||
	    take_hash(object, "spki", spki) < 0 || strcmp(spki, state->spki) != 0)
		return KS_ERR_MALFORMED;
	int r = take_text(object, "key", &state->key);
	if (r == 0)
		r = take_text(object, "profile", &state->profile);
	if (r == 0)
		r = take_text(object, "subject", &state->subject);
	if (r == 0)
		r = take_text(object, "san", &state->san);
	if (r == 0)
		r = take_order(object, state);
	if (r == 0)
		r = take_outcome(object, state);
	return r;
}
