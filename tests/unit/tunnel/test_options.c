/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of keystay-tunnel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tunnel/options.h"

static void test_target_is_host_and_port(void **state)
{
	static const struct {
		const char *text, *host, *port;
	} good[] = { { "db.example:5432", "db.example", "5432" },
		     { "192.0.2.1:1", "192.0.2.1", "1" },
		     { "[2001:db8::1]:65535", "2001:db8::1", "65535" },
		     { "host:0443", "host", "443" } };
	struct ks_target target;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ks_options_target(good[i].text, &target), 0);
		assert_string_equal(target.host, good[i].host);
		assert_string_equal(target.port, good[i].port);
	}
}

static void test_target_refuses_what_is_not_clear(void **state)
{
	static const char *const bad[] = { "",           "host",        ":443",    "host:",    "host:0",
					   "host:65536", "host:https",  "::1:443", "[::1:443", "[]:443",
					   "[:443",      "2001:db8::1", "a:b:1",   "host:-1",  "host\n:1" };
	struct ks_target target = { "untouched", "1" };
	char longest[400];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ks_options_target(bad[i], &target), KS_ERR_INVALID);
	memset(longest, 'a', sizeof(longest));
	memcpy(longest + sizeof(longest) - 5, ":443", 5);
	assert_int_equal(ks_options_target(longest, &target), KS_ERR_INVALID);
	assert_int_equal(ks_options_target(longest + 140, &target), 0); /* 255 bytes are a host */
	assert_int_equal(ks_options_target(longest + 139, &target), KS_ERR_INVALID);
}

static void test_alpn_is_a_list_of_names_with_their_sizes(void **state)
{
	struct ks_alpn alpn;

	(void)state;
	assert_int_equal(ks_options_alpn("h2,http/1.1", &alpn), 0);
	assert_int_equal(alpn.size, 12);
	assert_memory_equal(alpn.list, "\x02h2\x08http/1.1", 12);
	assert_int_equal(ks_options_alpn("h2", &alpn), 0);
	assert_int_equal(alpn.size, 3);
}

static void test_alpn_refuses_empty_and_long_names(void **state)
{
	static const char *const bad[] = { "", ",", "h2,", ",h2", "h2,,h3" };
	struct ks_alpn alpn;
	char longest[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ks_options_alpn(bad[i], &alpn), KS_ERR_INVALID);
	memset(longest, 'a', sizeof(longest));
	longest[256] = '\0';
	assert_int_equal(ks_options_alpn(longest, &alpn), KS_ERR_INVALID);
	longest[255] = '\0';
	assert_int_equal(ks_options_alpn(longest, &alpn), 0);
	assert_int_equal(alpn.size, 256);
	longest[100] = longest[200] = ','; /* 100, 99 and 54 bytes: 256 with their sizes */
	assert_int_equal(ks_options_alpn(longest, &alpn), 0);
	longest[254] = ',';
	assert_int_equal(ks_options_alpn(longest, &alpn), KS_ERR_INVALID);
}

static bool read_line(struct ks_options *options, enum ks_tunnel_exit *code, const char *const *words)
{
	static char kept[12][64]; /* options borrow from argv */
	char *argv[13] = { NULL };
	int argc = 0;

	for (; words[argc]; argc++) {
		(void)snprintf(kept[argc], sizeof(kept[argc]), "%s", words[argc]);
		argv[argc] = kept[argc];
	}
	return ks_options_read(argc, argv, options, code);
}
#define READ(options, code, ...) read_line(options, code, (const char *const[]){ "keystay-tunnel", __VA_ARGS__, NULL })
#define NEEDED "--listen", "unix:/x", "--target", "host.:1"

static void test_options_have_their_defaults(void **state)
{
	struct ks_options options;
	enum ks_tunnel_exit code;

	(void)state;
	assert_true(READ(&options, &code, NEEDED));
	assert_string_equal(options.name, "");
	assert_string_equal(options.listen, "unix:/x");
	assert_string_equal(options.server_name, "host"); /* as in certificates, without the dot */
	assert_null(options.ca_file);
	assert_int_equal(options.alpn.size, 0);
	assert_false(options.postgres);
	assert_int_equal(options.idle_ms, 3600000);
	assert_int_equal(options.ready_fd, -1);
}

static void test_options_are_read_in_any_order(void **state)
{
	struct ks_options options;
	enum ks_tunnel_exit code;

	(void)state;
	assert_true(
		READ(&options, &code, "alice", NEEDED, "--idle=10m", "--starttls", "postgres", "--server-name=a.b"));
	assert_string_equal(options.name, "alice");
	assert_int_equal(options.idle_ms, 600000);
	assert_true(options.postgres);
	assert_string_equal(options.server_name, "a.b");
	assert_true(READ(&options, &code, NEEDED, "--", "--odd"));
	assert_string_equal(options.name, "--odd");
}

static void test_options_refuse_mistakes(void **state)
{
	struct ks_options options;
	enum ks_tunnel_exit code = KS_TUNNEL_GOOD;

	(void)state;
	assert_false(READ(&options, &code, "--listen", "unix:/x"));
	assert_int_equal(code, KS_TUNNEL_USAGE);
	assert_false(READ(&options, &code, "--target", "host:1"));
	assert_false(READ(&options, &code, NEEDED, "alice", "bob"));
	assert_false(READ(&options, &code, NEEDED, "--idle", "8d"));
	assert_false(READ(&options, &code, NEEDED, "--idle", "0"));
	assert_false(READ(&options, &code, NEEDED, "--starttls", "smtp"));
	assert_false(READ(&options, &code, NEEDED, "--server-name", ""));
	assert_false(READ(&options, &code, NEEDED, "--insecure"));
	assert_int_equal(code, KS_TUNNEL_USAGE);
	assert_false(READ(&options, &code, "--version"));
	assert_int_equal(code, KS_TUNNEL_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_target_is_host_and_port),
		cmocka_unit_test(test_target_refuses_what_is_not_clear),
		cmocka_unit_test(test_alpn_is_a_list_of_names_with_their_sizes),
		cmocka_unit_test(test_alpn_refuses_empty_and_long_names),
		cmocka_unit_test(test_options_have_their_defaults),
		cmocka_unit_test(test_options_are_read_in_any_order),
		cmocka_unit_test(test_options_refuse_mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
