/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_monitor: `keystay monitor`: what is asked of the agent, what it waits for, what it answers, as it happens.
 *
 * Runs in: keystay.
 */
#include "cli/commands.h"

#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

enum { OPTION_JSON, N_OPTIONS };
static const struct ks_option options[N_OPTIONS] = {
	[OPTION_JSON] = { "json", 0, NULL, "print JSON, one object a line (man keystay says which keys)" },
};

static const char *word_of(const struct ks_msg_monitor_event *event)
{
	static const char *const outcomes[] = { "answered", "signed", "denied", "cancelled", "failed", "done" };

	if (event->kind == KS_MONITOR_ASKED)
		return "asked";
	if (event->kind == KS_MONITOR_WAITS)
		return "waits";
	return event->outcome < sizeof(outcomes) / sizeof(*outcomes) ? outcomes[event->outcome] : outcomes[0];
}

static enum ks_color color_of(const struct ks_msg_monitor_event *event)
{
	if (event->kind != KS_MONITOR_ANSWERED)
		return event->kind == KS_MONITOR_WAITS ? KS_COLOR_CARE : KS_COLOR_NONE;
	if (event->outcome == KS_AUDIT_SIGNED || event->outcome == KS_AUDIT_DONE)
		return KS_COLOR_GOOD;
	return event->outcome == KS_AUDIT_DENIED ? KS_COLOR_BAD : KS_COLOR_CARE;
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

static int print_json(const struct ks_cli *cli, const struct ks_msg_monitor_event *event)
{
	static const char *const kinds[] = { "unknown", "asked", "waits", "answered" };
	uint64_t seconds = event->wall_ms / 1000;
	time_t when = (time_t)seconds;
	struct tm parts;
	char date[32] = "", text[48];
	json_t *object = json_object();

	if (gmtime_r(&when, &parts))
		(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
	(void)ks_text_print(text, sizeof(text), "%s.%03uZ", date, (unsigned)(event->wall_ms % 1000));
	ks_output_json_put(&object, "number", json_integer((json_int_t)event->number));
	ks_output_json_put(&object, "time", json_string(text));
	ks_output_json_put(&object, "event", json_string(kinds[event->kind <= KS_MONITOR_ANSWERED ? event->kind : 0]));
	ks_output_json_put(&object, "request", json_integer((json_int_t)event->request));
	ks_output_json_put(&object, "socket", ks_output_json_text(event->socket));
	ks_output_json_put(&object, "program", ks_output_json_text(event->program));
	ks_output_json_put(&object, "uid", json_integer(event->uid));
	ks_output_json_put(&object, "pid", json_integer(event->pid));
	ks_output_json_put(&object, "key", ks_output_json_text(event->key));
	ks_output_json_put(&object, "purpose", ks_output_json_text(event->purpose));
	ks_output_json_put(&object, "server", ks_output_json_text(event->server));
	ks_output_json_put(&object, "proven", json_boolean(event->server_proven));
	ks_output_json_put(&object, "outcome", json_string(event->kind == KS_MONITOR_ANSWERED ? word_of(event) : ""));
	ks_output_json_put(&object, "text", ks_output_json_text(event->text));
	if (!object)
		return KS_ERR_NO_MEMORY;
	int r = json_dumpf(object, cli->out, JSON_COMPACT);
	json_decref(object);
	return r < 0 || fputc('\n', cli->out) == EOF ? KS_ERR_SYSTEM : 0;
}

/* --- for people -------------------------------------------------------------------------------------------------- */

/* The texts were escaped by the agent; whoever else answers on that socket is escaped here again. */
static int print_line(const struct ks_cli *cli, const struct ks_msg_monitor_event *event)
{
	KS_AUTO_FREE char *key = ks_output_escape(event->key);
	KS_AUTO_FREE char *program = ks_output_escape(event->program);
	KS_AUTO_FREE char *server = ks_output_escape(event->server);
	KS_AUTO_FREE char *purpose = ks_output_escape(event->purpose);
	KS_AUTO_FREE char *text = ks_output_escape(event->text);
	time_t when = (time_t)(event->wall_ms / 1000);
	struct tm parts;
	char clock[16] = "?";

	if (!key || !program || !server || !purpose || !text)
		return KS_ERR_NO_MEMORY;
	if (localtime_r(&when, &parts))
		(void)strftime(clock, sizeof(clock), "%H:%M:%S", &parts);
	(void)fprintf(cli->out, "%s  #%llu  %s%-9s%s  %s%s%s", clock, (unsigned long long)event->request,
		      ks_color_on(cli, color_of(event)), word_of(event), ks_color_off(cli, color_of(event)),
		      key[0] ? key : "-", purpose[0] ? "  " : "", purpose);
	if (server[0])
		(void)fprintf(cli->out, "  to %s (%s)", server, event->server_proven ? "proven" : "claimed");
	(void)fprintf(cli->out, "  by %s (pid %u)", program, (unsigned)event->pid);
	if (text[0])
		(void)fprintf(cli->out, "%s%s", event->kind == KS_MONITOR_WAITS ? "  for: " : ": ", text);
	return fputc('\n', cli->out) == EOF ? KS_ERR_SYSTEM : 0;
}

/* --- the command ------------------------------------------------------------------------------------------------- */

static int print_reply(const struct ks_cli *cli, const struct ks_msg_monitor_reply *reply, bool as_json)
{
	struct ks_reader reader = ks_reader(reply->events);
	struct ks_msg_monitor_event event;
	int r = 0;

	if (reply->lost > 0)
		ks_output_warning(cli, "%llu events came too fast and were not shown", (unsigned long long)reply->lost);
	while (r == 0 && ks_record_read(&reader, KS_RECORD(monitor_event), &event, sizeof(event)) == 1)
		r = as_json ? print_json(cli, &event) : print_line(cli, &event);
	return r == 0 && fflush(cli->out) != 0 ? KS_ERR_SYSTEM : r;
}

static enum ks_exit run_monitor(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_client_error error;
	struct ks_msg_monitor request = { .after = 0 };
	struct ks_msg_monitor_reply reply = { 0 };

	int r = ks_client_open(KS_CLIENT_CONTROL, &client, &error);
	while (r == 0) {
		r = ks_client_call(&client, KS_MSG_MONITOR, &request, KS_MSG_MONITOR_REPLY, &reply, sizeof(reply), NULL,
				   &error);
		if (r < 0)
			break;
		/* The first answer says that the agent tells from now on. */
		if (request.after == 0 && !ks_arguments_has(arguments, OPTION_JSON))
			(void)fputs("Watching; end with Ctrl-C.\n", cli->out);
		if (print_reply(cli, &reply, ks_arguments_has(arguments, OPTION_JSON)) < 0)
			return KS_EXIT_FAILED; /* nobody reads any more */
		request.after = reply.last;
	}
	enum ks_exit result = ks_command_fail(cli, &error);
	return error.code == KS_ERR_CLOSED ? KS_EXIT_NO_AGENT : result;
}

const struct ks_command ks_command_monitor = {
	.name = "monitor",
	.operands = "",
	.summary = "watch what is asked and answered, as it happens",
	.details = "A line for each request that comes, for what it waits, and for its answer; #N is\n"
		   "the same for all lines of one request. Only from now on: what was is in\n"
		   "`keystay log`. Ends with Ctrl-C, or with the agent (exit code 3).\n",
	.options = options,
	.n_options = N_OPTIONS,
	.run = run_monitor,
};
