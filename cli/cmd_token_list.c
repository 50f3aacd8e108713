/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_token_list: `keystay token list`, and the slots for the other verbs. Runs in: keystay. */
#include "cli/token_verbs.h"

#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/token_kind.h"

/* --- slots ------------------------------------------------------------------------------------------------------- */

void ks_token_slots_deinit(struct ks_token_slots *slots)
{
	free(slots->all);
}

static void copy(struct ks_bytes text, char out[65])
{
	(void)ks_text_print(out, 65, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
}

static int take(const struct ks_msg_slot_status *record, void *userdata)
{
	struct ks_token_slots *slots = userdata;
	struct ks_token_slot *all = reallocarray(slots->all, slots->n + 1, sizeof(*all));
	if (!all)
		return KS_ERR_NO_MEMORY;
	slots->all = all;
	struct ks_token_slot *slot = &all[slots->n++];
	*slot = (struct ks_token_slot){ .slot = record->slot,
					.token_present = record->token_present,
					.initialised = record->initialised,
					.pin_set = record->pin_set,
					.is_piv = ks_token_kind_is_piv(record->manufacturer, record->model),
					.pin_flags = record->pin_flags };
	copy(record->module, slot->module);
	copy(record->description, slot->description);
	copy(record->label, slot->label);
	copy(record->manufacturer, slot->manufacturer);
	copy(record->model, slot->model);
	copy(record->serial, slot->serial);
	return 0;
}

int ks_token_slots_get(const char *module, struct ks_token_slots *ret_slots, struct ks_client_error *ret_error)
{
	const struct ks_client_provision request = {
		.operation = KS_PROVISION_LIST, .module = module ? module : "", .token = "", .label = "", .erase = ""
	};

	return ks_client_token_provision(&request, take, ret_slots, ret_slots->problems, ret_error);
}

const char *ks_token_slot_pin_state(const struct ks_token_slot *slot)
{
	uint32_t flags = slot->pin_flags;

	if (!slot->token_present)
		return "no token";
	if (!slot->initialised)
		return "not initialised";
	if (!(flags & KS_PIN_NEEDED) && !slot->pin_set)
		return "needs no PIN";
	if (!slot->pin_set)
		return "no PIN yet";
	if (flags & KS_PIN_IS_BLOCKED)
		return "PIN blocked";
	if (flags & KS_PIN_FINAL_TRY)
		return "last try";
	if (flags & KS_PIN_COUNT_LOW)
		return "a wrong PIN given";
	return flags & KS_PIN_TO_BE_CHANGED ? "PIN to be changed" : "PIN set";
}

/* --- list -------------------------------------------------------------------------------------------------------- */

static const struct {
	uint32_t flag;
	const char *word;
} flag_words[] = {
	{ KS_PIN_NEEDED, "needed" },
	{ KS_PIN_SET, "set" },
	{ KS_PIN_COUNT_LOW, "count-low" },
	{ KS_PIN_FINAL_TRY, "final-try" },
	{ KS_PIN_IS_BLOCKED, "blocked" },
	{ KS_PIN_TO_BE_CHANGED, "to-be-changed" },
	{ KS_PIN_PAD, "pad" },
	{ KS_PIN_SO_COUNT_LOW, "so-count-low" },
	{ KS_PIN_SO_FINAL_TRY, "so-final-try" },
	{ KS_PIN_SO_IS_BLOCKED, "so-blocked" },
	{ KS_PIN_SO_TO_BE_CHANGED, "so-to-be-changed" },
};

static json_t *json_of_flags(uint32_t flags)
{
	json_t *words = json_array();

	for (size_t i = 0; words && i < sizeof(flag_words) / sizeof(flag_words[0]); i++) {
		if (flags & flag_words[i].flag)
			(void)json_array_append_new(words, json_string(flag_words[i].word));
	}
	return words;
}

static json_t *json_of_slot(const struct ks_token_slot *slot)
{
	json_t *object = json_object();

	ks_output_json_put(&object, "module", ks_output_json_text(ks_bytes_text(slot->module)));
	ks_output_json_put(&object, "slot", json_integer((json_int_t)slot->slot));
	ks_output_json_put(&object, "description", ks_output_json_text(ks_bytes_text(slot->description)));
	ks_output_json_put(&object, "present", json_boolean(slot->token_present));
	ks_output_json_put(&object, "initialised", json_boolean(slot->initialised));
	ks_output_json_put(&object, "pin_set", json_boolean(slot->pin_set));
	ks_output_json_put(&object, "label", ks_output_json_text(ks_bytes_text(slot->label)));
	ks_output_json_put(&object, "manufacturer", ks_output_json_text(ks_bytes_text(slot->manufacturer)));
	ks_output_json_put(&object, "model", ks_output_json_text(ks_bytes_text(slot->model)));
	ks_output_json_put(&object, "serial", ks_output_json_text(ks_bytes_text(slot->serial)));
	ks_output_json_put(&object, "pin", json_of_flags(slot->pin_flags));
	ks_output_json_put(&object, "pin_state", json_string(ks_token_slot_pin_state(slot)));
	ks_output_json_put(&object, "piv", json_boolean(slot->is_piv));
	return object;
}

static enum ks_color color_of(const struct ks_token_slot *slot)
{
	if (slot->pin_flags & (KS_PIN_IS_BLOCKED | KS_PIN_FINAL_TRY))
		return KS_COLOR_BAD;
	return slot->pin_flags & KS_PIN_COUNT_LOW || !slot->pin_set ? KS_COLOR_CARE : KS_COLOR_GOOD;
}

/* One that was never initialised has no SO PIN yet, whatever its flags say (SoftHSM's: blocked). */
static const char *so_note(const struct ks_token_slot *slot)
{
	if (!slot->initialised)
		return NULL;
	if (slot->pin_flags & KS_PIN_SO_IS_BLOCKED)
		return slot->is_piv ? "its PUK is blocked" : "its SO PIN is blocked";
	if (slot->pin_flags & KS_PIN_SO_FINAL_TRY)
		return slot->is_piv ? "one more wrong PUK blocks it" : "one more wrong SO PIN blocks it";
	return slot->pin_flags & KS_PIN_SO_COUNT_LOW ? "a wrong SO PIN was given since the last good one" : NULL;
}

static int print_table(const struct ks_cli *cli, const struct ks_token_slots *slots)
{
	static const char *const headings[] = { "TOKEN", "PIN", "MODULE", "SLOT", "MODEL", "SERIAL" };
	struct ks_table table;

	ks_table_init(&table, headings, sizeof(headings) / sizeof(headings[0]));
	for (size_t i = 0; i < slots->n; i++) {
		const struct ks_token_slot *slot = &slots->all[i];
		const char *note = so_note(slot);
		ks_table_foreign(&table, KS_COLOR_NONE, ks_bytes_text(slot->initialised ? slot->label : ""));
		ks_table_cell(&table, color_of(slot), "%s", ks_token_slot_pin_state(slot));
		ks_table_foreign(&table, KS_COLOR_NONE, ks_bytes_text(slot->module));
		ks_table_cell(&table, KS_COLOR_NONE, "%llu", (unsigned long long)slot->slot);
		ks_table_foreign(&table, KS_COLOR_NONE, ks_bytes_text(slot->model));
		ks_table_foreign(&table, KS_COLOR_NONE, ks_bytes_text(slot->serial));
		if (note)
			ks_table_note(&table, KS_COLOR_CARE, "%s", note);
	}
	int r = ks_table_print(&table, cli, "");
	ks_table_deinit(&table);
	return r;
}

enum ks_exit ks_token_list(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(ks_token_slots_deinit) struct ks_token_slots slots = { 0 };
	struct ks_client_error error;
	int r;

	if (ks_token_slots_get(arguments->values[KS_TOKEN_MODULE], &slots, &error) < 0)
		return ks_command_fail(cli, &error);
	if (slots.problems[0])
		ks_output_warning(cli, "%s", slots.problems);
	if (ks_arguments_has(arguments, KS_TOKEN_JSON)) {
		json_t *array = json_array();
		for (size_t i = 0; array && i < slots.n; i++)
			(void)json_array_append_new(array, json_of_slot(&slots.all[i]));
		r = ks_output_json(cli, array);
	} else if (slots.n == 0) {
		(void)fputs("No module has a slot; see: keystay status\n", cli->out);
		r = 0;
	} else {
		r = print_table(cli, &slots);
	}
	return r < 0 ? ks_command_fail_code(cli, r, "token list") : KS_EXIT_GOOD;
}
