/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings: see settings.h. Here: the life of settings, and the steps by which they are made (settings_private.h tells
 * them).
 *
 * Runs in: keystay-agent. Opens no file (settings_files.c does).
 */
#include "agent/settings.h"

#include <stdlib.h>
#include <string.h>

#include "agent/settings_private.h"
#include "agent/settings_profile.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* --- problems ---------------------------------------------------------------------------------------------------- */

/* Room for "… and 16384 more problems" at the end. */
#define REPORT_TAIL 64u

void ks_settings_report_add(struct ks_settings_report *report, const struct ks_settings_origin *origin,
			    const char *what, const char *format, ...)
{
	char where[1024] = "";
	char line[1024];
	char *text = report->error->text + report->used;
	size_t size = sizeof(report->error->text) - REPORT_TAIL - report->used;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (origin)
		(void)ks_text_print(where, sizeof(where), "%s:%u: ", origin->file, origin->line);
	report->n_problems++;
	/* One that is cut would say half of it; only the first one is shown whatever its length. */
	bool is_first = report->used == 0;
	if (report->n_left_out == 0 && (ks_text_print(text, size, "%s%s%s%s%s", is_first ? "" : "\n", where,
						      what ? what : "", what ? ": " : "", line) ||
					is_first)) {
		report->used += strlen(text);
		return;
	}
	report->n_left_out++;
	(void)ks_text_print(text, REPORT_TAIL, "\nand %zu more problem%s", report->n_left_out,
			    report->n_left_out == 1 ? "" : "s");
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static struct ks_settings *settings_new(bool is_system)
{
	struct ks_settings *settings = calloc(1, sizeof(*settings));
	if (!settings)
		return NULL;
	struct ks_settings_private *private = calloc(1, sizeof(*private));
	if (!private) {
		free(settings);
		return NULL;
	}
	settings->private = private;
	private->agent = (struct ks_settings_section){ .kind = KS_SETTINGS_AGENT, .name = "" };
	private->enforce = (struct ks_settings_section){ .kind = KS_SETTINGS_ENFORCE, .name = "" };
	private->others = (struct ks_settings_section){ .kind = KS_SETTINGS_KEY, .name = "" };
	/* For as many as there may be: what is not used is never touched, and costs no memory. */
	private->modules.at = calloc(KS_MODULES_MAX, sizeof(*private->modules.at));
	private->keys.at = calloc(KS_KEY_SECTIONS_MAX, sizeof(*private->keys.at));
	private->profiles.at = calloc(KS_PROFILE_SECTIONS_MAX, sizeof(*private->profiles.at));
	private->tokens.at = calloc(KS_TOKEN_SECTIONS_MAX, sizeof(*private->tokens.at));
	private->sockets.at = calloc(KS_SOCKETS_MAX, sizeof(*private->sockets.at));
	if (!private->modules.at || !private->tokens.at || !private->keys.at || !private->sockets.at ||
	    !private->profiles.at) {
		ks_settings_free(settings);
		return NULL;
	}
	settings->is_system = is_system;
	/* Whoever gets in there (listener.c) may ask for a PIN, as UNLOCK does. */
	settings->control = (struct ks_settings_socket){
		.name = strdup("control"), .prompt = true, .has_person = true, .is_control = true
	};
	if (!settings->control.name) {
		ks_settings_free(settings);
		return NULL;
	}
	/* Every user has these two, and sits in front of them. The system's agent has those that its configuration names. */
	for (const char *const *name = (const char *const[]){ "agent", "module", NULL }; *name && !is_system; name++)
	private->sockets.at[private->sockets.n++] =
		(struct ks_settings_section){ .kind = KS_SETTINGS_SOCKET, .name = *name, .has_person = true };
	return settings;
}

static void key_deinit(struct ks_settings_key *key)
{
	free(key->name);
	ks_uri_deinit(&key->match);
	free(key->module);
	free(key->profile);
	free(key->issuer);
	free(key->eku);
	free(key->template);
	ks_rules_deinit(&key->rules);
	free(key->words);
}

static void module_deinit(struct ks_settings_module *module)
{
	free(module->name);
	free(module->profile);
	free(module->path);
	free(module->p11_kit);
	free(module->init_args);
	free(module->slots);
	free(module->sandbox);
	for (size_t i = 0; module->environment && module->environment[i]; i++)
		free(module->environment[i]);
	free(module->environment);
}

static void token_deinit(struct ks_settings_token *token)
{
	free(token->name);
	ks_uri_deinit(&token->match);
	free(token->pin_file);
	free(token->pin_credential);
}

static void private_free(struct ks_settings_private *private)
{
	ks_ini_deinit(&private->ini);
	free(private->modules.at);
	free(private->tokens.at);
	free(private->keys.at);
	free(private->sockets.at);
	free(private->profiles.at);
	for (size_t i = 0; i < private->n_texts; i++)
		free(private->texts[i]);
	free(private->texts);
	for (size_t i = 0; i < private->n_files; i++)
		free(private->files[i]);
	free(private->files);
	ks_buffer_deinit(&private->warnings);
	free(private);
}

void ks_settings_free(struct ks_settings *settings)
{
	if (!settings)
		return;
	for (size_t i = 0; i < settings->n_modules; i++)
		module_deinit(&settings->modules[i]);
	free(settings->modules);
	for (size_t i = 0; i < settings->n_tokens; i++)
		token_deinit(&settings->tokens[i]);
	free(settings->tokens);
	for (size_t i = 0; i < settings->n_sockets; i++)
		ks_settings_socket_deinit(&settings->sockets[i]);
	ks_settings_socket_deinit(&settings->control);
	free(settings->sockets);
	free(settings->pinentry);
	for (size_t i = 0; i < settings->n_keys; i++)
		key_deinit(&settings->keys[i]);
	free(settings->keys);
	if (settings->others)
		key_deinit(settings->others);
	free(settings->others);
	for (size_t i = 0; i < settings->n_certificate_folders; i++)
		free(settings->certificate_folders[i]);
	free(settings->certificate_folders);
	free(settings->summary);
	if (settings->private)
		private_free(settings->private);
	free(settings);
}

int ks_settings_keep_text(struct ks_settings_private *private, char *text)
{
	char **texts = text ? reallocarray(private->texts, private->n_texts + 1, sizeof(*texts)) : NULL;

	if (!texts) {
		free(text);
		return KS_ERR_NO_MEMORY;
	}
	private->texts = texts;
	texts[private->n_texts++] = text;
	return 0;
}

/* --- making ------------------------------------------------------------------------------------------------------ */

const char *ks_settings_effective(const struct ks_settings_section *section, size_t row)
{
	const char *text = section->values[row].text;

	/* Who made a socket of its own for a server has nobody sitting there. */
	if (!text && section->kind == KS_SETTINGS_SOCKET && row == KS_SOCKET_PROMPT)
		return section->has_person ? "yes" : "no";
	return text ? text : ks_settings_tables[section->kind].rows[row].built_in;
}

int ks_settings_build(const struct ks_settings_source *sources, size_t n_sources, bool is_system,
		      struct ks_settings_report *report, struct ks_settings **ret_settings)
{
	KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = settings_new(is_system);
	if (!settings)
		return KS_ERR_NO_MEMORY;

	int r = ks_settings_merge(settings, sources, n_sources, report);
	if (r < 0)
		return r;
	if (!report->incomplete)
		ks_settings_check(settings, report);
	if (report->n_problems > 0)
		return KS_ERR_CONFIG;
	r = ks_settings_profile(settings);
	if (r == 0)
		r = ks_settings_enforce(settings);
	if (r == 0)
		r = ks_settings_type(settings);
	if (r < 0)
		return r;
	*ret_settings = KS_STEAL(settings);
	return 0;
}

int ks_settings_read_memory(const struct ks_settings_source *sources, size_t n_sources,
			    struct ks_settings **ret_settings, struct ks_settings_error *ret_error)
{
	struct ks_settings_report report = { .error = ret_error };
	ret_error->text[0] = '\0';
	return ks_settings_build(sources, n_sources, false, &report, ret_settings);
}
