/* SPDX-License-Identifier: Apache-2.0 */
/* settings_enrol: see settings_enrol.h. Runs in: keystay-agent. */
#include "agent/settings_enrol.h"

#include <ctype.h>
#include <string.h>

#include "agent/settings_form.h"
#include "lib/base/cleanup.h"
#include "lib/base/spelling.h"
#include "lib/base/text.h"

#define URL_MAX_BYTES 1023u
#define FINGERPRINT_DIGITS 64u
#define LABEL_MAX_BYTES 128u

#define HTTPS "https://"
#define HTTP "http://"

/* --- forms ------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *word;
	bool runs_a_program; /* else it has a url */
	bool may_be_plain;   /* it protects itself, so that http:// will do */
} protocols[] = {
	{ "est", false, false },   { "scep", false, true },     { "cmp", false, true },
	{ "vault", false, false }, { "step-ca", false, false }, { "exec", true, false },
};
#define N_PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static size_t find_protocol(const char *value)
{
	size_t i = 0;

	while (i < N_PROTOCOLS && strcmp(protocols[i].word, value) != 0)
		i++;
	return i;
}

static bool good_protocol(const char *value, const char **ret_why)
{
	(void)ret_why;
	return find_protocol(value) < N_PROTOCOLS;
}

static bool begins(const char *value, const char *with)
{
	return strncasecmp(value, with, strlen(with)) == 0;
}

/* What stands behind the scheme, NULL when there is none of ours. */
static const char *behind_scheme(const char *url)
{
	return begins(url, HTTPS) ? url + strlen(HTTPS) : begins(url, HTTP) ? url + strlen(HTTP) : NULL;
}

/* RFC 3986 has no white space, and what is in front of an '@' would be a secret in the configuration. */
static bool good_url(const char *value, const char **ret_why)
{
	const char *host = behind_scheme(value);
	size_t size = strlen(value);

	if (!host || size > URL_MAX_BYTES)
		return false;
	size_t authority = strcspn(host, "/?#");
	if (memchr(host, '@', authority)) {
		*ret_why = "user names and passwords do not stand in it, see user and secret-file";
		return false;
	}
	for (const char *at = value; *at; at++) {
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
			return false;
	}
	return authority > 0 && host[0] != ':';
}

static bool good_hash(const char *value, const char **ret_why)
{
	(void)ret_why;
	return strcmp(value, "sha256") == 0 || strcmp(value, "sha384") == 0 || strcmp(value, "sha512") == 0;
}

/* With or without colons, as openssl x509 -fingerprint prints it. */
static bool good_fingerprint(const char *value, const char **ret_why)
{
	size_t digits = 0;

	(void)ret_why;
	for (const char *at = value; *at; at++) {
		if (isxdigit((unsigned char)*at))
			digits++;
		else if (*at != ':')
			return false;
	}
	return digits == FINGERPRINT_DIGITS;
}

/* A part of a path, or a word in a query. */
static bool good_label(const char *value, const char **ret_why)
{
	size_t size = strlen(value);

	(void)ret_why;
	for (const char *at = value; *at; at++) {
		if (!isalnum((unsigned char)*at) && !strchr("._-", *at))
			return false;
	}
	return size > 0 && size <= LABEL_MAX_BYTES;
}

static bool good_command(const char *value, const char **ret_why)
{
	(void)ret_why;
	return value[0] == '/' && value[1] != '\0' && value[1] != ' ' && ks_settings_form_text(value, ret_why);
}

static bool good_store(const char *value, const char **ret_why)
{
	(void)ret_why;
	return strcmp(value, "certs") == 0 || strcmp(value, "token") == 0;
}

#define EXPECTED_COMMAND "the absolute path of a program, then its arguments, with spaces between them"

const struct ks_settings_row ks_settings_enrol_rows[KS_PROFILE_N] = {
	[KS_PROFILE_PROTOCOL] = { "protocol", "est, scep, cmp, vault, step-ca or exec", NULL, good_protocol, false },
	[KS_PROFILE_URL] = { "url", "an address that begins with https:// or http://", NULL, good_url, true },
	[KS_PROFILE_TLS_CA] = { "tls-ca", KS_SETTINGS_EXPECTED_PEM, NULL, ks_settings_form_path, false },
	[KS_PROFILE_ISSUED_BY] = { "issued-by", KS_SETTINGS_EXPECTED_PEM, NULL, ks_settings_form_path, false },
	[KS_PROFILE_SUBJECT] = { "subject", "a name such as /O=Example/CN=alice", NULL, ks_settings_form_text, false },
	[KS_PROFILE_SAN] = { "san", "names such as dns:www.example.org, with commas between them", NULL,
			     ks_settings_form_text, false },
	[KS_PROFILE_HASH] = { "hash", "sha256, sha384 or sha512", NULL, good_hash, false },
	[KS_PROFILE_PSS] = { "pss", "yes or no", "no", ks_settings_form_yes_no, false },
	[KS_PROFILE_USER] = { "user", "the user name or reference that belongs to the secret", NULL,
			      ks_settings_form_text, true },
	[KS_PROFILE_SECRET_FILE] = { "secret-file", "the absolute path of a file that holds the secret", NULL,
				     ks_settings_form_path, true },
	[KS_PROFILE_SECRET_CREDENTIAL] = { "secret-credential",
					   "the name of a systemd credential that holds the secret", NULL,
					   ks_settings_form_credential, true },
	[KS_PROFILE_LABEL] = { "label", "letters, digits, '.', '_' and '-'", NULL, good_label, false },
	[KS_PROFILE_CA_FINGERPRINT] = { "ca-fingerprint", "a SHA-256 of 64 hex digits", NULL, good_fingerprint, false },
	[KS_PROFILE_SCEP_LEGACY] = { "scep-legacy", "yes or no", "no", ks_settings_form_yes_no, false },
	[KS_PROFILE_CMP_P10CR] = { "cmp-p10cr", "yes or no", "no", ks_settings_form_yes_no, false },
	[KS_PROFILE_RECIPIENT] = { "recipient", "the name of the CA, such as /CN=Example CA", NULL,
				   ks_settings_form_text, false },
	[KS_PROFILE_NAMESPACE] = { "namespace", "the name of a Vault namespace", NULL, ks_settings_form_text, false },
	[KS_PROFILE_TTL] = { "ttl", "a time such as 24h", NULL, ks_settings_form_text, false },
	[KS_PROFILE_COMMAND] = { "command", EXPECTED_COMMAND, NULL, good_command, false },
	[KS_PROFILE_TIMEOUT] = { "timeout", "a time from 1s to 10m", "30s", ks_settings_form_deadline, false },
	[KS_PROFILE_REKEY] = { "rekey", "yes or no", "no", ks_settings_form_yes_no, false },
	[KS_PROFILE_STORE] = { "store", "certs or token", "certs", good_store, false },
	[KS_PROFILE_DEPLOY_HOOK] = { "deploy-hook", EXPECTED_COMMAND, NULL, good_command, false },
};

/* --- do they go together? ---------------------------------------------------------------------------------------- */

/* Settings that say something to these protocols alone. To others they would say nothing, and who wrote ca-fingerprint or
 * tls-ca there would believe to be protected by it. */
static const struct {
	size_t row;        /* KS_PROFILE_* */
	const char *words; /* of protocols[], for the sentence too */
} of_protocols[] = {
	{ KS_PROFILE_URL, "est, scep, cmp, vault, step-ca" },
	{ KS_PROFILE_TLS_CA, "est, scep, cmp, vault, step-ca" },
	{ KS_PROFILE_PSS, "est, scep, vault, step-ca, exec" },
	{ KS_PROFILE_USER, "est, cmp" },
	{ KS_PROFILE_SECRET_FILE, "est, scep, cmp, vault" },
	{ KS_PROFILE_SECRET_CREDENTIAL, "est, scep, cmp, vault" },
	{ KS_PROFILE_LABEL, "est, scep" },
	{ KS_PROFILE_CA_FINGERPRINT, "scep" },
	{ KS_PROFILE_SCEP_LEGACY, "scep" },
	{ KS_PROFILE_CMP_P10CR, "cmp" },
	{ KS_PROFILE_RECIPIENT, "cmp" },
	{ KS_PROFILE_NAMESPACE, "vault" },
	{ KS_PROFILE_TTL, "vault" },
	{ KS_PROFILE_COMMAND, "exec" },
};

/* Does line i of of_protocols say something to the protocol? No protocol's word is a part of another's. */
static bool is_of_protocol(size_t i, const char *word)
{
	return strstr(of_protocols[i].words, word) != NULL;
}

bool ks_settings_enrol_row_speaks(const struct ks_settings_section *section, size_t row)
{
	const struct ks_settings_value *protocol = &section->values[KS_PROFILE_PROTOCOL];

	for (size_t i = 0; protocol->text && i < sizeof(of_protocols) / sizeof(of_protocols[0]); i++) {
		if (of_protocols[i].row == row)
			return is_of_protocol(i, protocol->text);
	}
	return true;
}

static void check_row_of_protocol(const struct ks_settings_section *section, const char *word,
				  struct ks_settings_report *report)
{
	for (size_t i = 0; i < sizeof(of_protocols) / sizeof(of_protocols[0]); i++) {
		const struct ks_settings_value *value = &section->values[of_protocols[i].row];
		if (value->text && !is_of_protocol(i, word))
			ks_settings_report_add(report, &value->origin, ks_settings_enrol_rows[of_protocols[i].row].key,
					       "expected only with protocol = %s, found with %s", of_protocols[i].words,
					       word);
	}
}

static void check_url(const struct ks_settings_section *section, size_t protocol, const char *what,
		      struct ks_settings_report *report)
{
	const struct ks_settings_value *url = &section->values[KS_PROFILE_URL];
	const struct ks_settings_value *fingerprint = &section->values[KS_PROFILE_CA_FINGERPRINT];
	const char *word = protocols[protocol].word;

	if (!url->text) {
		ks_settings_report_add(report, &section->origin, what, "expected url = https://…, found none");
		return;
	}
	if (begins(url->text, HTTPS))
		return;
	if (!protocols[protocol].may_be_plain)
		ks_settings_report_add(report, &url->origin, "url",
				       "expected an address that begins with https://, since %s does not protect "
				       "itself, found another",
				       word);
	else if (strcmp(word, "scep") == 0 && !fingerprint->text)
		ks_settings_report_add(report, &url->origin, "url",
				       "expected ca-fingerprint = SHA-256 of the CA's certificate beside an address "
				       "without TLS, found none");
}

void ks_settings_enrol_check(const struct ks_settings_section *section, struct ks_settings_report *report)
{
	const struct ks_settings_value *protocol = &section->values[KS_PROFILE_PROTOCOL];
	const struct ks_settings_value *command = &section->values[KS_PROFILE_COMMAND];
	char what[128];

	(void)ks_text_print(what, sizeof(what), "[profile \"%s\"]", section->name);
	if (section->values[KS_PROFILE_SECRET_FILE].text && section->values[KS_PROFILE_SECRET_CREDENTIAL].text)
		ks_settings_report_add(report, &section->origin, what,
				       "expected either secret-file or secret-credential, found both");
	if (!protocol->text) {
		ks_settings_report_add(report, &section->origin, what,
				       "expected protocol = est, scep, cmp, vault, step-ca or exec, found none");
		return;
	}
	size_t found = find_protocol(protocol->text);
	if (found == N_PROTOCOLS)
		return; /* was reported as a value */
	check_row_of_protocol(section, protocol->text, report);
	if (!protocols[found].runs_a_program)
		check_url(section, found, what, report);
	else if (!command->text)
		ks_settings_report_add(report, &section->origin, what,
				       "expected command = PROGRAM for protocol = exec, found none");
}

void ks_settings_enrol_check_name(const struct ks_settings_value *value, const struct ks_settings_sections *profiles,
				  struct ks_settings_report *report)
{
	struct ks_spelling spelling = { .word = value->text };

	for (size_t i = 0; i < profiles->n; i++) {
		if (strcmp(profiles->at[i].name, value->text) == 0)
			return;
		ks_spelling_offer(&spelling, profiles->at[i].name);
	}
	ks_settings_report_add(report, &value->origin, "profile",
			       "expected the name of a [profile] section, found \"%s\"%s%s%s", value->text,
			       spelling.best ? "; did you mean \"" : "", spelling.best ? spelling.best : "",
			       spelling.best ? "\"?" : "");
}

/* --- values ------------------------------------------------------------------------------------------------------ */

/* Given, lower case, without port; NULL without memory. "[::1]" has its brackets: no server is proven by an address. */
static char *host_of(const char *url)
{
	const char *host = behind_scheme(url);
	size_t size = host ? strcspn(host, host[0] == '[' ? "]" : ":/?#") : 0;
	char *copy = ks_text_copy(ks_bytes(host ? host : "", size));

	for (char *at = copy; at && *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return copy;
}

static const struct ks_settings_section *find(const struct ks_settings_sections *profiles, const char *name)
{
	for (size_t i = 0; i < profiles->n; i++) {
		if (strcmp(profiles->at[i].name, name) == 0)
			return &profiles->at[i];
	}
	return NULL;
}

/* What an administrator says of servers no profile of a user's file widens. */
static bool is_enforced_away(const struct ks_settings_private *private, const char *host)
{
	const struct ks_settings_value *bound = &private->enforce.values[KS_ENFORCE_SERVERS];
	struct ks_rules rules = { .at = { [KS_RULE_SERVERS] = { .value = bound->text } } };

	return bound->text && !ks_rules_name_server(&rules, host);
}

int ks_settings_enrol_type(struct ks_settings *settings, const char *profile, struct ks_rules *rules)
{
	struct ks_settings_private *private = settings->private;
	const struct ks_settings_section *section = find(&private->profiles, profile);
	const char *url = section ? section->values[KS_PROFILE_URL].text : NULL;

	/* Without TLS nobody is signed in to. */
	if (!url || !begins(url, HTTPS))
		return 0;
	char *host = host_of(url);
	int r = ks_settings_keep_text(private, host);
	if (r < 0)
		return r;
	if (!is_enforced_away(private, host)) {
		rules->enrol_host = host;
		rules->enrol_ca = section->values[KS_PROFILE_TLS_CA].text;
	}
	return 0;
}

bool ks_settings_profile_value_at(const struct ks_settings *settings, size_t index,
				  struct ks_settings_profile_value *ret_value)
{
	const struct ks_settings_sections *profiles = &settings->private->profiles;

	for (size_t i = 0; i < profiles->n; i++) {
		for (size_t row = 0; row < KS_PROFILE_N; row++) {
			const char *text = ks_settings_effective(&profiles->at[i], row);
			if (!text || index-- > 0)
				continue;
			*ret_value = (struct ks_settings_profile_value){ .profile = profiles->at[i].name,
									 .key = ks_settings_enrol_rows[row].key,
									 .value = text,
									 .origin = &profiles->at[i].origin };
			return true;
		}
	}
	return false;
}
