/* SPDX-License-Identifier: Apache-2.0 */
/* audit_verify: see audit_verify.h. Runs in: keystay. */
#include "cli/audit_verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client/sha256.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* After so many lines about problems the rest is counted: one bad disk must not print a million lines. */
#define PROBLEMS_SHOWN 100u

/* What a keystay-audit that is killed leaves unsaid: a batch, and what it had to say of the log itself. */
#define HEAD_LAG (2 * KS_AUDIT_BATCH)

struct walk {
	FILE *out;
	struct ks_audit_verdict *verdict;
	const char *file; /* safe to show */
	uint64_t row;     /* in the file */
	bool has_line;    /* there was one before, which the next one names */
	bool is_broken;   /* what came after it was no line: the next link cannot be checked */
	uint64_t n;       /* of the line before */
	uint8_t hash[32];
	const struct ks_audit_head *heads[2]; /* the log's and one from elsewhere, or NULL */
	bool seen[2], differs[2];             /* the line that the head names; it has another hash */
};

static void problem(struct walk *walk, const char *format, ...) KS_PRINTF(2, 3);

static void problem(struct walk *walk, const char *format, ...)
{
	va_list arguments;

	if (++walk->verdict->n_problems > PROBLEMS_SHOWN)
		return;
	va_start(arguments, format);
	(void)vfprintf(walk->out, format, arguments);
	va_end(arguments);
	(void)fputc('\n', walk->out);
}

static void say_missing(struct walk *walk, uint64_t from, uint64_t to)
{
	if (from == to)
		problem(walk, "%s:%" PRIu64 ": line number %" PRIu64 " is missing before this one", walk->file,
			walk->row, from);
	else
		problem(walk, "%s:%" PRIu64 ": line numbers %" PRIu64 " to %" PRIu64 " are missing before this one",
			walk->file, walk->row, from, to);
}

static void check_link(struct walk *walk, const struct ks_audit_link *link)
{
	if (!walk->has_line)
		return;
	if (link->n > walk->n + 1)
		say_missing(walk, walk->n + 1, link->n - 1);
	else if (link->n <= walk->n)
		problem(walk,
			"%s:%" PRIu64 ": line number %" PRIu64 " stands after number %" PRIu64
			", where it does not belong",
			walk->file, walk->row, link->n, walk->n);
	else if (!walk->is_broken && memcmp(link->prev, walk->hash, sizeof(walk->hash)) != 0)
		problem(walk, "line number %" PRIu64 ", before %s:%" PRIu64 ", was changed after it was written",
			walk->n, walk->file, walk->row);
}

static void look_at_line(struct walk *walk, struct ks_bytes line)
{
	struct ks_audit_link link;

	if (!ks_audit_link_read(line, &link)) {
		problem(walk, "%s:%" PRIu64 ": this is no line that keystay wrote, or it was changed", walk->file,
			walk->row);
		walk->is_broken = true;
		return;
	}
	check_link(walk, &link);
	if (walk->verdict->n_lines++ == 0)
		walk->verdict->first = link.n;
	walk->has_line = true;
	walk->is_broken = false;
	walk->n = link.n;
	ks_client_sha256(line, walk->hash);
	for (int i = 0; i < 2; i++) {
		if (!walk->heads[i] || walk->heads[i]->n != link.n)
			continue;
		walk->seen[i] = true;
		walk->differs[i] = memcmp(walk->heads[i]->hash, walk->hash, sizeof(walk->hash)) != 0;
	}
}

static int walk_file(struct walk *walk, const struct ks_audit_file *file, bool is_last)
{
	char shown[256];
	KS_AUTO_FREE char *line = NULL;
	size_t room = 0;
	ssize_t size;

	ks_text_escape(ks_bytes_text(file->name), shown, sizeof(shown));
	walk->file = shown;
	walk->row = 0;
	while ((size = getline(&line, &room, file->stream)) > 0) {
		walk->row++;
		if (line[size - 1] != '\n' && is_last && size <= (ssize_t)KS_AUDIT_LINE_MAX)
			(void)fprintf(walk->out,
				      "note: %s ends with a line that was not finished; keystay-agent cuts it "
				      "off at its next start\n",
				      walk->file);
		else
			look_at_line(walk, ks_bytes(line, (size_t)size));
	}
	walk->file = "";
	return ferror(file->stream) ? KS_ERR_SYSTEM : 0;
}

/* --- the ends ---------------------------------------------------------------------------------------------------- */

static void check_begin(struct walk *walk, const struct ks_audit_files *files)
{
	uint64_t first = walk->verdict->first;

	if (files->has_head && first > files->head.first)
		problem(walk,
			"the beginning is missing: the log should begin with line number %" PRIu64
			", it begins with %" PRIu64,
			files->head.first, first);
	else if (first > 1)
		(void)fprintf(walk->out, "note: line numbers before %" PRIu64 " were rotated away\n", first);
	if (files->n_packed > 0)
		(void)fprintf(walk->out, "note: %zu compressed file%s not looked into\n", files->n_packed,
			      files->n_packed == 1 ? " was" : "s were");
}

static void check_head(struct walk *walk, int i, const char *whose)
{
	const struct ks_audit_head *head = walk->heads[i];

	if (!head)
		return;
	if (head->n > walk->n)
		problem(walk,
			"the log was cut: %s says that it ends with line number %" PRIu64 ", it ends with %" PRIu64,
			whose, head->n, walk->n);
	else if (walk->differs[i])
		problem(walk, "%s does not fit line number %" PRIu64 ": the line was changed, or the head was replaced",
			whose, head->n);
	else if (!walk->seen[i] && i == 0)
		problem(walk, "%s names line number %" PRIu64 ", which is not there", whose, head->n);
	else if (!walk->seen[i])
		(void)fprintf(walk->out, "note: line number %" PRIu64 " of %s is not here any more\n", head->n, whose);
	else if (i == 0 && walk->n - head->n > HEAD_LAG)
		problem(walk,
			"%s is older than the log: it says line number %" PRIu64 ", the log ends with %" PRIu64
			"; it was replaced, or could not be written",
			whose, head->n, walk->n);
}

int ks_audit_verify(struct ks_audit_files *files, const struct ks_audit_head *known, FILE *out,
		    struct ks_audit_verdict *ret_verdict)
{
	*ret_verdict = (struct ks_audit_verdict){ .n_lines = 0 };
	struct walk walk = { .out = out,
			     .verdict = ret_verdict,
			     .file = "",
			     .heads = { files->has_head ? &files->head : NULL, known } };

	for (size_t i = 0; i < files->n; i++) {
		int r = walk_file(&walk, &files->at[i], i + 1 == files->n);
		if (r < 0)
			return r;
	}
	ret_verdict->last = walk.n;
	memcpy(ret_verdict->hash, walk.hash, sizeof(walk.hash));
	if (walk.has_line)
		check_begin(&walk, files);
	if (files->head_is_wrong)
		problem(&walk, "the head is not one that keystay wrote");
	else if (!files->has_head && walk.n > KS_AUDIT_BATCH)
		problem(&walk, "the head is missing");
	check_head(&walk, 0, "the head");
	check_head(&walk, 1, "the head that was given");
	if (ret_verdict->n_problems > PROBLEMS_SHOWN)
		(void)fprintf(out, "and %zu more problems\n", ret_verdict->n_problems - PROBLEMS_SHOWN);
	return 0;
}
