/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_check: do the values of a section go together, and sections with each other?
 *
 * Runs in: keystay-agent. Looks at what people wrote, before [enforce] narrows it: a contradiction of theirs is an
 * error of theirs, whatever the administrator says.
 */
#include <string.h>

#include "agent/names.h"
#include "agent/settings_enrol.h"
#include "agent/settings_private.h"
#include "agent/settings_profile.h"
#include "lib/base/spelling.h"
#include "lib/base/text.h"

/* "[key "alice"]" */
static const char *head(const struct ks_settings_section *section, char *out, size_t size)
{
	(void)ks_text_print(out, size, "[%s \"%s\"]", ks_settings_tables[section->kind].section, section->name);
	return out;
}

static void check_module(const struct ks_settings_section *section, struct ks_settings_report *report)
{
	const struct ks_settings_value *path = &section->values[KS_MODULE_PATH];
	const struct ks_settings_value *p11_kit = &section->values[KS_MODULE_P11_KIT];
	char what[128];

	if (!path->text && !p11_kit->text && !ks_settings_profile_has_file(section))
		ks_settings_report_add(report, &section->origin, head(section, what, sizeof(what)),
				       "expected path = FILE, p11-kit = NAME or profile = NAME, found none of them");
	else if (path->text && p11_kit->text) {
		bool path_last = path->origin.line > p11_kit->origin.line;
		const struct ks_settings_value *last = path_last ? path : p11_kit;
		const struct ks_settings_value *first = path_last ? p11_kit : path;
		ks_settings_report_add(report, &last->origin, path_last ? "path" : "p11-kit",
				       "expected either path or p11-kit in %s, found both (%s in line %u)",
				       head(section, what, sizeof(what)), path_last ? "p11-kit" : "path",
				       first->origin.line);
	}
}

static void check_token(const struct ks_settings_section *section, struct ks_settings_report *report)
{
	const struct ks_settings_value *file = &section->values[KS_TOKEN_PIN_FILE];
	const struct ks_settings_value *credential = &section->values[KS_TOKEN_PIN_CREDENTIAL];
	char what[128];

	if (file->text && credential->text)
		ks_settings_report_add(report, &section->origin, head(section, what, sizeof(what)),
				       "expected either pin-file or pin-credential, found both");
}

static void check_module_name(const struct ks_settings_value *value, const struct ks_settings_sections *modules,
			      struct ks_settings_report *report)
{
	struct ks_spelling spelling = { .word = value->text };
	char known[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < modules->n; i++) {
		if (strcmp(modules->at[i].name, value->text) == 0)
			return;
		ks_spelling_offer(&spelling, modules->at[i].name);
		if (ks_text_print(known + used, sizeof(known) - used, "%s\"%s\"", i ? ", " : "", modules->at[i].name))
			used += strlen(known + used);
		else
			known[used] = '\0';
	}
	ks_settings_report_add(report, &value->origin, "module",
			       "expected the name of a [module] section (%s), found \"%s\"%s%s%s",
			       used ? known : "there is none", value->text, spelling.best ? "; did you mean \"" : "",
			       spelling.best ? spelling.best : "", spelling.best ? "\"?" : "");
}

static void check_key(const struct ks_settings_section *section, const struct ks_settings_private *private,
		      struct ks_settings_report *report)
{
	char what[128];
	size_t n_criteria = 0;

	if (strcmp(section->name, KS_NAMES_AUTO) == 0)
		ks_settings_report_add(report, &section->origin, head(section, what, sizeof(what)),
				       "expected another name: \"" KS_NAMES_AUTO "\" means the best of all keys");
	for (size_t i = 0; i < KS_RULED_N_CRITERIA; i++)
		n_criteria += section->values[i].text ? 1 : 0;
	if (n_criteria == 0)
		ks_settings_report_add(report, &section->origin, head(section, what, sizeof(what)),
				       "expected match, module, spki, issuer, eku or template, found none of them");
	if (section->values[KS_RULED_MODULE].text)
		check_module_name(&section->values[KS_RULED_MODULE], &private->modules, report);
	if (section->values[KS_RULED_PROFILE].text)
		ks_settings_enrol_check_name(&section->values[KS_RULED_PROFILE], &private->profiles, report);
	ks_settings_check_rules(section, report);
}

/* syslog(3) never says whether it took something. */
static void check_audit(const struct ks_settings_section *agent, struct ks_settings_report *report)
{
	const struct ks_settings_value *mode = &agent->values[KS_AGENT_AUDIT];
	const struct ks_settings_value *where = &agent->values[KS_AGENT_AUDIT_TO];
	unsigned to = 0;

	if (!mode->text || ks_settings_audit_mode(mode->text) != KS_AUDIT_REQUIRE || !where->text ||
	    !ks_settings_audit_to(where->text, &to) || (to & (KS_AUDIT_TO_FILE | KS_AUDIT_TO_JOURNAL)))
		return;
	ks_settings_report_add(report, &where->origin, "audit-to",
			       "expected file or journal with audit = require (%s:%u), found \"%s\"", mode->origin.file,
			       mode->origin.line, where->text);
}

/* One of them would not be there, and whoever connects to its path would have the rules of the other. */
static void check_path(const struct ks_settings_sections *sockets, size_t at, struct ks_settings_report *report)
{
	const struct ks_settings_value *path = &sockets->at[at].values[KS_SOCKET_PATH];

	for (size_t i = 0; i < at && path->text; i++) {
		const struct ks_settings_value *other = &sockets->at[i].values[KS_SOCKET_PATH];
		if (!other->text || strcmp(other->text, path->text) != 0)
			continue;
		ks_settings_report_add(report, &path->origin, "path",
				       "expected another path than that of [socket \"%s\"] (%s:%u), found \"%s\"",
				       sockets->at[i].name, other->origin.file, other->origin.line, path->text);
		return;
	}
}

void ks_settings_check(const struct ks_settings *settings, struct ks_settings_report *report)
{
	const struct ks_settings_private *private = settings->private;

	if (!private->agent.spoiled)
		check_audit(&private->agent, report);
	for (size_t i = 0; i < private->modules.n; i++) {
		if (!private->modules.at[i].spoiled)
			check_module(&private->modules.at[i], report);
	}
	for (size_t i = 0; i < private->tokens.n; i++) {
		if (!private->tokens.at[i].spoiled)
			check_token(&private->tokens.at[i], report);
	}
	for (size_t i = 0; i < private->sockets.n; i++) {
		if (!private->sockets.at[i].spoiled)
			ks_settings_socket_check(&private->sockets.at[i], settings->is_system, report);
		check_path(&private->sockets, i, report);
	}
	for (size_t i = 0; i < private->keys.n; i++) {
		if (!private->keys.at[i].spoiled)
			check_key(&private->keys.at[i], private, report);
	}
	for (size_t i = 0; i < private->profiles.n; i++) {
		if (!private->profiles.at[i].spoiled)
			ks_settings_enrol_check(&private->profiles.at[i], report);
	}
}
