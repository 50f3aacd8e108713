/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin_file: a PIN that the configuration names: a file, or a credential of systemd (LoadCredential=, man systemd.exec).
 *
 * Runs in: keystay-agent. Reads straight into a struct ks_secret. Strict about who can read and write: a regular file,
 * owned by us or root, no permission for group or others, below folders that only we or root can change, opened once
 * and looked at by descriptor. The one read of a file that is not made off the event loop: at most KS_SECRET_MAX bytes,
 * and a FIFO or device is refused before it is read.
 */
#pragma once

#include <stddef.h>

#include "agent/settings.h"
#include "lib/base/error.h"
#include "lib/base/secret.h"

/* The PIN of a [token] section that names one. A last newline is not part of it; a file of several lines is refused. A
 * link is not followed in the last step. ret_secret is given. On failure why is one sentence: which file, what is wrong,
 * what to do. NOT_FOUND, DENIED, UNTRUSTED_PATH, TOO_LARGE, INVALID (empty, several lines, CR LF). */
int ks_pin_file_read(const struct ks_settings_token *token, struct ks_secret **ret_secret, char *why, size_t why_size)
	KS_WARN_UNUSED;

/* The same without reading, for --check-config: is there a file that would be taken? */
int ks_pin_file_check(const struct ks_settings_token *token, char *why, size_t why_size) KS_WARN_UNUSED;
