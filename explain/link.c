/* SPDX-License-Identifier: Apache-2.0 */
/* link: see link.h. Runs in: keystay-explain. */
#include "explain/link.h"

#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "explain/phrase.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "tunnel/limits.h"
#include "tunnel/postgres.h"
#include "client/tls/report.h"
#include "tunnel/target.h"

/* --- what libssl calls ------------------------------------------------------------------------------------------- */

static struct ks_link *link_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

static int on_certificate(int good, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct ks_link *link = link_of(ssl);

	if (!good && link->problem == X509_V_OK)
		link->problem = X509_STORE_CTX_get_error(store);
	return 1;
}

static int on_request(SSL *ssl, void *userdata)
{
	struct ks_link *link = userdata;

	/* One that stopped the handshake may be called again by libssl. */
	ks_asked_deinit(&link->asked);
	link->asked = (struct ks_asked){ .names = NULL };
	if (ks_asked_read(ssl, SSL_get0_peer_CA_list(ssl), &link->asked) < 0)
		return 0;
	link->n_requests++;
	link->asked_late = link->finished;
	int r = link->on_request(link, link->userdata);
	link->stopped = r < 0;
	return r;
}

static void on_event(const SSL *ssl, int where, int result)
{
	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (result >> 8) == SSL3_AL_FATAL)
		link_of(ssl)->alert = result & 0xff;
}

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	(void)session;
	link_of(ssl)->got_ticket = true;
	return 0;
}

/* --- opening ----------------------------------------------------------------------------------------------------- */

static int make_context(struct ks_link *link, const struct ks_openssl *openssl, bool strict, char *why, size_t why_size)
{
	int version = link->options->tls_version;

	link->context = SSL_CTX_new_ex(openssl->context, NULL, TLS_client_method());
	if (!link->context || SSL_CTX_set_min_proto_version(link->context, version ? version : TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_max_proto_version(link->context, version) != 1)
		return KS_ERR_NO_MEMORY;
	SSL_CTX_set_verify(link->context, SSL_VERIFY_PEER, strict ? NULL : on_certificate);
	SSL_CTX_set_post_handshake_auth(link->context, 1);
	SSL_CTX_set_cert_cb(link->context, on_request, link);
	SSL_CTX_set_info_callback(link->context, on_event);
	SSL_CTX_set_session_cache_mode(link->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(link->context, on_ticket);
	return ks_openssl_trust(link->context, link->options->ca_file, why, why_size);
}

static int make_ssl(struct ks_link *link)
{
	link->ssl = SSL_new(link->context);
	if (!link->ssl || SSL_set_fd(link->ssl, link->fd) != 1)
		return KS_ERR_NO_MEMORY;
	SSL_set_app_data(link->ssl, link);
	return ks_openssl_expect(link->ssl, link->options->server_name);
}

int ks_link_open(const struct ks_openssl *openssl, const struct ks_explain_options *options, bool strict,
		 struct ks_link *ret_link, char *why, size_t why_size)
{
	*ret_link = (struct ks_link){ .options = options, .fd = -1, .problem = X509_V_OK, .alert = -1 };
	(void)ks_text_print(why, why_size, "memory ran out");
	int r = make_context(ret_link, openssl, strict, why, why_size);
	if (r == 0)
		r = ks_target_connect(&options->target, &ret_link->fd, why, why_size);
	if (r == 0 && options->postgres)
		r = ks_postgres_request_tls(ret_link->fd, why, why_size);
	if (r == 0)
		r = make_ssl(ret_link);
	if (r < 0)
		ks_link_close(ret_link);
	return r;
}

void ks_link_close(struct ks_link *link)
{
	ks_asked_deinit(&link->asked);
	link->asked = (struct ks_asked){ .names = NULL };
	SSL_free(link->ssl);
	SSL_CTX_free(link->context);
	link->ssl = NULL;
	link->context = NULL;
	ks_link_hang_up(link);
}

void ks_link_hang_up(struct ks_link *link)
{
	if (link->fd >= 0)
		(void)close(link->fd);
	link->fd = -1;
}

/* --- the handshake ----------------------------------------------------------------------------------------------- */

/* The agent's own words come first, then the server's, then libssl's. */
static void say_failed(const struct ks_link *link, const char *nothing, char *why, size_t why_size)
{
	char words[256];

	if (link->alert >= 0) {
		ks_phrase_alert(link->alert, words, sizeof(words));
		(void)ks_text_print(why, why_size, "the server refuses: %s", words);
	} else if (SSL_get_verify_result(link->ssl) != X509_V_OK && !link->finished) {
		(void)ks_text_print(why, why_size, "the server's certificate is not accepted: %s",
				    X509_verify_cert_error_string(SSL_get_verify_result(link->ssl)));
	} else if (ERR_peek_error() == 0) {
		(void)ks_text_print(why, why_size, "%s", nothing);
	} else {
		(void)ks_text_print(why, why_size, "TLS fails: ");
		ks_report_append(why, why_size);
	}
	ERR_clear_error();
}

int ks_link_shake(struct ks_link *link, ks_link_request *request, void *userdata, char *why, size_t why_size)
{
	int r, go_on;

	link->on_request = request;
	link->userdata = userdata;
	do {
		ERR_clear_error();
		r = SSL_connect(link->ssl);
		if (r == 1) {
			link->finished = true;
			return 0;
		}
		if (link->stopped)
			return 0;
		go_on = ks_openssl_wait(link->ssl, link->fd, r, KS_TUNNEL_SERVER_MS);
	} while (go_on == 1);
	if (go_on == 0)
		(void)ks_text_print(why, why_size, "the server does not answer in the TLS handshake");
	else
		say_failed(link, "the server closes the connection in the TLS handshake", why, why_size);
	return KS_ERR_CLOSED;
}

/* --- after it ---------------------------------------------------------------------------------------------------- */

/* TLS in the name of HTTP: RFC 9112 section 3. */
static int send_get(struct ks_link *link, char *why, size_t why_size)
{
	const struct ks_explain_options *options = link->options;
	bool is_v6 = strchr(options->server_name, ':') != NULL;
	char *text = ks_text_format("GET %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nUser-Agent: keystay-explain\r\n"
				    "Accept: */*\r\nConnection: close\r\n\r\n",
				    options->path, is_v6 ? "[" : "", options->server_name, is_v6 ? "]" : "",
				    options->target.port);
	int r, go_on = 1;

	if (!text)
		return KS_ERR_NO_MEMORY;
	do {
		ERR_clear_error();
		r = SSL_write(link->ssl, text, (int)strlen(text));
	} while (r <= 0 && (go_on = ks_openssl_wait(link->ssl, link->fd, r, KS_TUNNEL_SERVER_MS)) == 1);
	free(text);
	if (r > 0)
		return 0;
	say_failed(link, "the server closes the connection", why, why_size);
	return KS_ERR_CLOSED;
}

/* 1: there is something to read; 0: not within the time. */
static bool is_readable(int fd, uint64_t deadline_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, ks_clock_left_ms(deadline_ms)) == 1;
}

/* Until there is a line, or a word of TLS, or time has run out. */
static int read_answer(struct ks_link *link, char *line, size_t size, char *why, size_t why_size)
{
	bool has_path = link->options->path[0] != '\0';
	uint64_t deadline_ms = ks_clock_monotonic_ms() + (has_path ? KS_TUNNEL_SERVER_MS : KS_EXPLAIN_VERDICT_MS);
	size_t used = 0;

	line[0] = '\0';
	for (;;) {
		ERR_clear_error();
		int r = SSL_read(link->ssl, line + used, (int)(size - 1 - used));
		if (r > 0) {
			used += (size_t)r;
			line[used] = '\0';
			if (!has_path || strchr(line, '\n') || used == size - 1)
				return 0;
			continue;
		}
		int wanted = SSL_get_error(link->ssl, r);
		if (wanted == SSL_ERROR_ZERO_RETURN && !has_path)
			return 0;
		if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) {
			say_failed(link, "the server closes the connection without a word", why, why_size);
			return KS_ERR_CLOSED;
		}
		/* A ticket without a path is the best answer there will be. */
		if (!has_path && link->got_ticket)
			return 0;
		if (!is_readable(link->fd, deadline_ms)) {
			(void)ks_text_print(why, why_size, "the server does not answer the request");
			return has_path ? KS_ERR_TIMEOUT : 0;
		}
	}
}

int ks_link_talk(struct ks_link *link, char ret_status[KS_EXPLAIN_STATUS_MAX], char *why, size_t why_size)
{
	char line[KS_EXPLAIN_STATUS_MAX];
	int r = 0;

	if (link->options->path[0])
		r = send_get(link, why, why_size);
	/* Who has not asked in TLS 1.2 has nothing to say, and who has, has said it. */
	else if (SSL_version(link->ssl) != TLS1_3_VERSION || link->n_requests == 0) {
		ret_status[0] = '\0';
		return 0;
	}
	if (r == 0)
		r = read_answer(link, line, sizeof(line), why, why_size);
	if (r < 0)
		return r;
	line[strcspn(line, "\r\n")] = '\0';
	ks_text_escape(ks_bytes_text(link->options->path[0] ? line : ""), ret_status, KS_EXPLAIN_STATUS_MAX);
	return 0;
}

const char *ks_link_cipher(const struct ks_link *link)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(link->ssl);

	return SSL_CIPHER_get_name(cipher ? cipher : SSL_get_pending_cipher(link->ssl));
}
