/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_tunnel: `keystay tunnel`: TLS for programs that can load nothing.
 *
 * The work is done by keystay-tunnel, a process of its own that may be killed, limited and logged as such: this one
 * becomes it. What the values mean is checked there, so that it is written once.
 *
 * Runs in: keystay; after that it is keystay-tunnel.
 */
#include "cli/commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

#define PROGRAM "keystay-tunnel"

enum { LISTEN, TARGET, CA, SERVER_NAME, ALPN, STARTTLS, IDLE, N_OPTIONS };
static const struct ks_option options[N_OPTIONS] = {
	[LISTEN] = { "listen", 0, "WHERE", "unix:PATH, 127.0.0.1:PORT or [::1]:PORT; for this user alone" },
	[TARGET] = { "target", 0, "HOST:PORT", "the server, which its certificate must name" },
	[CA] = { "ca", 0, "FILE", "the CA certificates to verify it with (default: the system's)" },
	[SERVER_NAME] = { "server-name", 0, "NAME", "what its certificate must name instead of HOST" },
	[ALPN] = { "alpn", 0, "LIST", "protocols to offer to the server, such as h2 (default: none)" },
	[STARTTLS] = { "starttls", 0, "KIND", "begin as the protocol wants it before TLS; KIND is postgres" },
	[IDLE] = { "idle", 0, "TIME", "end connections that are silent for so long (default 1h)" },
};

static enum ks_exit become(const struct ks_cli *cli, char **argv)
{
	KS_AUTO_FREE char *folder = NULL;
	KS_AUTO_FREE char *program = NULL;

	int r = ks_path_own_folder(&folder);
	if (r < 0)
		return ks_command_fail_code(cli, r, "tunnel");
	program = ks_path_join(folder, PROGRAM);
	if (!program)
		return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, "tunnel");
	(void)execv(program, argv);
	ks_output_error(cli, "the tunnel is made by " PROGRAM ", which cannot be run: %s: %s", program,
			strerror(errno));
	return KS_EXIT_FAILED;
}

static enum ks_exit run_tunnel(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	static char name[] = PROGRAM, end[] = "--";
	char *argv[N_OPTIONS + 4] = { name };
	size_t n = 1;
	enum ks_exit result;

	if (!ks_arguments_has(arguments, LISTEN) || !ks_arguments_has(arguments, TARGET)) {
		ks_output_error(cli, "tunnel: --%s is needed (see: keystay help tunnel)",
				options[ks_arguments_has(arguments, LISTEN) ? TARGET : LISTEN].name);
		return KS_EXIT_USAGE;
	}
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (!ks_arguments_has(arguments, i))
			continue;
		argv[n] = ks_text_format("--%s=%s", options[i].name, arguments->values[i]);
		if (!argv[n++])
			return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, "tunnel");
	}
	size_t n_made = n;
	argv[n++] = end;
	if (arguments->n_operands)
		argv[n++] = arguments->operands[0];
	result = become(cli, argv);
	for (size_t i = 1; i < n_made; i++)
		free(argv[i]);
	return result;
}

const struct ks_command ks_command_tunnel = {
	.name = "tunnel",
	.operands = "[NAME]",
	.summary = "TLS for programs that can load nothing: kubectl, docker, helm, databases",
	.details = "Listens on a local socket for programs that speak plainly, and does the TLS to\n"
		   "the server with the key NAME; the server is verified. Until Ctrl-C:\n"
		   "\n"
		   "  keystay tunnel alice --listen unix:$XDG_RUNTIME_DIR/docker.sock \\\n"
		   "      --target docker.example:2376\n"
		   "  docker --host unix://$XDG_RUNTIME_DIR/docker.sock ps\n"
		   "\n"
		   "A Unix socket has mode 0600. On a port the kernel is asked whose each connection\n"
		   "is; prefer the socket, since web pages in your browser can reach ports.\n"
		   "Each connection is one signature; one that waits for a PIN holds up no other.\n",
	.options = options,
	.n_options = N_OPTIONS,
	.max_operands = 1,
	.run = run_tunnel,
};
