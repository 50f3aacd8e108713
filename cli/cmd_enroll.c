/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_enroll: `keystay enroll` and `keystay renew`: certificates from a CA, and the next ones in time.
 *
 * An HTTP client is none of this program's business: it becomes keystay-enroll, which has one (enrol/). So does
 * `keystay cert --keep-fresh`, whose file keystay-enroll is to write again.
 *
 * Runs in: keystay; after that it is keystay-enroll.
 */
#include "cli/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

#define PROGRAM "keystay-enroll"

/* --- becoming it ------------------------------------------------------------------------------------------------- */

/* The words of the other program; each is owned but for the first two. */
struct words {
	char *argv[24];
	size_t n;
};

static void words_deinit(struct words *words)
{
	for (size_t i = 2; i < words->n; i++)
		free(words->argv[i]);
}

static enum ks_exit become(const struct ks_cli *cli, const struct words *words, const char *doing)
{
	KS_AUTO_FREE char *folder = NULL;
	KS_AUTO_FREE char *program = NULL;

	int r = ks_path_own_folder(&folder);
	if (r < 0)
		return ks_command_fail_code(cli, r, doing);
	program = ks_path_join(folder, PROGRAM);
	if (!program)
		return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, doing);
	(void)execv(program, words->argv);
	ks_output_error(cli, "certificates are got by " PROGRAM ", which cannot be run: %s: %s", program,
			strerror(errno));
	return KS_EXIT_FAILED;
}

/* command NAME --option=value ...: as they were given here. */
static enum ks_exit pass_on(const struct ks_cli *cli, const struct ks_arguments *arguments, const char *command,
			    const struct ks_option *options, size_t n_options)
{
	static char name[] = PROGRAM;
	KS_AUTO_FREE char *word = ks_text_copy(ks_bytes_text(command));
	KS_CLEANUP(words_deinit) struct words words = { .argv = { name, word }, .n = 2 };

	for (size_t i = 0; i < n_options; i++) {
		if (!ks_arguments_has(arguments, i))
			continue;
		char *text = options[i].argument ? ks_text_format("--%s=%s", options[i].name, arguments->values[i]) :
						   ks_text_format("--%s", options[i].name);
		if (!text)
			return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, command);
		words.argv[words.n++] = text;
	}
	if (arguments->n_operands > 0) {
		char *end = ks_text_copy(ks_bytes_text("--"));
		char *operand = ks_text_copy(ks_bytes_text(arguments->operands[0]));
		words.argv[words.n++] = end;
		words.argv[words.n++] = operand;
		if (!end || !operand)
			return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, command);
	}
	return word ? become(cli, &words, command) : ks_command_fail_code(cli, KS_ERR_NO_MEMORY, command);
}

enum ks_exit ks_enroll_keep_fresh(const struct ks_cli *cli, const char *name, const char *file, bool no_key)
{
	static char program[] = PROGRAM, command[] = "keep";
	KS_CLEANUP(words_deinit) struct words words = { .argv = { program, command }, .n = 2 };

	words.argv[words.n++] = ks_text_format("--output=%s", file);
	if (no_key)
		words.argv[words.n++] = ks_text_copy(ks_bytes_text("--no-key"));
	words.argv[words.n++] = ks_text_copy(ks_bytes_text("--"));
	words.argv[words.n++] = ks_text_copy(ks_bytes_text(name));
	for (size_t i = 2; i < words.n; i++) {
		if (!words.argv[i])
			return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, "cert");
	}
	return become(cli, &words, "cert");
}

/* --- enroll ------------------------------------------------------------------------------------------------------ */

static const struct ks_option enroll_options[] = {
	{ "profile", 0, "PROFILE", "the [profile] of keystay.conf (default: the key's own)" },
	{ "subject", 0, "NAME", "whom the certificate is to name: /O=Example/CN=alice" },
	{ "san", 0, "NAMES", "dns:HOST, email:ADDRESS, uri:URI, ip:ADDRESS, upn:USER" },
	{ "secret-fd", 0, "N", "read the profile's secret from descriptor N" },
	{ "force", 0, NULL, "also when there is one that holds; begin anew" },
	{ "revoke", 0, NULL, "ask the CA to revoke the certificate that there is" },
	{ "reason", 0, "WORD", "of --revoke: keyCompromise, superseded ..." },
};
#define N_ENROLL_OPTIONS (sizeof(enroll_options) / sizeof(enroll_options[0]))

static enum ks_exit run_enroll(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	return pass_on(cli, arguments, "enroll", enroll_options, N_ENROLL_OPTIONS);
}

const struct ks_command ks_command_enroll = {
	.name = "enroll",
	.operands = "NAME",
	.summary = "a certificate for a key, from a certificate authority",
	.details = "Asks the CA of a [profile] in keystay.conf, looks hard at what it answers\n"
		   "(key, issuer, purpose, dates), and puts it where the agent finds it. From\n"
		   "then on `keystay renew` keeps it fresh.\n"
		   "\n"
		   "  keystay enroll alice --profile corp --subject /O=Example/CN=alice\n"
		   "\n"
		   "Exit code 4: nothing is wrong, but the CA has not decided yet; `keystay\n"
		   "renew` asks again. See man keystay-enroll.\n",
	.options = enroll_options,
	.n_options = N_ENROLL_OPTIONS,
	.min_operands = 1,
	.max_operands = 1,
	.run = run_enroll,
};

/* --- renew ------------------------------------------------------------------------------------------------------- */

static const struct ks_option renew_options[] = {
	{ "all", 0, NULL, "every key with a profile (also without a NAME)" },
	{ "force", 0, NULL, "also what is not due" },
	{ "quiet", 0, NULL, "say only what goes wrong" },
	{ "list", 0, NULL, "say what is due when; renew nothing" },
	{ "json", 0, NULL, "with --list: JSON, for programs" },
	{ "watch", 0, NULL, "go on until a signal; nobody is asked for anything" },
	{ "status-only", 0, NULL, "ask CAs about revocation alone" },
};
#define N_RENEW_OPTIONS (sizeof(renew_options) / sizeof(renew_options[0]))

static enum ks_exit run_renew(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	return pass_on(cli, arguments, "renew", renew_options, N_RENEW_OPTIONS);
}

const struct ks_command ks_command_renew = {
	.name = "renew",
	.operands = "[NAME|--all]",
	.summary = "the next certificate of each key that is due for one",
	.details = "Due is a certificate when a third of its life is left. Meant for a timer\n"
		   "(keystay-renew.timer), or with --watch for a session (keystay-renew-watch):\n"
		   "\n"
		   "  keystay renew --list\n"
		   "  keystay renew\n"
		   "\n"
		   "Exit codes: 0 nothing is left to do, 1 something failed, 4 something waits\n"
		   "(for the CA, a locked token, a date). See man keystay-enroll.\n",
	.options = renew_options,
	.n_options = N_RENEW_OPTIONS,
	.max_operands = 1,
	.run = run_renew,
};
