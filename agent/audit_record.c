/* SPDX-License-Identifier: Apache-2.0 */
/* audit_record: see audit_record.h. Runs in: keystay-agent. */
#include "agent/audit_record.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"

/* In a message without text nothing can be said: what is no text is escaped, what is too long is cut. */
static void keep(char *out, size_t size, const char *text)
{
	struct ks_bytes bytes = ks_bytes_text(text);

	if (ks_text_valid(bytes))
		(void)ks_text_print(out, size, "%s", text ? text : "");
	else
		ks_text_escape(bytes, out, size);
}

static struct ks_bytes keep_hash(uint8_t out[32], const uint8_t *hash)
{
	if (!hash)
		return KS_BYTES_NONE;
	memcpy(out, hash, 32);
	return ks_bytes(out, 32);
}

static void point_to_texts(struct ks_audit_copy *copy)
{
	struct ks_msg_audit *message = &copy->message;

	message->socket = ks_bytes_text(copy->socket);
	message->program = ks_bytes_text(copy->program);
	message->key = ks_bytes_text(copy->key);
	message->token = ks_bytes_text(copy->token);
	message->purpose = ks_bytes_text(copy->purpose);
	message->scheme = ks_bytes_text(copy->scheme);
	message->server = ks_bytes_text(copy->server);
	message->unverified = ks_bytes_text(copy->unverified);
	message->rule = ks_bytes_text(copy->rule);
	message->text = ks_bytes_text(copy->text);
	message->spki_hash = ks_bytes(copy->spki_hash, message->spki_hash.size);
	message->input_hash = ks_bytes(copy->input_hash, message->input_hash.size);
}

void ks_audit_copy_make(struct ks_audit_copy *copy, const struct ks_audit_record *record)
{
	copy->message = (struct ks_msg_audit){
		KS_MESSAGE_HEAD(0),
		.wall_ms = ks_clock_wall_ms(),
		.boot_ms = ks_clock_boot_ms(),
		.outcome = record->outcome,
		.uid = record->uid,
		.gid = record->gid,
		.pid = (uint32_t)record->pid,
		.spki_hash = keep_hash(copy->spki_hash, record->spki_hash),
		.server_proven = record->server_proven,
		.pin_used = record->pin_used,
		.confirmed = record->confirmed,
		.touched = record->touched,
		.error = (uint32_t)(record->error < 0 ? -record->error : record->error),
		.input_hash = keep_hash(copy->input_hash, record->input_hash),
	};
	keep(copy->socket, sizeof(copy->socket), record->socket);
	keep(copy->program, sizeof(copy->program), record->program);
	keep(copy->key, sizeof(copy->key), record->key);
	keep(copy->token, sizeof(copy->token), record->token);
	keep(copy->purpose, sizeof(copy->purpose), record->purpose);
	keep(copy->scheme, sizeof(copy->scheme), record->scheme);
	keep(copy->server, sizeof(copy->server), record->server);
	keep(copy->unverified, sizeof(copy->unverified), record->unverified);
	keep(copy->rule, sizeof(copy->rule), record->rule);
	keep(copy->text, sizeof(copy->text), record->text);
	point_to_texts(copy);
}

void ks_audit_copy_again(struct ks_audit_copy *copy, const struct ks_audit_copy *from)
{
	*copy = *from;
	point_to_texts(copy);
}

void ks_audit_copy_take_back(struct ks_audit_copy *copy, const char *why)
{
	copy->message.outcome = KS_AUDIT_FAILED;
	copy->message.error = (uint32_t)-KS_ERR_AUDIT;
	keep(copy->text, sizeof(copy->text), why);
	point_to_texts(copy);
}
