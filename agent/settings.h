/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings: keystay.conf as typed values, each with the file and line that it came from.
 *
 * Runs in: keystay-agent. Reads files only, starts nothing. A set of settings never changes: a reload makes a new one
 * and keeps the old one when the new one is wrong.
 *
 * Three places are read, in this order, each with its keystay.conf and then keystay.conf.d/ *.conf by name; what comes
 * later overrides what came earlier, key by key, also inside [module "X"] and [key "X"]. Only the first two places may
 * have [enforce]: a bound that no value of any file exceeds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/error.h"
#include "lib/protocol/uri.h"

/* Where a value came from; file NULL = built in. */
struct ks_settings_origin {
	const char *file; /* borrowed from the settings */
	unsigned line;
};

struct ks_settings_module {
	char *name;
	char *path;        /* absolute, or NULL when p11_kit is set; looked at before each start: may it be loaded? */
	char *p11_kit;     /* name of a p11-kit module, or NULL */
	unsigned sessions; /* at most this many at once on one token; 0 = KS_WORKER_SESSIONS */
	struct ks_settings_origin origin;
};

struct ks_settings_key {
	char *name; /* "" for ks_settings.others */
	bool has_match;
	struct ks_uri match;
	char *module;            /* or NULL */
	uint8_t spki_prefix[32]; /* of the SHA-256 */
	size_t spki_prefix_size; /* 0 = any */
	char *issuer;            /* pattern with '*' over the issuer's RFC 4514 name, or NULL */
	char *eku;               /* "clientAuth" or a dotted OID that the certificate must name, or NULL */
	char *template;          /* or NULL */
	bool allow_digest;
	char *unprovable; /* the first rule that this build cannot prove ("confirm = always"): refuses; or NULL */
	struct ks_settings_origin unprovable_origin;
	char *rules; /* all rules in plain words, for show and list; "" when there are none */
	struct ks_settings_origin origin;
};

struct ks_settings {
	uint64_t unlock_for_ms; /* 0 = one signature */
	bool keep_pin;
	struct ks_settings_module *modules;
	size_t n_modules;
	struct ks_settings_key *keys; /* in the order in which the files first name them: the first that fits counts */
	size_t n_keys;
	struct ks_settings_key *others; /* rules of [enforce] for keys that no [key] section fits; NULL = none */
	char **certificate_folders;     /* certs/ beside each configuration file that may exist */
	size_t n_certificate_folders;
	char *summary; /* the files that were read, one sentence, for status */
	/* the rest is settings.c's own */
	struct ks_settings_private *private;
};

struct ks_settings_error {
	char text[4096]; /* "FILE:LINE: …", every problem found on a line of its own, at most as many as fit */
};

/* file NULL: the standard places (vendor, /etc, user; DESIGN section 7). Else that file alone; it counts as a user's,
 * and NOT_FOUND then is an error. 0 with *ret_settings given, or CONFIG with ret_error filled. Files that others can
 * write to are errors. */
int ks_settings_read(const char *file, struct ks_settings **ret_settings, struct ks_settings_error *ret_error)
	KS_WARN_UNUSED;
void ks_settings_free(struct ks_settings *settings);

/* The standard places; any may be NULL. For tests, which have their own. */
struct ks_settings_folders {
	const char *vendor; /* /usr/share/keystay */
	const char *etc;    /* /etc/keystay */
	const char *user;   /* $XDG_CONFIG_HOME/keystay */
};

int ks_settings_read_from(const struct ks_settings_folders *folders, struct ks_settings **ret_settings,
			  struct ks_settings_error *ret_error) KS_WARN_UNUSED;

/* Prints each effective value with its origin: what `keystay config` shows. The text can be read again as a
 * configuration file. SYSTEM when out does not take it. */
int ks_settings_print(const struct ks_settings *settings, bool json, FILE *out) KS_WARN_UNUSED;

/* For --check-config: warnings that are no errors (a value narrowed by [enforce], a key that refuses because of a rule
 * that this build cannot prove, a module file that must not be loaded), one per line, to out. Returns how many. */
size_t ks_settings_warn(const struct ks_settings *settings, FILE *out);
