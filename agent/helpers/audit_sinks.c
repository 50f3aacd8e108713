/* SPDX-License-Identifier: Apache-2.0 */
/* audit_sinks: see audit_sinks.h. Runs in: keystay-audit. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "agent/helpers/audit_sinks.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "agent/helpers/audit_json.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FIELDS_MAX 32
#define SENTENCE_MAX 1024

bool ks_audit_journal_is_there(void)
{
	return access(JOURNAL_SOCKET, W_OK) == 0;
}

/* Borrowed text as printf("%.*s") wants it. */
#define SHOWN(text) (int)(text).size, (text).size ? (const char *)(text).data : ""

/* "signed: key "alice" for curl (pid 17), server db.corp.example (proven)" */
static void make_sentence(const struct ks_msg_audit *record, char out[SENTENCE_MAX])
{
	char line[SENTENCE_MAX];

	(void)ks_text_print(line, sizeof(line), "%s (%.*s)%s%.*s%s for %.*s (pid %" PRIu32 ")%s%.*s%s%s%.300s",
			    ks_audit_json_outcome(record->outcome), SHOWN(record->purpose),
			    record->key.size ? ": key \"" : "", SHOWN(record->key), record->key.size ? "\"" : "",
			    SHOWN(record->program), record->pid, record->server.size ? ", server " : "",
			    SHOWN(record->server),
			    record->server.size == 0 ? "" :
			    record->server_proven    ? " (proven)" :
						       " (claimed)",
			    record->text.size ? ": " : "", record->text.size ? (const char *)record->text.data : "");
	ks_text_escape(ks_bytes_text(line), out, SENTENCE_MAX);
}

/* LOG_INFO for what went well, LOG_NOTICE for what a person should see. */
static int priority_of(const struct ks_msg_audit *record)
{
	return record->outcome == KS_AUDIT_SIGNED || record->outcome == KS_AUDIT_DONE ? LOG_INFO : LOG_NOTICE;
}

/* --- the journal ------------------------------------------------------------------------------------------------- */

struct fields {
	struct ks_buffer texts;
	size_t ends[FIELDS_MAX];
	size_t n;
};

static void put(struct fields *fields, const char *format, ...) KS_PRINTF(2, 3);

static void put(struct fields *fields, const char *format, ...)
{
	va_list arguments;
	KS_AUTO_FREE char *text = NULL;

	if (fields->n == FIELDS_MAX)
		return;
	va_start(arguments, format);
	int size = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (size < 0) {
		text = NULL;
		return;
	}
	ks_buffer_put(&fields->texts, ks_bytes(text, (size_t)size));
	fields->ends[fields->n++] = fields->texts.size;
}

static int send_fields(const struct fields *fields)
{
	struct iovec vector[FIELDS_MAX];
	size_t start = 0;

	if (ks_buffer_error(&fields->texts) < 0)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i < fields->n; i++) {
		vector[i] = (struct iovec){ fields->texts.data + start, fields->ends[i] - start };
		start = fields->ends[i];
	}
	return sd_journal_sendv(vector, (int)fields->n) < 0 ? KS_ERR_SYSTEM : 0;
}

static void put_who(struct fields *fields, const struct ks_msg_audit *record)
{
	put(fields, "KEYSTAY_SOCKET=%.*s", SHOWN(record->socket));
	put(fields, "KEYSTAY_UID=%" PRIu32, record->uid);
	put(fields, "KEYSTAY_GID=%" PRIu32, record->gid);
	put(fields, "KEYSTAY_PID=%" PRIu32, record->pid);
	put(fields, "KEYSTAY_PROGRAM=%.*s", SHOWN(record->program));
}

static void put_what(struct fields *fields, const struct ks_msg_audit *record)
{
	char hash[65] = "";

	if (record->spki_hash.size == 32)
		ks_text_hex(record->spki_hash, hash);
	put(fields, "KEYSTAY_OUTCOME=%s", ks_audit_json_outcome(record->outcome));
	put(fields, "KEYSTAY_PURPOSE=%.*s", SHOWN(record->purpose));
	put(fields, "KEYSTAY_KEY=%.*s", SHOWN(record->key));
	put(fields, "KEYSTAY_FINGERPRINT=%s", hash);
	put(fields, "KEYSTAY_TOKEN=%.*s", SHOWN(record->token));
	put(fields, "KEYSTAY_SCHEME=%.*s", SHOWN(record->scheme));
	put(fields, "KEYSTAY_SERVER=%.*s", SHOWN(record->server));
	put(fields, "KEYSTAY_PROVEN=%d", record->server_proven);
	put(fields, "KEYSTAY_UNVERIFIED=%.*s", SHOWN(record->unverified));
	put(fields, "KEYSTAY_RULE=%.*s", SHOWN(record->rule));
	put(fields, "KEYSTAY_PIN=%d", record->pin_used);
	put(fields, "KEYSTAY_CONFIRMED=%d", record->confirmed);
	put(fields, "KEYSTAY_TOUCHED=%d", record->touched);
	put(fields, "KEYSTAY_ERROR=%s", record->error ? ks_error_word((int)record->error) : "");
	hash[0] = '\0';
	if (record->input_hash.size == 32)
		ks_text_hex(record->input_hash, hash);
	put(fields, "KEYSTAY_INPUT_SHA256=%s", hash);
}

int ks_audit_journal_record(const struct ks_msg_audit *record, uint64_t n)
{
	char sentence[SENTENCE_MAX], time[KS_AUDIT_TIME_MAX];
	struct fields fields = { .n = 0 };

	make_sentence(record, sentence);
	ks_audit_json_time(record->wall_ms, time);
	put(&fields, "MESSAGE=%s", sentence);
	put(&fields, "MESSAGE_ID=" KS_AUDIT_MESSAGE_ID);
	put(&fields, "PRIORITY=%d", priority_of(record));
	put(&fields, "SYSLOG_IDENTIFIER=keystay-audit");
	put(&fields, "KEYSTAY_TIME=%s", time);
	put(&fields, "KEYSTAY_BOOT_MS=%" PRIu64, record->boot_ms);
	if (n > 0)
		put(&fields, "KEYSTAY_N=%" PRIu64, n);
	if (record->lost > 0)
		put(&fields, "KEYSTAY_LOST=%" PRIu64, record->lost);
	if (record->corrects > 0)
		put(&fields, "KEYSTAY_CORRECTS=%" PRIu64, record->corrects);
	put_who(&fields, record);
	put_what(&fields, record);
	int r = send_fields(&fields);
	ks_buffer_deinit(&fields.texts);
	return r;
}

int ks_audit_journal_head(const struct ks_audit_head *head)
{
	char hash[65];
	struct fields fields = { .n = 0 };

	ks_text_hex(ks_bytes(head->hash, sizeof(head->hash)), hash);
	put(&fields, "MESSAGE=the audit log ends with line %" PRIu64 ", SHA-256 %s", head->n, hash);
	put(&fields, "MESSAGE_ID=" KS_AUDIT_HEAD_MESSAGE_ID);
	put(&fields, "PRIORITY=%d", LOG_INFO);
	put(&fields, "SYSLOG_IDENTIFIER=keystay-audit");
	put(&fields, "KEYSTAY_HEAD=%" PRIu64 ":%s", head->n, hash);
	int r = send_fields(&fields);
	ks_buffer_deinit(&fields.texts);
	return r;
}

/* --- syslog ------------------------------------------------------------------------------------------------------ */

void ks_audit_syslog_open(void)
{
	openlog("keystay-audit", LOG_PID, LOG_AUTHPRIV);
}

void ks_audit_syslog_record(const struct ks_msg_audit *record, uint64_t n)
{
	char sentence[SENTENCE_MAX];

	make_sentence(record, sentence);
	syslog(LOG_AUTHPRIV | priority_of(record), "[%" PRIu64 "] %s", n, sentence);
}

void ks_audit_syslog_head(const struct ks_audit_head *head)
{
	char hash[65];

	ks_text_hex(ks_bytes(head->hash, sizeof(head->hash)), hash);
	syslog(LOG_AUTHPRIV | LOG_INFO, "the audit log ends with line %" PRIu64 ", SHA-256 %s", head->n, hash);
}
