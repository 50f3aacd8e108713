/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_enforce: what [enforce] says bounds every value, whoever wrote it.
 *
 * Runs in: keystay-agent. A wider value is narrowed and said so, not refused: an administrator's new bound must not
 * stop the agents of all users. What comes out is never wider than either side, so where host patterns overlap in a way
 * that cannot be told, none of the overlap is left. Stops mistakes, not a user who starts another agent.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/settings_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define HOST_MAX 254u /* checked by settings_table.c */

static const char *key_name(const struct ks_settings_section *section, size_t row)
{
	return ks_settings_tables[section->kind].rows[row].key;
}

/* Something that somebody wrote is narrowed: say so. */
static void warn(struct ks_settings_private *private, const struct ks_settings_section *section, size_t row,
		 const char *holds, const struct ks_settings_value *bound)
{
	const struct ks_settings_value *value = &section->values[row];

	ks_buffer_printf(&private->warnings, "%s:%u: %s: \"%s\" is more than [enforce] allows (%s:%u); %s%s%s holds\n",
			 value->origin.file, value->origin.line, key_name(section, row), value->text,
			 bound->origin.file, bound->origin.line, holds[0] ? "\"" : "",
			 holds[0] ? holds : "nothing of it", holds[0] ? "\"" : "");
}

/* text is borrowed from private. */
static void narrow(struct ks_settings_private *private, struct ks_settings_section *section, size_t row,
		   const char *text, const struct ks_settings_value *bound)
{
	struct ks_settings_value *value = &section->values[row];

	if (value->text)
		warn(private, section, row, text, bound);
	*value = (struct ks_settings_value){ .text = text, .origin = bound->origin, .enforced = true };
}

/* --- servers ----------------------------------------------------------------------------------------------------- */

static void lower_copy(struct ks_bytes item, char out[HOST_MAX])
{
	size_t size = item.size < HOST_MAX ? item.size : HOST_MAX - 1;
	for (size_t i = 0; i < size; i++)
		out[i] = (char)tolower(item.data[i]);
	out[size] = '\0';
}

/* Does wide fit every name that narrow_one fits? Host patterns have no wildcard but '*', so a '*' of narrow_one can
 * only have been covered by one of wide. */
static bool covers(struct ks_bytes wide, struct ks_bytes narrow_one)
{
	char wide_text[HOST_MAX];
	char narrow_text[HOST_MAX];

	lower_copy(wide, wide_text);
	lower_copy(narrow_one, narrow_text);
	return ks_text_match(wide_text, narrow_text);
}

static bool has_item(struct ks_bytes list, struct ks_bytes item)
{
	KS_AUTO_FREE char *text = ks_text_copy(list);
	const char *cursor = text;
	struct ks_bytes one;
	while (ks_settings_next_item(&cursor, &one)) {
		if (ks_bytes_equal(one, item))
			return true;
	}
	return false;
}

static void put_item(struct ks_buffer *list, struct ks_bytes item)
{
	if (list->size > 0 && has_item(ks_buffer_bytes(list), item))
		return;
	ks_buffer_printf(list, "%s%.*s", list->size ? ", " : "", (int)item.size, (const char *)item.data);
}

/* What of one pattern lies inside the bound: all of it, or those of the bound's patterns that lie inside it, or
 * nothing. Returns whether it was all. */
static bool put_inside(struct ks_buffer *list, struct ks_bytes pattern, const char *bound)
{
	const char *cursor = bound;
	struct ks_bytes limit;

	while (ks_settings_next_item(&cursor, &limit)) {
		if (covers(limit, pattern)) {
			put_item(list, pattern);
			return true;
		}
	}
	cursor = bound;
	while (ks_settings_next_item(&cursor, &limit)) {
		if (covers(pattern, limit))
			put_item(list, limit);
	}
	return false;
}

static int narrow_servers(struct ks_settings_private *private, struct ks_settings_section *section)
{
	const struct ks_settings_value *bound = &private->enforce.values[KS_ENFORCE_SERVERS];
	const char *cursor = section->values[KS_RULED_SERVERS].text;
	if (!bound->text)
		return 0;
	if (!cursor) {
		narrow(private, section, KS_RULED_SERVERS, bound->text, bound);
		return 0;
	}

	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	bool all = true;
	struct ks_bytes pattern;
	while (ks_settings_next_item(&cursor, &pattern))
		all = put_inside(&list, pattern, bound->text) && all;
	if (all)
		return 0;
	char *text = ks_buffer_steal_text(&list);
	if (!text)
		return KS_ERR_NO_MEMORY;
	int r = ks_settings_keep_text(private, text);
	if (r < 0)
		return r;
	narrow(private, section, KS_RULED_SERVERS, text, bound);
	return 0;
}

/* --- the others -------------------------------------------------------------------------------------------------- */

static void narrow_agent(struct ks_settings_private *private)
{
	struct ks_settings_section *agent = &private->agent;
	const struct ks_settings_value *bound = &private->enforce.values[KS_ENFORCE_UNLOCK_FOR];
	uint64_t ms = 0;
	uint64_t bound_ms = 0;

	if (bound->text && ks_settings_duration(bound->text, &bound_ms) == 0 &&
	    ks_settings_duration(ks_settings_effective(agent, KS_AGENT_UNLOCK_FOR), &ms) == 0 && ms > bound_ms)
		narrow(private, agent, KS_AGENT_UNLOCK_FOR, bound->text, bound);

	bound = &private->enforce.values[KS_ENFORCE_KEEP_PIN];
	if (bound->text && strcmp(ks_settings_effective(agent, KS_AGENT_KEEP_PIN), bound->text) != 0)
		narrow(private, agent, KS_AGENT_KEEP_PIN, bound->text, bound);

	bound = &private->enforce.values[KS_ENFORCE_AUDIT];
	if (bound->text &&
	    ks_settings_audit_mode(ks_settings_effective(agent, KS_AGENT_AUDIT)) < ks_settings_audit_mode(bound->text))
		narrow(private, agent, KS_AGENT_AUDIT, bound->text, bound);
}

static void narrow_socket(struct ks_settings_private *private, struct ks_settings_section *section)
{
	const struct ks_settings_value *bound = &private->enforce.values[KS_ENFORCE_PROMPT];

	if (bound->text && strcmp(ks_settings_effective(section, KS_SOCKET_PROMPT), bound->text) != 0)
		narrow(private, section, KS_SOCKET_PROMPT, bound->text, bound);
	bound = &private->enforce.values[KS_ENFORCE_ALLOW];
	if (bound->text && ks_settings_allows_digest(ks_settings_effective(section, KS_SOCKET_ALLOW)))
		narrow(private, section, KS_SOCKET_ALLOW, "tls", bound);
}

static void narrow_confirm(struct ks_settings_private *private, struct ks_settings_section *section)
{
	const struct ks_settings_value *bound = &private->enforce.values[KS_ENFORCE_CONFIRM];
	const char *value = ks_settings_effective(section, KS_RULED_CONFIRM);

	if (bound->text && ks_settings_confirm_level(value) < ks_settings_confirm_level(bound->text))
		narrow(private, section, KS_RULED_CONFIRM, bound->text, bound);
}

static void narrow_revocation(struct ks_settings_private *private, struct ks_settings_section *section)
{
	const struct ks_settings_value *bound = &private->enforce.values[KS_ENFORCE_REVOCATION];
	const char *value = ks_settings_effective(section, KS_RULED_REVOCATION);

	if (bound->text && ks_settings_revocation(value) < ks_settings_revocation(bound->text))
		narrow(private, section, KS_RULED_REVOCATION, bound->text, bound);
}

/* A bound on servers rules digests out as well, as `servers` does in a section of its own. */
static void narrow_allow(struct ks_settings_private *private, struct ks_settings_section *section)
{
	const struct ks_settings_value *bound = &private->enforce.values[KS_ENFORCE_ALLOW];
	if (!bound->text)
		bound = &private->enforce.values[KS_ENFORCE_SERVERS];
	if (bound->text && ks_settings_allows_digest(ks_settings_effective(section, KS_RULED_ALLOW)))
		narrow(private, section, KS_RULED_ALLOW, "tls", bound);
}

static int narrow_key(struct ks_settings_private *private, struct ks_settings_section *section)
{
	narrow_confirm(private, section);
	narrow_allow(private, section);
	narrow_revocation(private, section);
	return narrow_servers(private, section);
}

int ks_settings_enforce(struct ks_settings *settings)
{
	struct ks_settings_private *private = settings->private;

	narrow_agent(private);
	for (size_t i = 0; i < private->sockets.n; i++)
		narrow_socket(private, &private->sockets.at[i]);
	for (size_t i = 0; i < private->keys.n; i++) {
		int r = narrow_key(private, &private->keys.at[i]);
		if (r < 0)
			return r;
	}
	int r = narrow_key(private, &private->others);
	return r < 0 ? r : ks_buffer_error(&private->warnings);
}
