/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystay: the program that people type. It asks keystay-agent and prints what it says.
 *
 * Read from the table: each command is one function in the cmd_*.c file of its row. Everything that is shared by them
 * is in command.c (finding and helping), output.c (tables, JSON, colour) and client/ (the way to the agent).
 *
 * Runs in: keystay. Holds a PIN in `unlock` and `token` alone. Must never load a PKCS#11 module or sign anything.
 */
#include "cli/commands.h"
#include "lib/base/process.h"

static const struct ks_command *const table[] = {
	&ks_command_status,  /* what the agent, its modules and tokens are doing */
	&ks_command_list,    /* the keys */
	&ks_command_show,    /* one key */
	&ks_command_cert,    /* certificate, chain and key reference as PEM */
	&ks_command_csr,     /* a certificate request */
	&ks_command_enroll,  /* a certificate from a CA */
	&ks_command_renew,   /* the next ones */
	&ks_command_token,   /* tokens, PINs, and what is on them */
	&ks_command_unlock,  /* give a token its PIN */
	&ks_command_lock,    /* take it back */
	&ks_command_run,     /* a program that can use the keys */
	&ks_command_env,     /* the same for a shell */
	&ks_command_tunnel,  /* TLS for programs that can load nothing */
	&ks_command_explain, /* why a server takes a key or not */
	&ks_command_log,     /* what was signed and refused */
	&ks_command_monitor, /* the same as it happens */
	&ks_command_config,  /* each setting and where it comes from */
	&ks_command_reload,  /* read the configuration again */
};

int main(int argc, char **argv)
{
	struct ks_cli cli;

	(void)argc;
	if (ks_process_open_standard() < 0)
		return KS_EXIT_FAILED;
	ks_cli_init(&cli);
	return ks_command_main(&cli, table, sizeof(table) / sizeof(*table), argv);
}
