/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target: a TCP connection to the server.
 *
 * Runs in: keystay-tunnel, in the thread of a connection: the resolver blocks.
 */
#pragma once

#include <stddef.h>

#include "lib/base/error.h"
#include "tunnel/options.h"

/* One address after the other. ret_fd is given, non-blocking. On failure why is one sentence. */
int ks_target_connect(const struct ks_target *target, int *ret_fd, char *why, size_t why_size) KS_WARN_UNUSED;
