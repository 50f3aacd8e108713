/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_table: see settings_table.h. Runs in: keystay-agent.
 *
 * A value's form is checked here alone; what it means together with others is for settings_typed.c and
 * settings_enforce.c. Rules that nothing enforces yet are checked all the same: a mistake in them must not wait for the
 * release that reads them.
 */
#include "agent/settings_table.h"

#include <ctype.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/settings.h"
#include "agent/settings_enrol.h"
#include "agent/settings_form.h"
#include "agent/settings_profile.h"
#include "agent/settings_variables.h"
#include "lib/base/text.h"
#include "lib/protocol/uri.h"

#define NAME_MAX_BYTES 64u

/* As long as a field of the status and list messages. */
#define PATH_MAX_BYTES 1023u
#define TEXT_MAX_BYTES 1023u

/* A SHA-256 in hex, and the fewest digits that tell keys apart in practice. */
#define HASH_DIGITS 64u
#define HASH_DIGITS_MIN 8u

#define HOST_MAX_BYTES 253u
#define LABEL_MAX_BYTES 63u
#define SLOT_MAX_BYTES 255u

/* Ten years: longer than any computer runs, and far from where milliseconds or the timers of libsystemd overflow. */
#define DURATION_MAX_MS ((uint64_t)3650 * 24 * 60 * 60 * 1000)

#define SESSIONS_MAX 64u
#define RATE_MAX 1000000u

/* --- lists ------------------------------------------------------------------------------------------------------- */

static bool is_space(char letter)
{
	return letter == ' ';
}

bool ks_settings_next_item(const char **cursor, struct ks_bytes *ret_item)
{
	if (!*cursor)
		return false;
	const char *start = *cursor;
	const char *comma = strchr(start, ',');
	const char *end = comma ? comma : start + strlen(start);
	*cursor = comma ? comma + 1 : NULL;
	while (start < end && is_space(*start))
		start++;
	while (end > start && is_space(end[-1]))
		end--;
	*ret_item = ks_bytes(start, (size_t)(end - start));
	return true;
}

static bool each_item(const char *value, bool (*is_good)(struct ks_bytes item))
{
	struct ks_bytes item;
	while (ks_settings_next_item(&value, &item)) {
		if (!is_good(item))
			return false;
	}
	return true;
}

static bool item_is(struct ks_bytes item, const char *word)
{
	return ks_bytes_equal(item, ks_bytes_text(word));
}

/* --- plain values ------------------------------------------------------------------------------------------------ */

int ks_settings_duration(const char *value, uint64_t *ret_ms)
{
	uint64_t ms;
	int r = ks_text_duration_ms(value, &ms);
	if (r < 0)
		return r;
	if (ms > DURATION_MAX_MS)
		return KS_ERR_INVALID;
	*ret_ms = ms;
	return 0;
}

static bool good_duration(const char *value, const char **ret_why)
{
	(void)ret_why;
	uint64_t ms;
	return ks_settings_duration(value, &ms) == 0;
}

bool ks_settings_form_yes_no(const char *value, const char **ret_why)
{
	(void)ret_why;
	return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0;
}

static bool good_no(const char *value, const char **ret_why)
{
	(void)ret_why;
	return strcmp(value, "no") == 0;
}

bool ks_settings_form_path(const char *value, const char **ret_why)
{
	if (value[0] == '~')
		*ret_why = "~ is not expanded, write the whole path";
	return value[0] == '/' && value[1] != '\0' && strlen(value) <= PATH_MAX_BYTES;
}

bool ks_settings_name_is_good(const char *name)
{
	size_t size = strlen(name);
	return size > 0 && size <= NAME_MAX_BYTES && name[0] != '-' && !strchr(name, '/') &&
	       ks_text_valid(ks_bytes_text(name));
}

bool ks_settings_form_name(const char *value, const char **ret_why)
{
	(void)ret_why;
	return ks_settings_name_is_good(value);
}

static bool good_sessions(const char *value, const char **ret_why)
{
	(void)ret_why;
	uint64_t number;
	return ks_text_number(value, SESSIONS_MAX, &number) == 0 && number > 0;
}

bool ks_settings_form_text(const char *value, const char **ret_why)
{
	(void)ret_why;
	size_t size = strlen(value);
	return size > 0 && size <= TEXT_MAX_BYTES;
}

/* --- agent and modules -------------------------------------------------------------------------------------------- */

/* At least a second, so that nobody writes 60 and means minutes. */
static bool is_between(const char *value, uint64_t from_ms, uint64_t to_ms)
{
	uint64_t ms;
	return ks_settings_duration(value, &ms) == 0 && ms >= from_ms && ms <= to_ms;
}

static bool good_prompt_timeout(const char *value, const char **ret_why)
{
	(void)ret_why;
	return is_between(value, 1000, 3600000);
}

bool ks_settings_form_deadline(const char *value, const char **ret_why)
{
	(void)ret_why;
	return is_between(value, 1000, 600000);
}

bool ks_settings_lock_on(const char *value, unsigned *ret_events)
{
	static const struct {
		const char *word;
		unsigned event;
	} words[] = { { "screen-lock", KS_LOCK_ON_SCREEN_LOCK },
		      { "sleep", KS_LOCK_ON_SLEEP },
		      { "inactive", KS_LOCK_ON_INACTIVE } };
	unsigned events = 0;
	struct ks_bytes item;

	if (strcmp(value, "none") == 0) {
		*ret_events = 0;
		return true;
	}
	while (ks_settings_next_item(&value, &item)) {
		size_t i = 0;
		while (i < 3 && !item_is(item, words[i].word))
			i++;
		if (i == 3)
			return false;
		events |= words[i].event;
	}
	*ret_events = events;
	return true;
}

static bool good_lock_on(const char *value, const char **ret_why)
{
	(void)ret_why;
	unsigned events;
	return ks_settings_lock_on(value, &events);
}

/* --- audit ------------------------------------------------------------------------------------------------------- */

/* A file holds a batch at least; more than the second nobody wants to read through. */
#define AUDIT_SIZE_MIN ((uint64_t)16 << 10)
#define AUDIT_SIZE_MAX ((uint64_t)1 << 30)
#define AUDIT_FILES_MAX 1000u

int ks_settings_audit_mode(const char *value)
{
	static const char *const words[] = { "off", "best-effort", "require" };
	for (int i = 0; i < 3; i++) {
		if (strcmp(value, words[i]) == 0)
			return i;
	}
	return -1;
}

bool ks_settings_audit_to(const char *value, unsigned *ret_to)
{
	static const char *const words[] = { "file", "journal", "syslog" };
	unsigned to = 0;
	struct ks_bytes item;

	while (ks_settings_next_item(&value, &item)) {
		unsigned i = 0;
		while (i < 3 && !item_is(item, words[i]))
			i++;
		if (i == 3)
			return false;
		to |= 1u << i;
	}
	*ret_to = to;
	return true;
}

int ks_settings_audit_size(const char *value, uint64_t *ret_size)
{
	static const char units[] = "KMG";
	char digits[16];
	size_t length = strlen(value);
	const char *unit = length > 0 ? strchr(units, value[length - 1]) : NULL;
	uint64_t number;

	if (!unit || length > sizeof(digits))
		return KS_ERR_INVALID;
	memcpy(digits, value, length - 1);
	digits[length - 1] = '\0';
	unsigned shift = 10 * ((unsigned)(unit - units) + 1);
	if (ks_text_number(digits, AUDIT_SIZE_MAX >> shift, &number) < 0 || number << shift < AUDIT_SIZE_MIN)
		return KS_ERR_INVALID;
	*ret_size = number << shift;
	return 0;
}

static bool good_audit(const char *value, const char **ret_why)
{
	(void)ret_why;
	return ks_settings_audit_mode(value) >= 0;
}

static bool good_enforced_audit(const char *value, const char **ret_why)
{
	(void)ret_why;
	return ks_settings_audit_mode(value) > 0;
}

static bool good_audit_to(const char *value, const char **ret_why)
{
	(void)ret_why;
	unsigned to;
	return ks_settings_audit_to(value, &to);
}

static bool good_audit_size(const char *value, const char **ret_why)
{
	(void)ret_why;
	uint64_t size;
	return ks_settings_audit_size(value, &size) == 0;
}

static bool good_audit_keep(const char *value, const char **ret_why)
{
	(void)ret_why;
	uint64_t number;
	return ks_text_number(value, AUDIT_FILES_MAX, &number) == 0 && number > 0;
}

static bool good_profile(const char *value, const char **ret_why)
{
	(void)ret_why;
	return ks_settings_profile_is_known(value);
}

static bool good_sandbox(const char *value, const char **ret_why)
{
	(void)ret_why;
	return strcmp(value, "none") == 0 || strcmp(value, "calls") == 0 || strcmp(value, "files") == 0 ||
	       strcmp(value, "net") == 0;
}

static bool good_card_login(const char *value, const char **ret_why)
{
	(void)ret_why;
	return strcmp(value, "warm") == 0 || strcmp(value, "per-signature") == 0;
}

static bool good_environment(const char *value, const char **ret_why)
{
	return ks_settings_variables_are_good(value, ret_why);
}

/* As keystay-token takes it: a number, or a pattern over a slot's description (64 bytes in PKCS#11). */
static bool good_slot(struct ks_bytes item)
{
	return item.size > 0 && item.size <= SLOT_MAX_BYTES;
}

static bool good_slots(const char *value, const char **ret_why)
{
	(void)ret_why;
	return strlen(value) <= TEXT_MAX_BYTES && each_item(value, good_slot);
}

/* A name of a file in one folder. */
bool ks_settings_form_credential(const char *value, const char **ret_why)
{
	(void)ret_why;
	return ks_settings_form_name(value, ret_why) && value[0] != '.';
}

/* --- which key --------------------------------------------------------------------------------------------------- */

static bool good_match(const char *value, const char **ret_why)
{
	struct ks_uri uri;
	if (strlen(value) > TEXT_MAX_BYTES || ks_uri_read(ks_bytes_text(value), &uri, ret_why) < 0)
		return false;
	/* Read well, and yet no key would ever fit: the section's rules would silently hold for none. */
	bool can_match = !uri.unmatched;
	ks_uri_deinit(&uri);
	if (!can_match)
		*ret_why = "slots, libraries and vendor attributes (x-…) cannot be matched, leave them out";
	return can_match;
}

static bool only_hex(struct ks_bytes text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (!isxdigit(text.data[i]))
			return false;
	}
	return true;
}

static bool good_spki(const char *value, const char **ret_why)
{
	(void)ret_why;
	size_t size = strlen(value);
	return size >= HASH_DIGITS_MIN && size <= HASH_DIGITS && size % 2 == 0 && only_hex(ks_bytes_text(value));
}

/* Dotted decimal, two arcs at least (X.660): digits between single dots. */
static bool is_oid(const char *value)
{
	size_t n_dots = 0;
	if (!isdigit((unsigned char)value[0]) || value[0] > '2' || value[1] != '.')
		return false;
	for (const char *at = value; *at; at++) {
		if (*at == '.' && !isdigit((unsigned char)at[1]))
			return false;
		if (*at == '.')
			n_dots++;
		else if (!isdigit((unsigned char)*at))
			return false;
	}
	return n_dots >= 1;
}

static bool good_eku(const char *value, const char **ret_why)
{
	(void)ret_why;
	return strcmp(value, "clientAuth") == 0 || (strlen(value) <= 128 && is_oid(value));
}

/* --- rules ------------------------------------------------------------------------------------------------------- */

/* A DNS name in its ASCII form in which '*' may stand anywhere; no port, no address (a ClientHello names neither). */
static bool good_server(struct ks_bytes item)
{
	size_t label = 0;
	if (item.size == 0 || item.size > HOST_MAX_BYTES)
		return false;
	for (size_t i = 0; i < item.size; i++) {
		uint8_t letter = item.data[i];
		if (letter == '.' && label == 0)
			return false;
		if (letter != '.' && letter != '*' && letter != '-' && letter != '_' &&
		    !(letter < 0x80 && isalnum(letter)))
			return false;
		label = letter == '.' ? 0 : label + 1;
		if (label > LABEL_MAX_BYTES)
			return false;
	}
	return label > 0;
}

static bool good_servers(const char *value, const char **ret_why)
{
	(void)ret_why;
	return each_item(value, good_server);
}

static bool good_hash(struct ks_bytes item)
{
	return item.size == HASH_DIGITS && only_hex(item);
}

static bool good_hashes(const char *value, const char **ret_why)
{
	(void)ret_why;
	return each_item(value, good_hash);
}

int ks_settings_confirm_level(const char *value)
{
	static const char *const words[] = { "no", "first-use", "always" };
	for (int i = 0; i < 3; i++) {
		if (strcmp(value, words[i]) == 0)
			return i;
	}
	return -1;
}

int ks_settings_touch(const char *value)
{
	static const char *const words[] = { "auto", "no", "yes" }; /* enum ks_settings_touch */
	for (int i = 0; i < 3; i++) {
		if (strcmp(value, words[i]) == 0)
			return i;
	}
	return -1;
}

static bool good_touch(const char *value, const char **ret_why)
{
	(void)ret_why;
	return ks_settings_touch(value) >= 0;
}

static bool good_confirm(const char *value, const char **ret_why)
{
	(void)ret_why;
	return ks_settings_confirm_level(value) >= 0;
}

int ks_settings_revocation(const char *value)
{
	static const char *const words[] = { "off", "warn", "require" }; /* enum ks_settings_revocation */
	for (int i = 0; i < 3; i++) {
		if (strcmp(value, words[i]) == 0)
			return i;
	}
	return -1;
}

static bool good_revocation(const char *value, const char **ret_why)
{
	(void)ret_why;
	return ks_settings_revocation(value) >= 0;
}

static bool good_enforced_revocation(const char *value, const char **ret_why)
{
	(void)ret_why;
	return ks_settings_revocation(value) > 0;
}

static bool good_enforced_confirm(const char *value, const char **ret_why)
{
	(void)ret_why;
	return ks_settings_confirm_level(value) > 0;
}

bool ks_settings_rate(const char *value, uint32_t *ret_number, uint64_t *ret_window_ms)
{
	static const struct {
		char letter;
		uint64_t ms;
	} units[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { 'd', 86400000 } };
	char digits[16];
	uint64_t number;
	size_t size = strcspn(value, "/");

	if (size == 0 || size >= sizeof(digits) || value[size] == '\0')
		return false;
	memcpy(digits, value, size);
	digits[size] = '\0';
	const char *unit = value + size + 1;
	if (unit[0] == '\0' || unit[1] != '\0' || ks_text_number(digits, RATE_MAX, &number) < 0 || number == 0)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].letter != unit[0])
			continue;
		*ret_number = (uint32_t)number;
		*ret_window_ms = units[i].ms;
		return true;
	}
	return false;
}

static bool good_rate(const char *value, const char **ret_why)
{
	uint32_t number;
	uint64_t window_ms;

	(void)ret_why;
	return ks_settings_rate(value, &number, &window_ms);
}

/* "HH:MM", at most 24:00, as minutes. */
static bool read_time(const char *text, uint16_t *ret_minutes)
{
	for (size_t i = 0; i < 5; i++) {
		if (i == 2 ? text[i] != ':' : !isdigit((unsigned char)text[i]))
			return false;
	}
	int hours = (text[0] - '0') * 10 + (text[1] - '0');
	int minutes = (text[3] - '0') * 10 + (text[4] - '0');
	if (minutes >= 60 || hours > 24 || (hours == 24 && minutes > 0))
		return false;
	*ret_minutes = (uint16_t)(hours * 60 + minutes);
	return true;
}

static bool read_day(const char *text, uint8_t *ret_day)
{
	static const char days[] = "Mon Tue Wed Thu Fri Sat Sun ";
	for (uint8_t day = 0; day < 7; day++) {
		if (strncmp(days + (size_t)day * 4, text, 3) == 0) {
			*ret_day = day;
			return true;
		}
	}
	return false;
}

/* "08:00-18:00", "Mon-Fri 08:00-18:00", "Sat 09:00-12:00", "22:00-06:00". */
bool ks_settings_period(struct ks_bytes item, struct ks_rules_period *ret_period)
{
	struct ks_rules_period period = { .first_day = 0, .last_day = 6 };
	char text[24] = "";

	if (item.size >= sizeof(text))
		return false;
	if (item.size > 0)
		memcpy(text, item.data, item.size);
	const char *at = text;
	if (read_day(at, &period.first_day)) {
		period.last_day = period.first_day;
		at += 3;
		if (at[0] == '-' && read_day(at + 1, &period.last_day))
			at += 4;
		if (!is_space(*at))
			return false;
		while (is_space(*at))
			at++;
	}
	if (strlen(at) != 11 || !read_time(at, &period.begin) || at[5] != '-' || !read_time(at + 6, &period.end))
		return false;
	*ret_period = period;
	return true;
}

static bool good_period(struct ks_bytes item)
{
	struct ks_rules_period period;
	return ks_settings_period(item, &period);
}

static bool good_hours(const char *value, const char **ret_why)
{
	(void)ret_why;
	return each_item(value, good_period);
}

/* A login name as useradd takes it, or a number. Whether it exists is asked by settings_rules.c. */
static bool good_account(struct ks_bytes item)
{
	if (item.size == 0 || item.size > NAME_MAX_BYTES || item.data[0] == '-')
		return false;
	for (size_t i = 0; i < item.size; i++) {
		uint8_t letter = item.data[i];
		if (letter >= 0x80 || (!isalnum(letter) && !strchr("._-@$", letter)))
			return false;
	}
	return true;
}

static bool good_accounts(const char *value, const char **ret_why)
{
	(void)ret_why;
	return each_item(value, good_account);
}

static bool good_pattern(struct ks_bytes item)
{
	return item.size > 0 && item.size <= NAME_MAX_BYTES;
}

static bool good_patterns(const char *value, const char **ret_why)
{
	(void)ret_why;
	return each_item(value, good_pattern);
}

static bool good_socket_path(const char *value, const char **ret_why)
{
	return ks_settings_form_path(value, ret_why) && strlen(value) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

bool ks_settings_allows_digest(const char *value)
{
	struct ks_bytes item;
	while (ks_settings_next_item(&value, &item)) {
		if (item_is(item, "digest"))
			return true;
	}
	return false;
}

static bool good_allow(const char *value, const char **ret_why)
{
	unsigned n_tls = 0;
	unsigned n_digest = 0;
	struct ks_bytes item;
	while (ks_settings_next_item(&value, &item)) {
		if (item_is(item, "tls"))
			n_tls++;
		else if (item_is(item, "digest"))
			n_digest++;
		else
			return false;
	}
	if (n_tls == 0 && n_digest == 1)
		*ret_why = "a key that may sign digests may sign for TLS as well";
	return n_tls == 1 && n_digest <= 1;
}

static bool good_tls(const char *value, const char **ret_why)
{
	(void)ret_why;
	return strcmp(value, "tls") == 0;
}

/* --- the table --------------------------------------------------------------------------------------------------- */

#define EXPECTED_DURATION "a time such as 8h, 30m or 2d, at most 3650d, or 0 (one signature)"
#define EXPECTED_SERVERS "host names or patterns such as *.corp.example, with commas between them"
#define EXPECTED_PEM KS_SETTINGS_EXPECTED_PEM
#define EXPECTED_HASHES "SHA-256 hashes of 64 hex digits, with commas between them"
#define EXPECTED_CONFIRM "no, first-use or always"
#define EXPECTED_RATE "a number per s, m, h or d, such as 10/m"
#define EXPECTED_HOURS "times such as 08:00-18:00 or Mon-Fri 08:00-18:00, with commas between them"

static const struct ks_settings_row agent_rows[KS_AGENT_N] = {
	[KS_AGENT_UNLOCK_FOR] = { "unlock-for", EXPECTED_DURATION, "8h", good_duration, false },
	[KS_AGENT_KEEP_PIN] = { "keep-pin", "yes or no", "no", ks_settings_form_yes_no, false },
	[KS_AGENT_PINENTRY] = { "pinentry", "the absolute path of a pinentry program", "/usr/bin/pinentry",
				ks_settings_form_path, false },
	[KS_AGENT_PROMPT_TIMEOUT] = { "prompt-timeout", "a time from 1s to 1h", "60s", good_prompt_timeout, false },
	[KS_AGENT_LOCK_ON] = { "lock-on", "screen-lock, sleep and inactive with commas between them, or none",
			       "screen-lock, sleep, inactive", good_lock_on, false },
	[KS_AGENT_AUDIT] = { "audit", "off, best-effort or require", "best-effort", good_audit, false },
	[KS_AGENT_AUDIT_TO] = { "audit-to", "file, journal and syslog with commas between them", "file, journal",
				good_audit_to, false },
	[KS_AGENT_AUDIT_MAX_SIZE] = { "audit-max-size", "a size from 16K to 1G, such as 16M", "16M", good_audit_size,
				      false },
	[KS_AGENT_AUDIT_KEEP] = { "audit-keep", "a number of files from 1 to 1000", "8", good_audit_keep, false },
};

static const struct ks_settings_row module_rows[KS_MODULE_N] = {
	[KS_MODULE_PATH] = { "path", "the absolute path of a PKCS#11 module", NULL, ks_settings_form_path, false },
	[KS_MODULE_P11_KIT] = { "p11-kit", "the name of a module that p11-kit knows", NULL, ks_settings_form_name,
				false },
	[KS_MODULE_PROFILE] = { "profile", "opensc, ykcs11, softhsm, tpm2, opencryptoki, nss, p11-kit-client or none",
				NULL, good_profile, false },
	[KS_MODULE_INIT_ARGS] = { "init-args", "the text that the module wants at its start", NULL,
				  ks_settings_form_text, true },
	[KS_MODULE_SESSIONS] = { "max-sessions", "a number from 1 to 64", "4", good_sessions, false },
	[KS_MODULE_ENVIRONMENT] = { "environment", "NAME=VALUE or NAME='VALUE', with spaces between several", NULL,
				    good_environment, false },
	[KS_MODULE_SLOTS] = { "slots", "slot numbers and patterns over their descriptions, with commas between them",
			      NULL, good_slots, false },
	[KS_MODULE_DEADLINE] = { "deadline", "a time from 1s to 10m", "15s", ks_settings_form_deadline, false },
	[KS_MODULE_CARD_LOGIN] = { "card-login", "warm or per-signature", "warm", good_card_login, false },
	[KS_MODULE_SANDBOX] = { "sandbox", "none, calls, files or net", "calls", good_sandbox, false },
};

static const struct ks_settings_row token_rows[KS_TOKEN_N] = {
	[KS_TOKEN_MATCH] = { "match", "a PKCS#11 URI such as pkcs11:token=corp;serial=1234", NULL, good_match, true },
	[KS_TOKEN_PIN_FILE] = { "pin-file", "the absolute path of a file that holds the PIN", NULL,
				ks_settings_form_path, true },
	[KS_TOKEN_PIN_CREDENTIAL] = { "pin-credential", "the name of a systemd credential that holds the PIN", NULL,
				      ks_settings_form_credential, true },
	[KS_TOKEN_TOUCH] = { "touch", "yes, no or auto", "auto", good_touch, false },
};

static const struct ks_settings_row socket_rows[KS_SOCKET_N] = {
	[KS_SOCKET_PATH] = { "path", "the absolute path of a socket, at most 107 bytes", NULL, good_socket_path,
			     false },
	[KS_SOCKET_KEYS] = { "keys", "short names of keys or patterns such as web-*, with commas between them", NULL,
			     good_patterns, false },
	[KS_SOCKET_USERS] = { "users", "user names or numbers, with commas between them", NULL, good_accounts, false },
	[KS_SOCKET_GROUPS] = { "groups", "group names or numbers, with commas between them", NULL, good_accounts,
			       false },
	[KS_SOCKET_SERVERS] = { "servers", EXPECTED_SERVERS, NULL, good_servers, false },
	[KS_SOCKET_SERVER_CA] = { "server-ca", EXPECTED_PEM, NULL, ks_settings_form_path, false },
	[KS_SOCKET_SERVER_SPKI] = { "server-spki", EXPECTED_HASHES, NULL, good_hashes, false },
	[KS_SOCKET_CONFIRM] = { "confirm", EXPECTED_CONFIRM, "no", good_confirm, false },
	[KS_SOCKET_MAX_RATE] = { "max-rate", EXPECTED_RATE, NULL, good_rate, false },
	[KS_SOCKET_HOURS] = { "hours", EXPECTED_HOURS, NULL, good_hours, false },
	[KS_SOCKET_DEADLINE] = { "deadline", "a time from 1s to 10m", NULL, ks_settings_form_deadline, false },
	[KS_SOCKET_PROMPT] = { "prompt", "yes or no", NULL, ks_settings_form_yes_no, false },
	[KS_SOCKET_ALLOW] = { "allow", "tls, or tls, digest", "tls", good_allow, false },
};

static const struct ks_settings_row key_rows[KS_RULED_N] = {
	[KS_RULED_MATCH] = { "match", "a PKCS#11 URI such as pkcs11:token=corp;object=alice", NULL, good_match, true },
	[KS_RULED_MODULE] = { "module", "the name of a [module] section", NULL, ks_settings_form_name, false },
	[KS_RULED_SPKI] = { "spki", "8 to 64 hex digits, an even number: the start of the public key's SHA-256", NULL,
			    good_spki, false },
	[KS_RULED_ISSUER] = { "issuer", "an issuer name or a pattern such as *O=Corp*", NULL, ks_settings_form_text,
			      false },
	[KS_RULED_EKU] = { "eku", "clientAuth or a dotted number such as 1.3.6.1.4.1.311.20.2.2", NULL, good_eku,
			   false },
	[KS_RULED_TEMPLATE] = { "template", "the name or number of a certificate template", NULL, ks_settings_form_text,
				false },
	[KS_RULED_SERVERS] = { "servers", EXPECTED_SERVERS, NULL, good_servers, false },
	[KS_RULED_SERVER_CA] = { "server-ca", EXPECTED_PEM, NULL, ks_settings_form_path, false },
	[KS_RULED_SERVER_SPKI] = { "server-spki", EXPECTED_HASHES, NULL, good_hashes, false },
	[KS_RULED_CONFIRM] = { "confirm", EXPECTED_CONFIRM, "no", good_confirm, false },
	[KS_RULED_MAX_RATE] = { "max-rate", EXPECTED_RATE, NULL, good_rate, false },
	[KS_RULED_HOURS] = { "hours", EXPECTED_HOURS, NULL, good_hours, false },
	[KS_RULED_USERS] = { "users", "user names or numbers, with commas between them", NULL, good_accounts, false },
	[KS_RULED_GROUPS] = { "groups", "group names or numbers, with commas between them", NULL, good_accounts,
			      false },
	[KS_RULED_ALLOW] = { "allow", "tls, or tls, digest", "tls", good_allow, false },
	[KS_RULED_PROFILE] = { "profile", "the name of a [profile] section", NULL, ks_settings_form_name, false },
	[KS_RULED_REVOCATION] = { "revocation", "off, warn or require", "warn", good_revocation, false },
};

static const struct ks_settings_row enforce_rows[KS_ENFORCE_N] = {
	[KS_ENFORCE_UNLOCK_FOR] = { "unlock-for", EXPECTED_DURATION, NULL, good_duration, false },
	[KS_ENFORCE_KEEP_PIN] = { "keep-pin", "no", NULL, good_no, false },
	[KS_ENFORCE_PROMPT] = { "prompt", "no", NULL, good_no, false },
	[KS_ENFORCE_SERVERS] = { "servers", EXPECTED_SERVERS, NULL, good_servers, false },
	[KS_ENFORCE_CONFIRM] = { "confirm", "first-use or always", NULL, good_enforced_confirm, false },
	[KS_ENFORCE_ALLOW] = { "allow", "tls", NULL, good_tls, false },
	[KS_ENFORCE_AUDIT] = { "audit", "best-effort or require", NULL, good_enforced_audit, false },
	[KS_ENFORCE_REVOCATION] = { "revocation", "warn or require", NULL, good_enforced_revocation, false },
};

const struct ks_settings_table ks_settings_tables[KS_SETTINGS_N_KINDS] = {
	[KS_SETTINGS_AGENT] = { "agent", "[agent]", false, agent_rows, KS_AGENT_N },
	[KS_SETTINGS_MODULE] = { "module", "[module \"NAME\"]", true, module_rows, KS_MODULE_N },
	[KS_SETTINGS_TOKEN] = { "token", "[token \"NAME\"]", true, token_rows, KS_TOKEN_N },
	[KS_SETTINGS_SOCKET] = { "socket", "[socket \"NAME\"]", true, socket_rows, KS_SOCKET_N },
	[KS_SETTINGS_KEY] = { "key", "[key \"NAME\"]", true, key_rows, KS_RULED_N },
	[KS_SETTINGS_PROFILE] = { "profile", "[profile \"NAME\"]", true, ks_settings_enrol_rows, KS_PROFILE_N },
	[KS_SETTINGS_ENFORCE] = { "enforce", "[enforce]", false, enforce_rows, KS_ENFORCE_N },
};
