/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_run: `keystay run -- CMD` and `keystay env`: two variables with which programs that use OpenSSL find the keys.
 *
 * The agent may be started, stopped and restarted while programs run; what it has to say when it is needed and not
 * there, the provider says. It is asked one thing: whether a rule looks at servers. Then programs need the tap, or TLS
 * 1.3 would prove none. An agent that does not answer means no tap.
 *
 * Runs in: keystay; after that, `run` has become the other program.
 */
#include "cli/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/openssl_conf.h"
#include "cli/shell.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"

/* What a program needs in its environment. */
struct environment {
	char *openssl_conf; /* owned */
	char *sign_socket;  /* owned */
};

static void environment_deinit(struct environment *environment)
{
	free(environment->openssl_conf);
	free(environment->sign_socket);
}

static enum ks_exit make_environment(const struct ks_cli *cli, bool with_tap, struct environment *environment)
{
	struct ks_openssl_note warning = { "" };
	struct ks_openssl_note error = { "" };

	int r = ks_path_sign_socket(&environment->sign_socket);
	if (r < 0) {
		ks_output_error(cli,
				"it is not known where keystay-agent listens: set XDG_RUNTIME_DIR, or KEYSTAY_SOCK "
				"to the absolute path of its socket");
		return KS_EXIT_FAILED;
	}
	r = ks_openssl_conf_prepare(with_tap, &environment->openssl_conf, &warning, &error);
	if (r < 0) {
		ks_output_error(cli, "%s", error.text);
		return KS_EXIT_FAILED;
	}
	if (warning.text[0])
		ks_output_warning(cli, "%s", warning.text);
	return KS_EXIT_GOOD;
}

#define TAP_HELP "hand TLS 1.3 handshakes to the agent, as a proof of the server"
#define NO_TAP_HELP "never do so (default: where a rule asks for a server)"

static int look_at_rules(const struct ks_msg_identity *identity, void *userdata)
{
	bool *bound = userdata;

	*bound = *bound || identity->bound;
	return 0;
}

/* 1, 0, or -1 after a sentence about a command line that says both. */
static int wants_tap(const struct ks_cli *cli, bool tap, bool no_tap)
{
	struct ks_client_error error;
	bool bound = false;

	if (tap && no_tap) {
		ks_output_error(cli, "--tap and --no-tap are opposites");
		return -1;
	}
	if (tap || no_tap)
		return tap;
	return ks_client_list(look_at_rules, &bound, &error) == 0 && bound;
}

/* --- env --------------------------------------------------------------------------------------------------------- */

enum { ENV_SHELL, ENV_TAP, ENV_NO_TAP, ENV_JSON, N_ENV_OPTIONS };
static const struct ks_option env_options[N_ENV_OPTIONS] = {
	[ENV_SHELL] = { "shell", 0, "SHELL", "write for this shell: sh (also bash, zsh), csh or fish" },
	[ENV_TAP] = { "tap", 0, NULL, TAP_HELP },
	[ENV_NO_TAP] = { "no-tap", 0, NULL, NO_TAP_HELP },
	[ENV_JSON] = KS_OPTION_JSON,
};

static enum ks_exit print_for_shell(const struct ks_cli *cli, const struct environment *environment,
				    enum ks_shell shell)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };

	ks_shell_export(&text, shell, "OPENSSL_CONF", environment->openssl_conf);
	ks_shell_export(&text, shell, "KEYSTAY_SOCK", environment->sign_socket);
	int r = ks_buffer_error(&text);
	if (r < 0)
		return ks_command_fail_code(cli, r, "env");
	(void)fwrite(text.data, 1, text.size, cli->out);
	return KS_EXIT_GOOD;
}

static enum ks_exit run_env(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(environment_deinit) struct environment environment = { 0 };
	enum ks_shell shell = KS_SHELL_SH;
	const char *wanted = arguments->values[ENV_SHELL];

	if (wanted && !ks_shell_find(wanted, &shell)) {
		KS_AUTO_FREE char *shown = ks_output_escape(ks_bytes_text(wanted));
		ks_output_error(cli, "env: the shell \"%s\" is not known; there are sh, csh and fish",
				shown ? shown : "?");
		return KS_EXIT_USAGE;
	}
	int with_tap = wants_tap(cli, ks_arguments_has(arguments, ENV_TAP), ks_arguments_has(arguments, ENV_NO_TAP));
	if (with_tap < 0)
		return KS_EXIT_USAGE;
	enum ks_exit result = make_environment(cli, with_tap, &environment);
	if (result != KS_EXIT_GOOD)
		return result;
	if (!ks_arguments_has(arguments, ENV_JSON))
		return print_for_shell(cli, &environment, shell);
	json_t *object = json_object();
	ks_output_json_put(&object, "openssl_conf", ks_output_json_text(ks_bytes_text(environment.openssl_conf)));
	ks_output_json_put(&object, "keystay_sock", ks_output_json_text(ks_bytes_text(environment.sign_socket)));
	ks_output_json_put(&object, "tap", json_boolean(with_tap));
	int r = ks_output_json(cli, object);
	return r < 0 ? ks_command_fail_code(cli, r, "env") : KS_EXIT_GOOD;
}

const struct ks_command ks_command_env = {
	.name = "env",
	.operands = "",
	.summary = "the environment of `keystay run`, for a shell to evaluate",
	.details = "After\n"
		   "\n"
		   "  eval \"$(keystay env)\"            (sh, bash, zsh)\n"
		   "  eval `keystay env --shell csh`   (csh, tcsh)\n"
		   "  keystay env --shell fish | source\n"
		   "\n"
		   "programs that are started from this shell and use OpenSSL can use the keys.\n"
		   "OPENSSL_CONF names a configuration that includes the system's own and adds\n"
		   "keystay's provider; and the tap, where a rule of keystay.conf asks for a server.\n",
	.options = env_options,
	.n_options = N_ENV_OPTIONS,
	.run = run_env,
};

/* --- run --------------------------------------------------------------------------------------------------------- */

enum { RUN_TAP, RUN_NO_TAP, N_RUN_OPTIONS };
static const struct ks_option run_options[N_RUN_OPTIONS] = {
	[RUN_TAP] = { "tap", 0, NULL, TAP_HELP },
	[RUN_NO_TAP] = { "no-tap", 0, NULL, NO_TAP_HELP },
};

static enum ks_exit run_run(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(environment_deinit) struct environment environment = { 0 };
	char **command = arguments->operands;

	int with_tap = wants_tap(cli, ks_arguments_has(arguments, RUN_TAP), ks_arguments_has(arguments, RUN_NO_TAP));
	if (with_tap < 0)
		return KS_EXIT_USAGE;
	enum ks_exit result = make_environment(cli, with_tap, &environment);
	if (result != KS_EXIT_GOOD)
		return result;
	if (setenv("OPENSSL_CONF", environment.openssl_conf, 1) < 0 ||
	    setenv("KEYSTAY_SOCK", environment.sign_socket, 1) < 0)
		return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, "run");
	(void)execvp(command[0], command);
	int error_number = errno;
	KS_AUTO_FREE char *shown = ks_output_escape(ks_bytes_text(command[0]));
	ks_output_error(cli, "cannot run \"%s\": %s", shown ? shown : "?", strerror(error_number));
	return error_number == ENOENT ? KS_EXIT_NO_COMMAND : KS_EXIT_CANNOT_RUN;
}

const struct ks_command ks_command_run = {
	.name = "run",
	.operands = "[--] COMMAND [ARGUMENT]...",
	.summary = "run a program that can use the keys",
	.details = "The program gets two more variables, OPENSSL_CONF and KEYSTAY_SOCK, and\n"
		   "nothing else changes for it:\n"
		   "\n"
		   "  keystay run -- curl --cert alice.pem https://www.example.org/\n"
		   "\n"
		   "It exits as the program does, with 127 when there is no such program and 126\n"
		   "when it cannot be run.\n",
	.options = run_options,
	.n_options = N_RUN_OPTIONS,
	.min_operands = 1,
	.max_operands = SIZE_MAX,
	.runs_other = true,
	.run = run_run,
};
