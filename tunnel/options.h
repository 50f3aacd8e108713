/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: the command line of keystay-tunnel.
 *
 * Runs in: keystay-tunnel.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "tunnel/limits.h"

/* As keystay has them (cli/command.h, man keystay). */
enum ks_tunnel_exit { KS_TUNNEL_GOOD = 0, KS_TUNNEL_FAILED = 1, KS_TUNNEL_USAGE = 2, KS_TUNNEL_NO_AGENT = 3 };

struct ks_alpn {
	unsigned char list[KS_TUNNEL_ALPN_MAX]; /* ProtocolNameList of RFC 7301 section 3.1, without its own length */
	size_t size;                            /* 0 = nothing is offered */
};

struct ks_target {
	char host[256];
	char port[8];
};

struct ks_options {
	const char *name;   /* of the identity; "" = the only usable one; borrowed from argv, as all of these */
	const char *listen; /* see door.h */
	struct ks_target target;
	const char *ca_file; /* NULL = the system's */
	char server_name[256];
	struct ks_alpn alpn;
	bool postgres; /* --starttls postgres */
	uint32_t idle_ms;
	int ready_fd; /* -1 = none */
};

/* "host:443", "192.0.2.1:443", "[2001:db8::1]:443". */
int ks_options_target(const char *text, struct ks_target *ret_target) KS_WARN_UNUSED;

/* "h2,http/1.1". */
int ks_options_alpn(const char *text, struct ks_alpn *ret_alpn) KS_WARN_UNUSED;

/* True: go on. False: *ret_exit says how to end; what is to be said has been said. */
bool ks_options_read(int argc, char **argv, struct ks_options *ret_options, enum ks_tunnel_exit *ret_exit)
	KS_WARN_UNUSED;
