/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latest: the last handshake that this thread has hashed, and its digest.
 *
 * libssl finishes a copy of its handshake hash right before it signs, in the same thread; so one is enough, and a
 * thread never sees another one's. It ends with its thread.
 *
 * Runs in: any program that loads the tap. The tap is linked to stay in memory (-z nodelete), since threads may end
 * after the provider was unloaded.
 */
#pragma once

#include "client/tap/stream.h"
#include "client/tap/tap.h"

/* Once, before anything else. */
bool ks_latest_init(void);

/* The stream's memory is taken, also on failure. */
void ks_latest_put(const uint8_t *digest, size_t digest_size, struct ks_stream *stream);

ks_tap_find ks_latest_find;

/* This thread's. */
void ks_latest_forget(void);
