/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http: see http.h. Everything that libcurl is told is told here; errors get their words in http_words.c.
 *
 * libcurl's own habits with proxies stay (the environment's https_proxy and no_proxy are the user's). No file of it is
 * read: no .netrc, no cookies, no OpenSSL configuration.
 *
 * Runs in: keystay-enroll.
 */
#include "enrol/base/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "enrol/base/http_exchange.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* Accept, Content-Type and Expect beside those of the request. */
#define OWN_HEADERS 3

/* --- what is asked ----------------------------------------------------------------------------------------------- */

static bool begins_with(const char *text, const char *prefix)
{
	return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* Where the profile says it. */
static const char *origin_of(const struct ks_http_exchange *exchange)
{
	const char *origin = exchange->request->profile->origin;

	return origin ? origin : "keystay.conf";
}

/* Scheme and authority of the URL; the rest is libcurl's to read. */
static int read_url(struct ks_http_exchange *exchange, struct ks_enrol_problem *problem)
{
	const char *url = exchange->request->url;
	bool is_secure = begins_with(url, "https://");

	exchange->is_plain = begins_with(url, "http://");
	const char *authority = url + (is_secure ? 8 : 7);
	size_t size = is_secure || exchange->is_plain ? strcspn(authority, "/?#") : 0;
	/* Not shown: there may be a password before the @. */
	if (size > 0 && memchr(authority, '@', size))
		return ks_enrol_problem_final(problem, KS_ERR_CONFIG,
					      "the url of %s names a user; name it by user, and its password by "
					      "secret-file",
					      origin_of(exchange));
	ks_text_escape(ks_bytes_text(url), exchange->place, sizeof(exchange->place));
	ks_text_escape(ks_bytes(authority, size), exchange->host, sizeof(exchange->host));
	if (size == 0)
		return ks_enrol_problem_final(problem, KS_ERR_CONFIG, "\"%s\" (%s) is no https URL", exchange->place,
					      origin_of(exchange));
	if (exchange->is_plain && !exchange->request->may_be_plain)
		return ks_enrol_problem_final(problem, KS_ERR_CONFIG,
					      "\"%s\" is not https, which this protocol needs; nothing was sent. "
					      "Change url in %s",
					      exchange->place, origin_of(exchange));
	if (exchange->is_plain && (exchange->request->user || exchange->request->identity))
		return ks_enrol_problem_final(problem, KS_ERR_CONFIG,
					      "\"%s\" is not https: no password and no certificate is sent there; "
					      "change url in %s",
					      exchange->place, origin_of(exchange));
	return 0;
}

static int read_password(struct ks_http_exchange *exchange, struct ks_enrol_problem *problem)
{
	const struct ks_http_request *request = exchange->request;

	if (!request->user)
		return 0;
	struct ks_bytes password = request->password ? ks_secret_bytes(request->password) : KS_BYTES_NONE;
	if (strchr(request->user, ':') || (password.size > 0 && memchr(password.data, '\0', password.size)))
		return ks_enrol_problem_final(problem, KS_ERR_CONFIG,
					      "HTTP has no room for a user with a colon, or a password with a zero "
					      "byte (%s)",
					      origin_of(exchange));
	exchange->password.secret = true;
	ks_buffer_put(&exchange->password, password);
	ks_buffer_put_u8(&exchange->password, '\0');
	return ks_buffer_error(&exchange->password);
}

/* --- what comes back --------------------------------------------------------------------------------------------- */

static size_t take_body(char *data, size_t one, size_t size, void *userdata)
{
	struct ks_http_exchange *exchange = userdata;

	(void)one;
	ks_buffer_put(&exchange->body, ks_bytes(data, size));
	return ks_buffer_error(&exchange->body) == 0 ? size : 0;
}

/* libcurl keeps what it needs of them; they are only counted, also those of 100 Continue. */
static size_t take_header(char *data, size_t one, size_t size, void *userdata)
{
	struct ks_http_exchange *exchange = userdata;

	(void)data;
	(void)one;
	exchange->header_size += size;
	exchange->headers_too_large = exchange->header_size > KS_ENROL_HEADERS_MAX;
	return exchange->headers_too_large ? 0 : size;
}

/* --- libcurl ----------------------------------------------------------------------------------------------------- */

/* libcurl has no type for "what was refused"; the first refusal of many settings counts. */
static void set(CURLcode *code, CURLcode result)
{
	if (*code == CURLE_OK)
		*code = result;
}

#define SET(option, value) set(&code, curl_easy_setopt(exchange->curl, (option), (value)))

static size_t answer_max(const struct ks_http_request *request)
{
	return request->answer_max > 0 ? request->answer_max : KS_ENROL_ANSWER_MAX;
}

static CURLcode set_limits(struct ks_http_exchange *exchange)
{
	const struct ks_http_request *request = exchange->request;
	uint64_t silence_ms = request->profile->timeout_ms;
	CURLcode code = CURLE_OK;

	if (silence_ms == 0)
		silence_ms = KS_ENROL_EXCHANGE_MS;
	if (silence_ms > KS_ENROL_EXCHANGE_MAX_MS)
		silence_ms = KS_ENROL_EXCHANGE_MAX_MS;
	uint64_t signing_ms = request->identity ? KS_CLIENT_DEADLINE_MS : 0;
	uint64_t connect_ms = silence_ms < KS_ENROL_CONNECT_MS ? silence_ms : KS_ENROL_CONNECT_MS;
	SET(CURLOPT_TIMEOUT_MS, (long)(silence_ms + signing_ms));
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_ms + signing_ms));
	/* A server that says nothing more after the handshake gets no time of the signature's. */
	SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(CURLOPT_LOW_SPEED_TIME, (long)(silence_ms / 1000 + 1));
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)answer_max(request));
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, exchange);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, exchange);
	return code;
}

static CURLcode set_tls(struct ks_http_exchange *exchange)
{
	const struct ks_http_request *request = exchange->request;
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, exchange->is_plain ? "http" : "https");
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (request->profile->tls_ca) {
		SET(CURLOPT_CAINFO, request->profile->tls_ca);
		/* It would be asked as well. */
		SET(CURLOPT_CAPATH, NULL);
	}
	if (request->identity) {
		SET(CURLOPT_SSL_CTX_FUNCTION, ks_http_identity_use);
		SET(CURLOPT_SSL_CTX_DATA, &exchange->identity);
	}
	return code;
}

static CURLcode set_request(struct ks_http_exchange *exchange)
{
	const struct ks_http_request *request = exchange->request;
	CURLcode code = CURLE_OK;

	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_ERRORBUFFER, exchange->curl_text);
	SET(CURLOPT_USERAGENT, "keystay/" KEYSTAY_VERSION);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	/* Servers that ask for a certificate only at some paths renegotiate, or ask after the handshake; HTTP/2 forbids
	 * both (RFC 8740). */
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (request->content_type) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
		SET(CURLOPT_POSTFIELDS, request->body.size > 0 ? (const char *)request->body.data : "");
	}
	if (request->user) {
		/* Any other method sends the request twice, the first time without it. */
		SET(CURLOPT_HTTPAUTH, (unsigned long)CURLAUTH_BASIC);
		SET(CURLOPT_USERNAME, request->user);
		SET(CURLOPT_PASSWORD, (const char *)exchange->password.data);
	}
	return code;
}

/* Without copies: libcurl's list would keep and not wipe them. */
struct headers {
	char accept[128], content_type[128];
	struct curl_slist nodes[OWN_HEADERS + KS_ENROL_REQUEST_HEADERS_MAX];
	size_t n;
};

static void add_header(struct headers *headers, const char *line)
{
	union {
		const char *in;
		char *out; /* libcurl only reads it */
	} pointer = { .in = line };

	headers->nodes[headers->n] = (struct curl_slist){ pointer.out, NULL };
	if (headers->n > 0)
		headers->nodes[headers->n - 1].next = &headers->nodes[headers->n];
	headers->n++;
}

/* A line break in one would begin another. */
static bool header_is_good(const char *line)
{
	return ks_text_valid(ks_bytes_text(line)) && strchr(line, ':');
}

static int make_headers(const struct ks_http_request *request, struct headers *headers,
			struct ks_enrol_problem *problem)
{
	headers->n = 0;
	add_header(headers, "Expect:");
	if (request->accept) {
		(void)snprintf(headers->accept, sizeof(headers->accept), "Accept: %s", request->accept);
		add_header(headers, headers->accept);
	}
	if (request->content_type) {
		(void)snprintf(headers->content_type, sizeof(headers->content_type), "Content-Type: %s",
			       request->content_type);
		add_header(headers, headers->content_type);
	}
	for (size_t i = 0; request->headers && request->headers[i]; i++) {
		const char *line = request->headers[i];
		if (headers->n == sizeof(headers->nodes) / sizeof(headers->nodes[0]))
			return ks_enrol_problem_final(problem, KS_ERR_INTERNAL, "too many header fields");
		if (!header_is_good(line))
			return ks_enrol_problem_final(problem, KS_ERR_CONFIG,
						      "the secret, or another text for the server, has a control "
						      "character; it is not shown here");
		add_header(headers, line);
	}
	return 0;
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

static void read_content_type(CURL *curl, char *out, size_t size)
{
	const char *text = NULL;
	size_t n = 0;

	if (curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &text) != CURLE_OK || !text)
		return;
	for (; n < size - 1 && text[n] && !strchr("; \t", text[n]); n++)
		out[n] = text[n] >= 'A' && text[n] <= 'Z' ? (char)(text[n] - 'A' + 'a') : text[n];
	out[n] = '\0';
}

/* libcurl reads both forms; a date that is past counts as none. */
static uint32_t read_retry_after(CURL *curl)
{
	curl_off_t seconds = 0;

	if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0)
		return 0;
	return seconds < (curl_off_t)KS_ENROL_RETRY_AFTER_MAX_S ? (uint32_t)seconds : KS_ENROL_RETRY_AFTER_MAX_S;
}

static int read_answer(struct ks_http_exchange *exchange, struct ks_http_answer *ret_answer,
		       struct ks_enrol_problem *problem)
{
	struct ks_http_answer answer = { 0 };
	long status = 0;

	(void)curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 300 && status < 400)
		return ks_http_words_redirect(exchange, (unsigned)status, problem);
	answer.status = (unsigned)status;
	read_content_type(exchange->curl, answer.content_type, sizeof(answer.content_type));
	answer.retry_after_s = read_retry_after(exchange->curl);
	answer.body = exchange->body;
	exchange->body = (struct ks_buffer){ 0 };
	*ret_answer = answer;
	return 0;
}

static int perform(struct ks_http_exchange *exchange, struct ks_http_answer *ret_answer,
		   struct ks_enrol_problem *problem)
{
	struct headers headers;
	CURLcode code;

	int r = make_headers(exchange->request, &headers, problem);
	if (r < 0)
		return r;
	code = set_request(exchange);
	set(&code, set_tls(exchange));
	set(&code, set_limits(exchange));
	SET(CURLOPT_HTTPHEADER, headers.nodes);
	if (code != CURLE_OK)
		return ks_enrol_problem_set(problem, KS_ERR_INTERNAL, "libcurl refuses a setting (%s)",
					    curl_easy_strerror(code));
	code = curl_easy_perform(exchange->curl);
	return code == CURLE_OK ? read_answer(exchange, ret_answer, problem) : ks_http_words(exchange, code, problem);
}

static void exchange_deinit(struct ks_http_exchange *exchange)
{
	/* libcurl's SSL_CTX is of the identity's context. */
	curl_easy_cleanup(exchange->curl);
	ks_http_identity_deinit(&exchange->identity);
	ks_buffer_deinit(&exchange->body);
	ks_buffer_deinit(&exchange->password);
	curl_global_cleanup();
}

int ks_http_call(const struct ks_http_request *request, struct ks_http_answer *ret_answer,
		 struct ks_enrol_problem *problem)
{
	/* Before libcurl, which would have OpenSSL read openssl.cnf. Both count their callers. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 ||
	    curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return ks_enrol_problem_set(problem, KS_ERR_NO_MEMORY, "libcurl cannot start");
	KS_CLEANUP(exchange_deinit) struct ks_http_exchange exchange = { .request = request };
	ks_buffer_init(&exchange.body, answer_max(request));

	int r = read_url(&exchange, problem);
	if (r == 0)
		r = read_password(&exchange, problem);
	if (r == 0 && request->identity)
		r = ks_http_identity_init(&exchange.identity, request, problem);
	if (r < 0)
		return r;
	exchange.curl = curl_easy_init();
	if (!exchange.curl)
		return ks_enrol_problem_set(problem, KS_ERR_NO_MEMORY, "libcurl cannot start");
	return perform(&exchange, ret_answer, problem);
}

void ks_http_answer_deinit(struct ks_http_answer *answer)
{
	ks_buffer_deinit(&answer->body);
}
