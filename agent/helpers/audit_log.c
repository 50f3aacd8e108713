/* SPDX-License-Identifier: Apache-2.0 */
/* audit_log: see audit_log.h. Runs in: keystay-audit. */
#include "agent/helpers/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/helpers/audit_folder.h"
#include "agent/helpers/audit_json.h"
#include "agent/helpers/audit_tail.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/tls/verify_signature.h"

#define EVENTS_MAX 8
#define WHY_MAX 512

/* Where the chain ends. */
struct end {
	uint64_t n; /* 0 = nowhere yet */
	uint8_t hash[32];
	uint64_t agent, sequence; /* of the last record */
};

struct event {
	const char *word;
	char text[256];
};

struct ks_audit_log {
	struct ks_audit_log_options options;
	char boot_id[37];
	struct ks_audit_folder folder;

	int fd; /* of audit.jsonl, -1 = not open */
	struct stat file;
	uint64_t size;       /* of its whole lines */
	uint64_t file_first; /* number of its first line; 0 = it has none */

	struct end end;
	uint64_t first;    /* the first line that was not rotated away */
	uint64_t sealed_n; /* the head's */
	uint64_t agent;    /* that records come from, and the last one that is written */
	uint64_t sequence;

	struct event events[EVENTS_MAX]; /* to be said in the next lines */
	size_t n_events;
};

static void note(struct ks_audit_log *log, const char *word, const char *format, ...) KS_PRINTF(3, 4);

static void note(struct ks_audit_log *log, const char *word, const char *format, ...)
{
	va_list arguments;

	if (log->n_events == EVENTS_MAX)
		return;
	struct event *event = &log->events[log->n_events++];
	event->word = word;
	va_start(arguments, format);
	(void)vsnprintf(event->text, sizeof(event->text), format, arguments);
	va_end(arguments);
	ks_log_warning("the audit log: %s: %s", word, event->text);
}

static void close_file(struct ks_audit_log *log)
{
	if (log->fd >= 0)
		(void)close(log->fd);
	log->fd = -1;
}

/* --- where the chain ends ---------------------------------------------------------------------------------------- */

static struct end end_of_tail(const struct ks_audit_tail *tail)
{
	struct end end = { 0 };

	if (!tail->has_line)
		return end;
	end = (struct end){ .n = tail->last.n, .agent = tail->last.agent, .sequence = tail->last.sequence };
	memcpy(end.hash, tail->hash, sizeof(end.hash));
	return end;
}

/* What a full file ends with, when the current one has no line yet. */
static struct end end_of_full(const struct ks_audit_log *log)
{
	struct ks_audit_tail tail = { 0 };
	KS_AUTO_CLOSE int fd = -1;

	if (ks_audit_folder_open_newest(&log->folder, &fd) < 0 || ks_audit_tail_read(fd, &tail) < 0)
		return (struct end){ 0 };
	return end_of_tail(&tail);
}

/* Three know it: the files, the head, and we ourselves. The files may be behind when somebody cut them, the head by what
 * was under way at the end of a writer, we by what a writer of another agent wrote. The furthest is right; where two are
 * as far and differ, it is not the file that was changed last. */
static void choose_end(struct ks_audit_log *log, const struct ks_audit_head *head, const struct end *there)
{
	struct end best = log->end;

	if (head->n > best.n) {
		best = (struct end){ .n = head->n, .agent = there->agent, .sequence = there->sequence };
		memcpy(best.hash, head->hash, sizeof(best.hash));
	}
	if (there->n > best.n) {
		best = *there;
	} else if (there->n == best.n && memcmp(there->hash, best.hash, sizeof(best.hash)) != 0) {
		note(log, "changed", "line %" PRIu64 " is not as it was written", best.n);
	} else if (there->n == best.n) {
		best = *there;
	} else {
		note(log, "gap",
		     "the chain goes on after line %" PRIu64 ", the files that are here end with line %" PRIu64
		     ": the rest was cut, deleted or renamed",
		     best.n, there->n);
	}
	log->end = best;
}

/* Opens audit.jsonl as it is now and finds out where the chain goes on. */
static int look(struct ks_audit_log *log)
{
	struct ks_audit_tail tail = { 0 };
	struct ks_audit_head head = { 0 };
	char aside[64];

	close_file(log);
	int r = ks_audit_folder_open_file(&log->folder, log->end.n, &log->fd, &log->file, aside);
	if (r == 0)
		r = ks_audit_tail_read(log->fd, &tail);
	if (r < 0)
		return r;
	if (aside[0])
		note(log, "replaced", "audit.jsonl was a symbolic link, or not ours; it is called %s now", aside);
	bool has_head = ks_audit_folder_read_head(&log->folder, &head) == 0;
	struct end there = tail.has_line ? end_of_tail(&tail) : end_of_full(log);
	if (!has_head && there.n > KS_AUDIT_BATCH)
		note(log, "no-head", "the head of the log was missing or none");
	if (tail.unreadable)
		note(log, "unreadable", "the last line was none of keystay's");
	choose_end(log, &head, &there);
	log->size = tail.size;
	log->file_first = tail.first;
	log->sealed_n = has_head ? head.n : 0;
	if (has_head)
		log->first = head.first;
	else if (log->first == 0)
		log->first = ks_audit_folder_oldest(&log->folder, UINT32_MAX);
	if (log->first == 0)
		log->first = tail.first ? tail.first : log->end.n + 1;
	if (tail.torn == 0 || tail.unreadable)
		return 0;
	if (ftruncate(log->fd, (off_t)(tail.size - tail.torn)) < 0)
		return ks_error_from_errno(errno);
	log->size = tail.size - tail.torn;
	note(log, "torn", "%" PRIu64 " bytes of a line that was not finished were cut off", tail.torn);
	return 0;
}

static int look_if_changed(struct ks_audit_log *log)
{
	if (log->fd >= 0 && ks_audit_folder_is_same(&log->folder, &log->file, log->size))
		return 0;
	/* A batch that failed and could not be taken back is no change from outside, but looked at in the same way. */
	return look(log);
}

/* --- lines ------------------------------------------------------------------------------------------------------- */

/* A file whose last line is none of ours may not end with a newline. */
static void begin_line(const struct ks_audit_log *log, struct ks_buffer *lines)
{
	char last = '\n';

	if (log->size > 0 && pread(log->fd, &last, 1, (off_t)log->size - 1) == 1 && last != '\n')
		ks_buffer_put_u8(lines, '\n');
}

/* A line has been put together at the end of lines: the chain goes on from it. */
static int link_line(const struct ks_buffer *lines, size_t start, const struct ks_audit_link *link, struct end *end)
{
	int r = ks_buffer_error(lines);
	if (r < 0)
		return r;
	if (lines->size - start > KS_AUDIT_LINE_MAX)
		return KS_ERR_TOO_LARGE;
	end->n = link->n;
	end->agent = link->agent;
	end->sequence = link->sequence;
	return ks_sha256(ks_bytes(lines->data + start, lines->size - start), end->hash);
}

static struct ks_audit_link next_link(const struct end *end)
{
	struct ks_audit_link link = { .n = end->n + 1, .agent = end->agent, .sequence = end->sequence };

	memcpy(link.prev, end->hash, sizeof(link.prev));
	return link;
}

/* An earlier keystay-audit may have written it and ended before it could say so. */
static bool is_there_already(struct ks_audit_log *log, const struct ks_msg_audit *record)
{
	if (log->agent != record->agent) {
		KS_AUTO_CLOSE int full = -1;
		log->agent = record->agent;
		log->sequence = ks_audit_tail_find(log->fd, record->agent);
		if (log->sequence == 0 && ks_audit_folder_open_newest(&log->folder, &full) == 0)
			log->sequence = ks_audit_tail_find(full, record->agent);
	}
	return record->sequence <= log->sequence;
}

static int make_lines(struct ks_audit_log *log, struct ks_audit_item *items, size_t n_items, struct ks_buffer *lines,
		      struct end *end)
{
	begin_line(log, lines);
	for (size_t i = 0; i < log->n_events; i++) {
		struct ks_audit_link link = next_link(end);
		size_t start = lines->size;
		ks_audit_json_event(lines, &link, log->boot_id, log->events[i].word, log->events[i].text);
		int r = link_line(lines, start, &link, end);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n_items; i++) {
		struct ks_audit_link link = next_link(end);
		size_t start = lines->size;
		items[i].n = 0;
		if (is_there_already(log, &items[i].record))
			continue;
		link.agent = items[i].record.agent;
		link.sequence = items[i].record.sequence;
		items[i].n = link.n;
		ks_audit_json_decision(lines, &link, log->boot_id, &items[i].record);
		int r = link_line(lines, start, &link, end);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the file ---------------------------------------------------------------------------------------------------- */

/* All of it, or nothing: what a full disk took is taken back. */
static int write_lines(struct ks_audit_log *log, struct ks_bytes lines)
{
	uint64_t at = log->size;

	while (lines.size > 0) {
		ssize_t n = pwrite(log->fd, lines.data, lines.size, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int saved = n == 0 ? ENOSPC : errno;
			if (at > log->size && ftruncate(log->fd, (off_t)log->size) < 0)
				ks_log_warning("half a batch stays in the audit log: %s", strerror(errno));
			errno = saved;
			return ks_error_from_errno(saved);
		}
		at += (uint64_t)n;
		lines = ks_bytes(lines.data + n, lines.size - (size_t)n);
	}
	log->size = at;
	return 0;
}

static int write_head(struct ks_audit_log *log)
{
	struct ks_audit_head head = { .n = log->end.n, .first = log->first };

	memcpy(head.hash, log->end.hash, sizeof(head.hash));
	int r = ks_audit_folder_write_head(&log->folder, &head);
	if (r == 0)
		log->sealed_n = log->end.n;
	return r;
}

/* The head says first what will be the first line, so that who is ended in between has said nothing wrong. */
static int rotate(struct ks_audit_log *log)
{
	if (log->file_first == 0)
		log->file_first = log->end.n; /* none of our lines is in it */
	int r = ks_audit_folder_rename_full(&log->folder, log->file_first);
	if (r < 0)
		return r;
	uint64_t first = ks_audit_folder_oldest(&log->folder, log->options.keep - 1);
	if (first == 0)
		first = log->end.n + 1; /* keep = 1: no full file stays */
	if (first > log->first) {
		log->first = first;
		if (write_head(log) == 0)
			ks_audit_folder_drop(&log->folder, first);
	}
	char aside[64];
	close_file(log);
	log->size = 0;
	log->file_first = 0;
	return ks_audit_folder_open_file(&log->folder, log->end.n, &log->fd, &log->file, aside);
}

static int append(struct ks_audit_log *log, struct ks_audit_item *items, size_t n_items)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer lines = { 0 };
	struct end end;

	int r = look_if_changed(log);
	if (r < 0)
		return r;
	end = log->end;
	r = make_lines(log, items, n_items, &lines, &end);
	if (r < 0 || lines.size == 0)
		return r;
	if (log->size > 0 && log->size + lines.size > log->options.max_size)
		r = rotate(log);
	if (r == 0)
		r = write_lines(log, ks_buffer_bytes(&lines));
	if (r < 0)
		return r;
	if (log->file_first == 0)
		log->file_first = log->end.n + 1;
	log->end = end;
	log->n_events = 0;
	if (n_items > 0)
		log->sequence = items[n_items - 1].record.sequence;
	return 0;
}

int ks_audit_log_append(struct ks_audit_log *log, struct ks_audit_item *items, size_t n_items, char *why)
{
	errno = 0;
	int r = ks_audit_folder_lock(&log->folder);
	if (r == 0)
		r = append(log, items, n_items);
	if (r == 0) {
		ks_audit_folder_unlock(&log->folder);
		return 0;
	}
	int saved = errno;
	ks_audit_folder_unlock(&log->folder);
	const char *text = saved ? strerror(saved) : ks_error_text(r);
	if (r == KS_ERR_UNTRUSTED_PATH)
		text = "it must be a folder of this user that is closed to others (mode 0700)";
	(void)ks_text_print(why, WHY_MAX, "%s: %s", log->options.folder, text);
	return r;
}

void ks_audit_log_seal(struct ks_audit_log *log)
{
	if (log->end.n == log->sealed_n || ks_audit_folder_lock(&log->folder) < 0)
		return;
	/* Whoever wrote the last line writes the head. */
	if (log->fd >= 0 && ks_audit_folder_is_same(&log->folder, &log->file, log->size) && write_head(log) < 0)
		ks_log_debug("the head of the audit log was not written: %s", strerror(errno));
	ks_audit_folder_unlock(&log->folder);
}

struct ks_audit_head ks_audit_log_end(const struct ks_audit_log *log)
{
	struct ks_audit_head end = { .n = log->end.n, .first = log->first };

	memcpy(end.hash, log->end.hash, sizeof(end.hash));
	return end;
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static void read_boot_id(char out[37])
{
	KS_AUTO_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, out, 36) != 36)
		out[0] = '\0';
	for (size_t i = 0; i < 36 && out[i]; i++) {
		if (!strchr("0123456789abcdef-", out[i]))
			out[0] = '\0';
	}
	out[36] = '\0';
}

int ks_audit_log_new(const struct ks_audit_log_options *options, struct ks_audit_log **ret_log)
{
	struct ks_audit_log *log = calloc(1, sizeof(*log));

	if (!log)
		return KS_ERR_NO_MEMORY;
	log->options = *options;
	log->folder = (struct ks_audit_folder){ .path = options->folder, .fd = -1 };
	log->fd = -1;
	read_boot_id(log->boot_id);
	*ret_log = log;
	return 0;
}

void ks_audit_log_free(struct ks_audit_log *log)
{
	if (!log)
		return;
	close_file(log);
	ks_audit_folder_close(&log->folder);
	free(log);
}
