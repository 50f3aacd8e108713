/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of enrol/base/http: what a server may and may not do to keystay-enroll, and what a person is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "enrol/base/http.h"
#include "lib/base/clock.h"
#include "lib/protocol/limits.h"
#include "tests/unit/enrol/small_server.h"

struct bench {
	struct small_server server;
	struct ks_profile profile;
	struct ks_http_request request;
	struct ks_http_answer answer;
	struct ks_enrol_problem problem;
	char name[8], origin[20];
};

static struct bench *bench_new(bool tls, enum small_server_manner manner, const char *answer)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	bench->server =
		(struct small_server){ .tls = tls, .names = "DNS:localhost", .manner = manner, .answer = answer };
	(void)snprintf(bench->name, sizeof(bench->name), "vpn");
	(void)snprintf(bench->origin, sizeof(bench->origin), "/etc/k.conf:7");
	bench->profile = (struct ks_profile){ .name = bench->name, .origin = bench->origin, .timeout_ms = 10000 };
	bench->request = (struct ks_http_request){ .profile = &bench->profile, .may_be_plain = !tls };
	return bench;
}

static void start(struct bench *bench)
{
	small_server_start(&bench->server);
	bench->request.url = bench->server.url;
	if (bench->server.tls)
		bench->profile.tls_ca = bench->server.ca_file;
}

static int call(struct bench *bench)
{
	return ks_http_call(&bench->request, &bench->answer, &bench->problem);
}

static void end(struct bench *bench)
{
	small_server_stop(&bench->server);
	ks_http_answer_deinit(&bench->answer);
	free(bench);
}

static void assert_said(const struct bench *bench, const char *part)
{
	if (!strstr(bench->problem.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, bench->problem.text);
}

static void assert_body(const struct bench *bench, const char *text)
{
	assert_true(ks_bytes_equal(ks_buffer_bytes(&bench->answer.body), ks_bytes_text(text)));
}

/* --- what is sent, what is read ---------------------------------------------------------------------------------- */

static void test_http_gets_over_verified_tls(void **state)
{
	struct bench *bench = bench_new(true, SMALL_SERVER_ANSWERS,
					"HTTP/1.1 200 OK\r\nContent-Type: Application/PKCS7-MIME; smime-type=certs-only"
					"\r\nContent-Length: 5\r\n\r\nhello");
	(void)state;
	start(bench);
	bench->request.accept = "application/pkcs7-mime";
	assert_int_equal(call(bench), 0);
	assert_int_equal(bench->answer.status, 200);
	assert_string_equal(bench->answer.content_type, "application/pkcs7-mime");
	assert_int_equal(bench->answer.retry_after_s, 0);
	assert_body(bench, "hello");
	assert_int_equal(strncmp(bench->server.request, "GET /here HTTP/1.1\r\n", 20), 0);
	assert_non_null(strstr(bench->server.request, "User-Agent: keystay/" KEYSTAY_VERSION "\r\n"));
	assert_non_null(strstr(bench->server.request, "Accept: application/pkcs7-mime\r\n"));
	assert_null(strstr(bench->server.request, "Authorization"));
	end(bench);
}

static void test_http_posts_with_a_password_at_once(void **state)
{
	static const char *const headers[] = { "X-One: 1", "X-Two: 2", NULL };
	struct bench *bench = bench_new(true, SMALL_SERVER_ANSWERS,
					"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic "
					"realm=\"x\"\r\nContent-Length: 0\r\n\r\n");
	struct ks_secret *secret;
	uint8_t password[] = { 's', '3' };

	(void)state;
	start(bench);
	assert_int_equal(ks_secret_new(&secret), 0);
	assert_int_equal(ks_secret_take(secret, password, sizeof(password)), 0);
	bench->request.content_type = "application/pkcs10";
	bench->request.body = ks_bytes_text("a\0b");
	bench->request.body.size = 3;
	bench->request.headers = headers;
	bench->request.user = "u";
	bench->request.password = secret;
	assert_int_equal(call(bench), 0);
	assert_int_equal(bench->answer.status, 401);
	assert_int_equal(atomic_load(&bench->server.n_connections), 1);
	const char *request = bench->server.request;
	assert_int_equal(strncmp(request, "POST /here HTTP/1.1\r\n", 21), 0);
	assert_non_null(strstr(request, "Authorization: Basic dTpzMw==\r\n"));
	assert_non_null(strstr(request, "Content-Type: application/pkcs10\r\n"));
	assert_non_null(strstr(request, "X-One: 1\r\n"));
	assert_non_null(strstr(request, "X-Two: 2\r\n"));
	assert_null(strstr(request, "Expect"));
	assert_memory_equal(strstr(request, "\r\n\r\n") + 4, "a\0b", 3);
	ks_secret_free(secret);
	end(bench);
}

static void test_http_reads_both_forms_of_retry_after(void **state)
{
	static const struct {
		const char *field;
		uint32_t least, most;
	} cases[] = {
		{ "Retry-After: 120", 120, 120 },
		{ "Retry-After: 0", 0, 0 },
		{ "Retry-After: soon", 0, 0 },
		{ "Retry-After: -5", 0, 0 },
		{ "Retry-After: 9999999999", KS_ENROL_RETRY_AFTER_MAX_S, KS_ENROL_RETRY_AFTER_MAX_S },
		{ "Retry-After: 99999999999999999999", 0, 0 },
		{ "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", 0, 0 },
		{ "DATE 600", 590, 600 },
		{ "DATE 99999999", KS_ENROL_RETRY_AFTER_MAX_S, KS_ENROL_RETRY_AFTER_MAX_S },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char answer[256], field[128];
		(void)snprintf(field, sizeof(field), "%s", cases[i].field);
		if (strncmp(field, "DATE ", 5) == 0) {
			time_t then = time(NULL) + strtol(cases[i].field + 5, NULL, 10);
			(void)strftime(field, sizeof(field), "Retry-After: %a, %d %b %Y %H:%M:%S GMT", gmtime(&then));
		}
		(void)snprintf(answer, sizeof(answer), "HTTP/1.1 202 Wait\r\n%s\r\nContent-Length: 0\r\n\r\n", field);
		struct bench *bench = bench_new(false, SMALL_SERVER_ANSWERS, answer);
		start(bench);
		assert_int_equal(call(bench), 0);
		assert_int_equal(bench->answer.status, 202);
		assert_in_range(bench->answer.retry_after_s, cases[i].least, cases[i].most);
		end(bench);
	}
}

/* --- what is refused before anything is sent --------------------------------------------------------------------- */

static void test_http_sends_nothing_where_it_must_not(void **state)
{
	static const struct {
		const char *url;
		bool plain, user;
		const char *said;
	} cases[] = {
		{ "http://localhost:9/", false, false, "is not https, which this protocol needs" },
		{ "http://localhost:9/", true, true, "no password and no certificate is sent there" },
		{ "ftp://localhost/", true, false, "is no https URL" },
		{ "localhost", true, false, "is no https URL" },
		{ "https://", true, false, "is no https URL" },
		{ "https://me:hidden@localhost/", false, false, "names a user" },
		{ "https://local\nhost/", false, false, "local\\x0ahost" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench *bench = bench_new(true, SMALL_SERVER_ANSWERS, "");
		start(bench);
		bench->request.url = cases[i].url;
		bench->request.may_be_plain = cases[i].plain;
		bench->request.user = cases[i].user ? "u" : NULL;
		assert_int_equal(call(bench), KS_ERR_CONFIG);
		assert_true(bench->problem.is_final);
		assert_said(bench, cases[i].said);
		assert_null(strstr(bench->problem.text, "hidden"));
		assert_int_equal(atomic_load(&bench->server.n_connections), 0);
		end(bench);
	}
}

static void test_http_sends_no_header_with_a_line_break(void **state)
{
	static const char *const headers[] = { "X-Token: s3cret\r\nX-Other: 1", NULL };
	struct bench *bench = bench_new(true, SMALL_SERVER_ANSWERS, "");

	(void)state;
	start(bench);
	bench->request.headers = headers;
	assert_int_equal(call(bench), KS_ERR_CONFIG);
	assert_null(strstr(bench->problem.text, "s3cret"));
	assert_int_equal(atomic_load(&bench->server.n_connections), 0);
	end(bench);
}

/* --- servers that are not the right ones ------------------------------------------------------------------------- */

static void test_http_refuses_a_server_of_another_ca(void **state)
{
	struct bench *bench = bench_new(true, SMALL_SERVER_ANSWERS, "HTTP/1.1 200 OK\r\n\r\n");
	struct bench *other = bench_new(true, SMALL_SERVER_ANSWERS, "");

	(void)state;
	start(bench);
	start(other);
	bench->profile.tls_ca = other->server.ca_file;
	assert_int_equal(call(bench), KS_ERR_DENIED);
	assert_true(bench->problem.is_final);
	assert_said(bench, "is of no CA in /tmp/small-server-");
	assert_said(bench, other->server.ca_file);
	assert_said(bench, "localhost:");
	assert_string_equal(bench->server.request, "");
	bench->profile.tls_ca = NULL;
	assert_int_equal(call(bench), KS_ERR_DENIED);
	assert_said(bench, "is of no CA of this system");
	assert_said(bench, "by tls-ca in profile \"vpn\"");
	assert_string_equal(bench->server.request, "");
	end(other);
	end(bench);
}

static void test_http_refuses_a_server_of_another_name(void **state)
{
	struct bench *bench = bench_new(true, SMALL_SERVER_ANSWERS, "HTTP/1.1 200 OK\r\n\r\n");

	(void)state;
	bench->server.names = "DNS:elsewhere.example";
	start(bench);
	assert_int_equal(call(bench), KS_ERR_DENIED);
	assert_said(bench, "is for another name");
	assert_string_equal(bench->server.request, "");
	end(bench);
}

static void test_http_says_that_a_ca_file_is_none(void **state)
{
	char path[] = "/nonexistent/ca.pem";
	struct bench *bench = bench_new(true, SMALL_SERVER_ANSWERS, "");

	(void)state;
	start(bench);
	bench->profile.tls_ca = path;
	assert_int_equal(call(bench), KS_ERR_CONFIG);
	assert_said(bench, "no CA certificates can be read from /nonexistent/ca.pem");
	end(bench);
}

static void test_http_follows_no_redirect(void **state)
{
	struct bench *bench = bench_new(true, SMALL_SERVER_ANSWERS,
					"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\x1b[1mx\r\n"
					"Content-Length: 0\r\n\r\n");
	(void)state;
	start(bench);
	assert_int_equal(call(bench), KS_ERR_UNSUPPORTED);
	assert_true(bench->problem.is_final);
	assert_said(bench, "sends elsewhere (302): to https://evil.example/");
	assert_null(strchr(bench->problem.text, '\x1b'));
	assert_int_equal(atomic_load(&bench->server.n_connections), 1);
	end(bench);
}

/* libcurl would write them into the address that it makes of a relative one. */
static void test_http_shows_no_password_with_a_redirect(void **state)
{
	struct bench *bench = bench_new(true, SMALL_SERVER_ANSWERS,
					"HTTP/1.1 307 There\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
	struct ks_secret *secret;
	uint8_t password[] = { 'h', 'i', 'd', 'd', 'e', 'n' };

	(void)state;
	start(bench);
	assert_int_equal(ks_secret_new(&secret), 0);
	assert_int_equal(ks_secret_take(secret, password, sizeof(password)), 0);
	bench->request.user = "u";
	bench->request.password = secret;
	assert_int_equal(call(bench), KS_ERR_UNSUPPORTED);
	assert_said(bench, "sends elsewhere (307): to /there.");
	assert_null(strstr(bench->problem.text, "hidden"));
	ks_secret_free(secret);
	end(bench);
}

static void test_http_says_who_is_not_there(void **state)
{
	struct bench *bench = bench_new(false, SMALL_SERVER_ANSWERS, "");

	(void)state;
	start(bench);
	bench->request.url = "http://no-such-host.invalid/";
	assert_int_equal(call(bench), KS_ERR_NOT_FOUND);
	assert_false(bench->problem.is_final);
	assert_said(bench, "the name of no-such-host.invalid is not found");
	char url[64];
	(void)snprintf(url, sizeof(url), "%s", bench->server.url);
	end(bench);

	bench = bench_new(false, SMALL_SERVER_ANSWERS, "");
	start(bench);
	bench->request.url = url; /* whose server has ended */
	assert_int_equal(call(bench), KS_ERR_CLOSED);
	assert_said(bench, "cannot be reached");
	end(bench);
}

/* --- servers that do not end ------------------------------------------------------------------------------------- */

static void test_http_bounds_what_a_server_says(void **state)
{
	static const struct {
		const char *answer, *unit, *said;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\n\r\n", NULL, "more than 256 KiB, which is more than there can be" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nxxxx\r\n", "more than 256 KiB" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", NULL, "more than 256 KiB" },
		{ "HTTP/1.1 200 OK\r\n", "X-Header: and another one\r\n", "of header fields" },
		{ "", "HTTP/1.1 100 Continue\r\n\r\n", "of header fields" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench *bench = bench_new(false, SMALL_SERVER_POURS, cases[i].answer);
		bench->server.unit = cases[i].unit;
		start(bench);
		assert_int_equal(call(bench), KS_ERR_TOO_LARGE);
		assert_said(bench, cases[i].said);
		end(bench);
	}
}

static void assert_times_out(bool tls, enum small_server_manner manner, const char *answer, const char *said)
{
	struct bench *bench = bench_new(tls, manner, answer);

	start(bench);
	bench->profile.timeout_ms = 600;
	uint64_t begin_ms = ks_clock_monotonic_ms();
	assert_int_equal(call(bench), KS_ERR_TIMEOUT);
	assert_in_range(ks_clock_monotonic_ms() - begin_ms, 500, 8000);
	assert_false(bench->problem.is_final);
	assert_said(bench, said);
	end(bench);
}

static void test_http_ends_with_a_server_that_does_not(void **state)
{
	(void)state;
	assert_times_out(false, SMALL_SERVER_DRIPS, "HTTP/1.1 200 OK\r\n\r\n", "did not answer in time");
	assert_times_out(false, SMALL_SERVER_DRIPS, "HTTP/1.1 200 OK\r\nX: ", "did not answer in time");
	assert_times_out(false, SMALL_SERVER_IS_MUTE, "", "did not answer in time");
	assert_times_out(true, SMALL_SERVER_NO_TLS, "", "could not be reached in time");
}

static void test_http_says_what_is_no_http(void **state)
{
	struct bench *bench = bench_new(false, SMALL_SERVER_ANSWERS, "SSH-2.0-OpenSSH_9.2\r\n");

	(void)state;
	start(bench);
	assert_int_equal(call(bench), KS_ERR_MALFORMED);
	assert_said(bench, "does not speak HTTP/1.1");
	end(bench);

	bench = bench_new(false, SMALL_SERVER_ANSWERS, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	start(bench);
	assert_int_equal(call(bench), KS_ERR_CLOSED);
	end(bench);
}

/* --- ks_http_problem --------------------------------------------------------------------------------------------- */

static void test_http_problem_says_what_the_server_says(void **state)
{
	static const struct {
		unsigned status;
		const char *type, *body;
		int code;
		bool is_final;
		const char *said;
	} cases[] = {
		{ 401, "text/plain", "Who\n are \x1byou?", KS_ERR_DENIED, true,
		  "EST server x answered 401: it wants to know who asks: user and secret, or a certificate it knows; "
		  "it says: \"Who are \\x1byou?\"" },
		{ 403, "text/html", "<html><b>No</b>\n <i>way</i></html>", KS_ERR_DENIED, true, "says: \"No way\"" },
		{ 400, "application/problem+json", "{}", KS_ERR_INVALID, true, "it says: \"{}\"" },
		{ 404, "image/png", "PNG", KS_ERR_NOT_FOUND, true, "it has nothing at this place" },
		{ 408, "", "", KS_ERR_TIMEOUT, false, "answered 408" },
		{ 429, "", "", KS_ERR_BUSY, false, "answered 429" },
		{ 503, "text/plain", "", KS_ERR_BUSY, false, "answered 503: it is not available now" },
		{ 418, "", "", KS_ERR_UNSUPPORTED, true, "EST server x answered 418" },
		{ 599, "", "", KS_ERR_BUSY, false, "EST server x answered 599" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench bench = { .answer = { .status = cases[i].status } };
		(void)snprintf(bench.answer.content_type, sizeof(bench.answer.content_type), "%s", cases[i].type);
		ks_buffer_put(&bench.answer.body, ks_bytes_text(cases[i].body));
		assert_int_equal(ks_http_problem(&bench.problem, "EST server x", &bench.answer), cases[i].code);
		assert_int_equal(bench.problem.code, cases[i].code);
		assert_int_equal(bench.problem.is_final, cases[i].is_final);
		assert_said(&bench, cases[i].said);
		assert_null(strstr(bench.problem.text, "PNG"));
		ks_http_answer_deinit(&bench.answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_gets_over_verified_tls),
		cmocka_unit_test(test_http_posts_with_a_password_at_once),
		cmocka_unit_test(test_http_reads_both_forms_of_retry_after),
		cmocka_unit_test(test_http_sends_nothing_where_it_must_not),
		cmocka_unit_test(test_http_sends_no_header_with_a_line_break),
		cmocka_unit_test(test_http_refuses_a_server_of_another_ca),
		cmocka_unit_test(test_http_refuses_a_server_of_another_name),
		cmocka_unit_test(test_http_says_that_a_ca_file_is_none),
		cmocka_unit_test(test_http_follows_no_redirect),
		cmocka_unit_test(test_http_shows_no_password_with_a_redirect),
		cmocka_unit_test(test_http_says_who_is_not_there),
		cmocka_unit_test(test_http_bounds_what_a_server_says),
		cmocka_unit_test(test_http_ends_with_a_server_that_does_not),
		cmocka_unit_test(test_http_says_what_is_no_http),
		cmocka_unit_test(test_http_problem_says_what_the_server_says),
	};
	static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };

	/* The environment's proxy is no part of this. */
	for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
		(void)unsetenv(proxies[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
