/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_rules: the rules of one [key] or [socket] as values that agent/policy.c asks, and in plain words.
 *
 * Runs in: keystay-agent. Names of users and groups become numbers here, once, when the configuration is read: nothing
 * that a client does asks a directory server.
 */
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "agent/settings_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* What LIST and GET have room for (lib/protocol/messages.def, identity.rules), less the "...". */
#define RULES_MAX 2000u

#define NO_ROW SIZE_MAX

/* Where each rule stands in its section; a socket's users and groups say who may connect (settings_socket.c). */
static const size_t key_rows[KS_RULE_N] = {
	[KS_RULE_SERVERS] = KS_RULED_SERVERS,
	[KS_RULE_SERVER_CA] = KS_RULED_SERVER_CA,
	[KS_RULE_SERVER_SPKI] = KS_RULED_SERVER_SPKI,
	[KS_RULE_CONFIRM] = KS_RULED_CONFIRM,
	[KS_RULE_MAX_RATE] = KS_RULED_MAX_RATE,
	[KS_RULE_HOURS] = KS_RULED_HOURS,
	[KS_RULE_USERS] = KS_RULED_USERS,
	[KS_RULE_GROUPS] = KS_RULED_GROUPS,
};
static const size_t socket_rows[KS_RULE_N] = {
	[KS_RULE_SERVERS] = KS_SOCKET_SERVERS,
	[KS_RULE_SERVER_CA] = KS_SOCKET_SERVER_CA,
	[KS_RULE_SERVER_SPKI] = KS_SOCKET_SERVER_SPKI,
	[KS_RULE_CONFIRM] = KS_SOCKET_CONFIRM,
	[KS_RULE_MAX_RATE] = KS_SOCKET_MAX_RATE,
	[KS_RULE_HOURS] = KS_SOCKET_HOURS,
	[KS_RULE_USERS] = NO_ROW,
	[KS_RULE_GROUPS] = NO_ROW,
};

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

int ks_settings_find_accounts(const char *value, bool is_group, uint32_t **ret_numbers, size_t *ret_n)
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

void ks_settings_check_accounts(const struct ks_settings_section *section, size_t row, bool is_group,
				struct ks_settings_report *report)
{
	const struct ks_settings_value *value = &section->values[row];
	const char *cursor = value->text, *key = ks_settings_tables[section->kind].rows[row].key;
	struct ks_bytes item;
	uint32_t number;
	size_t n = 0;

	while (cursor && ks_settings_next_item(&cursor, &item)) {
		if (++n > KS_SOCKET_ACCOUNTS_MAX) {
			ks_settings_report_add(report, &value->origin, key, "expected at most %u of them, found more",
					       KS_SOCKET_ACCOUNTS_MAX);
			return;
		}
		if (!find_account(item, is_group, &number))
			ks_settings_report_add(report, &value->origin, key,
					       "expected %ss of this machine, found \"%.*s\", which is none",
					       is_group ? "group" : "user", (int)item.size, (const char *)item.data);
	}
}

/* --- servers and digests ----------------------------------------------------------------------------------------- */

/* A digest says nothing of the server that it is for (DESIGN section 6). */
static void check_digest(const struct ks_settings_section *section, const size_t rows[KS_RULE_N], size_t allow_row,
			 struct ks_settings_report *report)
{
	const struct ks_settings_value *allow = &section->values[allow_row];

	if (!allow->text || !ks_settings_allows_digest(allow->text))
		return;
	for (enum ks_rule rule = KS_RULE_SERVERS; rule <= KS_RULE_SERVER_SPKI; rule++) {
		const struct ks_settings_value *value = &section->values[rows[rule]];
		if (!value->text)
			continue;
		ks_settings_report_add(
			report, &allow->origin, "allow",
			"expected tls, since %s (%s:%u) cannot be proven for a bare digest, found \"%s\"",
			ks_rule_name(rule), value->origin.file, value->origin.line, allow->text);
		return;
	}
}

void ks_settings_check_rules(const struct ks_settings_section *section, struct ks_settings_report *report)
{
	bool is_key = section->kind == KS_SETTINGS_KEY;

	check_digest(section, is_key ? key_rows : socket_rows, is_key ? KS_RULED_ALLOW : KS_SOCKET_ALLOW, report);
	if (!is_key)
		return;
	ks_settings_check_accounts(section, KS_RULED_USERS, false, report);
	ks_settings_check_accounts(section, KS_RULED_GROUPS, true, report);
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static size_t count_items(const char *value)
{
	struct ks_bytes item;
	size_t n = 0;

	while (ks_settings_next_item(&value, &item))
		n++;
	return n;
}

static int type_hashes(const char *value, struct ks_rules *rules)
{
	struct ks_bytes item;
	char digits[65];
	size_t size;

	if (!value)
		return 0;
	rules->spki_hashes = calloc(count_items(value), sizeof(*rules->spki_hashes));
	if (!rules->spki_hashes)
		return KS_ERR_NO_MEMORY;
	while (ks_settings_next_item(&value, &item)) {
		(void)ks_text_print(digits, sizeof(digits), "%.*s", (int)item.size, (const char *)item.data);
		if (ks_text_unhex(digits, rules->spki_hashes[rules->n_spki_hashes], 32, &size) < 0 || size != 32)
			return KS_ERR_INTERNAL;
		rules->n_spki_hashes++;
	}
	return 0;
}

static int type_periods(const char *value, struct ks_rules *rules)
{
	struct ks_bytes item;

	if (!value)
		return 0;
	rules->periods = calloc(count_items(value), sizeof(*rules->periods));
	if (!rules->periods)
		return KS_ERR_NO_MEMORY;
	while (ks_settings_next_item(&value, &item)) {
		if (!ks_settings_period(item, &rules->periods[rules->n_periods]))
			return KS_ERR_INTERNAL;
		rules->n_periods++;
	}
	return 0;
}

static enum ks_confirm confirm_level(const char *value)
{
	int level = ks_settings_confirm_level(value);

	return level > 0 ? (enum ks_confirm)level : KS_CONFIRM_NO;
}

/* Does this value restrict anything? */
static bool restricts(enum ks_rule rule, const char *value)
{
	return value && (rule != KS_RULE_CONFIRM || ks_settings_confirm_level(value) > 0);
}

int ks_settings_type_rules(struct ks_rules *rules, const struct ks_settings_section *section)
{
	const size_t *rows = section->kind == KS_SETTINGS_KEY ? key_rows : socket_rows;

	for (enum ks_rule rule = 0; rule < KS_RULE_N; rule++) {
		const struct ks_settings_value *value = rows[rule] == NO_ROW ? NULL : &section->values[rows[rule]];
		if (!value || !restricts(rule, value->text))
			continue;
		rules->at[rule].value = value->text;
		rules->at[rule].origin = value->origin;
	}
	const char *confirm = rules->at[KS_RULE_CONFIRM].value, *rate = rules->at[KS_RULE_MAX_RATE].value;
	rules->confirm = confirm ? confirm_level(confirm) : KS_CONFIRM_NO;
	if (rate && !ks_settings_rate(rate, &rules->rate, &rules->rate_window_ms))
		return KS_ERR_INTERNAL;
	int r = type_hashes(rules->at[KS_RULE_SERVER_SPKI].value, rules);
	if (r == 0)
		r = type_periods(rules->at[KS_RULE_HOURS].value, rules);
	if (r == 0)
		r = ks_settings_find_accounts(rules->at[KS_RULE_USERS].value, false, &rules->users, &rules->n_users);
	if (r == 0)
		r = ks_settings_find_accounts(rules->at[KS_RULE_GROUPS].value, true, &rules->groups, &rules->n_groups);
	return r;
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static void put_file(const char *file, const char **files, size_t max, size_t *n)
{
	for (size_t i = 0; file && i < *n; i++) {
		if (strcmp(files[i], file) == 0)
			return;
	}
	if (file && *n < max)
		files[(*n)++] = file;
}

size_t ks_settings_anchor_files(const struct ks_settings *settings, const char **ret_files, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < settings->n_keys; i++) {
		put_file(settings->keys[i].rules.at[KS_RULE_SERVER_CA].value, ret_files, max, &n);
		put_file(settings->keys[i].rules.enrol_ca, ret_files, max, &n);
	}
	for (size_t i = 0; i < settings->n_sockets; i++)
		put_file(settings->sockets[i].rules.at[KS_RULE_SERVER_CA].value, ret_files, max, &n);
	return n;
}

/* --- words ------------------------------------------------------------------------------------------------------- */

/* At most RULES_MAX bytes, not cut inside a character. */
static char *steal_cut(struct ks_buffer *words)
{
	if (ks_buffer_error(words) == 0 && words->size > RULES_MAX) {
		size_t size = RULES_MAX;
		while (size > 0 && (words->data[size] & 0xc0) == 0x80)
			size--;
		words->size = size;
		ks_buffer_printf(words, "...");
	}
	return ks_buffer_steal_text(words);
}

static void put_rule(struct ks_buffer *words, const char *whose, const struct ks_rules *rules, enum ks_rule rule)
{
	static const char *const before[KS_RULE_N] = {
		[KS_RULE_SERVERS] = "only for the servers ",
		[KS_RULE_SERVER_CA] = "only for servers with a certificate by ",
		[KS_RULE_SERVER_SPKI] = "only for servers with the public key ",
		[KS_RULE_MAX_RATE] = "at most ",
		[KS_RULE_HOURS] = "only at ",
		[KS_RULE_USERS] = "only for the users ",
		[KS_RULE_GROUPS] = "only for the groups ",
	};
	const char *value = rules->at[rule].value;

	if (!value)
		return;
	ks_buffer_printf(words, "%s%s", words->size ? "; " : "", whose);
	if (rule == KS_RULE_CONFIRM)
		ks_buffer_printf(words, "asks a person %s",
				 rules->confirm == KS_CONFIRM_ALWAYS ? "each time" : "once for each proven server");
	else
		ks_buffer_printf(words, "%s%s", before[rule], value[0] ? value : "(none is left by [enforce])");
}

char *ks_settings_rules_words(const char *whose, const struct ks_rules *rules, bool allow_digest)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer words = { 0 };

	for (enum ks_rule rule = 0; rule < KS_RULE_N; rule++)
		put_rule(&words, whose, rules, rule);
	if (allow_digest)
		ks_buffer_printf(&words, "%sbare digests are allowed", words.size ? "; " : "");
	return steal_cut(&words);
}
