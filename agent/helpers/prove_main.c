/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_main: keystay-prove: reads the certificates that are trusted here, locks itself in, and proves servers for the
 * agent on descriptor 3.
 *
 * Runs in: keystay-prove, started by keystay-agent when the first server is to be proven; so that what a client hands
 * over is never read where keys, PINs or rules are. Ends with the channel. Holds no secret.
 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/helpers/prove_anchors.h"
#include "agent/helpers/prove_serve.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/peer.h"
#include "lib/base/process.h"
#include "lib/base/sandbox.h"
#include "lib/protocol/limits.h"

#define CHANNEL_FD 3

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage_text[] = "Usage: keystay-prove [--again] [FILE...]\n"
				 "Verifies servers for keystay-agent, which starts it; not for people to start.\n"
				 "FILE is a PEM file of trusted certificates, as server-ca in keystay.conf.\n"
				 "\n"
				 "  --again    what was said about this system at an earlier start is not said again\n"
				 "  --version  print the version\n"
				 "  --help     print this\n"
				 "\n"
				 "Talks to the agent on descriptor 3. See man keystay-prove.\n";

/* The agent made the channel, so its other end says who our parent has to be. */
static int stay_with_agent(void)
{
	struct ks_peer peer;

	int r = ks_peer_get(CHANNEL_FD, &peer);
	if (r < 0) {
		ks_log_error("descriptor %d is no channel to an agent; keystay-prove is started by keystay-agent",
			     CHANNEL_FD);
		return r;
	}
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? KS_ERR_SYSTEM : ks_process_die_with_parent(peer.pid);
}

/* From here on there is no file, no network and no other program. ret_child: what children enter, given. */
static int lock_in(bool again, struct ks_sandbox_filter **ret_child)
{
	const struct ks_sandbox_limits limits = { .memory = KS_PROOF_MEMORY_MAX };
	struct ks_sandbox_filter *own = NULL;
	int landlock = 0;

	int r = ks_sandbox_make(KS_SANDBOX_PARENT, &own);
	if (r == 0)
		r = ks_sandbox_make(KS_SANDBOX_ALONE, ret_child);
	if (r == 0)
		r = ks_sandbox_limit(&limits);
	if (r == 0)
		r = ks_sandbox_leave_files(&landlock);
	if (r == 0 && !again && !ks_sandbox_is_built())
		ks_log_warning("keystay was built without a sandbox: certificates of servers are read without one");
	else if (r == 0 && !again && landlock == 0)
		ks_log_notice("this kernel has no Landlock: keystay-prove is held by seccomp alone");
	if (r == 0)
		r = ks_sandbox_enter(own);
	ks_sandbox_free(own);
	if (r < 0)
		ks_log_error("keystay-prove cannot lock itself in (seccomp): %s; no server can be proven",
			     ks_error_text(r));
	return r;
}

static int run(bool again, char **files, size_t n_files)
{
	struct ks_prove_anchors *anchors = NULL;
	struct ks_sandbox_filter *child = NULL;

	int r = stay_with_agent();
	if (r == 0)
		r = ks_prove_anchors_new(files, n_files, &anchors);
	if (r == 0)
		r = lock_in(again, &child);
	if (r == 0)
		r = ks_prove_serve(CHANNEL_FD, anchors, child);
	if (r < 0 && r != KS_ERR_CLOSED)
		ks_log_error("keystay-prove ends: %s", ks_error_text(r));
	ks_sandbox_free(child);
	ks_prove_anchors_free(anchors);
	return r == KS_ERR_CLOSED ? EXIT_GOOD : EXIT_FAILED;
}

static int read_command_line(int argc, char **argv)
{
	enum { VERSION = 256, HELP, AGAIN };
	static const struct option options[] = {
		{ "again", no_argument, NULL, AGAIN },
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	bool again = false;

	for (;;) {
		switch (getopt_long(argc, argv, "h", options, NULL)) {
		case -1:
			if (argc - optind <= (int)KS_ANCHOR_FILES_MAX)
				return run(again, argv + optind, (size_t)(argc - optind));
			(void)fprintf(stderr, "keystay-prove: more than %u files\n", KS_ANCHOR_FILES_MAX);
			return EXIT_USAGE;
		case AGAIN:
			again = true;
			break;
		case VERSION:
			(void)puts("keystay-prove " KEYSTAY_VERSION);
			return EXIT_GOOD;
		case HELP:
		case 'h':
			(void)fputs(usage_text, stdout);
			return EXIT_GOOD;
		default:
			(void)fprintf(stderr, "See: keystay-prove --help\n");
			return EXIT_USAGE;
		}
	}
}

int main(int argc, char **argv)
{
	if (ks_process_harden() < 0 || ks_process_open_standard() < 0) {
		(void)fprintf(stderr, "keystay-prove: the system refuses to protect this process; it does not start\n");
		return EXIT_FAILED;
	}
	ks_log_init("keystay-prove", KS_LOG_INFO);
	int code = read_command_line(argc, argv);
	/* Inside the sandbox a leak checker could not do its work; what was printed is out. */
	(void)fflush(stdout);
	_exit(code);
}
