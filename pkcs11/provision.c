/* SPDX-License-Identifier: Apache-2.0 */
/* provision: see provision.h. Runs in: keystay-token --provision. */
#include "pkcs11/provision.h"

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "pkcs11/provision_pin.h"
#include "pkcs11/provision_slots.h"
#include "pkcs11/wire.h"

struct provision {
	const struct ks_module *module;
	const char *slots;
	PKCS11_CTX *context; /* never unloaded: vendors' exit handlers crash */
	struct ks_wire wire;
};

/* --- requests ---------------------------------------------------------------------------------------------------- */

struct pins {
	struct ks_secret *so_pin, *pin, *new_pin;
};

/* Wipes them. */
static void pins_deinit(struct pins *pins)
{
	ks_secret_free(pins->so_pin);
	ks_secret_free(pins->pin);
	ks_secret_free(pins->new_pin);
}

/* All three, so that nothing of any stays in the frame. */
static int take_pins(struct provision *provision, const struct ks_msg_worker_provision *request, struct pins *pins,
		     struct ks_problem *problem)
{
	const struct {
		struct ks_bytes bytes;
		struct ks_secret **secret;
	} all[] = {
		{ request->so_pin, &pins->so_pin },
		{ request->pin, &pins->pin },
		{ request->new_pin, &pins->new_pin },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int taken = ks_wire_take_secret(&provision->wire, all[i].bytes, all[i].secret, problem);
		r = r < 0 ? r : taken;
	}
	return r;
}

static int reply(struct provision *provision, uint32_t id, const char *text, const struct ks_provision_slot *slots,
		 size_t n)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };

	for (size_t i = 0; i < n; i++)
		ks_provision_slot_write(&slots[i], &list);
	int r = ks_buffer_error(&list);
	const struct ks_msg_worker_provision_reply message = { KS_MESSAGE_HEAD(id), .text = ks_bytes_text(text),
							       .slots = ks_buffer_bytes(&list) };
	return r < 0 ? r : ks_wire_send(&provision->wire, KS_MSG_WORKER_PROVISION_REPLY, &message);
}

/* The slots that the answer is about: all of them, or the one that something was done to. */
struct outcome {
	struct ks_provision_slots slots; /* owned */
	const struct ks_provision_slot *first;
	size_t n;
	char text[256];
};

static void outcome_deinit(struct outcome *outcome)
{
	ks_provision_slots_deinit(&outcome->slots);
}

static int do_request(struct provision *provision, const struct ks_msg_worker_provision *request,
		      const struct pins *pins, struct outcome *outcome, struct ks_problem *problem)
{
	struct ks_provision_task task = { .module = provision->module,
					  .request = request,
					  .so_pin = pins->so_pin,
					  .pin = pins->pin,
					  .new_pin = pins->new_pin };

	int r = ks_provision_slots_read(provision->module, provision->context, provision->slots, &outcome->slots,
					problem);
	if (r < 0)
		return r;
	outcome->first = outcome->slots.list;
	outcome->n = outcome->slots.n;
	if (request->operation == KS_PROVISION_LIST)
		return 0;
	r = ks_provision_slots_choose(&outcome->slots, request, &task.slot, problem);
	if (r == 0)
		r = ks_provision_pin_do(&task, outcome->text, sizeof(outcome->text), problem);
	outcome->first = task.slot;
	outcome->n = 1;
	return r;
}

/* The PINs are wiped before anybody hears of the outcome. */
static int take_provision(struct provision *provision, const struct ks_msg_worker_provision *request,
			  struct ks_problem *problem)
{
	KS_CLEANUP(outcome_deinit) struct outcome outcome = { .n = 0 };
	struct pins pins = { .so_pin = NULL };

	problem->not_given = true;
	int r = take_pins(provision, request, &pins, problem);
	if (r == 0)
		r = do_request(provision, request, &pins, &outcome, problem);
	pins_deinit(&pins);
	return r == 0 ? reply(provision, request->id, outcome.text, outcome.first, outcome.n) : r;
}

static int dispatch(struct provision *provision, const struct ks_frame *frame, struct ks_problem *problem)
{
	struct ks_msg_worker_provision request;

	if (frame->type != KS_MSG_WORKER_PROVISION)
		return ks_problem_set(problem, KS_ERR_UNKNOWN_MESSAGE, "a message of type %u is not known here",
				      frame->type);
	int r = ks_message_read(frame->type, frame->body, &request, sizeof(request));
	if (r < 0)
		return ks_problem_set(problem, r, "a request cannot be read: %s", ks_error_text(r));
	return take_provision(provision, &request, problem);
}

/* Exactly one answer to each request. */
static int answer(struct provision *provision, const struct ks_frame *frame)
{
	struct ks_problem problem = { 0 };
	uint32_t version, id;

	if (!ks_message_head(frame->body, &version, &id))
		return KS_ERR_MALFORMED;
	int r = dispatch(provision, frame, &problem);
	if (r < 0 && problem.error != 0)
		r = ks_wire_send_problem(&provision->wire, id, &problem);
	return r;
}

/* --- life -------------------------------------------------------------------------------------------------------- */

/* The module is loaded and initialised already (module.c), as libp11 would not: it is the same one that it finds by this
 * path, and hears so of it. */
static int open_context(struct provision *provision, const char *init_args)
{
	PKCS11_CTX *context = PKCS11_CTX_new();
	if (!context)
		return KS_ERR_NO_MEMORY;
	PKCS11_CTX_init_args(context, init_args);
	if (PKCS11_CTX_load(context, provision->module->path) < 0) {
		ks_log_error("libp11 cannot use %s", provision->module->path);
		return KS_ERR_MODULE_FAILED;
	}
	provision->context = context;
	return 0;
}

int ks_provision_run(const struct ks_module *module, const struct ks_provision_options *options)
{
	struct provision provision = { .module = module, .slots = options->slots };
	struct ks_frame frame;

	int r = ks_wire_init(&provision.wire, options->fd);
	if (r == 0)
		r = open_context(&provision, options->init_args);
	while (r == 0) {
		r = ks_wire_read(&provision.wire, &frame);
		if (r == 0)
			r = answer(&provision, &frame);
	}
	ks_wire_deinit(&provision.wire);
	return r;
}
