/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl_conf: an OpenSSL configuration with keystay's provider in it, for `keystay env` and `keystay run`.
 *
 * Finds the system's own configuration and the provider, has openssl_sections.h put the two together, and keeps the
 * result below the runtime folder, where it goes away with the session.
 *
 * Runs in: keystay. Reads configurations only: no provider is loaded, and libcrypto itself is not configured.
 */
#pragma once

#include <stdbool.h>

#include "cli/openssl_sections.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

/* The system's configuration: what $OPENSSL_CONF names, else libcrypto's own place. Where $OPENSSL_CONF is one of ours,
 * what that one was made from: configurations of ours are never nested. Given, absolute; NULL when there is none. */
int ks_openssl_conf_system(char **ret_path, struct ks_openssl_note *ret_error) KS_WARN_UNUSED;

/* keystay.so beside this program (../lib/ossl-modules), else where it was installed. Given, absolute. */
int ks_openssl_conf_module(char **ret_path, struct ks_openssl_note *ret_error) KS_WARN_UNUSED;

/* keystay-tap.so beside this module (absolute): there the two find each other. Given, absolute. */
int ks_openssl_conf_tap(const char *module, char **ret_path, struct ks_openssl_note *ret_error) KS_WARN_UNUSED;

/* Puts text into <runtime>/openssl/, under a name made of its hash; the same text gets the same file. Given. */
int ks_openssl_conf_write(struct ks_bytes text, char **ret_path, struct ks_openssl_note *ret_error) KS_WARN_UNUSED;

/* All of it: the configuration to use now. */
int ks_openssl_conf_prepare(bool with_tap, char **ret_path, struct ks_openssl_note *ret_warning,
			    struct ks_openssl_note *ret_error) KS_WARN_UNUSED;
