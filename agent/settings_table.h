/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_table: every word that keystay.conf may have, with what may stand behind it.
 *
 * Runs in: keystay-agent. Pure. To add a key: its enum value here, its row in settings_table.c, and where it is put to
 * use: settings_typed.c (values), settings_rules.c (rules, which policy.c asks).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/rules.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

enum ks_settings_kind {
	KS_SETTINGS_AGENT,
	KS_SETTINGS_MODULE,
	KS_SETTINGS_TOKEN,
	KS_SETTINGS_SOCKET,
	KS_SETTINGS_KEY,
	KS_SETTINGS_PROFILE,
	KS_SETTINGS_ENFORCE,
	KS_SETTINGS_N_KINDS,
};

/* The rows of each kind, in the order in which they are printed. */
enum {
	KS_AGENT_UNLOCK_FOR,
	KS_AGENT_KEEP_PIN,
	KS_AGENT_PINENTRY,
	KS_AGENT_PROMPT_TIMEOUT,
	KS_AGENT_LOCK_ON,
	KS_AGENT_AUDIT,
	KS_AGENT_AUDIT_TO,
	KS_AGENT_AUDIT_MAX_SIZE,
	KS_AGENT_AUDIT_KEEP,
	KS_AGENT_N,
};
enum {
	KS_MODULE_PATH,
	KS_MODULE_P11_KIT,
	KS_MODULE_PROFILE,
	KS_MODULE_INIT_ARGS,
	KS_MODULE_SESSIONS,
	KS_MODULE_ENVIRONMENT,
	KS_MODULE_SLOTS,
	KS_MODULE_DEADLINE,
	KS_MODULE_CARD_LOGIN,
	KS_MODULE_SANDBOX,
	KS_MODULE_N,
};
enum { KS_TOKEN_MATCH, KS_TOKEN_PIN_FILE, KS_TOKEN_PIN_CREDENTIAL, KS_TOKEN_TOUCH, KS_TOKEN_N };
enum {
	KS_SOCKET_PATH,
	KS_SOCKET_KEYS,
	KS_SOCKET_USERS,
	KS_SOCKET_GROUPS,
	KS_SOCKET_SERVERS,
	KS_SOCKET_SERVER_CA,
	KS_SOCKET_SERVER_SPKI,
	KS_SOCKET_CONFIRM,
	KS_SOCKET_MAX_RATE,
	KS_SOCKET_HOURS,
	KS_SOCKET_DEADLINE,
	KS_SOCKET_PROMPT,
	KS_SOCKET_ALLOW,
	KS_SOCKET_N,
};
enum {
	KS_RULED_MATCH,
	KS_RULED_MODULE,
	KS_RULED_SPKI,
	KS_RULED_ISSUER,
	KS_RULED_EKU,
	KS_RULED_TEMPLATE,
	KS_RULED_N_CRITERIA, /* one of those above there must be */
	KS_RULED_SERVERS = KS_RULED_N_CRITERIA,
	KS_RULED_SERVER_CA,
	KS_RULED_SERVER_SPKI,
	KS_RULED_CONFIRM,
	KS_RULED_MAX_RATE,
	KS_RULED_HOURS,
	KS_RULED_USERS,
	KS_RULED_GROUPS,
	KS_RULED_ALLOW,
	KS_RULED_PROFILE,
	KS_RULED_REVOCATION,
	KS_RULED_N,
};
enum {
	KS_ENFORCE_UNLOCK_FOR,
	KS_ENFORCE_KEEP_PIN,
	KS_ENFORCE_PROMPT,
	KS_ENFORCE_SERVERS,
	KS_ENFORCE_CONFIRM,
	KS_ENFORCE_ALLOW,
	KS_ENFORCE_AUDIT,
	KS_ENFORCE_REVOCATION,
	KS_ENFORCE_N,
};

/* settings_enrol.c has them. */
enum {
	KS_PROFILE_PROTOCOL,
	KS_PROFILE_URL,
	KS_PROFILE_TLS_CA,
	KS_PROFILE_ISSUED_BY,
	KS_PROFILE_SUBJECT,
	KS_PROFILE_SAN,
	KS_PROFILE_HASH,
	KS_PROFILE_PSS,
	KS_PROFILE_USER,
	KS_PROFILE_SECRET_FILE,
	KS_PROFILE_SECRET_CREDENTIAL,
	KS_PROFILE_LABEL,
	KS_PROFILE_CA_FINGERPRINT,
	KS_PROFILE_SCEP_LEGACY,
	KS_PROFILE_CMP_P10CR,
	KS_PROFILE_RECIPIENT,
	KS_PROFILE_NAMESPACE,
	KS_PROFILE_TTL,
	KS_PROFILE_COMMAND,
	KS_PROFILE_TIMEOUT,
	KS_PROFILE_REKEY,
	KS_PROFILE_STORE,
	KS_PROFILE_DEPLOY_HOOK,
	KS_PROFILE_N,
};

/* Of the largest kind. */
#define KS_SETTINGS_ROWS_MAX KS_PROFILE_N

struct ks_settings_row {
	const char *key;
	const char *expected; /* goes on after "expected " */
	const char *built_in; /* what holds when no file says it; NULL = nothing */
	/* Is value, which is valid text, of the right form? false may set *ret_why, a static half sentence that tells
	 * more. */
	bool (*is_good)(const char *value, const char **ret_why);
	bool hide; /* never shown when it is wrong: somebody may have put a PIN there (invariant I7) */
};

struct ks_settings_table {
	const char *section; /* "module" */
	const char *written; /* "[module \"NAME\"]" */
	bool named;
	const struct ks_settings_row *rows;
	size_t n_rows;
};

/* All of them, by enum ks_settings_kind. */
extern const struct ks_settings_table ks_settings_tables[KS_SETTINGS_N_KINDS];

/* How much asking: 0 "no", 1 "first-use", 2 "always", -1 neither. */
int ks_settings_confirm_level(const char *value);

/* "10/m": how many in how long. */
bool ks_settings_rate(const char *value, uint32_t *ret_number, uint64_t *ret_window_ms);

/* "Mon-Fri 08:00-18:00": one item of an hours value. */
bool ks_settings_period(struct ks_bytes item, struct ks_rules_period *ret_period);

/* Is digest among the words of an allow value? */
bool ks_settings_allows_digest(const char *value);

/* enum ks_settings_lock_on, or-ed, of a lock-on value. false when a word is not known. */
bool ks_settings_lock_on(const char *value, unsigned *ret_events);

/* Of a touch value: enum ks_settings_touch, -1 for another word. */
int ks_settings_touch(const char *value);

/* How much is recorded: enum ks_settings_audit, -1 for none of its words. */
int ks_settings_audit_mode(const char *value);

/* enum ks_settings_audit_to, or-ed, of an audit-to value. false when a word is not known. */
bool ks_settings_audit_to(const char *value, unsigned *ret_to);

/* "16M" to bytes; INVALID outside of what a file of the log may have. */
int ks_settings_audit_size(const char *value, uint64_t *ret_size) KS_WARN_UNUSED;

/* Of a revocation value: enum ks_settings_revocation, -1 for none of its words. */
int ks_settings_revocation(const char *value);

/* "8h" to milliseconds, INVALID past ten years. */
int ks_settings_duration(const char *value, uint64_t *ret_ms) KS_WARN_UNUSED;

/* 1 to 64 bytes, no '/' and no control character, no '-' at its start: a name of a module or key. */
bool ks_settings_name_is_good(const char *name);
#define KS_SETTINGS_NAME_EXPECTED                                                                                      \
	"a name of 1 to 64 bytes without \"/\" and control characters, not beginning with \"-\""

/* Walks over "a, b, c": false at the end. An item may be empty; white space around it is not part of it. */
bool ks_settings_next_item(const char **cursor, struct ks_bytes *ret_item);
