/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_words: why an exchange failed, for a person.
 *
 * Runs in: keystay-enroll. What a server said is escaped; no header, password or body of ours is shown.
 */
#include <string.h>

#include "enrol/base/http_exchange.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* --- what libcurl says ------------------------------------------------------------------------------------------- */

static const char *profile_of(const struct ks_http_exchange *exchange)
{
	const char *name = exchange->request->profile->name;

	return name ? name : "";
}

/* Why the server's certificate was refused, by whose word, and what can be done. */
static int say_unverified(const struct ks_http_exchange *exchange, struct ks_enrol_problem *problem)
{
	const struct ks_profile *profile = exchange->request->profile;
	long result = X509_V_OK;

	(void)curl_easy_getinfo(exchange->curl, CURLINFO_SSL_VERIFYRESULT, &result);
	switch (result) {
	case X509_V_OK:
	case X509_V_ERR_UNSPECIFIED: /* libcurl compares the name first, and has asked for nothing else yet */
		return ks_enrol_problem_final(problem, KS_ERR_DENIED,
					      "the TLS certificate of %s is for another name than that; nothing was "
					      "sent. Is url of profile \"%s\" right?",
					      exchange->host, profile_of(exchange));
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		break;
	default:
		return ks_enrol_problem_set(problem, KS_ERR_DENIED,
					    "the TLS certificate of %s is not accepted (%s); nothing was sent",
					    exchange->host, X509_verify_cert_error_string(result));
	}
	if (profile->tls_ca)
		return ks_enrol_problem_final(problem, KS_ERR_DENIED,
					      "the TLS certificate of %s is of no CA in %s (%s); nothing was sent. If "
					      "the server is the right one, put its CA's certificate there",
					      exchange->host, profile->tls_ca, X509_verify_cert_error_string(result));
	const char *system = curl_version_info(CURLVERSION_NOW)->cainfo;
	return ks_enrol_problem_final(
		problem, KS_ERR_DENIED,
		"the TLS certificate of %s is of no CA of this system (%s: %s); nothing was sent. "
		"If the server is the right one, name a file with its CA's certificate by tls-ca in "
		"profile \"%s\"",
		exchange->host, system ? system : "libcurl's own", X509_verify_cert_error_string(result),
		profile_of(exchange));
}

/* RFC 8446 section 6.2; 49: it was good, and is not let in. */
static bool is_about_certificate(int alert)
{
	return (alert >= 42 && alert <= 46) || alert == 48 || alert == 49 || alert == 116;
}

/* A server that does not like a certificate says so after the handshake (RFC 8446 section 4.4.2.4), and may be gone before
 * its alert is read. */
static int say_no_tls(const struct ks_http_exchange *exchange, struct ks_enrol_problem *problem)
{
	const struct ks_http_identity *identity = &exchange->identity;
	bool with_certificate = exchange->request->identity != NULL;
	char said[CURL_ERROR_SIZE * 2];

	if (with_certificate && identity->agent_said)
		return ks_enrol_problem_set(problem, identity->code, "%s", identity->text);
	if (with_certificate && identity->alert >= 0)
		return ks_enrol_problem_set(problem, KS_ERR_DENIED, "%s said no%s in TLS: %s", exchange->host,
					    is_about_certificate(identity->alert) ? " to this key's certificate" : "",
					    SSL_alert_desc_string_long(identity->alert));
	const char *why = with_certificate && identity->text[0] ? identity->text : exchange->curl_text;
	bool is_gone = !why[0] || strncmp(why, "getpeername", 11) == 0;
	ks_text_escape(ks_bytes_text(is_gone ? "it closed the connection" : why), said, sizeof(said));
	return ks_enrol_problem_set(problem, KS_ERR_CLOSED, "TLS with %s failed: %s%s", exchange->host, said,
				    with_certificate ? "; it may not accept this key's certificate" : "");
}

static int say_too_large(const struct ks_http_exchange *exchange, struct ks_enrol_problem *problem)
{
	if (exchange->headers_too_large)
		return ks_enrol_problem_set(problem, KS_ERR_TOO_LARGE,
					    "%s answered with more than %u KiB of header fields", exchange->place,
					    KS_ENROL_HEADERS_MAX / 1024);
	return ks_enrol_problem_set(problem, KS_ERR_TOO_LARGE,
				    "%s answered with more than %zu KiB, which is more than there can be",
				    exchange->place, exchange->body.limit / 1024);
}

static int say_late(const struct ks_http_exchange *exchange, struct ks_enrol_problem *problem)
{
	curl_off_t connected_us = 0;

	(void)curl_easy_getinfo(exchange->curl, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
	if (!exchange->request->profile->name)
		return ks_enrol_problem_set(problem, KS_ERR_TIMEOUT, "%s %s", exchange->host,
					    connected_us > 0 ? "did not answer in time" :
							       "could not be reached in time");
	return ks_enrol_problem_set(problem, KS_ERR_TIMEOUT,
				    connected_us > 0 ?
					    "%s did not answer in time; timeout of profile \"%s\" can be longer" :
					    "%s could not be reached in time (profile \"%s\")",
				    exchange->host, profile_of(exchange));
}

int ks_http_words(const struct ks_http_exchange *exchange, CURLcode code, struct ks_enrol_problem *problem)
{
	const char *ca = exchange->request->profile->tls_ca;
	char said[CURL_ERROR_SIZE * 2];

	ks_text_escape(ks_bytes_text(exchange->curl_text[0] ? exchange->curl_text : curl_easy_strerror(code)), said,
		       sizeof(said));
	switch ((int)code) {
	case CURLE_OUT_OF_MEMORY:
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	case CURLE_URL_MALFORMAT:
		return ks_enrol_problem_final(problem, KS_ERR_CONFIG, "\"%s\" is no URL", exchange->place);
	case CURLE_COULDNT_RESOLVE_HOST:
		return ks_enrol_problem_set(problem, KS_ERR_NOT_FOUND,
					    "the name of %s is not found; is url of profile \"%s\" right, is there a "
					    "network?",
					    exchange->host, profile_of(exchange));
	case CURLE_COULDNT_RESOLVE_PROXY:
		return ks_enrol_problem_set(problem, KS_ERR_NOT_FOUND,
					    "the name of the proxy is not found; it stands in this program's "
					    "environment (https_proxy)");
	case CURLE_COULDNT_CONNECT:
		return ks_enrol_problem_set(problem, KS_ERR_CLOSED, "%s cannot be reached: %s", exchange->host, said);
	case CURLE_OPERATION_TIMEDOUT:
		return say_late(exchange, problem);
	case CURLE_WRITE_ERROR:
	case CURLE_FILESIZE_EXCEEDED:
		return say_too_large(exchange, problem);
	case CURLE_PEER_FAILED_VERIFICATION:
		return say_unverified(exchange, problem);
	case CURLE_SSL_CACERT_BADFILE:
		return ks_enrol_problem_final(problem, KS_ERR_CONFIG,
					      "no CA certificates can be read from %s (tls-ca of profile \"%s\")",
					      ca ? ca : "the system's folder", profile_of(exchange));
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return exchange->is_plain ?
			       ks_enrol_problem_set(problem, KS_ERR_CLOSED, "%s broke off: %s", exchange->host, said) :
			       say_no_tls(exchange, problem);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return ks_enrol_problem_set(problem, KS_ERR_MALFORMED, "%s does not speak HTTP/1.1: %s", exchange->host,
					    said);
	default:
		return ks_enrol_problem_set(problem, KS_ERR_CLOSED, "the exchange with %s failed: %s", exchange->host,
					    said);
	}
}

int ks_http_words_redirect(const struct ks_http_exchange *exchange, unsigned status, struct ks_enrol_problem *problem)
{
	struct curl_header *place = NULL;
	char shown[512];

	/* As the server wrote it: libcurl's own reading of it (CURLINFO_REDIRECT_URL) has user and password in it. */
	if (curl_easy_header(exchange->curl, "Location", 0, CURLH_HEADER, -1, &place) != CURLHE_OK)
		place = NULL;
	ks_text_escape(ks_bytes_text(place ? place->value : "another place"), shown, sizeof(shown));
	return ks_enrol_problem_final(
		problem, KS_ERR_UNSUPPORTED,
		"%s sends elsewhere (%u): to %s. Redirects are not followed; if that is the right "
		"place, write it as url of profile \"%s\"",
		exchange->place, status, shown, profile_of(exchange));
}

/* --- what a status says ------------------------------------------------------------------------------------------ */

struct status {
	unsigned number;
	int code;
	const char *words;
};

static const struct status statuses[] = {
	{ 400, KS_ERR_INVALID, "it does not accept the request" },
	{ 401, KS_ERR_DENIED, "it wants to know who asks: user and secret, or a certificate it knows" },
	{ 403, KS_ERR_DENIED, "it does not allow this" },
	{ 404, KS_ERR_NOT_FOUND, "it has nothing at this place" },
	{ 405, KS_ERR_NOT_FOUND, "it does not do this at this place" },
	{ 408, KS_ERR_TIMEOUT, "it waited too long" },
	{ 413, KS_ERR_TOO_LARGE, "the request is too large for it" },
	{ 415, KS_ERR_UNSUPPORTED, "it does not know this kind of request" },
	{ 429, KS_ERR_BUSY, "it is asked too often" },
	{ 500, KS_ERR_BUSY, "it has an error of its own" },
	{ 501, KS_ERR_UNSUPPORTED, "it does not do this" },
	{ 502, KS_ERR_BUSY, "what stands before it does not reach it" },
	{ 503, KS_ERR_BUSY, "it is not available now" },
	{ 504, KS_ERR_BUSY, "what stands before it does not reach it" },
};

static struct status find_status(unsigned number)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (statuses[i].number == number)
			return statuses[i];
	}
	return (struct status){ number, number >= 500 ? KS_ERR_BUSY : KS_ERR_UNSUPPORTED, NULL };
}

static bool is_text(const char *content_type)
{
	size_t size = strlen(content_type);

	return strncmp(content_type, "text/", 5) == 0 || strcmp(content_type, "application/json") == 0 ||
	       (size > 5 && strcmp(content_type + size - 5, "+json") == 0);
}

/* The words of a page: without what stands in <>, and every run of white space one space. */
static size_t strip(struct ks_bytes page, bool is_html, char *out, size_t size)
{
	bool in_tag = false, space = false;
	size_t n = 0;

	for (size_t i = 0; i < page.size && n + 2 < size; i++) {
		char c = (char)page.data[i];
		bool ends = in_tag && c == '>';
		in_tag = is_html && (c == '<' || (in_tag && c != '>'));
		if (in_tag || ends || c == ' ' || c == '\n' || c == '\r' || c == '\t') {
			space = n > 0;
			continue;
		}
		if (space)
			out[n++] = ' ';
		space = false;
		out[n++] = c;
	}
	return n;
}

int ks_http_problem(struct ks_enrol_problem *problem, const char *whose, const struct ks_http_answer *answer)
{
	struct status status = find_status(answer->status);
	char words[256], shown[300] = "";

	if (is_text(answer->content_type)) {
		bool is_html = strcmp(answer->content_type, "text/html") == 0;
		size_t size = strip(ks_buffer_bytes(&answer->body), is_html, words, sizeof(words));
		ks_text_escape(ks_bytes(words, size), shown, sizeof(shown));
	}
	(void)ks_enrol_problem_set(problem, status.code, "%s answered %u%s%s%s%s%s", whose, answer->status,
				   status.words ? ": " : "", status.words ? status.words : "",
				   shown[0] ? "; it says: \"" : "", shown, shown[0] ? "\"" : "");
	problem->is_final = answer->status >= 400 && answer->status < 500 && answer->status != 408 &&
			    answer->status != 429;
	return status.code;
}
