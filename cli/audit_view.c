/* SPDX-License-Identifier: Apache-2.0 */
/* audit_view: see audit_view.h. Runs in: keystay. */
#include "cli/audit_view.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* --- times ------------------------------------------------------------------------------------------------------- */

/* The whole of text, in this form. */
static bool read_form(const char *text, const char *form, struct tm *ret_parts)
{
	*ret_parts = (struct tm){ .tm_isdst = -1 };
	const char *end = strptime(text, form, ret_parts);
	return end && *end == '\0';
}

int ks_audit_view_time(const char *text, uint64_t now_s, int64_t *ret_ms)
{
	static const char *const local[] = { "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S" };
	struct tm parts;
	uint64_t ago_ms;

	if (ks_text_duration_ms(text, &ago_ms) == 0) {
		uint64_t now_ms = now_s * 1000;
		*ret_ms = (int64_t)(ago_ms < now_ms ? now_ms - ago_ms : 0);
		return 0;
	}
	if (read_form(text, "%Y-%m-%dT%H:%M:%SZ", &parts)) {
		*ret_ms = (int64_t)timegm(&parts) * 1000;
		return 0;
	}
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		if (!read_form(text, local[i], &parts))
			continue;
		*ret_ms = (int64_t)mktime(&parts) * 1000;
		return 0;
	}
	return KS_ERR_INVALID;
}

/* Of "2026-11-21T04:19:00.123Z"; -1 for anything else. */
static int64_t time_of(const json_t *line)
{
	const char *text = json_string_value(json_object_get(line, "time"));
	struct tm parts = { 0 };
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;

	if (!end)
		return -1;
	unsigned ms = 0;
	if (*end == '.' && strspn(end + 1, "0123456789") == 3)
		ms = (unsigned)((end[1] - '0') * 100 + (end[2] - '0') * 10 + (end[3] - '0'));
	return (int64_t)timegm(&parts) * 1000 + ms;
}

/* --- filters ----------------------------------------------------------------------------------------------------- */

static bool fits_text(const char *pattern, const json_t *line, const char *name)
{
	const char *text = json_string_value(json_object_get(line, name));

	return !pattern || (text && ks_text_match(pattern, text));
}

bool ks_audit_view_fits(const struct ks_audit_filter *filter, const json_t *line)
{
	if (!json_is_object(line))
		return false;
	if (filter->since_ms || filter->until_ms) {
		int64_t at_ms = time_of(line);
		if (at_ms < filter->since_ms || (filter->until_ms && at_ms >= filter->until_ms))
			return false;
	}
	const json_t *uid = json_object_get(line, "uid");
	if (filter->has_uid && (!json_is_integer(uid) || (uint64_t)json_integer_value(uid) != filter->uid))
		return false;
	return fits_text(filter->key, line, "key") && fits_text(filter->server, line, "server") &&
	       fits_text(filter->outcome, line, "outcome") && fits_text(filter->socket, line, "socket");
}

/* --- for people -------------------------------------------------------------------------------------------------- */

/* Never NULL; safe to show. Given. */
static char *text_of(const json_t *line, const char *name)
{
	const char *text = json_string_value(json_object_get(line, name));
	char *shown = ks_output_escape(ks_bytes_text(text));

	return shown ? shown : strdup("");
}

static enum ks_color color_of(const char *outcome)
{
	if (strcmp(outcome, "signed") == 0 || strcmp(outcome, "done") == 0)
		return KS_COLOR_GOOD;
	return strcmp(outcome, "denied") == 0 ? KS_COLOR_BAD : KS_COLOR_CARE;
}

static void print_time(const struct ks_cli *cli, const json_t *line)
{
	int64_t at_ms = time_of(line);
	time_t seconds = (time_t)(at_ms / 1000);
	struct tm parts;
	char text[40] = "?";

	if (at_ms >= 0 && localtime_r(&seconds, &parts))
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
	(void)fprintf(cli->out, "%s", text);
}

static void print_what(const struct ks_cli *cli, const json_t *line)
{
	KS_AUTO_FREE char *purpose = text_of(line, "purpose");
	KS_AUTO_FREE char *key = text_of(line, "key");
	KS_AUTO_FREE char *token = text_of(line, "token");
	KS_AUTO_FREE char *server = text_of(line, "server");
	bool is_proven = json_is_true(json_object_get(line, "proven"));

	if (key && key[0])
		(void)fprintf(cli->out, "  %s", key);
	else if (token && token[0])
		(void)fprintf(cli->out, "  token %s", token);
	else
		(void)fprintf(cli->out, "  -");
	(void)fprintf(cli->out, "  %s", purpose ? purpose : "");
	if (server && server[0])
		(void)fprintf(cli->out, "  to %s (%s)", server, is_proven ? "proven" : "claimed");
}

static void print_decision(const struct ks_cli *cli, const json_t *line)
{
	KS_AUTO_FREE char *outcome = text_of(line, "outcome");
	KS_AUTO_FREE char *program = text_of(line, "program");
	KS_AUTO_FREE char *socket = text_of(line, "socket");
	KS_AUTO_FREE char *rule = text_of(line, "rule");
	KS_AUTO_FREE char *text = text_of(line, "text");
	json_int_t lost = json_integer_value(json_object_get(line, "lost"));

	if (!outcome || !program || !socket || !rule || !text)
		return;
	if (lost > 0)
		(void)fprintf(cli->out, "  (%" JSON_INTEGER_FORMAT " records before this one were lost)\n", lost);
	print_time(cli, line);
	(void)fprintf(cli->out, "  %s%-9s%s", ks_color_on(cli, color_of(outcome)), outcome,
		      ks_color_off(cli, color_of(outcome)));
	print_what(cli, line);
	(void)fprintf(cli->out, "  by %s (pid %" JSON_INTEGER_FORMAT ", uid %" JSON_INTEGER_FORMAT ", socket %s)",
		      program[0] ? program : "?", json_integer_value(json_object_get(line, "pid")),
		      json_integer_value(json_object_get(line, "uid")), socket);
	if (rule[0])
		(void)fprintf(cli->out, "  rule %s", rule);
	if (text[0])
		(void)fprintf(cli->out, ": %s", text);
	(void)fputc('\n', cli->out);
}

void ks_audit_view_print(const struct ks_cli *cli, const json_t *line)
{
	KS_AUTO_FREE char *event = text_of(line, "event");
	KS_AUTO_FREE char *text = text_of(line, "text");

	if (!event || !text)
		return;
	if (strcmp(event, "decision") == 0) {
		print_decision(cli, line);
		return;
	}
	print_time(cli, line);
	(void)fprintf(cli->out, "  %slog%s        %s: %s\n", ks_color_on(cli, KS_COLOR_BAD),
		      ks_color_off(cli, KS_COLOR_BAD), event, text);
}
