/* SPDX-License-Identifier: Apache-2.0 */
/* json: see json.h. Runs in: keystay-enroll. */
#include "enrol/drivers/json.h"

#include <string.h>

#include "enrol/base/bundle.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* How deep brackets are nested outside strings. Need not understand more: what is no JSON fails in the parser. */
static size_t depth_of(struct ks_bytes text)
{
	size_t depth = 0;
	size_t deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.size; i++) {
		uint8_t byte = text.data[i];
		if (in_string && byte == '\\')
			i++;
		else if (byte == '"')
			in_string = !in_string;
		else if (!in_string && (byte == '{' || byte == '['))
			deepest = ++depth > deepest ? depth : deepest;
		else if (!in_string && (byte == '}' || byte == ']') && depth > 0)
			depth--;
	}
	return deepest;
}

int ks_json_read(struct ks_bytes text, json_t **ret_object)
{
	json_error_t error;

	if (text.size > KS_ENROL_ANSWER_MAX)
		return KS_ERR_TOO_LARGE;
	if (depth_of(text) > KS_ENROL_JSON_DEPTH_MAX)
		return KS_ERR_LIMIT;
	json_t *value = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(value)) {
		json_decref(value);
		return KS_ERR_MALFORMED;
	}
	*ret_object = value;
	return 0;
}

/* --- certificates ---------------------------------------------------------------------------------------------------- */

static int put_text(const json_t *value, struct ks_buffer *certificates)
{
	/* Whoever asks has better words: which member of whose answer. */
	struct ks_enrol_problem problem;

	if (!json_is_string(value))
		return KS_ERR_MALFORMED;
	if (json_string_length(value) == 0)
		return 0;
	int r = ks_bundle_read(ks_bytes(json_string_value(value), json_string_length(value)), "", certificates,
			       &problem);
	return r < 0 ? r : 1;
}

int ks_json_put_certificates(const json_t *value, struct ks_buffer *certificates)
{
	int n = 0;

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_array(value))
		return put_text(value, certificates);
	for (size_t i = 0; i < json_array_size(value); i++) {
		int r = put_text(json_array_get(value, i), certificates);
		if (r < 0)
			return r;
		n += r;
	}
	return n;
}

/* --- words ----------------------------------------------------------------------------------------------------------- */

/* Appends text, escaped, every run of white space one space: what servers break into lines stays one sentence. */
static void print_text(const char *text, char *out, size_t size)
{
	KS_AUTO_FREE char *words = strdup(text);
	size_t n = 0;

	if (!words)
		return;
	for (const char *at = words; *at; at++) {
		bool is_space = strchr(" \t\r\n", *at) != NULL;
		if (!is_space || (n > 0 && words[n - 1] != ' '))
			words[n++] = is_space ? ' ' : *at;
	}
	while (n > 0 && words[n - 1] == ' ')
		n--;
	ks_text_escape(ks_bytes(words, n), out, size);
}

void ks_json_print_texts(const json_t *value, char *out, size_t size)
{
	size_t n = json_is_array(value) ? json_array_size(value) : 1;
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n && used + 1 < size; i++) {
		const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
		if (json_string_length(item) == 0)
			continue;
		(void)ks_text_print(out + used, size - used, "%s", used > 0 ? "; " : "");
		used += strlen(out + used);
		print_text(json_string_value(item), out + used, size - used);
		used += strlen(out + used);
	}
}

void ks_json_print_member(struct ks_bytes text, const char *member, char *out, size_t size)
{
	KS_CLEANUP(json_decrefp) json_t *object = NULL;

	out[0] = '\0';
	if (ks_json_read(text, &object) == 0)
		ks_json_print_texts(json_object_get(object, member), out, size);
}

int ks_json_put(struct ks_buffer *buffer, const json_t *object)
{
	KS_AUTO_FREE char *text = json_dumps(object, JSON_COMPACT);

	if (!text)
		return KS_ERR_NO_MEMORY;
	ks_buffer_put(buffer, ks_bytes_text(text));
	return ks_buffer_error(buffer);
}
