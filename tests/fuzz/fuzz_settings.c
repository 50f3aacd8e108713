/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_settings: up to three configuration files, the vendor's, /etc's and a user's, with a line "%%" between them,
 * from their text to what `keystay config` prints.
 *
 * Beside crashes: whatever is refused is refused with a sentence; whatever is taken can be printed, printed text of a
 * configuration without [enforce] is taken again and means the same; what goes over the wire is text of its length; and
 * no key that has a rule is without a refusal.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/settings_private.h"
#include "lib/base/text.h"

#define SOURCES_MAX 3
#define RULES_MAX 2048u /* lib/protocol/messages.def, identity.rules */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static size_t split(const char *text, size_t size, struct ks_settings_source sources[SOURCES_MAX])
{
	static const char *const files[SOURCES_MAX] = { "vendor", "etc", "user" };
	static const char between[] = "\n%%\n";
	size_t n = 0;

	while (n < SOURCES_MAX) {
		const char *end = n + 1 < SOURCES_MAX ? memmem(text, size, between, sizeof(between) - 1) : NULL;
		size_t part = end ? (size_t)(end - text) : size;
		sources[n] = (struct ks_settings_source){
			.file = files[n], .text = text, .size = part, .may_enforce = n < 2
		};
		n++;
		if (!end)
			break;
		text += part + sizeof(between) - 1;
		size -= part + sizeof(between) - 1;
	}
	return n;
}

/* Given. */
static char *print(const struct ks_settings *settings, bool json, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);
	must(out && ks_settings_print(settings, json, out) == 0 && fclose(out) == 0, "settings can be printed");
	return text;
}

static void check_key(const struct ks_settings_key *key)
{
	must(key->words && strlen(key->words) <= RULES_MAX && ks_text_valid(ks_bytes_text(key->words)),
	     "rules are text that a message takes");
	for (enum ks_rule rule = 0; rule < KS_RULE_N; rule++)
		must(!key->rules.at[rule].value || key->rules.at[rule].origin.file, "a rule says where it stands");
	must(!key->match.unmatched, "no section silently fits nothing");
	must(!key->allow_digest || !ks_rules_want_a_server(&key->rules), "digests and servers do not go together");
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What a profile said is then said by the file. */
static void check_module_again(const struct ks_settings_module *module, const struct ks_settings_module *again)
{
	must(is_same_text(module->path, again->path) && is_same_text(module->p11_kit, again->p11_kit) &&
		     is_same_text(module->profile, again->profile) && is_same_text(module->slots, again->slots) &&
		     is_same_text(module->init_args, again->init_args) &&
		     module->login_per_signature == again->login_per_signature,
	     "modules are printed as they are");
	size_t i = 0;
	while (module->environment[i] && is_same_text(module->environment[i], again->environment[i]))
		i++;
	must(!module->environment[i] && !again->environment[i], "variables are printed as they are");
}

/* Whatever was written, no variable of ours, of the loader or without a name reaches a worker. */
static void check_environment(char *const *environment)
{
	for (; *environment; environment++) {
		must(strncmp(*environment, "LD_", 3) != 0 && strncmp(*environment, "OPENSSL_", 8) != 0 &&
			     strncmp(*environment, "KEYSTAY_", 8) != 0,
		     "no forbidden variable is set");
		must(strcspn(*environment, "=") > 0 && strchr(*environment, '='), "a variable has a name and a value");
	}
}

static void check_again(const struct ks_settings *settings)
{
	KS_CLEANUP(ks_settings_freep) struct ks_settings *again = NULL;
	struct ks_settings_error error;
	size_t size = 0;
	KS_AUTO_FREE char *text = print(settings, false, &size);
	const struct ks_settings_source source = { .file = "again", .text = text, .size = size };

	must(ks_settings_read_memory(&source, 1, &again, &error) == 0, "what is printed can be read");
	must(again->unlock_for_ms == settings->unlock_for_ms && again->keep_pin == settings->keep_pin &&
		     again->n_modules == settings->n_modules && again->n_keys == settings->n_keys,
	     "what is printed means the same");
	must(again->sockets[0].prompt == settings->sockets[0].prompt && again->lock_on == settings->lock_on &&
		     again->prompt_timeout_ms == settings->prompt_timeout_ms && again->n_tokens == settings->n_tokens,
	     "dialogs and tokens are printed as they are");
	for (size_t i = 0; i < settings->n_modules; i++)
		check_module_again(&settings->modules[i], &again->modules[i]);
	for (size_t i = 0; i < settings->n_keys; i++)
		must(strcmp(again->keys[i].words, settings->keys[i].words) == 0, "rules are printed as they are");
}

static bool enforces(const struct ks_settings *settings)
{
	for (size_t i = 0; i < KS_ENFORCE_N; i++) {
		if (settings->private->enforce.values[i].text)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_settings_source sources[SOURCES_MAX];
	KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = NULL;
	struct ks_settings_error error;
	size_t json_size = 0;

	size_t n = split((const char *)data, size, sources);
	int r = ks_settings_read_memory(sources, n, &settings, &error);
	if (r < 0) {
		must(r == KS_ERR_CONFIG && error.text[0] && !settings, "a refusal says what is wrong");
		return 0;
	}
	for (size_t i = 0; i < settings->n_modules; i++) {
		must(!settings->modules[i].path != !settings->modules[i].p11_kit, "a module has one file");
		check_environment(settings->modules[i].environment);
	}
	for (size_t i = 0; i < settings->n_tokens; i++)
		must(!settings->tokens[i].pin_file || !settings->tokens[i].pin_credential, "a token has one PIN");
	for (size_t i = 0; i < settings->n_keys; i++)
		check_key(&settings->keys[i]);
	if (settings->others)
		check_key(settings->others);
	free(print(settings, true, &json_size));
	if (!enforces(settings))
		check_again(settings);
	return 0;
}
