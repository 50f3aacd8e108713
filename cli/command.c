/* SPDX-License-Identifier: Apache-2.0 */
/* command: see command.h. Runs in: keystay. */
#include "cli/command.h"

#include <string.h>

#include "cli/suggest.h"
#include "lib/base/text.h"

#define COMMANDS_MAX 32

static const char *const heading = "keystay: client keys for TLS that stay on their smart card, HSM or TPM";

static const char *const first_steps =
	"First steps:\n"
	"  keystay-agent &                      start the agent (or: systemctl --user start "
	"keystay-agent)\n"
	"  keystay status                       which modules and tokens it sees\n"
	"  keystay unlock                       give the token its PIN, once\n"
	"  keystay list                         which keys there are\n"
	"  keystay cert NAME -o me.pem          certificate and key reference in one file\n"
	"  keystay run -- curl --cert me.pem https://…\n";

/* --- help -------------------------------------------------------------------------------------------------------- */

static void print_overview(FILE *out, const struct ks_command *const *table, size_t n_commands)
{
	(void)fprintf(out, "%s\n\nusage: keystay COMMAND [OPTION]... [OPERAND]...\n\nCommands:\n", heading);
	for (size_t i = 0; i < n_commands; i++)
		(void)fprintf(out, "  %-8s  %s\n", table[i]->name, table[i]->summary);
	(void)fprintf(out, "  %-8s  %s\n", "help", "tell about a command: keystay help COMMAND");
	(void)fprintf(out, "\nOptions:\n  %-15s  %s\n  %-15s  %s\n\n", "-h, --help", "print this", "--version",
		      "print the version");
	(void)fprintf(out, "%s\nThe manual: man keystay\n", first_steps);
}

static void print_option(FILE *out, const struct ks_option *option)
{
	char text[64];
	char letter[8] = "";

	if (option->letter)
		(void)ks_text_print(letter, sizeof(letter), "-%c, ", option->letter);
	(void)ks_text_print(text, sizeof(text), "%s--%s%s%s", letter, option->name, option->argument ? " " : "",
			    option->argument ? option->argument : "");
	(void)fprintf(out, "  %-18s  %s\n", text, option->help);
}

static void print_usage(FILE *out, const struct ks_command *command)
{
	(void)fprintf(out, "usage: keystay %s [OPTION]...%s%s\n", command->name, command->operands[0] ? " " : "",
		      command->operands);
}

static void print_help(FILE *out, const struct ks_command *command)
{
	print_usage(out, command);
	(void)fprintf(out, "\nkeystay %s: %s\n\n%s\nOptions:\n", command->name, command->summary, command->details);
	for (size_t i = 0; i < command->n_options; i++)
		print_option(out, &command->options[i]);
	(void)fprintf(out, "  %-18s  %s\n", "-h, --help", "print this");
}

/* --- finding ----------------------------------------------------------------------------------------------------- */

static const struct ks_command *find(const struct ks_command *const *table, size_t n_commands, const char *name)
{
	for (size_t i = 0; i < n_commands; i++) {
		if (strcmp(table[i]->name, name) == 0)
			return table[i];
	}
	return NULL;
}

static enum ks_exit fail_unknown(const struct ks_cli *cli, const struct ks_command *const *table, size_t n_commands,
				 const char *name)
{
	const char *names[COMMANDS_MAX];
	size_t n = 0;
	char shown[128];

	for (; n < n_commands && n < COMMANDS_MAX - 1; n++)
		names[n] = table[n]->name;
	names[n++] = "help";
	ks_text_escape(ks_bytes_text(name), shown, sizeof(shown));
	const char *nearest = ks_suggest(name, names, n);
	if (nearest)
		ks_output_error(cli, "there is no command \"%s\"; did you mean: keystay %s? All of them: keystay help",
				shown, nearest);
	else
		ks_output_error(cli, "there is no command \"%s\"; see: keystay help", shown);
	return KS_EXIT_USAGE;
}

static enum ks_exit help(const struct ks_cli *cli, const struct ks_command *const *table, size_t n_commands,
			 const char *name)
{
	if (!name || strcmp(name, "help") == 0) {
		print_overview(cli->out, table, n_commands);
		return KS_EXIT_GOOD;
	}
	const struct ks_command *command = find(table, n_commands, name);
	if (!command)
		return fail_unknown(cli, table, n_commands, name);
	print_help(cli->out, command);
	return KS_EXIT_GOOD;
}

/* --- running ----------------------------------------------------------------------------------------------------- */

static enum ks_exit fail_usage(const struct ks_cli *cli, const struct ks_command *command, const char *problem)
{
	ks_output_error(cli, "%s: %s (see: keystay help %s)", command->name, problem, command->name);
	return KS_EXIT_USAGE;
}

static enum ks_exit run(struct ks_cli *cli, const struct ks_command *command, char **argv)
{
	struct ks_arguments arguments;
	struct ks_arguments_problem problem;

	if (ks_arguments_read(command->options, command->n_options, command->runs_other, argv, &arguments, &problem) <
	    0)
		return fail_usage(cli, command, problem.text);
	if (arguments.help) {
		print_help(cli->out, command);
		return KS_EXIT_GOOD;
	}
	if (arguments.n_operands < command->min_operands || arguments.n_operands > command->max_operands) {
		bool few = arguments.n_operands < command->min_operands;
		(void)ks_text_print(problem.text, sizeof(problem.text), "%s; usage: keystay %s%s%s",
				    few ? "something is missing" : "there are too many operands", command->name,
				    command->operands[0] ? " " : "", command->operands);
		return fail_usage(cli, command, problem.text);
	}
	return command->run(cli, &arguments);
}

static enum ks_exit dispatch(struct ks_cli *cli, const struct ks_command *const *table, size_t n_commands, char **argv)
{
	const char *name = argv[0] ? argv[1] : NULL;

	if (!name) {
		print_overview(cli->err, table, n_commands);
		return KS_EXIT_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return help(cli, table, n_commands, NULL);
	if (strcmp(name, "help") == 0)
		return help(cli, table, n_commands, argv[2]);
	if (strcmp(name, "--version") == 0) {
		(void)fprintf(cli->out, "keystay %s\n", KEYSTAY_VERSION);
		return KS_EXIT_GOOD;
	}
	const struct ks_command *command = find(table, n_commands, name);
	return command ? run(cli, command, argv + 2) : fail_unknown(cli, table, n_commands, name);
}

int ks_command_main(struct ks_cli *cli, const struct ks_command *const *table, size_t n_commands, char **argv)
{
	enum ks_exit result = dispatch(cli, table, n_commands, argv);

	/* A full disk or a closed pipe must not look like success to a script. */
	if (fflush(cli->out) != 0 || ferror(cli->out)) {
		ks_output_error(cli, "the output could not be written");
		result = result == KS_EXIT_GOOD ? KS_EXIT_FAILED : result;
	}
	return (int)result;
}

enum ks_exit ks_command_fail(const struct ks_cli *cli, const struct ks_client_error *error)
{
	/* As it stands: the agent's sentences name what was meant, the choices and the next step. */
	ks_output_error(cli, "%s", error->text);
	return error->code == KS_ERR_NO_AGENT ? KS_EXIT_NO_AGENT : KS_EXIT_FAILED;
}

enum ks_exit ks_command_fail_code(const struct ks_cli *cli, int code, const char *doing)
{
	ks_output_error(cli, "%s: %s", doing, ks_error_text(code));
	return KS_EXIT_FAILED;
}
