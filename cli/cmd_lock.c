/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_lock: `keystay lock`, the way back of `keystay unlock`.
 *
 * Runs in: keystay.
 */
#include "cli/commands.h"

#include "lib/base/cleanup.h"

enum { LOCK_JSON, N_LOCK_OPTIONS };
static const struct ks_option lock_options[N_LOCK_OPTIONS] = {
	[LOCK_JSON] = KS_OPTION_JSON,
};

static enum ks_exit run_lock(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_client_error error;
	struct ks_msg_lock request = { .token = ks_bytes_text(arguments->n_operands ? arguments->operands[0] : "") };
	struct ks_msg_lock_reply reply = { 0 };

	int r = ks_client_open(KS_CLIENT_CONTROL, &client, &error);
	if (r == 0)
		r = ks_client_call(&client, KS_MSG_LOCK, &request, KS_MSG_LOCK_REPLY, &reply, sizeof(reply),
				   "waiting for the agent", &error);
	if (r < 0)
		return ks_command_fail(cli, &error);
	if (ks_arguments_has(arguments, LOCK_JSON)) {
		json_t *object = json_object();
		ks_output_json_put(&object, "tokens", json_integer((json_int_t)reply.n_tokens));
		r = ks_output_json(cli, object);
		return r < 0 ? ks_command_fail_code(cli, r, "lock") : KS_EXIT_GOOD;
	}
	if (reply.n_tokens == 0)
		(void)fputs("Nothing was unlocked.\n", cli->out);
	else
		(void)fprintf(cli->out, "Locked: %u token%s\n", (unsigned)reply.n_tokens,
			      reply.n_tokens == 1 ? "" : "s");
	return KS_EXIT_GOOD;
}

const struct ks_command ks_command_lock = {
	.name = "lock",
	.operands = "[TOKEN]",
	.summary = "forget a token's PIN and refuse its keys; all tokens when none is named",
	.details = "The agent refuses at once; the token is logged out of. TOKEN as for `keystay\n"
		   "unlock`.\n",
	.options = lock_options,
	.n_options = N_LOCK_OPTIONS,
	.max_operands = 1,
	.run = run_lock,
};
