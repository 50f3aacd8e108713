/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret: the only memory in which a PIN may stand (invariant I7).
 *
 * A small arena of locked pages between guard pages: mlock2, MADV_DONTDUMP, MADV_WIPEONFORK, no format function, no
 * copy function to ordinary memory. Everything is wiped before it is given back. Fails closed: where the pages cannot
 * be locked, ks_secret_new() fails and nothing is kept. Not thread-safe, except that a worker's threads may read one
 * secret at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"

/* The longest PIN; longer than any token's (PKCS#11 says ulMaxPinLen, SoftHSM has 255). */
#define KS_SECRET_MAX 256

struct ks_secret; /* opaque */

/* An empty secret in the arena; given, ks_secret_free(). NO_MEMORY or LIMIT when the arena is full or not lockable. */
int ks_secret_new(struct ks_secret **ret_secret) KS_WARN_UNUSED;

/* Wipes and gives back. NULL is allowed. */
void ks_secret_free(struct ks_secret *secret);
KS_DEFINE_CLEANUP(struct ks_secret *, ks_secret_free)

/* Replaces the contents by a copy and wipes source, which must be writable. TOO_LARGE past KS_SECRET_MAX. */
int ks_secret_take(struct ks_secret *secret, uint8_t *source, size_t size) KS_WARN_UNUSED;

/* Another secret with the same contents, also in the arena; given. */
int ks_secret_copy(const struct ks_secret *secret, struct ks_secret **ret_copy) KS_WARN_UNUSED;

/* Fills from descriptor up to end of file, or to the first newline when stop_at_newline; the newline is not kept.
 * Reads straight into the arena. TOO_LARGE past KS_SECRET_MAX. */
int ks_secret_read(struct ks_secret *secret, int fd, bool stop_at_newline) KS_WARN_UNUSED;

/* Borrowed, inside the arena. */
struct ks_bytes ks_secret_bytes(const struct ks_secret *secret);

/* The same with a NUL behind it, for libraries that want that; NULL when there is a NUL in it. */
const char *ks_secret_text(const struct ks_secret *secret);

/* Overwrites memory so that the compiler cannot leave it out (explicit_bzero). */
void ks_secret_wipe(void *memory, size_t size);

/* For tests: the arena's bounds. */
void ks_secret_arena(const void **ret_start, size_t *ret_size);
