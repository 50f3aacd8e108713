/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link: one TLS connection to the server that is explained, and all that is seen on it: its certificate, what it asks
 * for and when, the alert with which it says no.
 *
 * Runs in: keystay-explain.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "client/tls/asked.h"
#include "explain/options.h"
#include "client/tls/openssl.h"

struct ks_link;

/* The server asks for a certificate: link->asked says for which. What libssl wants of a cert_cb: 1 go on with what was
 * given to link->ssl, 0 fail, -1 stop here. */
typedef int ks_link_request(struct ks_link *link, void *userdata);

struct ks_link {
	const struct ks_explain_options *options; /* borrowed */
	SSL_CTX *context;
	SSL *ssl;
	int fd;
	ks_link_request *on_request;
	void *userdata;
	long problem;          /* the first one with the server's certificate, X509_V_OK = none */
	int alert;             /* AlertDescription that came, -1 = none */
	bool stopped;          /* by on_request */
	bool finished;         /* the handshake is over */
	bool got_ticket;       /* after it: the server is content (RFC 8446 section 4.6.1) */
	unsigned n_requests;   /* for a certificate */
	bool asked_late;       /* the last of them came after the handshake */
	struct ks_asked asked; /* of the last one; borrows from ssl */
};

/* Connects, but for TLS. strict: a server that is not verified is refused, else it is only noted. On failure, here and
 * below, why is one sentence. ret_link must stay where it is. */
int ks_link_open(const struct ks_openssl *openssl, const struct ks_explain_options *options, bool strict,
		 struct ks_link *ret_link, char *why, size_t why_size) KS_WARN_UNUSED;
void ks_link_close(struct ks_link *link);

/* Ends the connection; what was seen on it stays. Some servers serve one client at a time. */
void ks_link_hang_up(struct ks_link *link);

/* The handshake; 0 also when on_request has stopped it. */
int ks_link_shake(struct ks_link *link, ks_link_request *on_request, void *userdata, char *why, size_t why_size)
	KS_WARN_UNUSED;

/* Sends GET, when there is a path, and waits for the server's word. ret_status: the first line of its answer, or "". */
int ks_link_talk(struct ks_link *link, char ret_status[KS_EXPLAIN_STATUS_MAX], char *why, size_t why_size)
	KS_WARN_UNUSED;

/* Its name in OpenSSL; in the middle of a TLS 1.2 handshake the one that was agreed upon. Never NULL. */
const char *ks_link_cipher(const struct ks_link *link);
