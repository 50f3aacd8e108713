/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: the command line of keystay-explain.
 *
 * Runs in: keystay-explain.
 */
#pragma once

#include <stdbool.h>

#include "explain/limits.h"
#include "lib/base/error.h"
#include "tunnel/options.h"

/* As keystay has them (cli/command.h, man keystay). */
enum ks_explain_exit { KS_EXPLAIN_GOOD = 0, KS_EXPLAIN_FAILED = 1, KS_EXPLAIN_USAGE = 2, KS_EXPLAIN_NO_AGENT = 3 };

struct ks_explain_options {
	struct ks_target target;
	char path[KS_EXPLAIN_PATH_MAX]; /* "" when the URL has none: then nothing is asked of the server */
	char server_name[256];
	const char *ca_file; /* NULL = the system's; borrowed from argv, as all of these */
	const char *key;     /* NULL = the best one */
	int tls_version;     /* TLS1_2_VERSION, TLS1_3_VERSION; 0 = what both know */
	bool postgres;       /* --starttls postgres */
	bool insecure, attempt, json;
};

/* "https://host:port/path", "host:port", "host", "[2001:db8::1]:443": target and path. INVALID with ret_why, a clause. */
int ks_explain_url(const char *url, const char *default_port, struct ks_explain_options *options, const char **ret_why)
	KS_WARN_UNUSED;

/* True: go on. False: *ret_exit says how to end; what is to be said has been said. */
bool ks_explain_options_read(int argc, char **argv, struct ks_explain_options *ret_options,
			     enum ks_explain_exit *ret_exit) KS_WARN_UNUSED;
