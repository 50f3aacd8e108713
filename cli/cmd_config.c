/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_config: `keystay config` and `keystay reload`.
 *
 * Only keystay-agent knows how to read keystay.conf, so `config` becomes keystay-agent --print-config, which answers
 * from the files: also when no agent runs, and also when the running one has kept an older configuration. They are the
 * files of the running agent: when that was started with --config, its file is read.
 *
 * Runs in: keystay.
 */
#include "cli/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

/* --- config ------------------------------------------------------------------------------------------------------ */

enum { CONFIG_JSON, N_CONFIG_OPTIONS };
static const struct ks_option config_options[N_CONFIG_OPTIONS] = {
	[CONFIG_JSON] = KS_OPTION_JSON,
};

/* The file of the running agent's --config; NULL when it reads the usual ones, or does not run. */
static char *find_file(const struct ks_cli *cli)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_client_error error;
	struct ks_msg_status request = { 0 };
	struct ks_msg_status_reply reply = { 0 };

	int r = ks_client_open(KS_CLIENT_CONTROL, &client, &error);
	if (r == 0)
		r = ks_client_call(&client, KS_MSG_STATUS, &request, KS_MSG_STATUS_REPLY, &reply, sizeof(reply),
				   "waiting for the agent", &error);
	if (r < 0 || reply.configuration_file.size == 0)
		return NULL;
	char *file = ks_text_copy(reply.configuration_file);
	/* From the agent's folder, which may be another one. */
	if (file && file[0] != '/') {
		ks_output_warning(
			cli, "the running agent was started with --config and a relative path, so that its file is not "
			     "known here; these are the usual files");
		free(file);
		return NULL;
	}
	return file;
}

static enum ks_exit run_config(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_AUTO_FREE char *folder = NULL;
	KS_AUTO_FREE char *agent = NULL;
	KS_AUTO_FREE char *file = find_file(cli);
	static char name[] = "keystay-agent", print[] = "--print-config", json[] = "--json", config[] = "--config";
	char *argv[] = { name, print, NULL, NULL, NULL, NULL };
	size_t n = 2;

	if (ks_arguments_has(arguments, CONFIG_JSON))
		argv[n++] = json;
	if (file) {
		argv[n++] = config;
		argv[n++] = file;
	}
	int r = ks_path_own_folder(&folder);
	if (r < 0)
		return ks_command_fail_code(cli, r, "config");
	agent = ks_path_join(folder, "keystay-agent");
	if (!agent)
		return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, "config");
	(void)execv(agent, argv);
	ks_output_error(cli, "the configuration is read by keystay-agent, which cannot be run: %s: %s", agent,
			strerror(errno));
	return KS_EXIT_FAILED;
}

const struct ks_command ks_command_config = {
	.name = "config",
	.operands = "",
	.summary = "each setting, with the file and line it comes from",
	.details = "Prints what keystay-agent makes of keystay.conf and its drop-ins (man\n"
		   "keystay.conf), or of the file of --config that the running agent was started\n"
		   "with. To test a file before it is used: keystay-agent --check-config\n",
	.options = config_options,
	.n_options = N_CONFIG_OPTIONS,
	.run = run_config,
};

/* --- reload ------------------------------------------------------------------------------------------------------ */

enum { RELOAD_JSON, N_RELOAD_OPTIONS };
static const struct ks_option reload_options[N_RELOAD_OPTIONS] = {
	[RELOAD_JSON] = KS_OPTION_JSON,
};

static enum ks_exit run_reload(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_client_error error;
	struct ks_msg_reload request = { 0 };
	struct ks_msg_reload_reply reply = { 0 };

	int r = ks_client_open(KS_CLIENT_CONTROL, &client, &error);
	if (r == 0)
		r = ks_client_call(&client, KS_MSG_RELOAD, &request, KS_MSG_RELOAD_REPLY, &reply, sizeof(reply),
				   "waiting for the agent to read its configuration", &error);
	if (r < 0)
		return ks_command_fail(cli, &error);
	if (ks_arguments_has(arguments, RELOAD_JSON)) {
		json_t *object = json_object();
		ks_output_json_put(&object, "configuration", ks_output_json_text(reply.configuration));
		r = ks_output_json(cli, object);
		return r < 0 ? ks_command_fail_code(cli, r, "reload") : KS_EXIT_GOOD;
	}
	KS_AUTO_FREE char *configuration = ks_output_escape(reply.configuration);
	(void)fprintf(cli->out, "Configuration: %s\n", configuration ? configuration : "?");
	return KS_EXIT_GOOD;
}

const struct ks_command ks_command_reload = {
	.name = "reload",
	.operands = "",
	.summary = "have the agent read its configuration again and look for new tokens",
	.details = "Reads keystay.conf and certs/. When there is a mistake in the new\n"
		   "configuration, the agent says where, and keeps the old one. Also looks for\n"
		   "tokens that have come without a word: some modules tell nothing (keystay\n"
		   "status).\n",
	.options = reload_options,
	.n_options = N_RELOAD_OPTIONS,
	.run = run_reload,
};
