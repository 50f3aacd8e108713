/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp_owner: whose is the other end of a TCP connection over the loopback interface? The kernel knows (sock_diag(7)).
 *
 * Runs in: keystay-tunnel.
 */
#pragma once

#include <sys/types.h>

#include "lib/base/error.h"

/* fd: our, accepted end. NOT_FOUND when the other end has gone, or is not of this machine. */
int ks_tcp_owner(int fd, uid_t *ret_uid) KS_WARN_UNUSED;
