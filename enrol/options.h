/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: the command line of keystay-enroll.
 *
 * Runs in: keystay-enroll.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/error.h"

/* As keystay has them (cli/command.h, man keystay), and WAITING. */
enum ks_enroll_exit {
	KS_ENROLL_GOOD = 0,
	KS_ENROLL_FAILED = 1,
	KS_ENROLL_USAGE = 2,
	KS_ENROLL_NO_AGENT = 3,
	KS_ENROLL_WAITING = 4, /* nothing failed, but something waits: for the CA, a token, a person, a date */
};

enum ks_enroll_command { KS_ENROLL_ENROLL, KS_ENROLL_RENEW, KS_ENROLL_KEEP };

/* All borrowed from argv; NULL and -1: not given. */
struct ks_enroll_options {
	enum ks_enroll_command command;
	const char *name; /* of renew: NULL = all */
	const char *profile, *subject, *san, *output;
	const char *reason; /* of --revoke, a word of ks_enroll_reason() */
	int secret_fd;
	bool force, quiet, list, json, watch, status_only, revoke, no_key;
};

/* True: go on. False: *ret_exit says how to end; what is to be said has been said. */
bool ks_enroll_options_read(int argc, char **argv, struct ks_enroll_options *ret_options, enum ks_enroll_exit *ret_exit)
	KS_WARN_UNUSED;

/* CRLReason of a word as OpenSSL has them ("keyCompromise"); RFC 5280 section 5.3.1. INVALID. */
int ks_enroll_reason(const char *word, unsigned *ret_reason) KS_WARN_UNUSED;
