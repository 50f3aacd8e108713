/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_log: `keystay log`: what was signed, refused and cancelled, from the audit log; whether that log is whole; and
 * what comes next. Reads the files and needs no agent.
 *
 * Runs in: keystay.
 */
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/audit_files.h"
#include "cli/audit_verify.h"
#include "cli/audit_view.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

enum { KEY, SERVER, OUTCOME, SOCKET, UID, SINCE, UNTIL, NUMBER, FOLLOW, JSON, VERIFY, HEAD, N_OPTIONS };
static const struct ks_option options[N_OPTIONS] = {
	[KEY] = { "key", 0, "NAME", "only this key; may be a pattern such as 'web-*'" },
	[SERVER] = { "server", 0, "NAME", "only this server; may be a pattern" },
	[OUTCOME] = { "outcome", 0, "WORD", "only signed, denied, cancelled, failed or done" },
	[SOCKET] = { "socket", 0, "NAME", "only this socket" },
	[UID] = { "uid", 0, "N", "only this user" },
	[SINCE] = { "since", 0, "TIME", "from then on: 2h (ago), 2026-11-21, \"2026-11-21 04:19\"" },
	[UNTIL] = { "until", 0, "TIME", "up to then" },
	[NUMBER] = { "lines", 'n', "N", "only the last N" },
	[FOLLOW] = { "follow", 'f', NULL, "go on with what comes, until Ctrl-C" },
	[JSON] = KS_OPTION_JSON,
	[VERIFY] = { "verify", 0, NULL, "check that no line was changed, cut off or taken out" },
	[HEAD] = { "head", 0, "N:SHA256", "with --verify: the log must hold this line (see the journal)" },
};

struct log {
	struct ks_cli *cli;
	char *folder; /* owned */
	struct ks_audit_filter filter;
	uint64_t n_lines; /* UINT64_MAX = all */
	bool as_json;
	uint64_t last; /* number of the last line that was looked at */
};

/* --- lines ------------------------------------------------------------------------------------------------------- */

/* Prints a line when it fits and is new. Returns whether it fits. */
static bool look_at_line(struct log *log, const char *text, size_t size, bool print)
{
	struct ks_audit_link link;

	/* What is no line is --verify's to tell of. */
	if (!ks_audit_link_read(ks_bytes(text, size), &link) || link.n <= log->last)
		return false;
	log->last = link.n;
	json_t *line = json_loadb(text, size, 0, NULL);
	bool fits = ks_audit_view_fits(&log->filter, line);
	if (fits && print && log->as_json)
		(void)fwrite(text, 1, size, log->cli->out);
	else if (fits && print)
		ks_audit_view_print(log->cli, line);
	json_decref(line);
	return fits;
}

/* The lines from where stream stands to its end; one that is not finished is left for later. n counts those that fit;
 * the first skip of them are not printed. */
static int each_line(struct log *log, FILE *stream, uint64_t skip, uint64_t *n)
{
	KS_AUTO_FREE char *text = NULL;
	size_t room = 0;
	ssize_t size;

	clearerr(stream);
	while ((size = getline(&text, &room, stream)) > 0) {
		if (text[size - 1] != '\n')
			return fseeko(stream, -size, SEEK_CUR) < 0 ? KS_ERR_SYSTEM : 0;
		*n += look_at_line(log, text, (size_t)size, *n >= skip);
	}
	return ferror(stream) ? KS_ERR_SYSTEM : 0;
}

static enum ks_exit fail(const struct log *log, int error)
{
	KS_AUTO_FREE char *shown = ks_output_escape(ks_bytes_text(log->folder));

	if (error == KS_ERR_NOT_FOUND)
		ks_output_error(log->cli,
				"there is no audit log in %s yet; it begins with the first decision of an agent",
				shown ? shown : "its folder");
	else
		ks_output_error(log->cli, "the audit log in %s cannot be read: %s", shown ? shown : "its folder",
				ks_error_text(error));
	return KS_EXIT_FAILED;
}

/* All files, from line log->last on. skip: see each_line(). */
static int each_file(struct log *log, struct ks_audit_files *files, uint64_t skip, uint64_t *n)
{
	for (size_t i = 0; i < files->n; i++) {
		rewind(files->at[i].stream);
		int r = each_line(log, files->at[i].stream, skip, n);
		if (r < 0)
			return r;
	}
	return 0;
}

/* only_last: no more than -n says. */
static int print_all(struct log *log, bool only_last)
{
	KS_CLEANUP(ks_audit_files_close) struct ks_audit_files files = { .n = 0 };
	uint64_t n = 0, after = log->last;

	int r = ks_audit_files_open(log->folder, &files);
	if (r == 0 && only_last && log->n_lines != UINT64_MAX) {
		r = each_file(log, &files, UINT64_MAX, &n);
		log->last = after;
	}
	uint64_t skip = n > log->n_lines ? n - log->n_lines : 0;
	n = 0;
	return r < 0 ? r : each_file(log, &files, skip, &n);
}

/* --- --follow ---------------------------------------------------------------------------------------------------- */

static bool is_current(const char *path, FILE *stream)
{
	struct stat there, ours;

	return lstat(path, &there) == 0 && fstat(fileno(stream), &ours) == 0 && there.st_ino == ours.st_ino &&
	       there.st_dev == ours.st_dev;
}

/* Prints what is new in the current file until another one stands in its place. */
static int follow_file(struct log *log, const char *path, int watch)
{
	char events[4096] __attribute__((aligned(8)));
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	FILE *stream = fd >= 0 ? fdopen(fd, "r") : NULL;
	uint64_t n = 0;
	int r = 0;

	if (fd >= 0 && !stream)
		(void)close(fd);
	while (r == 0) {
		if (stream)
			r = each_line(log, stream, 0, &n);
		/* Asked before the wait: what was renamed is read to its end first. */
		bool goes_on = stream && is_current(path, stream);
		if (r == 0 && fflush(log->cli->out) != 0)
			r = KS_ERR_CLOSED;
		if (r < 0 || (stream && !goes_on))
			break;
		if (read(watch, events, sizeof(events)) <= 0)
			r = KS_ERR_SYSTEM;
		if (!stream)
			break;
	}
	if (stream)
		(void)fclose(stream);
	return r;
}

static int follow(struct log *log)
{
	KS_AUTO_FREE char *path = ks_path_join(log->folder, KS_AUDIT_FILE);
	KS_AUTO_CLOSE int watch = inotify_init1(IN_CLOEXEC);

	if (!path)
		return KS_ERR_NO_MEMORY;
	if (watch < 0 || inotify_add_watch(watch, log->folder, IN_MODIFY | IN_MOVE | IN_CREATE | IN_ONLYDIR) < 0)
		return ks_error_from_errno(errno);
	for (bool first = true;; first = false) {
		int r = print_all(log, first);
		if (r == 0)
			r = follow_file(log, path, watch);
		if (r < 0)
			return r == KS_ERR_CLOSED ? 0 : r;
	}
}

/* --- --verify ---------------------------------------------------------------------------------------------------- */

static enum ks_exit verify(struct log *log, const struct ks_audit_head *known)
{
	KS_CLEANUP(ks_audit_files_close) struct ks_audit_files files = { .n = 0 };
	struct ks_audit_verdict verdict;
	char hash[65];

	int r = ks_audit_files_open(log->folder, &files);
	if (r == 0)
		r = ks_audit_verify(&files, known, log->cli->out, &verdict);
	if (r < 0)
		return fail(log, r);
	if (verdict.n_problems > 0) {
		ks_output_error(log->cli, "the audit log is not as it was written: %zu problem%s", verdict.n_problems,
				verdict.n_problems == 1 ? "" : "s");
		return KS_EXIT_FAILED;
	}
	if (verdict.n_lines == 0) {
		(void)fputs("The audit log is empty.\n", log->cli->out);
		return KS_EXIT_GOOD;
	}
	ks_text_hex(ks_bytes(verdict.hash, sizeof(verdict.hash)), hash);
	(void)fprintf(log->cli->out,
		      "The audit log is whole: %" PRIu64 " line%s in %zu file%s, number %" PRIu64 " to %" PRIu64
		      ".\nIt ends with %" PRIu64 ":%s\n",
		      verdict.n_lines, verdict.n_lines == 1 ? "" : "s", files.n, files.n == 1 ? "" : "s", verdict.first,
		      verdict.last, verdict.last, hash);
	return KS_EXIT_GOOD;
}

/* "17:5f1b…" */
static int read_known_head(const char *text, struct ks_audit_head *ret_head)
{
	const char *colon = strchr(text, ':');
	char digits[24];
	size_t size = 0;

	if (!colon || (size_t)(colon - text) >= sizeof(digits))
		return KS_ERR_INVALID;
	memcpy(digits, text, (size_t)(colon - text));
	digits[colon - text] = '\0';
	int r = ks_text_number(digits, UINT64_MAX, &ret_head->n);
	if (r == 0)
		r = ks_text_unhex(colon + 1, ret_head->hash, sizeof(ret_head->hash), &size);
	return r < 0 || size != sizeof(ret_head->hash) ? KS_ERR_INVALID : 0;
}

/* --- the command ------------------------------------------------------------------------------------------------- */

static enum ks_exit refuse(const struct log *log, const struct ks_arguments *arguments, int option, const char *wanted)
{
	KS_AUTO_FREE char *shown = ks_output_escape(ks_bytes_text(arguments->values[option]));

	ks_output_error(log->cli, "log: --%s takes %s, not \"%s\" (see: keystay help log)", options[option].name,
			wanted, shown ? shown : "");
	return KS_EXIT_USAGE;
}

static enum ks_exit read_options(struct log *log, const struct ks_arguments *arguments)
{
	static const char *const outcomes[] = { "signed", "denied", "cancelled", "failed", "done" };
	const char *const *values = arguments->values;
	struct ks_audit_filter *filter = &log->filter;
	size_t i = 0;

	*filter = (struct ks_audit_filter){ .key = values[KEY],
					    .server = values[SERVER],
					    .outcome = values[OUTCOME],
					    .socket = values[SOCKET],
					    .has_uid = values[UID] != NULL };
	log->n_lines = UINT64_MAX;
	while (values[OUTCOME] && i < 5 && strcmp(values[OUTCOME], outcomes[i]) != 0)
		i++;
	if (i == 5)
		return refuse(log, arguments, OUTCOME, "signed, denied, cancelled, failed or done");
	if (values[UID] && ks_text_number(values[UID], UINT32_MAX, &filter->uid) < 0)
		return refuse(log, arguments, UID, "the number of a user");
	if (values[NUMBER] && ks_text_number(values[NUMBER], UINT64_MAX - 1, &log->n_lines) < 0)
		return refuse(log, arguments, NUMBER, "a number");
	if (values[SINCE] && ks_audit_view_time(values[SINCE], log->cli->now_s, &filter->since_ms) < 0)
		return refuse(log, arguments, SINCE, "a time such as 2h, 2026-11-21 or \"2026-11-21 04:19\"");
	if (values[UNTIL] && ks_audit_view_time(values[UNTIL], log->cli->now_s, &filter->until_ms) < 0)
		return refuse(log, arguments, UNTIL, "a time such as 2h, 2026-11-21 or \"2026-11-21 04:19\"");
	return KS_EXIT_GOOD;
}

static enum ks_exit run_log(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_AUTO_FREE char *folder = NULL;
	struct ks_audit_head known = { .n = 0 };
	struct log log = { .cli = cli, .as_json = ks_arguments_has(arguments, JSON) };

	enum ks_exit result = read_options(&log, arguments);
	if (result != KS_EXIT_GOOD)
		return result;
	if (ks_arguments_has(arguments, HEAD) && read_known_head(arguments->values[HEAD], &known) < 0)
		return refuse(&log, arguments, HEAD, "a line's number, a colon and its SHA-256");
	int r = ks_audit_files_folder(&folder);
	if (r < 0)
		return ks_command_fail_code(cli, r, "log");
	log.folder = folder;
	if (ks_arguments_has(arguments, VERIFY))
		return verify(&log, known.n ? &known : NULL);
	r = ks_arguments_has(arguments, FOLLOW) ? follow(&log) : print_all(&log, true);
	return r < 0 ? fail(&log, r) : KS_EXIT_GOOD;
}

const struct ks_command ks_command_log = {
	.name = "log",
	.operands = "",
	.summary = "what was signed, refused and cancelled",
	.details = "Reads the audit log, which keystay-agent writes before each answer; needs no\n"
		   "agent. --verify says whether the log is whole, and where it is not. Whoever may\n"
		   "write your files can also write a log anew: compare with the journal, which has\n"
		   "its heads (man keystay).\n",
	.options = options,
	.n_options = N_OPTIONS,
	.run = run_log,
};
