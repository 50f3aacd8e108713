/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_status: `keystay status`, for the person who wants to know why something does not work: what runs, what it has
 * read, which tokens are there, and for each trouble the next step.
 *
 * Runs in: keystay.
 */
#include "cli/commands.h"

#include "cli/shell.h"
#include "cli/status_view.h"
#include "cli/words.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

enum { OPTION_JSON, OPTION_METRICS, OPTION_CHECK, OPTION_WITHIN, N_OPTIONS };
static const struct ks_option options[N_OPTIONS] = {
	[OPTION_JSON] = KS_OPTION_JSON,
	[OPTION_METRICS] = { "metrics", 0, NULL, "print OpenMetrics text, for monitoring" },
	[OPTION_CHECK] = { "check", 0, NULL, "say what is wrong, and exit with 1 if anything is" },
	[OPTION_WITHIN] = { "within", 0, "TIME", "with --check: certificates that end within TIME, as 14d" },
};

/* --- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *json_of_module(const struct ks_msg_module_status *module)
{
	json_t *object = json_object();

	ks_output_json_put(&object, "name", ks_output_json_text(module->name));
	ks_output_json_put(&object, "path", ks_output_json_text(module->path));
	ks_output_json_put(&object, "state", json_string(ks_words_module_state(module->state)));
	ks_output_json_put(&object, "pid", number(module->pid));
	ks_output_json_put(&object, "restarts", number(module->restarts));
	ks_output_json_put(&object, "note", ks_output_json_text(module->note));
	ks_output_json_put(&object, "events", json_string(ks_words_token_events(module->events)));
	return object;
}

static const struct {
	uint32_t flag;
	const char *word; /* in JSON */
	const char *note; /* in the table; NULL = not worth a line there */
} pin_flags[] = {
	{ KS_PIN_NEEDED, "needed", NULL },
	{ KS_PIN_SET, "set", NULL },
	{ KS_PIN_COUNT_LOW, "count-low", "a wrong PIN was given since the last good one" },
	{ KS_PIN_FINAL_TRY, "final-try", "one more wrong PIN blocks this token" },
	{ KS_PIN_IS_BLOCKED, "blocked", NULL }, /* the state says so */
	{ KS_PIN_TO_BE_CHANGED, "to-be-changed", "its PIN must be changed first, with the token's own tool" },
	{ KS_PIN_PAD, "pad", NULL }, /* said with the next step */
};

#define N_PIN_FLAGS (sizeof(pin_flags) / sizeof(*pin_flags))

static json_t *json_of_pin_flags(uint32_t flags)
{
	json_t *words = json_array();

	for (size_t i = 0; words && i < N_PIN_FLAGS; i++) {
		if (flags & pin_flags[i].flag)
			(void)json_array_append_new(words, json_string(pin_flags[i].word));
	}
	return words;
}

static json_t *json_of_token(const struct ks_msg_token_status *token)
{
	json_t *object = json_object();

	ks_output_json_put(&object, "label", ks_output_json_text(token->label));
	ks_output_json_put(&object, "module", ks_output_json_text(token->module));
	ks_output_json_put(&object, "manufacturer", ks_output_json_text(token->manufacturer));
	ks_output_json_put(&object, "model", ks_output_json_text(token->model));
	ks_output_json_put(&object, "serial", ks_output_json_text(token->serial));
	ks_output_json_put(&object, "uri", ks_output_json_text(token->uri));
	ks_output_json_put(&object, "state", json_string(ks_words_token_state(token->state)));
	ks_output_json_put(&object, "pin", json_of_pin_flags(token->pin_flags));
	ks_output_json_put(&object, "keys", number(token->n_keys));
	ks_output_json_put(&object, "unlocked_for_s", number(token->unlocked_for_s));
	ks_output_json_put(&object, "signatures", number(token->signatures));
	ks_output_json_put(&object, "submissions", number(token->submissions));
	return object;
}

static json_t *json_of_agent(const struct ks_msg_status_reply *status)
{
	json_t *object = json_object();
	char started[KS_WORDS_TIME_MAX];

	ks_words_timestamp(status->started, started, sizeof(started));
	ks_output_json_put(&object, "version", ks_output_json_text(status->agent_version));
	ks_output_json_put(&object, "pid", number(status->pid));
	ks_output_json_put(&object, "started", json_string(started));
	return object;
}

static json_t *json_of_modules(struct ks_bytes list)
{
	json_t *modules = json_array();
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_module_status module;

	while (ks_record_read(&reader, KS_RECORD(module_status), &module, sizeof(module)) == 1)
		(void)json_array_append_new(modules, json_of_module(&module));
	return modules;
}

static json_t *json_of_tokens(struct ks_bytes list)
{
	json_t *tokens = json_array();
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_token_status token;

	while (ks_record_read(&reader, KS_RECORD(token_status), &token, sizeof(token)) == 1)
		(void)json_array_append_new(tokens, json_of_token(&token));
	return tokens;
}

static const char *audit_mode(uint32_t mode)
{
	static const char *const words[] = { "off", "best-effort", "require" };

	return mode < sizeof(words) / sizeof(*words) ? words[mode] : "unknown";
}

static json_t *json_of_audit(const struct ks_msg_status_reply *status)
{
	json_t *object = json_object();

	ks_output_json_put(&object, "mode", json_string(audit_mode(status->audit)));
	ks_output_json_put(&object, "written", number(status->audit_written));
	ks_output_json_put(&object, "waiting", number(status->audit_waiting));
	ks_output_json_put(&object, "lost", number(status->audit_lost));
	ks_output_json_put(&object, "problem", ks_output_json_text(status->audit_problem));
	return object;
}

static json_t *json_of_signatures(const struct ks_msg_status_reply *status)
{
	json_t *object = json_object();

	ks_output_json_put(&object, "signed", number(status->n_signed));
	ks_output_json_put(&object, "denied", number(status->n_denied));
	ks_output_json_put(&object, "failed", number(status->n_failed));
	ks_output_json_put(&object, "cancelled", number(status->n_cancelled));
	return object;
}

static json_t *json_of_refusals(struct ks_bytes list)
{
	json_t *object = json_object();
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_refusal_count refusal;

	while (ks_record_read(&reader, KS_RECORD(refusal_count), &refusal, sizeof(refusal)) == 1)
		ks_output_json_put(&object, ks_error_word(-(int)(refusal.error & 0x7fffffff)), number(refusal.count));
	return object;
}

static enum ks_exit print_json(const struct ks_cli *cli, const struct ks_msg_status_reply *status)
{
	json_t *object = json_object();

	ks_output_json_put(&object, "agent", json_of_agent(status));
	ks_output_json_put(&object, "configuration", ks_output_json_text(status->configuration));
	ks_output_json_put(&object, "configuration_file", ks_output_json_text(status->configuration_file));
	ks_output_json_put(&object, "reload_failed", json_boolean(status->reload_failed));
	ks_output_json_put(&object, "keys", number(status->n_identities));
	ks_output_json_put(&object, "connections", number(status->n_connections));
	ks_output_json_put(&object, "audit", json_of_audit(status));
	ks_output_json_put(&object, "modules", json_of_modules(status->modules));
	ks_output_json_put(&object, "tokens", json_of_tokens(status->tokens));
	ks_output_json_put(&object, "certificates", ks_status_certificates_json(cli, status));
	ks_output_json_put(&object, "signatures", json_of_signatures(status));
	ks_output_json_put(&object, "refusals", json_of_refusals(status->refusals));
	int r = ks_output_json(cli, object);
	return r < 0 ? ks_command_fail_code(cli, r, "status") : KS_EXIT_GOOD;
}

/* --- for people -------------------------------------------------------------------------------------------------- */

static void print_agent(const struct ks_cli *cli, const struct ks_msg_status_reply *status)
{
	KS_AUTO_FREE char *version = ks_output_escape(status->agent_version);
	KS_AUTO_FREE char *configuration = ks_output_escape(status->configuration);
	char since[KS_WORDS_TIME_MAX];
	char age[KS_WORDS_TIME_MAX];

	ks_words_time(status->started, since, sizeof(since));
	ks_words_duration(cli->now_s > status->started ? cli->now_s - status->started : 0, age, sizeof(age));
	(void)fprintf(cli->out, "Agent: keystay-agent %s, process %u, running since %s (%s)\n", version ? version : "?",
		      (unsigned)status->pid, since, age);
	(void)fprintf(cli->out, "Configuration: %s\n", configuration ? configuration : "?");
	(void)fprintf(cli->out, "Keys: %u (see: keystay list); open connections: %u\n", (unsigned)status->n_identities,
		      (unsigned)status->n_connections);
}

static void print_audit(const struct ks_cli *cli, const struct ks_msg_status_reply *status)
{
	KS_AUTO_FREE char *problem = ks_output_escape(status->audit_problem);
	unsigned long long written = status->audit_written, waiting = status->audit_waiting, lost = status->audit_lost;

	if (status->audit == 0) {
		(void)fputs("Audit: off\n", cli->out);
		return;
	}
	(void)fprintf(cli->out, "Audit: %s, %llu record%s written", audit_mode(status->audit), written,
		      written == 1 ? "" : "s");
	if (lost > 0)
		(void)fprintf(cli->out, ", %s%llu lost%s", ks_color_on(cli, KS_COLOR_BAD), lost,
			      ks_color_off(cli, KS_COLOR_BAD));
	(void)fputs(" (see: keystay log)\n", cli->out);
	if (problem && problem[0])
		(void)fprintf(cli->out, "%sThe audit log cannot be written: %s; %llu record%s; %s%s\n",
			      ks_color_on(cli, KS_COLOR_BAD), problem, waiting, waiting == 1 ? " waits" : "s wait",
			      status->audit == 2 ? "nothing is signed" : "signing goes on",
			      ks_color_off(cli, KS_COLOR_BAD));
}

static enum ks_color color_of_module(uint32_t state)
{
	if (state == KS_MODULE_READY)
		return KS_COLOR_GOOD;
	return state == KS_MODULE_FAILED ? KS_COLOR_BAD : KS_COLOR_CARE;
}

static const char *explain_module(uint32_t state)
{
	switch (state) {
	case KS_MODULE_STARTING:
		return "starting";
	case KS_MODULE_READY:
		return "ready";
	case KS_MODULE_WAITING:
		return "stopped, is started again soon";
	case KS_MODULE_FAILED:
		return "failed, not started";
	default:
		return "unknown";
	}
}

/* How it comes to know of a token that is plugged in. */
static const char *explain_events(const struct ks_msg_module_status *module)
{
	if (module->state != KS_MODULE_READY)
		return "-";
	return module->events == KS_EVENTS_NONE ? "by keystay reload" : "noticed at once";
}

static int print_modules(const struct ks_cli *cli, struct ks_bytes list)
{
	static const char *const headings[] = { "MODULE", "STATE", "NEW TOKENS", "PROCESS", "RESTARTS", "PATH" };
	KS_CLEANUP(ks_table_deinit) struct ks_table table;
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_module_status module;

	ks_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
	while (ks_record_read(&reader, KS_RECORD(module_status), &module, sizeof(module)) == 1) {
		KS_AUTO_FREE char *note = ks_output_escape(module.note);
		ks_table_foreign(&table, KS_COLOR_NONE, module.name);
		ks_table_cell(&table, color_of_module(module.state), "%s", explain_module(module.state));
		ks_table_cell(&table, KS_COLOR_NONE, "%s", explain_events(&module));
		if (module.pid)
			ks_table_cell(&table, KS_COLOR_NONE, "%u", (unsigned)module.pid);
		else
			ks_table_cell(&table, KS_COLOR_NONE, "-");
		ks_table_cell(&table, KS_COLOR_NONE, "%u", (unsigned)module.restarts);
		ks_table_foreign(&table, KS_COLOR_NONE, module.path);
		if (note && note[0])
			ks_table_note(&table, color_of_module(module.state), "%s", note);
	}
	(void)fputc('\n', cli->out);
	if (table.n_cells == 0 && !table.failed) {
		(void)fputs("No modules. Name one in keystay.conf (man keystay.conf), then run: keystay reload\n",
			    cli->out);
		return 0;
	}
	return ks_table_print(&table, cli, "");
}

static void state_cell(struct ks_table *table, const struct ks_msg_token_status *token)
{
	char left[KS_WORDS_TIME_MAX];

	switch (token->state) {
	case KS_TOKEN_LOCKED:
		ks_table_cell(table, KS_COLOR_CARE, "locked");
		break;
	case KS_TOKEN_UNLOCKED:
		ks_words_duration(token->unlocked_for_s, left, sizeof(left));
		if (token->unlocked_for_s)
			ks_table_cell(table, KS_COLOR_GOOD, "unlocked, %s left", left);
		else
			ks_table_cell(table, KS_COLOR_GOOD, "unlocked");
		break;
	case KS_TOKEN_OPEN:
		ks_table_cell(table, KS_COLOR_GOOD, "open, needs no PIN");
		break;
	default:
		ks_table_cell(table, KS_COLOR_BAD, "%s", ks_words_token_state(token->state));
	}
}

static bool label_is_unique(struct ks_bytes list, struct ks_bytes label)
{
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_token_status token;
	size_t n = 0;

	while (ks_record_read(&reader, KS_RECORD(token_status), &token, sizeof(token)) == 1)
		n += ks_bytes_equal(token.label, label);
	return n == 1;
}

/* The next step for a locked token, ready to be pasted into a shell. */
static void note_unlock(struct ks_table *table, struct ks_bytes list, const struct ks_msg_token_status *token)
{
	bool by_label = token->label.size > 0 && label_is_unique(list, token->label);
	KS_AUTO_FREE char *name = ks_text_copy(by_label ? token->label : token->uri);
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer word = { 0 };

	if (!name)
		return;
	ks_shell_quote(&word, KS_SHELL_SH, name);
	KS_AUTO_FREE char *quoted = ks_buffer_steal_text(&word);
	KS_AUTO_FREE char *shown = quoted ? ks_output_escape(ks_bytes_text(quoted)) : NULL;
	if (shown)
		ks_table_note(table, KS_COLOR_CARE, "unlock with: keystay unlock %s%s", shown,
			      token->pin_flags & KS_PIN_PAD ? " (its PIN is typed at the reader)" : "");
}

/* What the next PIN is up to (invariant I6). */
static void note_submissions(struct ks_table *table, const struct ks_msg_token_status *token)
{
	unsigned n = token->submissions;

	if (token->state != KS_TOKEN_LOCKED || n == 0)
		return;
	ks_table_note(table, KS_COLOR_CARE, "%u PIN%s given without success%s", n, n == 1 ? " was" : "s were",
		      n >= KS_SUBMISSIONS_PLAIN ? "; the next one is asked for by a dialog" : "");
}

static void note_token(struct ks_table *table, struct ks_bytes list, const struct ks_msg_token_status *token)
{
	for (size_t i = 0; i < N_PIN_FLAGS; i++) {
		if (pin_flags[i].note && (token->pin_flags & pin_flags[i].flag))
			ks_table_note(table, KS_COLOR_BAD, "%s", pin_flags[i].note);
	}
	note_submissions(table, token);
	if (token->state == KS_TOKEN_BLOCKED)
		ks_table_note(table, KS_COLOR_BAD,
			      "its PIN is blocked: set a new one by its PUK or SO PIN: keystay token pin unblock");
	else if (token->state == KS_TOKEN_LOCKED && !(token->pin_flags & KS_PIN_SET))
		ks_table_note(table, KS_COLOR_BAD, "it has no PIN yet: set one with the token's own tool");
	else if (token->state == KS_TOKEN_LOCKED)
		note_unlock(table, list, token);
}

static int print_tokens(const struct ks_cli *cli, struct ks_bytes list)
{
	static const char *const headings[] = { "TOKEN", "STATE", "KEYS", "SIGNATURES", "MODULE", "MODEL" };
	KS_CLEANUP(ks_table_deinit) struct ks_table table;
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_token_status token;

	ks_table_init(&table, headings, sizeof(headings) / sizeof(*headings));
	while (ks_record_read(&reader, KS_RECORD(token_status), &token, sizeof(token)) == 1) {
		ks_table_foreign(&table, KS_COLOR_NONE, token.label);
		state_cell(&table, &token);
		ks_table_cell(&table, KS_COLOR_NONE, "%u", (unsigned)token.n_keys);
		ks_table_cell(&table, KS_COLOR_NONE, "%llu", (unsigned long long)token.signatures);
		ks_table_foreign(&table, KS_COLOR_NONE, token.module);
		ks_table_foreign(&table, KS_COLOR_NONE, token.model);
		note_token(&table, list, &token);
	}
	(void)fputc('\n', cli->out);
	if (table.n_cells == 0 && !table.failed) {
		(void)fputs(
			"No tokens. Is the card in its reader, and its module ready (above)? To look again: keystay "
			"reload\n",
			cli->out);
		return 0;
	}
	return ks_table_print(&table, cli, "");
}

enum ks_exit ks_status_print(const struct ks_cli *cli, const struct ks_msg_status_reply *status, bool as_json)
{
	if (as_json)
		return print_json(cli, status);
	print_agent(cli, status);
	print_audit(cli, status);
	int r = print_modules(cli, status->modules);
	if (r == 0)
		r = print_tokens(cli, status->tokens);
	if (r == 0)
		r = ks_status_certificates(cli, status);
	return r < 0 ? ks_command_fail_code(cli, r, "status") : KS_EXIT_GOOD;
}

/* Which of the forms is wanted, and is that one question? */
static bool read_arguments(const struct ks_cli *cli, const struct ks_arguments *arguments,
			   struct ks_status_limit *limit)
{
	const char *within = arguments->values[OPTION_WITHIN];
	uint64_t within_ms = 0;
	int n_forms = ks_arguments_has(arguments, OPTION_JSON) + ks_arguments_has(arguments, OPTION_METRICS) +
		      ks_arguments_has(arguments, OPTION_CHECK);

	if (n_forms > 1) {
		ks_output_error(cli, "--json, --metrics and --check exclude each other");
		return false;
	}
	if (within && !ks_arguments_has(arguments, OPTION_CHECK)) {
		ks_output_error(cli, "--within belongs to --check");
		return false;
	}
	if (within && ks_text_duration_ms(within, &within_ms) < 0) {
		ks_output_error(cli, "--within: \"%s\" is no time; write one like 14d or 36h", within);
		return false;
	}
	*limit = (struct ks_status_limit){ .is_given = within != NULL, .left_s = within_ms / 1000 };
	return true;
}

static enum ks_exit run_status(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_client_error error;
	struct ks_msg_status request = { 0 };
	struct ks_msg_status_reply reply = { 0 };
	struct ks_status_limit limit;

	if (!read_arguments(cli, arguments, &limit))
		return KS_EXIT_USAGE;
	int r = ks_client_open(KS_CLIENT_CONTROL, &client, &error);
	if (r == 0)
		r = ks_client_call(&client, KS_MSG_STATUS, &request, KS_MSG_STATUS_REPLY, &reply, sizeof(reply), NULL,
				   &error);
	if (r < 0)
		return ks_command_fail(cli, &error);
	if (ks_arguments_has(arguments, OPTION_CHECK))
		return ks_status_check(cli, &reply, &limit) == 0 ? KS_EXIT_GOOD : KS_EXIT_FAILED;
	if (ks_arguments_has(arguments, OPTION_METRICS)) {
		r = ks_status_metrics(cli, &reply);
		return r < 0 ? ks_command_fail_code(cli, r, "status") : KS_EXIT_GOOD;
	}
	return ks_status_print(cli, &reply, ks_arguments_has(arguments, OPTION_JSON));
}

const struct ks_command ks_command_status = {
	.name = "status",
	.operands = "",
	.summary = "what the agent, its modules and its tokens are doing",
	.details = "Shows whether keystay-agent runs and what it has read, each PKCS#11 module\n"
		   "with the process that holds it and how it learns of new tokens, and each\n"
		   "token: locked or unlocked and for how long. Where something is to be done, the\n"
		   "command for it stands below. Last come the certificates that end soon.\n"
		   "\n"
		   "--check is for cron and monitoring: a line for each certificate that has a third\n"
		   "of its life or less left, was revoked, or whose CA's last answer is outdated, each\n"
		   "module that does not run, an audit log that cannot be written and a reload that\n"
		   "failed.\n",
	.options = options,
	.n_options = N_OPTIONS,
	.run = run_status,
};
