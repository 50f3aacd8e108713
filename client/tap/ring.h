/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring: the last handshake streams that this thread has hashed, by their digests.
 *
 * libssl finishes a copy of its handshake hash right before it signs, in the same thread; so a few are enough, and
 * nothing is shared between threads.
 *
 * Runs in: any program that loads the tap.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "client/tap/tap.h"

/* Called once, before anything else. 1 or 0. */
int ks_ring_init(void);

/* stream is taken, also on failure. */
void ks_ring_put(const uint8_t *digest, size_t digest_size, uint8_t *stream, size_t stream_size);

ks_tap_find ks_ring_find;
