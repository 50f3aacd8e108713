/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_token_pin: `keystay token init` and `keystay token pin`.
 *
 * Which token it is is found out first: a PIN is asked for by the token's name, and then goes to that very token alone.
 *
 * Runs in: keystay.
 */
#include "cli/token_verbs.h"

#include <limits.h>
#include <string.h>

#include "cli/question.h"
#include "cli/token_pins.h"
#include "lib/base/cleanup.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"
#include "lib/protocol/uri.h"

/* One request under way. */
struct work {
	const struct ks_cli *cli;
	const struct ks_arguments *arguments;
	struct ks_token_slots slots;
	const struct ks_token_slot *slot; /* the one that is meant, inside slots */
	struct ks_token_pins pins;
	struct ks_secret *so_pin, *pin, *new_pin;
	struct ks_client_provision request;
	char uri[1024];         /* of the token */
	char shown[4 * 64 + 1]; /* its label, safe to print */
};

static void work_deinit(struct work *work)
{
	ks_token_slots_deinit(&work->slots);
	ks_token_pins_deinit(&work->pins);
	ks_secret_free(work->so_pin);
	ks_secret_free(work->pin);
	ks_secret_free(work->new_pin);
}

/* --- which token ------------------------------------------------------------------------------------------------- */

static struct ks_uri uri_of(const struct ks_token_slot *slot)
{
	return ks_uri_of_token(slot->label, slot->manufacturer, slot->model, slot->serial);
}

static bool has_name(const struct ks_token_slot *slot, const char *name)
{
	KS_CLEANUP(ks_uri_deinit) struct ks_uri pattern = { 0 };
	struct ks_uri subject = uri_of(slot);
	const char *why;

	if (strcmp(slot->label, name) == 0 || (slot->serial[0] && strcmp(slot->serial, name) == 0))
		return true;
	if (!ks_uri_is_one(ks_bytes_text(name)) || ks_uri_read(ks_bytes_text(name), &pattern, &why) < 0)
		return false;
	ks_uri_keep_token(&pattern);
	return ks_uri_matches(&pattern, &subject);
}

/* name NULL: the only one that is meant by initialised. */
static bool is_meant(const struct ks_token_slot *slot, const char *name, bool initialised, const uint64_t *number)
{
	if (!slot->token_present || slot->initialised != initialised || (number && slot->slot != *number))
		return false;
	return !name || has_name(slot, name);
}

static enum ks_exit find(struct work *work, const char *name, bool initialised, const uint64_t *number)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer choices = { 0 };
	const char *module = work->arguments->values[KS_TOKEN_MODULE];
	struct ks_client_error error;
	size_t n = 0;

	if (ks_token_slots_get(module, &work->slots, &error) < 0)
		return ks_command_fail(work->cli, &error);
	for (size_t i = 0; i < work->slots.n; i++) {
		const struct ks_token_slot *slot = &work->slots.all[i];
		if (!is_meant(slot, name, initialised, number))
			continue;
		KS_AUTO_FREE char *label = ks_output_escape(ks_bytes_text(slot->label));
		KS_AUTO_FREE char *serial = ks_output_escape(ks_bytes_text(slot->serial));
		ks_buffer_printf(&choices, "\n  %s%s%s in slot %llu of module %s, serial number %s",
				 initialised ? "\"" : "", initialised && label ? label : "a blank token",
				 initialised ? "\"" : "", (unsigned long long)slot->slot, slot->module,
				 slot->serial[0] && serial ? serial : "none");
		work->slot = slot;
		n++;
	}
	KS_AUTO_FREE char *shown = ks_output_escape(ks_bytes_text(name ? name : ""));
	if (n == 1) {
		ks_text_escape(ks_bytes_text(work->slot->label), work->shown, sizeof(work->shown));
		return KS_EXIT_GOOD;
	}
	if (n > 1)
		ks_output_error(work->cli, "more than one token could be meant; say which by its serial number%s:%.*s",
				initialised ? "" : ", or by --module and --slot", (int)choices.size,
				(const char *)choices.data);
	else if (name)
		ks_output_error(work->cli, "no token is called \"%s\"%s%s; see: keystay token list",
				shown ? shown : "?", work->slots.problems[0] ? "; " : "", work->slots.problems);
	else
		ks_output_error(work->cli, "there is no %stoken%s%s; see: keystay token list",
				initialised ? "" : "blank ", work->slots.problems[0] ? "; " : "", work->slots.problems);
	return KS_EXIT_FAILED;
}

/* A token goes by all that it is called, whatever slot it is in by now; by its slot as well where there may be another. */
static void name_token(struct work *work)
{
	work->request.module = work->slot->module;
	work->request.token = "";
	work->request.by_slot = !work->slot->initialised || !work->slot->serial[0];
	work->request.slot = work->request.by_slot ? work->slot->slot : 0;
	if (!work->slot->initialised)
		return;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	struct ks_uri uri = uri_of(work->slot);
	ks_uri_write(&text, &uri);
	(void)ks_text_print(work->uri, sizeof(work->uri), "%.*s", (int)text.size, (const char *)text.data);
	work->request.token = work->uri;
}

/* --- asking and sending ------------------------------------------------------------------------------------------- */

static const char *so_word(const struct work *work)
{
	return work->slot->is_piv ? "PUK" : "SO PIN";
}

static enum ks_exit get_pin(struct work *work, enum ks_token_option option, const char *word, bool is_new,
			    struct ks_secret **ret_secret)
{
	static const char *const names[KS_TOKEN_N_OPTIONS] = { [KS_TOKEN_PIN_FD] = "--pin-fd",
							       [KS_TOKEN_SO_PIN_FD] = "--so-pin-fd",
							       [KS_TOKEN_NEW_PIN_FD] = "--new-pin-fd" };
	char what[4 * 64 + 64];
	const struct ks_token_pin pin = {
		.option = names[option], .fd = work->arguments->values[option], .what = what, .is_new = is_new
	};

	if (!pin.fd && (work->slot->pin_flags & KS_PIN_PAD)) {
		(void)fprintf(work->cli->err, "keystay: the reader asks for the %s%s\n", is_new ? "new " : "", word);
		return KS_EXIT_GOOD;
	}
	(void)ks_text_print(what, sizeof(what), "%s%s of %s%s%s", is_new ? "new " : "", word,
			    work->shown[0] ? "token \"" : "the new token", work->shown, work->shown[0] ? "\"" : "");
	return ks_token_pins_get(&work->pins, &pin, ret_secret);
}

static int keep_slot(const struct ks_msg_slot_status *slot, void *userdata)
{
	(void)slot;
	(void)userdata;
	return 0;
}

static enum ks_exit send(struct work *work, const char *done)
{
	struct ks_client_error error;
	char text[KS_TEXT_MAX];

	name_token(work);
	work->request.label = work->arguments->values[KS_TOKEN_LABEL] ? work->arguments->values[KS_TOKEN_LABEL] : "";
	if (!work->request.erase)
		work->request.erase = "";
	work->request.so_pin = work->so_pin ? ks_secret_bytes(work->so_pin) : KS_BYTES_NONE;
	work->request.pin = work->pin ? ks_secret_bytes(work->pin) : KS_BYTES_NONE;
	work->request.new_pin = work->new_pin ? ks_secret_bytes(work->new_pin) : KS_BYTES_NONE;
	if (ks_client_token_provision(&work->request, keep_slot, NULL, text, &error) < 0)
		return ks_command_fail(work->cli, &error);
	KS_AUTO_FREE char *label = ks_output_escape(
		ks_bytes_text(work->request.operation == KS_PROVISION_INIT ? work->request.label : work->slot->label));
	(void)fprintf(work->cli->out, "Token \"%s\": %s.\n", label ? label : "?", done);
	return KS_EXIT_GOOD;
}

/* --- init -------------------------------------------------------------------------------------------------------- */

static enum ks_exit check_erase(struct work *work)
{
	char question[1024];
	bool nobody;

	work->request.erase = work->slot->serial[0] ? work->slot->serial : work->slot->label;
	if (ks_arguments_has(work->arguments, KS_TOKEN_YES))
		return KS_EXIT_GOOD;
	(void)ks_text_print(
		question, sizeof(question),
		"All keys and certificates on token \"%s\" (serial number %s) will be lost for ever. Erase it?",
		work->shown, work->slot->serial[0] ? work->slot->serial : "none");
	if (ks_question_yes(question, &nobody))
		return KS_EXIT_GOOD;
	ks_output_error(work->cli, "%s",
			nobody ? "nothing was done: there is no terminal to ask whether the token is to be "
				 "erased; if so, say --yes" :
				 "nothing was done");
	return KS_EXIT_FAILED;
}

static bool read_slot(const struct work *work, uint64_t *ret_number)
{
	const char *text = work->arguments->values[KS_TOKEN_SLOT];

	return !text || ks_text_number(text, UINT64_MAX, ret_number) == 0;
}

/* On a terminal the PIN is asked for as well; a script says by its descriptor that it has one. */
static bool wants_pin(const struct work *work)
{
	return ks_arguments_has(work->arguments, KS_TOKEN_NEW_PIN_FD) ||
	       !ks_arguments_has(work->arguments, KS_TOKEN_SO_PIN_FD);
}

enum ks_exit ks_token_init(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(work_deinit) struct work work = { .cli = cli, .arguments = arguments };
	const char *label = arguments->values[KS_TOKEN_LABEL];
	const char *erase = arguments->values[KS_TOKEN_ERASE];
	uint64_t number = 0;

	work.pins = (struct ks_token_pins){ .cli = cli, .terminal = -1 };
	work.request.operation = KS_PROVISION_INIT;
	if (!label || label[0] == '\0' || strlen(label) > 32) {
		ks_output_error(cli, "token init: say what the token is to be called, in 1 to 32 bytes: --label LABEL");
		return KS_EXIT_USAGE;
	}
	if (!read_slot(&work, &number)) {
		ks_output_error(cli, "token init: --slot wants the number of a slot (see: keystay token list)");
		return KS_EXIT_USAGE;
	}
	enum ks_exit result = find(&work, erase, erase != NULL, arguments->values[KS_TOKEN_SLOT] ? &number : NULL);
	if (result == KS_EXIT_GOOD && erase)
		result = check_erase(&work);
	if (result == KS_EXIT_GOOD)
		result = get_pin(&work, KS_TOKEN_SO_PIN_FD, so_word(&work), !erase, &work.so_pin);
	if (result == KS_EXIT_GOOD && wants_pin(&work))
		result = get_pin(&work, KS_TOKEN_NEW_PIN_FD, "PIN", true, &work.new_pin);
	if (result != KS_EXIT_GOOD)
		return result;
	return send(&work, work.new_pin ? "initialised, and its PIN is set; make a key: keystay token keygen" :
					  "initialised; it needs a PIN: keystay token pin set");
}

/* --- pin --------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *word;
	enum ks_provision operation;
	const char *done;
} operations[] = {
	{ "set", KS_PROVISION_PIN_SET, "its PIN is set" },
	{ "change", KS_PROVISION_PIN_CHANGE, "its PIN is another one now" },
	{ "unblock", KS_PROVISION_PIN_UNBLOCK, "its PIN is unblocked, and a new one" },
};

static enum ks_exit choose_operation(struct work *work, const char *word, const char **ret_done)
{
	bool of_so = ks_arguments_has(work->arguments, KS_TOKEN_SO);

	if (!word)
		word = work->slot->pin_set || of_so ? "change" : "set";
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(operations[i].word, word) == 0) {
			work->request.operation = operations[i].operation;
			*ret_done = operations[i].done;
		}
	}
	if (of_so && work->request.operation != KS_PROVISION_PIN_CHANGE) {
		ks_output_error(work->cli, "token pin: --so goes with change alone");
		return KS_EXIT_USAGE;
	}
	if (of_so) {
		work->request.operation = KS_PROVISION_SO_PIN_CHANGE;
		*ret_done = work->slot->is_piv ? "its PUK is another one now" : "its SO PIN is another one now";
	}
	return KS_EXIT_GOOD;
}

static bool is_operation(const char *word)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(operations[i].word, word) == 0)
			return true;
	}
	return false;
}

enum ks_exit ks_token_pin(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(work_deinit) struct work work = { .cli = cli, .arguments = arguments };
	const char *word = arguments->n_operands > 1 ? arguments->operands[1] : NULL;
	const char *name = arguments->n_operands > 2 ? arguments->operands[2] : NULL;
	const char *done = "";

	work.pins = (struct ks_token_pins){ .cli = cli, .terminal = -1 };
	if (word && !is_operation(word)) {
		if (name) {
			ks_output_error(cli, "token pin: it is set, change or unblock (see: keystay help token)");
			return KS_EXIT_USAGE;
		}
		name = word;
		word = NULL;
	}
	enum ks_exit result = find(&work, name, true, NULL);
	if (result == KS_EXIT_GOOD)
		result = choose_operation(&work, word, &done);
	if (result == KS_EXIT_GOOD && work.request.operation == KS_PROVISION_PIN_CHANGE)
		result = get_pin(&work, KS_TOKEN_PIN_FD, "PIN", false, &work.pin);
	else if (result == KS_EXIT_GOOD)
		result = get_pin(&work, KS_TOKEN_SO_PIN_FD, so_word(&work), false, &work.so_pin);
	if (result == KS_EXIT_GOOD)
		result = get_pin(&work, KS_TOKEN_NEW_PIN_FD,
				 work.request.operation == KS_PROVISION_SO_PIN_CHANGE ? so_word(&work) : "PIN", true,
				 &work.new_pin);
	return result == KS_EXIT_GOOD ? send(&work, done) : result;
}
