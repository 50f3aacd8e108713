/* SPDX-License-Identifier: Apache-2.0 */
/* small_server: see small_server.h. Runs in: tests. */
#include "tests/unit/enrol/small_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 1024

static void need(bool good, const char *what)
{
	if (!good) {
		(void)fprintf(stderr, "small_server: %s\n", what);
		abort();
	}
}

/* --- its certificate --------------------------------------------------------------------------------------------- */

static void add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	need(extension && X509_add_ext(certificate, extension, -1) == 1, value);
	X509_EXTENSION_free(extension);
}

static void make_certificate(struct small_server *server)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);

	need(key && X509_set_version(certificate, X509_VERSION_3) == 1 && X509_set_pubkey(certificate, key) == 1 &&
		     ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
		     X509_gmtime_adj(X509_getm_notBefore(certificate), -60) &&
		     X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) &&
		     X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"small", -1, -1, 0) ==
			     1 &&
		     X509_set_issuer_name(certificate, name) == 1,
	     "a certificate");
	add_extension(certificate, NID_subject_alt_name, server->names);
	add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
	need(X509_sign(certificate, key, EVP_sha256()) > 0, "a signature");
	int fd = mkstemp(server->ca_file);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	need(file && PEM_write_X509(file, certificate) == 1 && fclose(file) == 0, "the CA file");
	server->context = SSL_CTX_new(TLS_server_method());
	need(server->context && SSL_CTX_use_certificate(server->context, certificate) == 1 &&
		     SSL_CTX_use_PrivateKey(server->context, key) == 1,
	     "TLS");
	X509_free(certificate);
	EVP_PKEY_free(key);
}

/* --- a connection ------------------------------------------------------------------------------------------------ */

struct link {
	struct small_server *server;
	int fd;
	SSL *ssl;
};

/* False when the test has ended meanwhile. */
static bool wait_for(struct link *link, int timeout_ms)
{
	struct pollfd fds[] = { { .fd = link->fd, .events = (short)(timeout_ms < 0 ? POLLIN : 0) },
				{ .fd = link->server->stop[0], .events = POLLIN } };

	(void)poll(fds, 2, timeout_ms);
	return fds[1].revents == 0 && (timeout_ms < 0 || (fds[0].revents & (POLLHUP | POLLERR)) == 0);
}

static ssize_t get(struct link *link, char *out, size_t size)
{
	return link->ssl ? SSL_read(link->ssl, out, (int)size) : read(link->fd, out, size);
}

static bool put(struct link *link, const char *text, size_t size)
{
	ssize_t n = link->ssl ? SSL_write(link->ssl, text, (int)size) : send(link->fd, text, size, MSG_NOSIGNAL);

	return n == (ssize_t)size;
}

static bool read_request(struct link *link)
{
	char *request = link->server->request;
	size_t used = 0, wanted = sizeof(link->server->request) - 1;

	memset(request, 0, sizeof(link->server->request));
	while (used < wanted) {
		if (!(link->ssl && SSL_pending(link->ssl) > 0) && !wait_for(link, -1))
			return false;
		ssize_t n = get(link, request + used, wanted - used);
		if (n <= 0)
			return false;
		used += (size_t)n;
		const char *end = strstr(request, "\r\n\r\n");
		const char *length = strstr(request, "Content-Length: ");
		if (end)
			wanted = (size_t)(end + 4 - request) + (length ? strtoul(length + 16, NULL, 10) : 0);
	}
	return true;
}

static void answer(struct link *link)
{
	const struct small_server *server = link->server;
	const char *unit = server->unit ? server->unit : "x";
	char piece[PIECE];
	size_t size = 0;

	if (server->manner == SMALL_SERVER_IS_MUTE) {
		while (wait_for(link, 50))
			continue;
		return;
	}
	bool good = put(link, server->answer, strlen(server->answer));
	while (size + strlen(unit) < sizeof(piece))
		size += (size_t)snprintf(piece + size, sizeof(piece) - size, "%s", unit);
	while (good && server->manner == SMALL_SERVER_DRIPS && wait_for(link, 50))
		good = put(link, "x", 1);
	while (good && server->manner == SMALL_SERVER_POURS && wait_for(link, 0))
		good = put(link, piece, size);
}

static void serve(struct small_server *server, int fd)
{
	struct link link = { server, fd, NULL };
	bool good = true;

	if (server->manner == SMALL_SERVER_NO_TLS) {
		while (wait_for(&link, 50))
			continue;
		good = false;
	} else if (server->tls) {
		link.ssl = SSL_new(server->context);
		good = link.ssl && SSL_set_fd(link.ssl, fd) == 1 && SSL_accept(link.ssl) == 1;
	}
	if (good && read_request(&link))
		answer(&link);
	if (good && link.ssl)
		(void)SSL_shutdown(link.ssl);
	SSL_free(link.ssl);
	(void)shutdown(fd, SHUT_WR);
	(void)close(fd);
}

static void *run(void *userdata)
{
	struct small_server *server = userdata;

	for (;;) {
		struct pollfd fds[] = { { .fd = server->listener, .events = POLLIN },
					{ .fd = server->stop[0], .events = POLLIN } };
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents != 0)
			return NULL;
		int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		atomic_fetch_add(&server->n_connections, 1);
		serve(server, fd);
	}
}

void small_server_start(struct small_server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(address);

	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(server->ca_file, sizeof(server->ca_file), "/tmp/small-server-XXXXXX");
	if (server->tls)
		make_certificate(server);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(bind(server->listener, (const struct sockaddr *)&address, size) == 0 &&
		     getsockname(server->listener, (struct sockaddr *)&address, &size) == 0 &&
		     listen(server->listener, 8) == 0 && pipe(server->stop) == 0,
	     "a socket");
	server->port = ntohs(address.sin_port);
	(void)snprintf(server->url, sizeof(server->url), "http%s://localhost:%u/here", server->tls ? "s" : "",
		       server->port);
	need(pthread_create(&server->thread, NULL, run, server) == 0, "a thread");
}

void small_server_stop(struct small_server *server)
{
	need(write(server->stop[1], "x", 1) == 1, "an end");
	(void)pthread_join(server->thread, NULL);
	(void)close(server->listener);
	(void)close(server->stop[0]);
	(void)close(server->stop[1]);
	SSL_CTX_free(server->context);
	if (server->tls)
		(void)unlink(server->ca_file);
}
