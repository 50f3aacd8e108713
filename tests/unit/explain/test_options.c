/* SPDX-License-Identifier: Apache-2.0 */
/* What is understood as a URL, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "explain/options.h"

static void test_url_is_host_port_and_path(void **state)
{
	static const struct {
		const char *url, *host, *port, *path;
	} rows[] = {
		{ "www.example.org", "www.example.org", "443", "" },
		{ "www.example.org:8443", "www.example.org", "8443", "" },
		{ "https://www.example.org", "www.example.org", "443", "" },
		{ "HTTPS://www.example.org/", "www.example.org", "443", "/" },
		{ "https://www.example.org:8443/a/b?c=d#e", "www.example.org", "8443", "/a/b?c=d" },
		{ "www.example.org?q", "www.example.org", "443", "/?q" },
		{ "www.example.org#e", "www.example.org", "443", "" },
		{ "192.0.2.1", "192.0.2.1", "443", "" },
		{ "[2001:db8::1]", "2001:db8::1", "443", "" },
		{ "https://[2001:db8::1]:8443/x", "2001:db8::1", "8443", "/x" },
		{ "host/a@b:c", "host", "443", "/a@b:c" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ks_explain_options options = { .path = "" };
		const char *why = NULL;
		if (ks_explain_url(rows[i].url, "443", &options, &why) < 0)
			fail_msg("%s: %s", rows[i].url, why);
		assert_string_equal(options.target.host, rows[i].host);
		assert_string_equal(options.target.port, rows[i].port);
		assert_string_equal(options.path, rows[i].path);
	}
}

static void test_url_refuses_what_is_not_clear(void **state)
{
	static const char *const bad[] = {
		"",
		"/path",
		"http://www.example.org",
		"postgresql://db.example",
		"https://",
		"a:b@host",
		"https://u@h/",
		"2001:db8::1",
		"host:0",
		"host:65536",
		"host:",
		"[::1",
		"host/a b",
		"host/\xc3\xa4",
		"host/\n",
		"host/\x1b[0m",
		"ho st\n",
		"[]",
		"https:///x",
		"a\nb",
	};
	char longest[KS_EXPLAIN_PATH_MAX + 8] = "host/";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ks_explain_options options = { .path = "" };
		const char *why = NULL;
		if (ks_explain_url(bad[i], "443", &options, &why) != KS_ERR_INVALID)
			fail_msg("understood: %s", bad[i]);
		assert_non_null(why);
	}
	memset(longest + 5, 'a', sizeof(longest) - 6);
	longest[sizeof(longest) - 1] = '\0';
	struct ks_explain_options options = { .path = "" };
	const char *why;
	assert_int_equal(ks_explain_url(longest, "443", &options, &why), KS_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_is_host_port_and_path),
		cmocka_unit_test(test_url_refuses_what_is_not_clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
