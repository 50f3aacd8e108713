/* SPDX-License-Identifier: Apache-2.0 */
/* connections: see connections.h. Runs in: keystay-tunnel. */
#include "tunnel/connections.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "tunnel/limits.h"
#include "tunnel/postgres.h"
#include "tunnel/relay.h"
#include "tunnel/target.h"

struct ks_connections {
	const struct ks_options *options;
	struct ks_tls *tls;
	struct ks_relay_limits limits;
	sem_t handshakes; /* how many more may begin */
	atomic_uint n;
	int ended_fd; /* an event at each end */
};

struct connection {
	struct ks_connections *all;
	int plain;
};

int ks_connections_new(const struct ks_options *options, struct ks_tls *tls, struct ks_connections **ret_connections)
{
	struct ks_connections *connections = calloc(1, sizeof(*connections));
	int stop_fd = eventfd(0, EFD_CLOEXEC);
	int ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (!connections || stop_fd < 0 || ended_fd < 0 ||
	    sem_init(&connections->handshakes, 0, KS_TUNNEL_HANDSHAKES)) {
		if (stop_fd >= 0)
			(void)close(stop_fd);
		if (ended_fd >= 0)
			(void)close(ended_fd);
		free(connections);
		return KS_ERR_SYSTEM;
	}
	connections->options = options;
	connections->tls = tls;
	connections->limits = (struct ks_relay_limits){ .idle_ms = options->idle_ms, .stop_fd = stop_fd };
	connections->ended_fd = ended_fd;
	*ret_connections = connections;
	return 0;
}

/* --- one connection ---------------------------------------------------------------------------------------------- */

/* A client that went while it waited for its turn needs no signature, and no dialog. */
static bool is_gone(int plain)
{
	struct pollfd poll_fd = { .fd = plain };

	return poll(&poll_fd, 1, 0) == 1;
}

static bool is_stopping(const struct ks_connections *all)
{
	struct pollfd poll_fd = { .fd = all->limits.stop_fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

static int handshake(struct ks_connections *all, int plain, int fd, SSL **ret_ssl, char *why, size_t why_size)
{
	int r = KS_ERR_CANCELLED;

	while (sem_wait(&all->handshakes) < 0)
		;
	if (!is_gone(plain) && !is_stopping(all))
		r = ks_tls_connect(all->tls, fd, ret_ssl, why, why_size);
	(void)sem_post(&all->handshakes);
	return r;
}

static int reach_server(struct ks_connections *all, int plain, int *ret_fd, SSL **ret_ssl, char *why, size_t why_size)
{
	KS_AUTO_CLOSE int fd = -1;

	int r = ks_target_connect(&all->options->target, &fd, why, why_size);
	if (r == 0 && all->options->postgres)
		r = ks_postgres_request_tls(fd, why, why_size);
	if (r == 0)
		r = handshake(all, plain, fd, ret_ssl, why, why_size);
	if (r == 0)
		*ret_fd = KS_STEAL_FD(fd);
	return r;
}

static void say_end(const struct ks_target *target, enum ks_relay_end end, const char *why)
{
	switch (end) {
	case KS_RELAY_FAILED:
		ks_log_error("a connection to %s:%s was ended by TLS: %s", target->host, target->port, why);
		return;
	case KS_RELAY_CUT:
		ks_log_debug("a connection to %s:%s was cut off: %s", target->host, target->port, why);
		return;
	case KS_RELAY_IDLE:
		ks_log_debug("a connection to %s:%s was ended: it was silent", target->host, target->port);
		return;
	case KS_RELAY_DONE:
	case KS_RELAY_STOPPED:
		return;
	}
}

static void serve(struct ks_connections *all, int plain)
{
	const struct ks_options *options = all->options;
	KS_AUTO_CLOSE int fd = -1;
	SSL *ssl = NULL;
	char why[1024] = "memory ran out";

	if (options->postgres && ks_postgres_decline_encryption(plain) < 0)
		return; /* somebody who only looked whether anybody listens */
	int r = reach_server(all, plain, &fd, &ssl, why, sizeof(why));
	if (r == KS_ERR_CANCELLED)
		return;
	if (r < 0) {
		ks_log_error("no connection to %s:%s: %s", options->target.host, options->target.port, why);
		if (options->postgres)
			ks_postgres_send_error(plain, why);
		return;
	}
	say_end(&options->target, ks_relay_run(plain, ssl, &all->limits, why, sizeof(why)), why);
	SSL_free(ssl);
}

static void count_down(struct ks_connections *all)
{
	(void)atomic_fetch_sub(&all->n, 1);
	(void)eventfd_write(all->ended_fd, 1);
}

static void *run_connection(void *userdata)
{
	struct connection *connection = userdata;
	struct ks_connections *all = connection->all;

	serve(all, connection->plain);
	(void)close(connection->plain);
	free(connection);
	count_down(all);
	return NULL;
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

static int start_thread(struct connection *connection)
{
	pthread_attr_t attributes;
	pthread_t thread;

	if (pthread_attr_init(&attributes) != 0)
		return KS_ERR_NO_MEMORY;
	int r = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (r == 0)
		r = pthread_attr_setstacksize(&attributes, KS_TUNNEL_STACK);
	if (r == 0)
		r = pthread_create(&thread, &attributes, run_connection, connection);
	(void)pthread_attr_destroy(&attributes);
	return r == 0 ? 0 : KS_ERR_NO_MEMORY;
}

void ks_connections_start(struct ks_connections *connections, int plain)
{
	/* Only one thread starts connections: nobody comes between the look and the count. */
	if (atomic_load(&connections->n) >= KS_TUNNEL_CONNECTIONS) {
		ks_log_warning("a connection was refused: there are %u already", KS_TUNNEL_CONNECTIONS);
		(void)close(plain);
		return;
	}
	struct connection *connection = malloc(sizeof(*connection));
	(void)atomic_fetch_add(&connections->n, 1);
	if (connection) {
		*connection = (struct connection){ connections, plain };
		if (start_thread(connection) == 0)
			return;
	}
	ks_log_warning("a connection was refused: memory ran out");
	free(connection);
	(void)close(plain);
	count_down(connections);
}

void ks_connections_drain(struct ks_connections *connections, int hurry_fd)
{
	uint64_t deadline_ms = ks_clock_monotonic_ms() + KS_TUNNEL_GRACE_MS + KS_TUNNEL_QUIET_MS;
	struct pollfd fds[] = { { .fd = connections->ended_fd, .events = POLLIN },
				{ .fd = hurry_fd, .events = POLLIN } };
	eventfd_t value;

	(void)eventfd_write(connections->limits.stop_fd, 1);
	while (atomic_load(&connections->n) > 0 && ks_clock_left_ms(deadline_ms) > 0) {
		if (poll(fds, 2, ks_clock_left_ms(deadline_ms)) < 0 || fds[1].revents)
			return;
		(void)eventfd_read(connections->ended_fd, &value);
	}
}
