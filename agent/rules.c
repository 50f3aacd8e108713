/* SPDX-License-Identifier: Apache-2.0 */
/* rules: see rules.h. Runs in: keystay-agent. */
#include "agent/rules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/settings_table.h"
#include "lib/base/text.h"

#define DAYS 7u
#define HOST_SIZE 256u

void ks_rules_deinit(struct ks_rules *rules)
{
	free(rules->spki_hashes);
	free(rules->periods);
	free(rules->users);
	free(rules->groups);
}

const char *ks_rule_name(enum ks_rule rule)
{
	static const char *const names[KS_RULE_N] = {
		[KS_RULE_SERVERS] = "servers", [KS_RULE_SERVER_CA] = "server-ca", [KS_RULE_SERVER_SPKI] = "server-spki",
		[KS_RULE_CONFIRM] = "confirm", [KS_RULE_MAX_RATE] = "max-rate",   [KS_RULE_HOURS] = "hours",
		[KS_RULE_USERS] = "users",     [KS_RULE_GROUPS] = "groups",
	};
	return names[rule];
}

bool ks_rules_want_a_server(const struct ks_rules *rules)
{
	return rules->at[KS_RULE_SERVERS].value || rules->at[KS_RULE_SERVER_CA].value ||
	       rules->at[KS_RULE_SERVER_SPKI].value;
}

static bool put_lower(struct ks_bytes text, char out[HOST_SIZE])
{
	if (text.size >= HOST_SIZE)
		return false;
	for (size_t i = 0; i < text.size; i++)
		out[i] = (char)tolower(text.data[i]);
	out[text.size] = '\0';
	return true;
}

bool ks_rules_name_server(const struct ks_rules *rules, const char *server)
{
	const char *cursor = rules->at[KS_RULE_SERVERS].value;
	char host[HOST_SIZE], pattern[HOST_SIZE];
	struct ks_bytes item;

	if (!cursor || server[0] == '\0' || !put_lower(ks_bytes_text(server), host))
		return false;
	while (ks_settings_next_item(&cursor, &item)) {
		if (put_lower(item, pattern) && ks_text_match(pattern, host))
			return true;
	}
	return false;
}

bool ks_rules_enrol_at(const struct ks_rules *rules, const char *server)
{
	return rules->enrol_host && strcasecmp(rules->enrol_host, server) == 0;
}

bool ks_rules_name_spki(const struct ks_rules *rules, const uint8_t spki_hash[32])
{
	for (size_t i = 0; i < rules->n_spki_hashes; i++) {
		if (memcmp(rules->spki_hashes[i], spki_hash, 32) == 0)
			return true;
	}
	return false;
}

static bool has_day(const struct ks_rules_period *period, unsigned day)
{
	if (period->first_day <= period->last_day)
		return period->first_day <= day && day <= period->last_day;
	return day >= period->first_day || day <= period->last_day;
}

static bool contains(const struct ks_rules_period *period, unsigned day, unsigned minute)
{
	if (period->begin < period->end)
		return has_day(period, day) && period->begin <= minute && minute < period->end;
	/* Over midnight: its second half belongs to the day before. */
	return (has_day(period, day) && minute >= period->begin) ||
	       (has_day(period, (day + DAYS - 1) % DAYS) && minute < period->end);
}

bool ks_rules_contain_time(const struct ks_rules *rules, unsigned day, unsigned minute)
{
	for (size_t i = 0; i < rules->n_periods; i++) {
		if (contains(&rules->periods[i], day, minute))
			return true;
	}
	return false;
}

bool ks_rules_name_user(const struct ks_rules *rules, uid_t uid)
{
	for (size_t i = 0; i < rules->n_users; i++) {
		if (rules->users[i] == uid)
			return true;
	}
	return false;
}

static bool has_group(const struct ks_rules *rules, gid_t gid)
{
	for (size_t i = 0; i < rules->n_groups; i++) {
		if (rules->groups[i] == gid)
			return true;
	}
	return false;
}

bool ks_rules_name_group(const struct ks_rules *rules, gid_t gid, const gid_t *groups, size_t n_groups)
{
	if (has_group(rules, gid))
		return true;
	for (size_t i = 0; i < n_groups; i++) {
		if (has_group(rules, groups[i]))
			return true;
	}
	return false;
}
