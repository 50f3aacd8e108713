/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anchor_file: may a file be named as server-ca? Asked when the configuration is read, so that a mistake is told there and
 * not with the first signature.
 *
 * Runs in: keystay-agent. Takes no certificate apart: that is keystay-prove's.
 */
#pragma once

#include <stddef.h>

#include "lib/base/error.h"

/* Absolute, nobody else's to change (ks_path_check_trusted()), of a bearable size, and there is at least one block of PEM in
 * it that says it is a certificate. Else a negative error with a sentence in why: "/etc/corp.pem is writable by its group". */
int ks_anchor_file_check(const char *path, char *why, size_t why_size) KS_WARN_UNUSED;
