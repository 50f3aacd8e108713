/* SPDX-License-Identifier: Apache-2.0 */
/* audit_json: see audit_json.h. Runs in: keystay-audit. */
#include "agent/helpers/audit_json.h"

#include <inttypes.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"

void ks_audit_json_time(uint64_t wall_ms, char out[KS_AUDIT_TIME_MAX])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm parts = { 0 };
	char date[KS_AUDIT_TIME_MAX] = "1970-01-01T00:00:00";

	/* Fails past the year 2 billion, which no clock that could be read has. */
	if (gmtime_r(&seconds, &parts))
		(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
	(void)ks_text_print(out, KS_AUDIT_TIME_MAX, "%.32s.%03uZ", date, (unsigned)(wall_ms % 1000));
}

const char *ks_audit_json_outcome(uint32_t outcome)
{
	static const char *const words[] = { [KS_AUDIT_SIGNED] = "signed",
					     [KS_AUDIT_DENIED] = "denied",
					     [KS_AUDIT_CANCELLED] = "cancelled",
					     [KS_AUDIT_FAILED] = "failed",
					     [KS_AUDIT_DONE] = "done" };

	return outcome >= KS_AUDIT_SIGNED && outcome <= KS_AUDIT_DONE ? words[outcome] : "unknown";
}

static void put_text(struct ks_buffer *line, const char *name, struct ks_bytes text)
{
	ks_buffer_printf(line, ",\"%s\":\"", name);
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] == '"' || text.data[i] == '\\')
			ks_buffer_put_u8(line, '\\');
		ks_buffer_put_u8(line, text.data[i]);
	}
	ks_buffer_put_u8(line, '"');
}

static void put_hex(struct ks_buffer *line, const char *name, struct ks_bytes hash)
{
	char hex[65] = "";

	if (hash.size == 32)
		ks_text_hex(hash, hex);
	ks_buffer_printf(line, ",\"%s\":\"%s\"", name, hex);
}

static void put_bool(struct ks_buffer *line, const char *name, bool value)
{
	ks_buffer_printf(line, ",\"%s\":%s", name, value ? "true" : "false");
}

static void put_begin(struct ks_buffer *line, const struct ks_audit_link *link, const char *boot_id, uint64_t wall_ms,
		      uint64_t boot_ms, const char *event)
{
	char time[KS_AUDIT_TIME_MAX];

	ks_audit_json_time(wall_ms, time);
	ks_audit_link_write(line, link);
	ks_buffer_printf(line, "\"time\":\"%s\",\"boot_ms\":%" PRIu64 ",\"boot_id\":\"%s\",\"event\":\"%s\"", time,
			 boot_ms, boot_id, event);
}

void ks_audit_json_decision(struct ks_buffer *line, const struct ks_audit_link *link, const char *boot_id,
			    const struct ks_msg_audit *record)
{
	put_begin(line, link, boot_id, record->wall_ms, record->boot_ms, "decision");
	put_text(line, "outcome", ks_bytes_text(ks_audit_json_outcome(record->outcome)));
	put_text(line, "purpose", record->purpose);
	put_text(line, "socket", record->socket);
	ks_buffer_printf(line, ",\"uid\":%" PRIu32 ",\"gid\":%" PRIu32 ",\"pid\":%" PRIu32, record->uid, record->gid,
			 record->pid);
	put_text(line, "program", record->program);
	put_text(line, "key", record->key);
	put_hex(line, "fingerprint", record->spki_hash);
	put_text(line, "token", record->token);
	put_text(line, "scheme", record->scheme);
	put_text(line, "server", record->server);
	put_bool(line, "proven", record->server_proven);
	put_text(line, "unverified", record->unverified);
	put_text(line, "rule", record->rule);
	put_bool(line, "pin", record->pin_used);
	put_bool(line, "confirmed", record->confirmed);
	put_bool(line, "touched", record->touched);
	put_text(line, "error", ks_bytes_text(record->error ? ks_error_word((int)record->error) : ""));
	put_text(line, "text", record->text);
	put_hex(line, "input_sha256", record->input_hash);
	if (record->lost > 0)
		ks_buffer_printf(line, ",\"lost\":%" PRIu64, record->lost);
	if (record->corrects > 0)
		ks_buffer_printf(line, ",\"corrects\":%" PRIu64, record->corrects);
	ks_buffer_printf(line, "}\n");
}

void ks_audit_json_event(struct ks_buffer *line, const struct ks_audit_link *link, const char *boot_id,
			 const char *event, const char *text)
{
	put_begin(line, link, boot_id, ks_clock_wall_ms(), ks_clock_boot_ms(), event);
	put_text(line, "text", ks_bytes_text(text));
	ks_buffer_printf(line, "}\n");
}
