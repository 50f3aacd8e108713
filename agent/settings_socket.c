/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_socket: one [socket]: whom it admits, which keys it has, and what it may ask of people.
 *
 * Runs in: keystay-agent.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/settings_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* For others than the agent's user a socket has to lie where they can get at it. */
static bool is_for_others(const struct ks_settings_section *section)
{
	return section->values[KS_SOCKET_USERS].text || section->values[KS_SOCKET_GROUPS].text;
}

void ks_settings_socket_check(const struct ks_settings_section *section, bool is_system,
			      struct ks_settings_report *report)
{
	const struct ks_settings_value *path = &section->values[KS_SOCKET_PATH];
	char what[128];

	(void)ks_text_print(what, sizeof(what), "[socket \"%s\"]", section->name);
	if (strcmp(section->name, "control") == 0)
		ks_settings_report_add(
			report, &section->origin, what,
			"expected another name: the control socket is no sign socket and takes no rules");
	if (strcmp(section->name, "agent") == 0 && path->text && !is_system)
		ks_settings_report_add(report, &path->origin, "path",
				       "expected none for [socket \"agent\"], whose place every client knows; say "
				       "KEYSTAY_SOCK to the agent and to its clients, or give another socket a name");
	if (is_for_others(section) && !path->text && !is_system)
		ks_settings_report_add(report, &section->origin, what,
				       "expected a path outside of the private folder of the sockets, since users or "
				       "groups are admitted, found none");
	ks_settings_check_accounts(section, KS_SOCKET_USERS, false, report);
	ks_settings_check_accounts(section, KS_SOCKET_GROUPS, true, report);
	ks_settings_check_rules(section, report);
}

int ks_settings_socket_type(const struct ks_settings_section *section, bool is_system,
			    struct ks_settings_socket *ret_socket)
{
	const struct ks_settings_value *values = section->values;
	/* In a system's agent a key that no socket names is nobody's. */
	const char *keys = values[KS_SOCKET_KEYS].text ? values[KS_SOCKET_KEYS].text : is_system ? "" : NULL;

	ret_socket->origin = section->origin;
	ret_socket->prompt = strcmp(ks_settings_effective(section, KS_SOCKET_PROMPT), "yes") == 0;
	ret_socket->has_person = section->has_person;
	ret_socket->allow_digest = ks_settings_allows_digest(ks_settings_effective(section, KS_SOCKET_ALLOW));
	ret_socket->name = strdup(section->name);
	if (!ret_socket->name)
		return KS_ERR_NO_MEMORY;
	if (values[KS_SOCKET_PATH].text && !(ret_socket->path = strdup(values[KS_SOCKET_PATH].text)))
		return KS_ERR_NO_MEMORY;
	if (keys && !(ret_socket->keys = strdup(keys)))
		return KS_ERR_NO_MEMORY;
	const char *deadline = values[KS_SOCKET_DEADLINE].text;
	if (deadline && ks_settings_duration(deadline, &ret_socket->deadline_ms) < 0)
		return KS_ERR_INTERNAL;
	int r = ks_settings_find_accounts(values[KS_SOCKET_USERS].text, false, &ret_socket->users,
					  &ret_socket->n_users);
	if (r == 0)
		r = ks_settings_find_accounts(values[KS_SOCKET_GROUPS].text, true, &ret_socket->groups,
					      &ret_socket->n_groups);
	if (r == 0)
		r = ks_settings_type_rules(&ret_socket->rules, section);
	if (r < 0)
		return r;
	ret_socket->words = ks_settings_rules_words("by this socket: ", &ret_socket->rules, false);
	return ret_socket->words ? 0 : KS_ERR_NO_MEMORY;
}

void ks_settings_socket_deinit(struct ks_settings_socket *socket)
{
	free(socket->name);
	free(socket->path);
	free(socket->keys);
	free(socket->users);
	free(socket->groups);
	ks_rules_deinit(&socket->rules);
	free(socket->words);
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

const struct ks_settings_socket *ks_settings_socket_of(const struct ks_settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->n_sockets; i++) {
		if (strcmp(settings->sockets[i].name, name) == 0)
			return &settings->sockets[i];
	}
	return NULL;
}

const struct ks_settings_socket *ks_settings_socket_for(const struct ks_settings *settings, const char *name, uid_t uid,
							const gid_t *groups, size_t n_groups)
{
	const struct ks_settings_socket *socket = ks_settings_socket_of(settings, name);

	return socket && ks_settings_socket_admits(socket, uid, groups, n_groups) ? socket : NULL;
}

bool ks_settings_socket_has(const struct ks_settings_socket *socket, const char *key_name)
{
	const char *cursor = socket->keys;
	struct ks_bytes item;
	char pattern[65];

	if (!cursor)
		return true;
	while (ks_settings_next_item(&cursor, &item)) {
		(void)ks_text_print(pattern, sizeof(pattern), "%.*s", (int)item.size, (const char *)item.data);
		if (fnmatch(pattern, key_name, 0) == 0)
			return true;
	}
	return false;
}

bool ks_settings_socket_admits(const struct ks_settings_socket *socket, uid_t uid, const gid_t *groups, size_t n_groups)
{
	if (uid == geteuid())
		return true;
	for (size_t i = 0; i < socket->n_users; i++) {
		if (socket->users[i] == uid)
			return true;
	}
	for (size_t i = 0; i < socket->n_groups; i++) {
		for (size_t k = 0; k < n_groups; k++) {
			if (socket->groups[i] == groups[k])
				return true;
		}
	}
	return false;
}
