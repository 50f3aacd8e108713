/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_main: keystay-audit: writes the audit log for keystay-agent, which hands it records on descriptor 3.
 *
 * Runs in: keystay-audit, started by keystay-agent, so that the agent need not wait for a disk. The only process that
 * touches the log. Ends when the agent closes the channel, or has ended itself, and everything it was sent is written:
 * it is not killed with the agent, and a signal that ends a whole service leaves it the time for that.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/helpers/audit_log.h"
#include "agent/helpers/audit_sinks.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/peer.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "lib/protocol/frame.h"
#include "lib/protocol/limits.h"

#define CHANNEL_FD 3
#define READ_SIZE ((size_t)64 << 10)
#define WHY_MAX 512

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage_text[] = "Usage: keystay-audit [OPTION]... FOLDER\n"
				 "Writes the audit log of keystay-agent, which starts it; not for people to start.\n"
				 "\n"
				 "  --max-size BYTES  of one file\n"
				 "  --keep N          files\n"
				 "  --to WORDS        file, journal and syslog with commas between them\n"
				 "  --version         print the version\n"
				 "  --help            print this\n"
				 "\n"
				 "Talks to the agent on descriptor 3. See man keystay-audit.\n";

struct writer {
	struct ks_audit_log_options options;
	bool to_file, to_journal, to_syslog;
	struct ks_audit_log *log;
	struct ks_buffer input;
	struct ks_audit_item items[KS_AUDIT_BATCH]; /* of the batch; they borrow from input */
	size_t n_items;
	uint64_t head_n; /* of the last head that was told */
};

/* --- one batch --------------------------------------------------------------------------------------------------- */

static int respond(uint32_t id, int error, const char *why)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	char text[WHY_MAX];

	ks_text_escape(ks_bytes_text(why), text, sizeof(text));
	const struct ks_msg_audit_reply reply = { KS_MESSAGE_HEAD(id), .error = (uint32_t)-error,
						  .text = ks_bytes_text(text) };
	ks_message_write(&buffer, KS_MSG_AUDIT_REPLY, &reply);
	int r = ks_buffer_error(&buffer);
	for (struct ks_bytes bytes = ks_buffer_bytes(&buffer); r == 0 && bytes.size > 0;) {
		ssize_t n = send(CHANNEL_FD, bytes.data, bytes.size, MSG_NOSIGNAL);
		if (n > 0)
			bytes = ks_bytes(bytes.data + n, bytes.size - (size_t)n);
		else if (errno != EINTR)
			r = KS_ERR_CLOSED;
	}
	return r;
}

static int tell_journal(struct writer *writer)
{
	int r = 0;

	for (size_t i = 0; writer->to_journal && i < writer->n_items; i++) {
		if (writer->to_file && writer->items[i].n == 0)
			continue; /* an earlier process wrote it, and told of it, if it could */
		int one = ks_audit_journal_record(&writer->items[i].record, writer->items[i].n);
		r = one < 0 ? one : r;
	}
	return r;
}

static void tell_syslog(struct writer *writer)
{
	for (size_t i = 0; writer->to_syslog && i < writer->n_items; i++) {
		if (!writer->to_file || writer->items[i].n > 0)
			ks_audit_syslog_record(&writer->items[i].record, writer->items[i].n);
	}
}

/* To where it cannot be changed with the log. */
static void tell_head(struct writer *writer)
{
	const struct ks_audit_head head = ks_audit_log_end(writer->log);

	if (!writer->to_file || head.n == 0 || head.n == writer->head_n)
		return;
	writer->head_n = head.n;
	if (writer->to_journal && ks_audit_journal_head(&head) < 0)
		ks_log_debug("the journal did not take the head of the log");
	if (writer->to_syslog)
		ks_audit_syslog_head(&head);
}

/* A batch is written when the file has it; without a file, when the journal has it. The others are told after the reply:
 * they may make us wait. */
static int write_batch(struct writer *writer)
{
	char why[WHY_MAX] = "there is no journal that takes it";
	uint32_t id = writer->items[writer->n_items - 1].record.id;
	int r = 0;

	if (writer->to_file)
		r = ks_audit_log_append(writer->log, writer->items, writer->n_items, why);
	else if (writer->to_journal)
		r = tell_journal(writer);
	else if (!writer->to_syslog)
		r = KS_ERR_NOT_FOUND;
	int told = respond(id, r, r < 0 ? why : "");
	if (r == 0) {
		if (writer->to_file && tell_journal(writer) < 0)
			ks_log_debug("the journal did not take a record");
		tell_syslog(writer);
	}
	if (r == 0 && writer->to_file) {
		ks_audit_log_seal(writer->log);
		if (ks_audit_log_end(writer->log).n >= writer->head_n + KS_AUDIT_HEAD_EVERY)
			tell_head(writer);
	}
	writer->n_items = 0;
	return told;
}

/* --- the channel ------------------------------------------------------------------------------------------------- */

/* The first batch in input, once it is there as a whole; *ret_size is how many bytes it has, 0 = not yet. */
static int find_batch(struct writer *writer, size_t *ret_size)
{
	struct ks_bytes rest = ks_buffer_bytes(&writer->input);
	bool more = true;

	writer->n_items = 0;
	*ret_size = 0;
	while (more) {
		struct ks_frame frame;
		enum ks_frame_state state;
		size_t used;
		int r = ks_frame_read(rest, &state, &frame, &used);
		if (r < 0 || state == KS_FRAME_PARTIAL)
			return r;
		if (frame.type != KS_MSG_AUDIT || writer->n_items == KS_AUDIT_BATCH)
			return KS_ERR_UNKNOWN_MESSAGE;
		struct ks_audit_item *item = &writer->items[writer->n_items++];
		r = ks_message_read(frame.type, frame.body, &item->record, sizeof(item->record));
		if (r < 0)
			return r;
		more = item->record.more;
		rest = ks_bytes(rest.data + used, rest.size - used);
	}
	*ret_size = writer->input.size - rest.size;
	return 0;
}

static int receive(struct writer *writer)
{
	uint8_t *room = ks_buffer_reserve(&writer->input, READ_SIZE);

	if (!room)
		return ks_buffer_error(&writer->input);
	ssize_t n = recv(CHANNEL_FD, room, READ_SIZE, 0);
	if (n == 0 || (n < 0 && errno != EINTR))
		return KS_ERR_CLOSED;
	if (n > 0)
		ks_buffer_grow(&writer->input, (size_t)n);
	return 0;
}

/* Also what a dead agent sent before: its batch is written though nobody takes the answer. */
static int serve(struct writer *writer)
{
	bool agent_is_there = true;

	for (;;) {
		size_t size;
		int r = find_batch(writer, &size);
		if (r < 0)
			return r;
		if (size > 0) {
			agent_is_there = write_batch(writer) == 0 && agent_is_there;
			ks_buffer_consume(&writer->input, size);
			continue;
		}
		if (!agent_is_there)
			return KS_ERR_CLOSED;
		r = receive(writer);
		if (r < 0)
			return r;
	}
}

/* --- the process ------------------------------------------------------------------------------------------------- */

static int run(struct writer *writer)
{
	struct ks_peer peer;
	char why[WHY_MAX];

	if (ks_peer_get(CHANNEL_FD, &peer) < 0) {
		ks_log_error("descriptor %d is no channel to an agent; keystay-audit is started by keystay-agent",
			     CHANNEL_FD);
		return EXIT_FAILED;
	}
	/* SIGXFSZ: a limit on the size of files is an error of write(2), as a full disk is. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGTERM, SIG_IGN) == SIG_ERR ||
	    signal(SIGINT, SIG_IGN) == SIG_ERR || signal(SIGHUP, SIG_IGN) == SIG_ERR ||
	    signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return EXIT_FAILED;
	writer->to_journal = writer->to_journal && ks_audit_journal_is_there();
	if (writer->to_syslog)
		ks_audit_syslog_open();
	ks_buffer_init(&writer->input, KS_AUDIT_BATCH * (size_t)KS_AUDIT_LINE_MAX + READ_SIZE);
	if (ks_audit_log_new(&writer->options, &writer->log) < 0)
		return EXIT_FAILED;
	if (writer->to_file && ks_audit_log_append(writer->log, NULL, 0, why) < 0)
		ks_log_warning("the audit log cannot be written: %s", why);
	/* What the last one had no time for. */
	if (writer->to_file)
		ks_audit_log_seal(writer->log);
	tell_head(writer);
	int r = serve(writer);
	tell_head(writer);
	ks_audit_log_free(writer->log);
	ks_buffer_deinit(&writer->input);
	if (r != KS_ERR_CLOSED)
		ks_log_error("the agent sent nonsense: %s", ks_error_text(r));
	return r == KS_ERR_CLOSED ? EXIT_GOOD : EXIT_FAILED;
}

static bool read_words(const char *words, struct writer *writer)
{
	while (*words) {
		size_t size = strcspn(words, ",");
		if (size == 4 && strncmp(words, "file", size) == 0)
			writer->to_file = true;
		else if (size == 7 && strncmp(words, "journal", size) == 0)
			writer->to_journal = true;
		else if (size == 6 && strncmp(words, "syslog", size) == 0)
			writer->to_syslog = true;
		else
			return false;
		words += size + (words[size] == ',' ? 1 : 0);
	}
	return true;
}

static int read_command_line(int argc, char **argv, struct writer *writer)
{
	enum { MAX_SIZE = 256, KEEP, TO, VERSION, HELP };
	static const struct option options[] = {
		{ "max-size", required_argument, NULL, MAX_SIZE },
		{ "keep", required_argument, NULL, KEEP },
		{ "to", required_argument, NULL, TO },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t keep = writer->options.keep;
	bool good = true;
	int option;

	while (good && (option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == MAX_SIZE) {
			good = ks_text_number(optarg, INT64_MAX, &writer->options.max_size) == 0;
		} else if (option == KEEP) {
			good = ks_text_number(optarg, UINT32_MAX, &keep) == 0 && keep > 0;
		} else if (option == TO) {
			good = read_words(optarg, writer);
		} else if (option == VERSION) {
			(void)puts("keystay-audit " KEYSTAY_VERSION);
			return EXIT_GOOD;
		} else if (option == HELP || option == 'h') {
			(void)fputs(usage_text, stdout);
			return EXIT_GOOD;
		} else {
			good = false;
		}
	}
	if (!good || optind + 1 != argc || argv[optind][0] != '/') {
		(void)fprintf(stderr, "See: keystay-audit --help\n");
		return EXIT_USAGE;
	}
	writer->options.keep = (unsigned)keep;
	writer->options.folder = argv[optind];
	return run(writer);
}

int main(int argc, char **argv)
{
	static struct writer writer = { .options = { .max_size = (uint64_t)16 << 20, .keep = 8 } };

	if (ks_process_harden() < 0 || ks_process_open_standard() < 0) {
		(void)fprintf(stderr, "keystay-audit: the system refuses to protect this process; it does not start\n");
		return EXIT_FAILED;
	}
	ks_log_init("keystay-audit", KS_LOG_INFO);
	return read_command_line(argc, argv, &writer);
}
