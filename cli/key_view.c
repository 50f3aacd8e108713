/* SPDX-License-Identifier: Apache-2.0 */
/* key_view: see key_view.h. Runs in: keystay. */
#include "cli/key_view.h"

#include <string.h>

#include "cli/shell.h"
#include "cli/words.h"
#include "lib/base/cleanup.h"
#include "lib/base/lifetime.h"
#include "lib/base/text.h"

#define FINGERPRINT_SIZE 32u
#define FINGERPRINT_TEXT (2 * FINGERPRINT_SIZE + 1)

/* The longest sentence about one certificate. */
#define WARNINGS_MAX ((size_t)1 << 20)

static const char *const headings[] = { "NAME", "TYPE", "TOKEN", "STATE", "EXPIRES", "SUBJECT" };

static bool has_certificate(const struct ks_msg_identity *identity)
{
	return identity->n_certificates > 0;
}

static enum ks_validity validity_of(const struct ks_cli *cli, const struct ks_msg_identity *identity)
{
	if (identity->revoked)
		return KS_VALIDITY_REVOKED;
	return ks_lifetime_validity(identity->not_before, identity->not_after, cli->now_s);
}

static void fingerprint_of(const struct ks_msg_identity *identity, char out[static FINGERPRINT_TEXT])
{
	size_t size = identity->spki_hash.size < FINGERPRINT_SIZE ? identity->spki_hash.size : FINGERPRINT_SIZE;

	ks_text_hex(ks_bytes(identity->spki_hash.data, size), out);
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *json_of_time(bool known, uint64_t seconds)
{
	char text[KS_WORDS_TIME_MAX];

	if (!known)
		return json_null();
	ks_words_timestamp(seconds, text, sizeof(text));
	return json_string(text);
}

static json_t *json_of(const struct ks_cli *cli, const struct ks_msg_identity *identity, size_t n_chain)
{
	json_t *key = json_object();
	bool known = has_certificate(identity);
	char fingerprint[FINGERPRINT_TEXT];

	fingerprint_of(identity, fingerprint);
	ks_output_json_put(&key, "name", ks_output_json_text(identity->name));
	ks_output_json_put(&key, "type", ks_output_json_text(identity->key_type));
	ks_output_json_put(&key, "token", ks_output_json_text(identity->token));
	ks_output_json_put(&key, "module", ks_output_json_text(identity->module));
	ks_output_json_put(&key, "state", json_string(ks_words_token_state(identity->state)));
	ks_output_json_put(&key, "label", ks_output_json_text(identity->label));
	ks_output_json_put(&key, "uri", ks_output_json_text(identity->uri));
	ks_output_json_put(&key, "fingerprint", json_string(fingerprint));
	ks_output_json_put(&key, "certificates", json_integer((json_int_t)n_chain));
	ks_output_json_put(&key, "subject", known ? ks_output_json_text(identity->subject) : json_null());
	ks_output_json_put(&key, "issuer", known ? ks_output_json_text(identity->issuer) : json_null());
	ks_output_json_put(&key, "not_before", json_of_time(known, identity->not_before));
	ks_output_json_put(&key, "not_after", json_of_time(known, identity->not_after));
	ks_output_json_put(&key, "validity",
			   known ? json_string(ks_words_validity(validity_of(cli, identity))) : json_null());
	ks_output_json_put(&key, "days_left",
			   known ? json_integer((json_int_t)ks_lifetime_days_left(identity->not_after, cli->now_s)) :
				   json_null());
	ks_output_json_put(&key, "revocation",
			   known ? json_string(ks_words_revocation_state(identity->revocation)) : json_null());
	ks_output_json_put(&key, "revocation_until",
			   json_of_time(identity->revocation_until > 0, identity->revocation_until));
	ks_output_json_put(&key, "rules", ks_output_json_text(identity->rules));
	return key;
}

/* --- list -------------------------------------------------------------------------------------------------------- */

void ks_key_list_init(struct ks_key_list *list, const struct ks_cli *cli, bool as_json)
{
	*list = (struct ks_key_list){ .cli = cli, .as_json = as_json };
	ks_table_init(&list->table, headings, sizeof(headings) / sizeof(*headings));
	ks_buffer_init(&list->warnings, WARNINGS_MAX);
	if (as_json)
		list->json = json_array();
}

void ks_key_list_deinit(struct ks_key_list *list)
{
	ks_table_deinit(&list->table);
	ks_buffer_deinit(&list->warnings);
	json_decref(list->json);
	list->json = NULL;
}

static void warn(struct ks_key_list *list, const struct ks_msg_identity *identity, enum ks_validity validity)
{
	KS_AUTO_FREE char *name = ks_output_escape(identity->name);
	char date[KS_WORDS_TIME_MAX];
	char left[KS_LIFETIME_TEXT_MAX];
	struct ks_buffer *out = &list->warnings;

	if (!name)
		return;
	ks_words_date(validity == KS_VALIDITY_EARLY ? identity->not_before : identity->not_after, date, sizeof(date));
	if (validity == KS_VALIDITY_REVOKED) {
		ks_buffer_printf(
			out,
			"keystay: warning: the certificate of %s was revoked, nothing is signed with it: put a new "
			"one on the token or into certs/, then run: keystay reload\n",
			name);
	} else if (validity == KS_VALIDITY_EXPIRED) {
		ks_buffer_printf(
			out,
			"keystay: warning: the certificate of %s has expired on %s, nothing is signed with it: put "
			"a new one on the token or into certs/, then run: keystay reload\n",
			name, date);
	} else if (validity == KS_VALIDITY_SOON) {
		ks_lifetime_left(identity->not_after - list->cli->now_s, left);
		ks_buffer_printf(out, "keystay: warning: the certificate of %s expires in %s (%s): renew it in time\n",
				 name, left, date);
	} else if (validity == KS_VALIDITY_EARLY) {
		ks_buffer_printf(out,
				 "keystay: warning: the certificate of %s does not hold before %s: is this computer's "
				 "clock right?\n",
				 name, date);
	}
}

static void expires_cell(struct ks_key_list *list, const struct ks_msg_identity *identity)
{
	char date[KS_WORDS_TIME_MAX];
	char left[KS_LIFETIME_TEXT_MAX];

	if (!has_certificate(identity)) {
		ks_table_cell(&list->table, KS_COLOR_NONE, "-");
		return;
	}
	enum ks_validity validity = validity_of(list->cli, identity);
	ks_words_date(identity->not_after, date, sizeof(date));
	switch (validity) {
	case KS_VALIDITY_GOOD:
		ks_table_cell(&list->table, KS_COLOR_NONE, "%s", date);
		return;
	case KS_VALIDITY_SOON:
		ks_lifetime_left(identity->not_after - list->cli->now_s, left);
		ks_table_cell(&list->table, KS_COLOR_CARE, "%s in %s", date, left);
		break;
	case KS_VALIDITY_EXPIRED:
		ks_table_cell(&list->table, KS_COLOR_BAD, "%s expired", date);
		break;
	case KS_VALIDITY_REVOKED:
		ks_table_cell(&list->table, KS_COLOR_BAD, "%s revoked", date);
		break;
	case KS_VALIDITY_EARLY:
		ks_table_cell(&list->table, KS_COLOR_CARE, "%s not yet valid", date);
		break;
	}
	warn(list, identity, validity);
}

static enum ks_color color_of_state(uint32_t state)
{
	if (state == KS_TOKEN_UNLOCKED || state == KS_TOKEN_OPEN)
		return KS_COLOR_GOOD;
	return state == KS_TOKEN_LOCKED ? KS_COLOR_CARE : KS_COLOR_BAD;
}

void ks_key_list_add(struct ks_key_list *list, const struct ks_msg_identity *identity)
{
	list->n_keys++;
	if (list->as_json) {
		(void)json_array_append_new(list->json, json_of(list->cli, identity, identity->n_certificates));
		return;
	}
	ks_table_foreign(&list->table, KS_COLOR_NONE, identity->name);
	ks_table_foreign(&list->table, KS_COLOR_NONE, identity->key_type);
	ks_table_foreign(&list->table, KS_COLOR_NONE, identity->token);
	ks_table_cell(&list->table, color_of_state(identity->state), "%s", ks_words_token_state(identity->state));
	expires_cell(list, identity);
	if (has_certificate(identity))
		ks_table_foreign(&list->table, KS_COLOR_NONE, identity->subject);
	else
		ks_table_cell(&list->table, KS_COLOR_CARE, "(no certificate)");
}

int ks_key_list_print(struct ks_key_list *list)
{
	const struct ks_cli *cli = list->cli;

	if (list->as_json)
		return ks_output_json(cli, KS_STEAL(list->json));
	if (list->n_keys == 0) {
		ks_output_error(cli,
				"there are no keys yet. Look at the modules and tokens: keystay status. A locked token "
				"may show its keys only after: keystay unlock");
		return 0;
	}
	int r = ks_table_print(&list->table, cli, "");
	(void)fflush(cli->out);
	if (list->warnings.size > 0)
		(void)fwrite(list->warnings.data, 1, list->warnings.size, cli->err);
	return r;
}

/* --- show -------------------------------------------------------------------------------------------------------- */

static void line(const struct ks_cli *cli, const char *name, struct ks_bytes value)
{
	KS_AUTO_FREE char *shown = ks_output_escape(value);

	(void)fprintf(cli->out, "%-13s %s\n", name, value.size ? (shown ? shown : "?") : "-");
}

static void show_state(const struct ks_cli *cli, const struct ks_msg_identity *identity)
{
	enum ks_color color = color_of_state(identity->state);

	(void)fprintf(cli->out, "%-13s %s%s%s", "State", ks_color_on(cli, color), ks_words_token_state(identity->state),
		      ks_color_off(cli, color));
	KS_AUTO_FREE char *name = ks_text_copy(identity->name);
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer word = { 0 };
	if (identity->state == KS_TOKEN_LOCKED && name) {
		/* A key's name does as well as its token's, and is sure to be unique. */
		ks_shell_quote(&word, KS_SHELL_SH, name);
		KS_AUTO_FREE char *quoted = ks_output_escape(ks_buffer_bytes(&word));
		(void)fprintf(cli->out, "; unlock with: keystay unlock %s", quoted ? quoted : "?");
	}
	(void)fputc('\n', cli->out);
}

static void show_validity(const struct ks_cli *cli, const struct ks_msg_identity *identity)
{
	char from[KS_WORDS_TIME_MAX];
	char until[KS_WORDS_TIME_MAX];
	char left[KS_WORDS_TIME_MAX];
	char words[KS_LIFETIME_TEXT_MAX];
	enum ks_validity validity = validity_of(cli, identity);
	bool is_over = validity == KS_VALIDITY_EXPIRED || validity == KS_VALIDITY_REVOKED;
	enum ks_color color = is_over ? KS_COLOR_BAD : KS_COLOR_CARE;

	ks_words_time(identity->not_before, from, sizeof(from));
	ks_words_time(identity->not_after, until, sizeof(until));
	if (validity == KS_VALIDITY_GOOD) {
		ks_words_duration(identity->not_after - cli->now_s, left, sizeof(left));
		(void)fprintf(cli->out, "%-13s %s to %s, %s left\n", "Valid", from, until, left);
		return;
	}
	ks_lifetime_words(identity->not_before, identity->not_after, cli->now_s, words);
	(void)fprintf(cli->out, "%-13s %s to %s, %s%s%s\n", "Valid", from, until, ks_color_on(cli, color),
		      validity == KS_VALIDITY_REVOKED ? "revoked" : words, ks_color_off(cli, color));
}

static void show_revocation(const struct ks_cli *cli, const struct ks_msg_identity *identity)
{
	char words[KS_WORDS_REVOCATION_MAX];
	enum ks_color color = identity->revoked || identity->unproven_refused ? KS_COLOR_BAD :
			      identity->revocation == KS_REVOCATION_OUTDATED ||
					      identity->revocation == KS_REVOCATION_UNKNOWN ?
										KS_COLOR_CARE :
										KS_COLOR_NONE;

	ks_words_revocation(identity->revocation, identity->revocation_said, identity->revocation_until, words);
	(void)fprintf(cli->out, "%-13s %s%s%s%s\n", "Revocation", ks_color_on(cli, color), words,
		      identity->unproven_refused && !identity->revoked ?
			      "; nothing is signed until it is (revocation = require)" :
			      "",
		      ks_color_off(cli, color));
}

static void show_certificate(const struct ks_cli *cli, const struct ks_msg_identity *identity, size_t n_chain)
{
	if (!has_certificate(identity)) {
		(void)fprintf(cli->out,
			      "%-13s none: put one (PEM) into the folder certs/ beside keystay.conf, then run: "
			      "keystay reload\n",
			      "Certificate");
		return;
	}
	line(cli, "Subject", identity->subject);
	line(cli, "Issuer", identity->issuer);
	show_validity(cli, identity);
	show_revocation(cli, identity);
	if (n_chain > 1)
		(void)fprintf(cli->out, "%-13s its own certificate and %zu of its issuers\n", "Chain", n_chain - 1);
	else
		(void)fprintf(cli->out, "%-13s its own certificate alone\n", "Chain");
}

/* As the agent has them, one after a "; ". */
static void show_rules(const struct ks_cli *cli, struct ks_bytes rules)
{
	const char *label = "Rules";

	if (rules.size == 0)
		(void)fprintf(cli->out, "%-13s none: TLS with every server\n", "Rules");
	while (rules.size > 0) {
		const uint8_t *end = memmem(rules.data, rules.size, "; ", 2);
		size_t size = end ? (size_t)(end - rules.data) : rules.size;
		line(cli, label, ks_bytes(rules.data, size));
		label = "";
		size += end ? 2 : 0;
		rules = ks_bytes(rules.data + size, rules.size - size);
	}
}

static void show_place(const struct ks_cli *cli, const struct ks_key_place *place)
{
	if (place->place > 0)
		(void)fprintf(cli->out, "%-13s %zu of %zu, when keystay chooses (\"auto\")\n", "Order", place->place,
			      place->n);
	else
		(void)fprintf(cli->out, "%-13s never chosen: %s\n", "Order", place->reason);
}

int ks_key_show(const struct ks_cli *cli, const struct ks_msg_identity *identity, size_t n_chain,
		const struct ks_key_place *place, bool as_json)
{
	char fingerprint[FINGERPRINT_TEXT];

	if (as_json) {
		json_t *object = json_of(cli, identity, n_chain);
		ks_output_json_put(&object, "client_auth", json_boolean(identity->client_auth));
		ks_output_json_put(&object, "bound", json_boolean(identity->bound));
		ks_output_json_put(&object, "order",
				   place->place > 0 ? json_integer((json_int_t)place->place) : json_null());
		return ks_output_json(cli, object);
	}
	fingerprint_of(identity, fingerprint);
	line(cli, "Name", identity->name);
	line(cli, "Type", identity->key_type);
	line(cli, "Token", identity->token);
	show_state(cli, identity);
	line(cli, "Label", identity->label);
	line(cli, "Module", identity->module);
	line(cli, "URI", identity->uri);
	line(cli, "Fingerprint", ks_bytes_text(fingerprint));
	show_certificate(cli, identity, n_chain);
	if (has_certificate(identity))
		(void)fprintf(cli->out, "%-13s %s\n", "For clients",
			      identity->client_auth ? "yes" :
						      "no: its key usage or extended key usage is for something else");
	show_place(cli, place);
	show_rules(cli, identity->rules);
	return 0;
}
