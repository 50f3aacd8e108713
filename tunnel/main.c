/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main: keystay-tunnel: its options, its connections, its end.
 *
 * Runs in: keystay-tunnel, which `keystay tunnel` becomes. Holds no secret; what it has is the right to ask the agent.
 */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "tunnel/door.h"
#include "tunnel/relay.h"
#include "tunnel/tls.h"

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define CONNECTIONS_MAX 256       /* a person's tools; each is a thread */
#define START_DEADLINE_MS 120000u /* of connection and handshake: a person may have to type a PIN */
#define IDLE_DEFAULT_MS 3600000u
#define DRAIN_MS 5000u

static const char usage_text[] =
	"Usage: keystay-tunnel --certificate FILE --listen unix:PATH|127.0.0.1:PORT --target HOST:PORT\n"
	"                      [--ca FILE] [--alpn LIST] [--idle TIME] [--ready-fd N]\n"
	"Does TLS for programs that speak plainly; started by: keystay tunnel\n"
	"\n"
	"  --certificate FILE  what `keystay cert` wrote\n"
	"  --listen WHERE      where to listen, for this user alone\n"
	"  --target HOST:PORT  the server, which its certificate must name\n"
	"  --ca FILE           the CA certificates to verify it with (default: the system's)\n"
	"  --alpn LIST         protocols to offer, such as h2,http/1.1\n"
	"  --idle TIME         end connections that are silent for so long (default 1h)\n"
	"  --ready-fd N        write a line to descriptor N when it listens\n"
	"  --version           print the version\n"
	"  --help              print this\n";

struct options {
	struct ks_tls_options tls;
	const char *listen;
	char host[256];
	char port[8];
	uint32_t idle_ms;
	int ready_fd;
};

struct tunnel {
	struct options options;
	struct ks_tls *tls;
	struct ks_door door;
	int stop_fd; /* readable for everybody once it is to end */
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	unsigned n_connections;
};

struct connection {
	struct tunnel *tunnel;
	int plain;
};

/* --- options ----------------------------------------------------------------------------------------------------- */

static bool read_target(const char *text, struct options *options)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;

	if (!colon || colon == text || ks_text_number(colon + 1, 65535, &port) < 0 || port == 0)
		return false;
	size_t size = (size_t)(colon - text);
	if (text[0] == '[' && colon[-1] == ']') {
		text++;
		size -= 2;
	}
	if (size == 0 || size >= sizeof(options->host))
		return false;
	memcpy(options->host, text, size);
	options->host[size] = '\0';
	(void)ks_text_print(options->port, sizeof(options->port), "%u", (unsigned)port);
	options->tls.host = options->host;
	return true;
}

static int take_option(int option, const char *value, struct options *options)
{
	uint64_t number;

	switch (option) {
	case 'c':
		options->tls.certificate = value;
		return 0;
	case 'l':
		options->listen = value;
		return 0;
	case 't':
		if (read_target(value, options))
			return 0;
		(void)fprintf(stderr, "keystay-tunnel: --target takes HOST:PORT, not \"%s\"\n", value);
		return -1;
	case 'a':
		options->tls.ca_file = value;
		return 0;
	case 'p':
		options->tls.alpn = value;
		return 0;
	case 'i':
		if (ks_text_duration_ms(value, &number) == 0 && number > 0 && number <= 86400000u) {
			options->idle_ms = (uint32_t)number;
			return 0;
		}
		(void)fprintf(stderr, "keystay-tunnel: --idle takes a time such as 10m, at most 1d\n");
		return -1;
	case 'r':
		if (ks_text_number(value, 65535, &number) == 0) {
			options->ready_fd = (int)number;
			return 0;
		}
		return -1;
	default:
		return -1;
	}
}

/* 1: go on; else the exit code plus 2. */
static int read_options(int argc, char **argv, struct options *options)
{
	static const struct option list[] = {
		{ "certificate", required_argument, NULL, 'c' },
		{ "listen", required_argument, NULL, 'l' },
		{ "target", required_argument, NULL, 't' },
		{ "ca", required_argument, NULL, 'a' },
		{ "alpn", required_argument, NULL, 'p' },
		{ "idle", required_argument, NULL, 'i' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", list, NULL)) != -1) {
		if (option == 'h' || option == 'v') {
			(void)fputs(option == 'h' ? usage_text : "keystay-tunnel " KEYSTAY_VERSION "\n", stdout);
			return EXIT_GOOD;
		}
		if (take_option(option, optarg, options) < 0)
			return EXIT_USAGE;
	}
	if (optind == argc && options->tls.certificate && options->listen && options->tls.host)
		return -1;
	(void)fprintf(stderr, "keystay-tunnel: --certificate, --listen and --target are needed, and nothing else\n"
			      "See: keystay-tunnel --help\n");
	return EXIT_USAGE;
}

/* --- one connection ---------------------------------------------------------------------------------------------- */

/* One address after the other, as long as there is time. */
static int connect_target(const struct options *options, uint64_t deadline_ms, int *ret_fd, char *why, size_t why_size)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct addrinfo *list = NULL;
	int error_number = 0;

	int r = getaddrinfo(options->host, options->port, &hints, &list);
	if (r != 0) {
		(void)ks_text_print(why, why_size, "%s is not found: %s", options->host, gai_strerror(r));
		return KS_ERR_NOT_FOUND;
	}
	for (const struct addrinfo *at = list; at; at = at->ai_next) {
		KS_AUTO_CLOSE int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			continue;
		socklen_t size = sizeof(error_number);
		error_number = connect(fd, at->ai_addr, at->ai_addrlen) < 0 ? errno : 0;
		if (error_number == EINPROGRESS) {
			struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
			error_number = ETIMEDOUT;
			if (poll(&poll_fd, 1, ks_clock_left_ms(deadline_ms)) == 1)
				(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &size);
		}
		if (error_number == 0) {
			*ret_fd = KS_STEAL_FD(fd);
			freeaddrinfo(list);
			return 0;
		}
	}
	freeaddrinfo(list);
	(void)ks_text_print(why, why_size, "%s:%s cannot be reached: %s", options->host, options->port,
			    strerror(error_number));
	return KS_ERR_CLOSED;
}

static void serve(struct tunnel *tunnel, int plain)
{
	uint64_t deadline_ms = ks_clock_monotonic_ms() + START_DEADLINE_MS;
	KS_AUTO_CLOSE int fd = -1;
	SSL *ssl = NULL;
	char why[1024];

	int r = connect_target(&tunnel->options, deadline_ms, &fd, why, sizeof(why));
	if (r == 0)
		r = ks_tls_connect(tunnel->tls, fd, deadline_ms, &ssl, why, sizeof(why));
	if (r < 0) {
		ks_log_error("a connection to %s:%s failed: %s", tunnel->options.host, tunnel->options.port, why);
		return;
	}
	ks_relay_run(plain, ssl, tunnel->options.idle_ms, tunnel->stop_fd);
	SSL_free(ssl);
}

static void *run_connection(void *userdata)
{
	struct connection *connection = userdata;
	struct tunnel *tunnel = connection->tunnel;

	serve(tunnel, connection->plain);
	(void)close(connection->plain);
	free(connection);
	(void)pthread_mutex_lock(&tunnel->mutex);
	tunnel->n_connections--;
	(void)pthread_cond_signal(&tunnel->ended);
	(void)pthread_mutex_unlock(&tunnel->mutex);
	return NULL;
}

static void start_connection(struct tunnel *tunnel, int plain)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	pthread_attr_t attributes;
	pthread_t thread;

	(void)pthread_mutex_lock(&tunnel->mutex);
	bool room = connection && tunnel->n_connections < CONNECTIONS_MAX;
	tunnel->n_connections += room;
	(void)pthread_mutex_unlock(&tunnel->mutex);
	if (room) {
		*connection = (struct connection){ tunnel, plain };
		(void)pthread_attr_init(&attributes);
		(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
		int r = pthread_create(&thread, &attributes, run_connection, connection);
		(void)pthread_attr_destroy(&attributes);
		if (r == 0)
			return;
		(void)pthread_mutex_lock(&tunnel->mutex);
		tunnel->n_connections--;
		(void)pthread_mutex_unlock(&tunnel->mutex);
	}
	ks_log_warning("a connection was refused: there are %u already", CONNECTIONS_MAX);
	free(connection);
	(void)close(plain);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static void accept_all(struct tunnel *tunnel)
{
	int plain, r;

	while ((r = ks_door_accept(&tunnel->door, &plain)) != KS_ERR_BUSY) {
		if (r == 0)
			start_connection(tunnel, plain);
		if (r == KS_ERR_LIMIT) {
			ks_log_warning("there are no descriptors left; connections wait");
			(void)poll(NULL, 0, 100); /* the listener stays readable: nothing else would tell us */
			return;
		}
	}
}

/* Everybody is told, and has DRAIN_MS. */
static void drain(struct tunnel *tunnel)
{
	struct timespec until;

	ks_door_close(&tunnel->door);
	(void)eventfd_write(tunnel->stop_fd, 1);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DRAIN_MS / 1000;
	(void)pthread_mutex_lock(&tunnel->mutex);
	while (tunnel->n_connections > 0 && pthread_cond_timedwait(&tunnel->ended, &tunnel->mutex, &until) == 0)
		;
	(void)pthread_mutex_unlock(&tunnel->mutex);
}

static int watch_signals(void)
{
	sigset_t set;

	if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
	    sigaddset(&set, SIGHUP) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void tell_ready(const struct tunnel *tunnel)
{
	ks_log_info("listening on %s for %s:%s", tunnel->door.name, tunnel->options.host, tunnel->options.port);
	if (tunnel->options.ready_fd >= 0) {
		(void)dprintf(tunnel->options.ready_fd, "%s\n", tunnel->door.name);
		(void)close(tunnel->options.ready_fd);
	}
}

static int run(struct tunnel *tunnel)
{
	char why[1024] = "";
	KS_AUTO_CLOSE int signals = watch_signals();

	tunnel->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (signals < 0 || tunnel->stop_fd < 0) {
		ks_log_error("the system refuses what a tunnel needs: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (ks_tls_new(&tunnel->options.tls, &tunnel->tls, why, sizeof(why)) < 0 ||
	    ks_door_open(tunnel->options.listen, &tunnel->door, why, sizeof(why)) < 0) {
		ks_log_error("%s", why);
		return EXIT_FAILED;
	}
	tell_ready(tunnel);
	for (;;) {
		struct pollfd fds[] = { { .fd = tunnel->door.fd, .events = POLLIN },
					{ .fd = signals, .events = POLLIN } };
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return EXIT_FAILED;
		if (fds[1].revents)
			break;
		if (fds[0].revents)
			accept_all(tunnel);
	}
	drain(tunnel);
	return EXIT_GOOD;
}

int main(int argc, char **argv)
{
	static struct tunnel tunnel = { .options = { .idle_ms = IDLE_DEFAULT_MS, .ready_fd = -1 },
					.door = { .fd = -1 },
					.stop_fd = -1,
					.mutex = PTHREAD_MUTEX_INITIALIZER,
					.ended = PTHREAD_COND_INITIALIZER };

	if (ks_process_open_standard() < 0)
		return EXIT_FAILED;
	ks_log_init("keystay-tunnel", KS_LOG_INFO);
	int code = read_options(argc, argv, &tunnel.options);
	if (code >= 0)
		return code;
	code = run(&tunnel);
	ks_door_close(&tunnel.door);
	/* Threads that did not end in time still use the rest: it goes with the process. */
	_exit(code);
}
