/* SPDX-License-Identifier: Apache-2.0 */
/* slots: see slots.h. Runs in: keystay-agent. */
#include "agent/slots.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

struct look {
	struct ks_slots *slots;
	struct ks_worker *worker;
	struct ks_worker_call *call; /* NULL = it has answered */
	char module[65];
};

struct ks_slots {
	struct ks_state *state;
	ks_slots_done *done;
	void *userdata;
	sd_event_source *end; /* deferred: who is told may free a process, and this may be its own callback */
	struct look looks[KS_MODULES_MAX];
	size_t n_looks, n_waiting;
	struct ks_slot *all;
	size_t n;
	char problems[KS_TEXT_MAX];
};

/* --- records ----------------------------------------------------------------------------------------------------- */

static void copy(struct ks_bytes text, char out[65])
{
	(void)ks_text_print(out, 65, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
}

bool ks_slot_read(struct ks_reader *list, const char *module, struct ks_slot *ret_slot)
{
	struct ks_msg_slot_status record;

	if (ks_record_read(list, KS_RECORD(slot_status), &record, sizeof(record)) != 1)
		return false;
	*ret_slot = (struct ks_slot){ .slot = record.slot,
				      .token_present = record.token_present,
				      .initialised = record.initialised,
				      .pin_set = record.pin_set,
				      .pin_flags = record.pin_flags,
				      .pin_min = record.pin_min,
				      .pin_max = record.pin_max };
	copy(ks_bytes_text(module), ret_slot->module);
	copy(record.description, ret_slot->description);
	copy(record.label, ret_slot->label);
	copy(record.manufacturer, ret_slot->manufacturer);
	copy(record.model, ret_slot->model);
	copy(record.serial, ret_slot->serial);
	return true;
}

void ks_slot_write(struct ks_buffer *list, const struct ks_slot *slot)
{
	const struct ks_msg_slot_status record = { .module = ks_bytes_text(slot->module),
						   .slot = slot->slot,
						   .description = ks_bytes_text(slot->description),
						   .token_present = slot->token_present,
						   .initialised = slot->initialised,
						   .pin_set = slot->pin_set,
						   .label = ks_bytes_text(slot->label),
						   .manufacturer = ks_bytes_text(slot->manufacturer),
						   .model = ks_bytes_text(slot->model),
						   .serial = ks_bytes_text(slot->serial),
						   .pin_flags = slot->pin_flags,
						   .pin_min = slot->pin_min,
						   .pin_max = slot->pin_max };

	ks_record_write(list, KS_RECORD(slot_status), &record);
}

struct ks_uri ks_slot_uri(const struct ks_slot *slot)
{
	return ks_uri_of_token(slot->label, slot->manufacturer, slot->model, slot->serial);
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

static void note_problem(struct ks_slots *slots, const char *module, const char *text)
{
	size_t used = strlen(slots->problems);
	char prefix[80];

	/* A call's own words begin with the module's name. */
	(void)ks_text_print(prefix, sizeof(prefix), "module \"%s\": ", module);
	if (strncmp(text, prefix, strlen(prefix)) == 0)
		text += strlen(prefix);
	(void)ks_text_print(slots->problems + used, sizeof(slots->problems) - used,
			    "%smodule \"%s\" could not be asked: %.400s", used ? "; " : "", module, text);
}

static int on_end(sd_event_source *source, void *userdata)
{
	(void)source;
	struct ks_slots *slots = userdata;

	slots->end = sd_event_source_disable_unref(slots->end);
	slots->done(slots->userdata);
	return 0;
}

static void look_whether_all(struct ks_slots *slots)
{
	if (slots->n_waiting > 0 || slots->end)
		return;
	if (sd_event_add_defer(slots->state->event, &slots->end, on_end, slots) < 0)
		ks_log_error("the event loop refuses work");
}

static void take_slots(struct ks_slots *slots, const char *module, struct ks_bytes list)
{
	struct ks_reader reader = ks_reader(list);
	struct ks_slot slot;

	while (slots->n < KS_PROVISION_SLOTS_MAX && ks_slot_read(&reader, module, &slot))
		slots->all[slots->n++] = slot;
}

static void on_listed(int error, const char *text, struct ks_bytes body, void *userdata)
{
	struct look *look = userdata;
	struct ks_slots *slots = look->slots;
	struct ks_msg_worker_provision_reply reply;

	look->call = NULL;
	if (error == 0)
		error = ks_message_read(KS_MSG_WORKER_PROVISION_REPLY, body, &reply, sizeof(reply));
	if (error == 0)
		take_slots(slots, look->module, reply.slots);
	else
		note_problem(slots, look->module, text[0] ? text : ks_error_text(error));
	slots->n_waiting--;
	look_whether_all(slots);
}

static void on_changed(struct ks_worker *worker, void *userdata)
{
	(void)worker; /* what becomes of its call says all */
	(void)userdata;
}

static int send_one(struct ks_slots *slots, const struct ks_settings_module *module)
{
	const struct ks_worker_watcher watcher = { .changed = on_changed };
	struct look *look = &slots->looks[slots->n_looks];
	struct ks_msg_worker_provision message = { .operation = KS_PROVISION_LIST };

	int error = ks_worker_new(slots->state->event, slots->state->worker_program, module, &watcher, &look->worker);
	if (error < 0)
		return error;
	slots->n_looks++;
	look->slots = slots;
	(void)ks_text_print(look->module, sizeof(look->module), "%s", module->name);
	ks_worker_make_provisioner(look->worker);
	ks_worker_start(look->worker);
	error = ks_worker_provision(look->worker, &message, on_listed, look, &look->call);
	if (error < 0)
		note_problem(slots, look->module,
			     ks_worker_note(look->worker)[0] ? ks_worker_note(look->worker) : ks_error_text(error));
	else
		slots->n_waiting++;
	return 0;
}

int ks_slots_look(struct ks_state *state, struct ks_bytes module, ks_slots_done *done, void *userdata,
		  struct ks_slots **ret_slots)
{
	struct ks_slots *slots = calloc(1, sizeof(*slots));
	int error = 0;

	if (!slots)
		return KS_ERR_NO_MEMORY;
	*slots = (struct ks_slots){ .state = state, .done = done, .userdata = userdata };
	slots->all = calloc(KS_PROVISION_SLOTS_MAX, sizeof(*slots->all));
	if (!slots->all)
		error = KS_ERR_NO_MEMORY;
	for (size_t i = 0; error == 0 && i < state->settings->n_modules; i++) {
		const struct ks_settings_module *one = &state->settings->modules[i];
		if (module.size == 0 || ks_bytes_equal(module, ks_bytes_text(one->name)))
			error = send_one(slots, one);
	}
	if (error == 0 && module.size > 0 && slots->n_looks == 0)
		error = KS_ERR_NOT_FOUND;
	if (error < 0) {
		ks_slots_free(slots);
		return error;
	}
	look_whether_all(slots);
	*ret_slots = slots;
	return 0;
}

void ks_slots_free(struct ks_slots *slots)
{
	if (!slots)
		return;
	sd_event_source_disable_unref(slots->end);
	for (size_t i = 0; i < slots->n_looks; i++) {
		ks_worker_call_cancel(slots->looks[i].call);
		ks_worker_free(slots->looks[i].worker);
	}
	free(slots->all);
	free(slots);
}

/* --- what was found ---------------------------------------------------------------------------------------------- */

size_t ks_slots_count(const struct ks_slots *slots)
{
	return slots->n;
}

const struct ks_slot *ks_slots_at(const struct ks_slots *slots, size_t index)
{
	return &slots->all[index];
}

const char *ks_slots_problems(const struct ks_slots *slots)
{
	return slots->problems;
}

struct ks_worker *ks_slots_take_worker(struct ks_slots *slots, const char *module)
{
	for (size_t i = 0; i < slots->n_looks; i++) {
		struct look *look = &slots->looks[i];
		if (look->worker && strcmp(look->module, module) == 0 &&
		    ks_worker_state(look->worker) == KS_MODULE_READY)
			return KS_STEAL(look->worker);
	}
	return NULL;
}
