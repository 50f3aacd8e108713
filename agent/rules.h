/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules: what keystay.conf asks of a signature, for one key or one socket, as typed values and questions about them.
 *
 * Runs in: keystay-agent. Pure: no clock, no file, no directory of users. settings_rules.c makes them of words,
 * policy.c asks them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/settings_origin.h"

/* In the order in which they are said and asked. */
enum ks_rule {
	KS_RULE_SERVERS,
	KS_RULE_SERVER_CA,
	KS_RULE_SERVER_SPKI,
	KS_RULE_CONFIRM,
	KS_RULE_MAX_RATE,
	KS_RULE_HOURS,
	KS_RULE_USERS,
	KS_RULE_GROUPS,
	KS_RULE_N,
};

enum ks_confirm {
	KS_CONFIRM_NO = 0,
	KS_CONFIRM_FIRST_USE, /* once for each proven server */
	KS_CONFIRM_ALWAYS,
};

/* A part of each week. It may end after midnight. */
struct ks_rules_period {
	uint8_t first_day, last_day; /* 0 = Monday; 5 to 1 is Saturday to Tuesday */
	uint16_t begin, end;         /* minutes of the day, end excluded */
};

struct ks_rules {
	struct {
		const char *value; /* as it is written; NULL = no such rule; borrowed from the settings */
		struct ks_settings_origin origin;
	} at[KS_RULE_N];
	uint8_t (*spki_hashes)[32];
	size_t n_spki_hashes;
	enum ks_confirm confirm;
	uint32_t rate; /* at most so many in … */
	uint64_t rate_window_ms;
	struct ks_rules_period *periods;
	size_t n_periods;
	uid_t *users;
	size_t n_users;
	gid_t *groups;
	size_t n_groups;
	/* Of a key with an enrolment profile: the server of its CA, where keystay-enroll signs in over the control socket,
	 * whatever `servers` and its like say, proven by the profile's tls-ca. Borrowed from the settings; NULL = none. */
	const char *enrol_host;
	const char *enrol_ca; /* NULL: the system's store */
};

void ks_rules_deinit(struct ks_rules *rules);

/* "servers", as keystay.conf calls it. */
const char *ks_rule_name(enum ks_rule rule);

/* Does any rule want to know which server it is? */
bool ks_rules_want_a_server(const struct ks_rules *rules);

/* Does `servers` name this host? '*' in a pattern stands for any letters, dots too; upper and lower case are the same. */
bool ks_rules_name_server(const struct ks_rules *rules, const char *server);

/* Is it the host of the key's enrolment profile? */
bool ks_rules_enrol_at(const struct ks_rules *rules, const char *server);

/* Does `server-spki` name this SHA-256? */
bool ks_rules_name_spki(const struct ks_rules *rules, const uint8_t spki_hash[32]);

/* Does `hours` contain this minute of this day (0 = Monday)? */
bool ks_rules_contain_time(const struct ks_rules *rules, unsigned day, unsigned minute);

bool ks_rules_name_user(const struct ks_rules *rules, uid_t uid);
bool ks_rules_name_group(const struct ks_rules *rules, gid_t gid, const gid_t *groups, size_t n_groups);
