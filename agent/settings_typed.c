/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_typed: from well-formed words to the values of struct ks_settings.
 *
 * Runs in: keystay-agent. Every word was checked by settings_table.c, so what fails here but for memory is a mistake of
 * ours: INTERNAL.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/settings_enrol.h"
#include "agent/settings_private.h"
#include "agent/settings_variables.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* A copy of what a file says, or NULL when none does. */
static int copy_value(const struct ks_settings_section *section, size_t row, char **ret_text)
{
	const char *text = section->values[row].text;
	if (!text)
		return 0;
	*ret_text = ks_text_copy(ks_bytes_text(text));
	return *ret_text ? 0 : KS_ERR_NO_MEMORY;
}

static int type_audit(struct ks_settings *settings)
{
	const struct ks_settings_section *agent = &settings->private->agent;
	int mode = ks_settings_audit_mode(ks_settings_effective(agent, KS_AGENT_AUDIT));
	uint64_t keep = 0;

	if (mode < 0 || !ks_settings_audit_to(ks_settings_effective(agent, KS_AGENT_AUDIT_TO), &settings->audit_to) ||
	    ks_settings_audit_size(ks_settings_effective(agent, KS_AGENT_AUDIT_MAX_SIZE), &settings->audit_max_size) <
		    0 ||
	    ks_text_number(ks_settings_effective(agent, KS_AGENT_AUDIT_KEEP), UINT32_MAX, &keep) < 0)
		return KS_ERR_INTERNAL;
	settings->audit = (enum ks_settings_audit)mode;
	settings->audit_keep = (unsigned)keep;
	return 0;
}

static int type_agent(struct ks_settings *settings)
{
	const struct ks_settings_section *agent = &settings->private->agent;

	if (ks_settings_duration(ks_settings_effective(agent, KS_AGENT_UNLOCK_FOR), &settings->unlock_for_ms) < 0)
		return KS_ERR_INTERNAL;
	settings->keep_pin = strcmp(ks_settings_effective(agent, KS_AGENT_KEEP_PIN), "yes") == 0;
	if (ks_settings_duration(ks_settings_effective(agent, KS_AGENT_PROMPT_TIMEOUT), &settings->prompt_timeout_ms) <
		    0 ||
	    !ks_settings_lock_on(ks_settings_effective(agent, KS_AGENT_LOCK_ON), &settings->lock_on))
		return KS_ERR_INTERNAL;
	int r = type_audit(settings);
	if (r < 0)
		return r;
	settings->pinentry = strdup(ks_settings_effective(agent, KS_AGENT_PINENTRY));
	return settings->pinentry ? 0 : KS_ERR_NO_MEMORY;
}

static int type_environment(const char *value, char ***ret_environment)
{
	char variable[KS_SETTINGS_VARIABLES_MAX + 1];
	const char *why = NULL;
	size_t n = 0;

	/* One takes at least "A=" and the space before the next. ret_environment owns them at once: it is freed with the
	 * module when one is missing. */
	char **environment = calloc(strlen(value ? value : "") / 2 + 2, sizeof(*environment));
	*ret_environment = environment;
	if (!environment)
		return KS_ERR_NO_MEMORY;
	while (value && ks_settings_variables_next(&value, variable, &why)) {
		environment[n] = ks_text_copy(ks_bytes_text(variable));
		if (!environment[n++])
			return KS_ERR_NO_MEMORY;
	}
	return why ? KS_ERR_INTERNAL : 0;
}

static int type_module(const struct ks_settings_section *section, struct ks_settings_module *module)
{
	const char *sessions = section->values[KS_MODULE_SESSIONS].text;
	uint64_t number = 0;

	module->origin = section->origin;
	module->name = ks_text_copy(ks_bytes_text(section->name));
	int r = module->name ? copy_value(section, KS_MODULE_PATH, &module->path) : KS_ERR_NO_MEMORY;
	if (r == 0)
		r = copy_value(section, KS_MODULE_P11_KIT, &module->p11_kit);
	if (r == 0 && sessions && ks_text_number(sessions, UINT32_MAX, &number) < 0)
		r = KS_ERR_INTERNAL;
	module->sessions = (unsigned)number;
	if (r == 0)
		r = copy_value(section, KS_MODULE_PROFILE, &module->profile);
	if (r == 0)
		r = copy_value(section, KS_MODULE_INIT_ARGS, &module->init_args);
	if (r == 0)
		r = copy_value(section, KS_MODULE_SLOTS, &module->slots);
	if (r == 0) {
		module->sandbox = strdup(ks_settings_effective(section, KS_MODULE_SANDBOX));
		r = module->sandbox ? 0 : KS_ERR_NO_MEMORY;
	}
	if (r == 0)
		r = type_environment(section->values[KS_MODULE_ENVIRONMENT].text, &module->environment);
	const char *deadline = section->values[KS_MODULE_DEADLINE].text;
	if (r == 0 && deadline && ks_settings_duration(deadline, &module->deadline_ms) < 0)
		r = KS_ERR_INTERNAL;
	module->login_per_signature = strcmp(ks_settings_effective(section, KS_MODULE_CARD_LOGIN), "per-signature") ==
				      0;
	return r;
}

static int type_match(const struct ks_settings_section *section, struct ks_settings_key *key)
{
	const char *text = section->values[KS_RULED_MATCH].text;
	const char *why;
	if (!text)
		return 0;
	int r = ks_uri_read(ks_bytes_text(text), &key->match, &why);
	if (r < 0)
		return r == KS_ERR_NO_MEMORY ? r : KS_ERR_INTERNAL;
	key->has_match = true;
	return 0;
}

static int type_key(const struct ks_settings_section *section, struct ks_settings_key *key)
{
	static const size_t rows[] = { KS_RULED_MODULE, KS_RULED_ISSUER, KS_RULED_EKU, KS_RULED_TEMPLATE,
				       KS_RULED_PROFILE };
	char **const texts[] = { &key->module, &key->issuer, &key->eku, &key->template, &key->profile };
	const char *spki = section->values[KS_RULED_SPKI].text;

	key->origin = section->origin;
	key->name = ks_text_copy(ks_bytes_text(section->name));
	if (!key->name)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = copy_value(section, rows[i], texts[i]);
		if (r < 0)
			return r;
	}
	if (spki && ks_text_unhex(spki, key->spki_prefix, sizeof(key->spki_prefix), &key->spki_prefix_size) < 0)
		return KS_ERR_INTERNAL;
	key->allow_digest = ks_settings_allows_digest(ks_settings_effective(section, KS_RULED_ALLOW));
	int revocation = ks_settings_revocation(ks_settings_effective(section, KS_RULED_REVOCATION));
	if (revocation < 0)
		return KS_ERR_INTERNAL;
	key->revocation = (enum ks_settings_revocation)revocation;
	key->revocation_origin = section->values[KS_RULED_REVOCATION].origin;
	int r = type_match(section, key);
	if (r == 0)
		r = ks_settings_type_rules(&key->rules, section);
	if (r < 0)
		return r;
	key->words = ks_settings_rules_words("", &key->rules, key->allow_digest);
	return key->words ? 0 : KS_ERR_NO_MEMORY;
}

static int type_all_modules(struct ks_settings *settings)
{
	const struct ks_settings_sections *sections = &settings->private->modules;

	settings->modules = calloc(sections->n + 1, sizeof(*settings->modules));
	if (!settings->modules)
		return KS_ERR_NO_MEMORY;
	while (settings->n_modules < sections->n) {
		size_t i = settings->n_modules++; /* counted first: a half-made one is freed as well */
		int r = type_module(&sections->at[i], &settings->modules[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int type_token(const struct ks_settings_section *section, struct ks_settings_token *token)
{
	const char *match = section->values[KS_TOKEN_MATCH].text;
	const char *why;

	token->origin = section->origin;
	token->name = ks_text_copy(ks_bytes_text(section->name));
	int r = token->name ? copy_value(section, KS_TOKEN_PIN_FILE, &token->pin_file) : KS_ERR_NO_MEMORY;
	if (r == 0)
		r = copy_value(section, KS_TOKEN_PIN_CREDENTIAL, &token->pin_credential);
	int touch = ks_settings_touch(ks_settings_effective(section, KS_TOKEN_TOUCH));
	if (r == 0 && touch < 0)
		r = KS_ERR_INTERNAL;
	token->touch = touch < 0 ? KS_SETTINGS_TOUCH_AUTO : (enum ks_settings_touch)touch;
	token->has_touch = section->values[KS_TOKEN_TOUCH].text;
	if (r == 0 && match) {
		r = ks_uri_read(ks_bytes_text(match), &token->match, &why);
		token->has_match = r == 0;
	}
	return r;
}

static int type_all_tokens(struct ks_settings *settings)
{
	const struct ks_settings_sections *sections = &settings->private->tokens;

	settings->tokens = calloc(sections->n + 1, sizeof(*settings->tokens));
	if (!settings->tokens)
		return KS_ERR_NO_MEMORY;
	while (settings->n_tokens < sections->n) {
		size_t i = settings->n_tokens++;
		int r = type_token(&sections->at[i], &settings->tokens[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

const struct ks_settings_token *ks_settings_token_for(const struct ks_settings *settings, const char *label,
						      const char *manufacturer, const char *model, const char *serial)
{
	struct ks_uri uri = ks_uri_of_token(label, manufacturer, model, serial);

	for (size_t i = 0; i < settings->n_tokens; i++) {
		const struct ks_settings_token *token = &settings->tokens[i];
		if (token->has_match ? ks_uri_matches(&token->match, &uri) : strcmp(token->name, label) == 0)
			return token;
	}
	return NULL;
}

static int type_all_sockets(struct ks_settings *settings)
{
	const struct ks_settings_sections *sections = &settings->private->sockets;

	settings->sockets = calloc(sections->n + 1, sizeof(*settings->sockets));
	if (!settings->sockets)
		return KS_ERR_NO_MEMORY;
	while (settings->n_sockets < sections->n) {
		size_t i = settings->n_sockets++;
		int r = ks_settings_socket_type(&sections->at[i], settings->is_system, &settings->sockets[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int type_all_keys(struct ks_settings *settings)
{
	const struct ks_settings_sections *sections = &settings->private->keys;

	settings->keys = calloc(sections->n + 1, sizeof(*settings->keys));
	if (!settings->keys)
		return KS_ERR_NO_MEMORY;
	while (settings->n_keys < sections->n) {
		size_t i = settings->n_keys++;
		int r = type_key(&sections->at[i], &settings->keys[i]);
		if (r == 0 && settings->keys[i].profile)
			r = ks_settings_enrol_type(settings, settings->keys[i].profile, &settings->keys[i].rules);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Only when [enforce] says something of keys. */
static int type_others(struct ks_settings *settings)
{
	const struct ks_settings_section *section = &settings->private->others;
	size_t n = 0;

	for (size_t i = 0; i < KS_RULED_N; i++)
		n += section->values[i].text ? 1 : 0;
	if (n == 0)
		return 0;
	settings->others = calloc(1, sizeof(*settings->others));
	return settings->others ? type_key(section, settings->others) : KS_ERR_NO_MEMORY;
}

int ks_settings_type(struct ks_settings *settings)
{
	int r = type_agent(settings);
	if (r == 0)
		r = type_all_modules(settings);
	if (r == 0)
		r = type_all_tokens(settings);
	if (r == 0)
		r = type_all_sockets(settings);
	if (r == 0)
		r = type_all_keys(settings);
	return r < 0 ? r : type_others(settings);
}
