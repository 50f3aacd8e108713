/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp_owner: whose is the other end of a TCP connection over the loopback interface? The kernel knows (sock_diag(7)).
 *
 * Runs in: keystay-tunnel.
 */
#pragma once

#include <sys/types.h>

#include "lib/base/error.h"

/* fd: our, accepted end, of 127.0.0.0/8 or ::1. NOT_FOUND when the other end is closed already, so that nobody owns it
 * any more, or is of another network namespace; DENIED when it is of a user without a number here; SYSTEM when the
 * kernel does not answer. */
int ks_tcp_owner(int fd, uid_t *ret_uid) KS_WARN_UNUSED;
