/* SPDX-License-Identifier: Apache-2.0 */
/*
 * small_server: a thread that is an HTTP or HTTPS server on the loopback interface and says exactly what a test wants.
 *
 * Runs in: tests. What cannot be made ends the program.
 */
#pragma once

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum small_server_manner {
	SMALL_SERVER_ANSWERS, /* answer, then closes */
	SMALL_SERVER_DRIPS,   /* answer, then one byte each 50 ms for ever */
	SMALL_SERVER_POURS,   /* answer, then bytes without end */
	SMALL_SERVER_IS_MUTE, /* reads the request and says nothing */
	SMALL_SERVER_NO_TLS,  /* says nothing to a ClientHello either */
};

struct small_server {
	/* set before small_server_start() */
	bool tls;
	const char *names; /* of its certificate: "DNS:localhost" */
	enum small_server_manner manner;
	const char *answer; /* the whole of it, from its status line on */
	const char *unit;   /* what it pours; NULL = "x" */
	/* of the server */
	unsigned short port;
	char url[64];
	char ca_file[64]; /* its own certificate, PEM */
	char request[8192];
	atomic_uint n_connections;
	int listener, stop[2];
	pthread_t thread;
	SSL_CTX *context;
};

void small_server_start(struct small_server *server);
void small_server_stop(struct small_server *server);
