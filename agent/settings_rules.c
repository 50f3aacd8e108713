/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_rules: the rules of one key in plain words, and the first one that this build cannot prove.
 *
 * Runs in: keystay-agent. A rule that nothing enforces refuses (invariant I11). The day something proves a rule, it
 * must no longer become `unprovable` here, and agent/policy.c asks it.
 */
#include <string.h>

#include "agent/settings_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* What LIST and GET have room for (lib/protocol/messages.def, identity.rules), less the "...". */
#define RULES_MAX 2000u

struct rule {
	size_t row;
	const char *words; /* the value goes between these */
	const char *more;
};

/* In the order in which they are said. None of them can be proven by this build. */
static const struct rule rules[] = {
	{ KS_RULED_SERVERS, "only for the servers ", "" },
	{ KS_RULED_SERVER_CA, "only for servers with a certificate by ", "" },
	{ KS_RULED_SERVER_SPKI, "only for servers with the public key ", "" },
	{ KS_RULED_CONFIRM, "asks before use (", ")" },
	{ KS_RULED_MAX_RATE, "at most ", "" },
	{ KS_RULED_HOURS, "only at ", "" },
	{ KS_RULED_USERS, "only for the users ", "" },
	{ KS_RULED_GROUPS, "only for the groups ", "" },
};

/* Does this value restrict anything? */
static bool restricts(size_t row, const char *value)
{
	return value && (row != KS_RULED_CONFIRM || ks_settings_confirm_level(value) > 0);
}

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

int ks_settings_type_rules(struct ks_settings_key *key, const struct ks_settings_section *section)
{
	const struct ks_settings_row *rows = ks_settings_tables[KS_SETTINGS_KEY].rows;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer words = { 0 };

	key->allow_digest = ks_settings_allows_digest(ks_settings_effective(section, KS_RULED_ALLOW));
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct ks_settings_value *value = &section->values[rules[i].row];
		if (!restricts(rules[i].row, value->text))
			continue;
		ks_buffer_printf(&words, "%s%s%s%s", words.size ? "; " : "", rules[i].words,
				 value->text[0] ? value->text : "(none is left by [enforce])", rules[i].more);
		if (key->unprovable)
			continue;
		key->unprovable = ks_text_format("%s = %s", rows[rules[i].row].key, value->text);
		key->unprovable_origin = value->origin;
		if (!key->unprovable)
			return KS_ERR_NO_MEMORY;
	}
	if (key->unprovable)
		ks_buffer_printf(&words, "; refuses, since this version cannot prove this yet");
	if (key->allow_digest)
		ks_buffer_printf(&words, "%sbare digests are allowed", words.size ? "; " : "");
	key->rules = steal_cut(&words);
	return key->rules ? 0 : KS_ERR_NO_MEMORY;
}
