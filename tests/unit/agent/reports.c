/* SPDX-License-Identifier: Apache-2.0 */
/* reports: see reports.h. */
#include "tests/unit/agent/reports.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/frame.h"
#include "lib/protocol/message.h"

/* Through a frame, as it comes from a worker. */
static int take(struct ks_inventory *inventory, uint8_t type, const void *message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };
	bool complete = false;

	ks_message_write(&frame, type, message);
	if (ks_buffer_error(&frame) < 0)
		abort(); /* a mistake of the test */
	struct ks_bytes bytes = ks_buffer_bytes(&frame);
	int r = ks_inventory_take(inventory, type, ks_bytes(bytes.data + KS_FRAME_HEADER, bytes.size - KS_FRAME_HEADER),
				  &complete);
	if (r == 0 && complete != (type == KS_MSG_WORKER_INVENTORY))
		abort();
	return r;
}

static struct ks_bytes unhex(const char *hex, uint8_t out[256])
{
	size_t size = 0;
	if (hex && ks_text_unhex(hex, out, 256, &size) < 0)
		abort();
	return ks_bytes(out, size);
}

int report_token(struct ks_inventory *inventory, const struct test_token *token)
{
	static const uint8_t digest[32];
	const struct ks_msg_worker_token message = {
		KS_MESSAGE_HEAD(0),
		.token = token->number,
		.label = ks_bytes_text(token->label ? token->label : "corp"),
		.manufacturer = ks_bytes_text("ACME"),
		.model = ks_bytes_text("card"),
		.serial = ks_bytes_text(token->serial ? token->serial : "0001"),
		.pin_flags = token->needs_no_pin ? 0 : KS_PIN_NEEDED | KS_PIN_SET,
		.pin_min = 4,
		.pin_max = 8,
		.logged_in = token->logged_in,
		.digest = ks_bytes(digest, sizeof(digest)),
	};
	return take(inventory, KS_MSG_WORKER_TOKEN, &message);
}

int report_spki(struct ks_inventory *inventory, const struct test_object *object, struct ks_bytes spki)
{
	uint8_t id[256];
	const struct ks_msg_worker_key message = {
		KS_MESSAGE_HEAD(0),
		.token = object->token,
		.key = object->number,
		.object_id = unhex(object->id, id),
		.label = ks_bytes_text(object->label),
		.spki = spki,
		.private_seen = !object->hidden,
		.always_authenticate = object->always_authenticate,
	};
	return take(inventory, KS_MSG_WORKER_KEY, &message);
}

int report_key(struct ks_inventory *inventory, const struct test_object *object, EVP_PKEY *key)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };

	test_token_spki(key, &spki);
	return report_spki(inventory, object, ks_buffer_bytes(&spki));
}

int report_der(struct ks_inventory *inventory, const struct test_object *object, struct ks_bytes der)
{
	uint8_t id[256];
	const struct ks_msg_worker_certificate message = {
		KS_MESSAGE_HEAD(0),
		.token = object->token,
		.object_id = unhex(object->id, id),
		.label = ks_bytes_text(object->label),
		.der = der,
	};
	return take(inventory, KS_MSG_WORKER_CERTIFICATE, &message);
}

int report_certificate(struct ks_inventory *inventory, const struct test_object *object,
		       const struct test_certificate *certificate)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };

	test_certificate_der(certificate, &der);
	return report_der(inventory, object, ks_buffer_bytes(&der));
}

int report_end(struct ks_inventory *inventory, bool all)
{
	const struct ks_msg_worker_inventory message = { KS_MESSAGE_HEAD(0), .all = all };
	return take(inventory, KS_MSG_WORKER_INVENTORY, &message);
}
