/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main: keystay-tunnel: from its start to its end.
 *
 * Runs in: keystay-tunnel, which `keystay tunnel` becomes. Holds no secret; what it has is the right to ask the agent.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "tunnel/connections.h"
#include "tunnel/door.h"
#include "tunnel/limits.h"
#include "tunnel/options.h"
#include "tunnel/tls.h"

struct tunnel {
	struct ks_options options;
	struct ks_tls *tls;
	struct ks_connections *connections;
	struct ks_door door;
};

/* Before any thread starts: all of them inherit what is blocked. */
static int watch_signals(void)
{
	sigset_t set;

	if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
	    sigaddset(&set, SIGHUP) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void tell_ready(const struct ks_options *options, const struct ks_door *door)
{
	ks_log_info("listening on %s for %s:%s", door->name, options->target.host, options->target.port);
	if (options->ready_fd >= 0) {
		(void)dprintf(options->ready_fd, "%s\n", door->name);
		(void)close(options->ready_fd);
	}
}

static void accept_all(struct ks_door *door, struct ks_connections *connections)
{
	int plain, r;

	while ((r = ks_door_accept(door, &plain)) != KS_ERR_BUSY) {
		if (r == 0)
			ks_connections_start(connections, plain);
		if (r == KS_ERR_LIMIT) {
			ks_log_warning("there are no descriptors left; connections wait");
			(void)poll(NULL, 0, 100); /* the listener stays readable: nothing else would tell us */
			return;
		}
	}
}

/* Until a signal. */
static enum ks_tunnel_exit listen_on(struct ks_door *door, struct ks_connections *connections, int signals)
{
	struct signalfd_siginfo signal_info;

	for (;;) {
		struct pollfd fds[] = { { .fd = door->fd, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			ks_log_error("the system refuses to wait: %s", strerror(errno));
			return KS_TUNNEL_FAILED;
		}
		if (fds[1].revents) {
			/* Taken, so that a second one can hurry the end. */
			return read(signals, &signal_info, sizeof(signal_info)) < 0 ? KS_TUNNEL_FAILED : KS_TUNNEL_GOOD;
		}
		if (fds[0].revents)
			accept_all(door, connections);
	}
}

static enum ks_tunnel_exit run(struct tunnel *tunnel)
{
	const struct ks_options *options = &tunnel->options;
	char why[1024] = "the system refuses what a tunnel needs";
	KS_AUTO_CLOSE int signals = watch_signals();

	int r = signals < 0 ? KS_ERR_SYSTEM : ks_tls_new(options, &tunnel->tls, why, sizeof(why));
	if (r == 0)
		r = ks_connections_new(options, tunnel->tls, &tunnel->connections);
	if (r == 0)
		r = ks_door_open(options->listen, &tunnel->door, why, sizeof(why));
	if (r < 0) {
		ks_log_error("%s", why);
		return r == KS_ERR_NO_AGENT ? KS_TUNNEL_NO_AGENT : KS_TUNNEL_FAILED;
	}
	tell_ready(options, &tunnel->door);
	enum ks_tunnel_exit code = listen_on(&tunnel->door, tunnel->connections, signals);
	ks_door_close(&tunnel->door); /* who comes now is refused at once */
	ks_connections_drain(tunnel->connections, signals);
	return code;
}

int main(int argc, char **argv)
{
	struct tunnel tunnel = { .door = { .fd = -1 } };
	enum ks_tunnel_exit code;

	if (ks_process_open_standard() < 0)
		return KS_TUNNEL_FAILED;
	ks_log_init("keystay-tunnel", KS_LOG_INFO);
	if (!ks_options_read(argc, argv, &tunnel.options, &code))
		return (int)code;
	(void)ks_process_raise_files(KS_TUNNEL_FILES);
	code = run(&tunnel);
	/* Threads that did not end in time still use the rest: it goes with the process. */
	_exit((int)code);
}
