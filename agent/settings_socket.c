/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_socket: one [socket]: whom it admits, which keys it has, and what it may ask of people.
 *
 * Runs in: keystay-agent. Names of users and groups become numbers here, once, when the configuration is read: nothing
 * that a client does asks a directory server.
 */
#include <fnmatch.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/settings_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* --- accounts ---------------------------------------------------------------------------------------------------- */

static bool find_user(const char *name, uint32_t *ret_number)
{
	const struct passwd *entry = getpwnam(name);
	if (entry)
		*ret_number = entry->pw_uid;
	return entry != NULL;
}

static bool find_group(const char *name, uint32_t *ret_number)
{
	const struct group *entry = getgrnam(name);
	if (entry)
		*ret_number = entry->gr_gid;
	return entry != NULL;
}

/* A name, else a number: a user may be called "1000". */
static bool find_account(struct ks_bytes item, bool is_group, uint32_t *ret_number)
{
	KS_AUTO_FREE char *name = ks_text_copy(item);
	uint64_t number;

	if (!name)
		return false;
	if (is_group ? find_group(name, ret_number) : find_user(name, ret_number))
		return true;
	if (ks_text_number(name, UINT32_MAX - 1, &number) < 0)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

/* At most KS_SOCKET_ACCOUNTS_MAX; those that do not exist were reported by the check and are left out. */
static int find_accounts(const char *value, bool is_group, uint32_t **ret_numbers, size_t *ret_n)
{
	struct ks_bytes item;
	size_t n = 0;

	if (!value)
		return 0;
	uint32_t *numbers = calloc(KS_SOCKET_ACCOUNTS_MAX, sizeof(*numbers));
	if (!numbers)
		return KS_ERR_NO_MEMORY;
	while (n < KS_SOCKET_ACCOUNTS_MAX && ks_settings_next_item(&value, &item))
		n += find_account(item, is_group, &numbers[n]) ? 1 : 0;
	*ret_numbers = numbers;
	*ret_n = n;
	return 0;
}

static void check_accounts(const struct ks_settings_section *section, size_t row, struct ks_settings_report *report)
{
	const struct ks_settings_value *value = &section->values[row];
	const char *cursor = value->text, *kind = row == KS_SOCKET_GROUPS ? "group" : "user";
	struct ks_bytes item;
	uint32_t number;
	size_t n = 0;

	while (cursor && ks_settings_next_item(&cursor, &item)) {
		if (++n > KS_SOCKET_ACCOUNTS_MAX) {
			ks_settings_report_add(report, &value->origin, ks_settings_tables[section->kind].rows[row].key,
					       "expected at most %u of them, found more", KS_SOCKET_ACCOUNTS_MAX);
			return;
		}
		if (!find_account(item, row == KS_SOCKET_GROUPS, &number))
			ks_settings_report_add(report, &value->origin, ks_settings_tables[section->kind].rows[row].key,
					       "expected %ss of this machine, found \"%.*s\", which is none", kind,
					       (int)item.size, (const char *)item.data);
	}
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* For others than the agent's user a socket has to lie where they can get at it. */
static bool is_for_others(const struct ks_settings_section *section)
{
	return section->values[KS_SOCKET_USERS].text || section->values[KS_SOCKET_GROUPS].text;
}

void ks_settings_socket_check(const struct ks_settings_section *section, struct ks_settings_report *report)
{
	const struct ks_settings_value *path = &section->values[KS_SOCKET_PATH];
	char what[128];

	(void)ks_text_print(what, sizeof(what), "[socket \"%s\"]", section->name);
	if (strcmp(section->name, "control") == 0)
		ks_settings_report_add(
			report, &section->origin, what,
			"expected another name: the control socket is no sign socket and takes no rules");
	if (strcmp(section->name, "agent") == 0 && path->text)
		ks_settings_report_add(report, &path->origin, "path",
				       "expected none for [socket \"agent\"], whose place every client knows; say "
				       "KEYSTAY_SOCK to the agent and to its clients, or give another socket a name");
	if (is_for_others(section) && !path->text)
		ks_settings_report_add(report, &section->origin, what,
				       "expected a path outside of the private folder of the sockets, since users or "
				       "groups are admitted, found none");
	check_accounts(section, KS_SOCKET_USERS, report);
	check_accounts(section, KS_SOCKET_GROUPS, report);
}

int ks_settings_socket_type(const struct ks_settings_section *section, struct ks_settings_socket *ret_socket)
{
	const struct ks_settings_value *values = section->values;

	ret_socket->origin = section->origin;
	ret_socket->prompt = strcmp(ks_settings_effective(section, KS_SOCKET_PROMPT), "yes") == 0;
	ret_socket->allow_digest = ks_settings_allows_digest(ks_settings_effective(section, KS_SOCKET_ALLOW));
	ret_socket->name = strdup(section->name);
	if (!ret_socket->name)
		return KS_ERR_NO_MEMORY;
	if (values[KS_SOCKET_PATH].text && !(ret_socket->path = strdup(values[KS_SOCKET_PATH].text)))
		return KS_ERR_NO_MEMORY;
	if (values[KS_SOCKET_KEYS].text && !(ret_socket->keys = strdup(values[KS_SOCKET_KEYS].text)))
		return KS_ERR_NO_MEMORY;
	int r = find_accounts(values[KS_SOCKET_USERS].text, false, &ret_socket->users, &ret_socket->n_users);
	return r < 0 ? r :
		       find_accounts(values[KS_SOCKET_GROUPS].text, true, &ret_socket->groups, &ret_socket->n_groups);
}

void ks_settings_socket_deinit(struct ks_settings_socket *socket)
{
	free(socket->name);
	free(socket->path);
	free(socket->keys);
	free(socket->users);
	free(socket->groups);
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
