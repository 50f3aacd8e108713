/* SPDX-License-Identifier: Apache-2.0 */
/*
 * locked_pages: memory for a library that will have a PIN in it: locked, left out of dumps, wiped in a forked child.
 *
 * Runs in: keystay-prompt, one thread. A few large blocks in the life of a process: nothing is given back before the
 * end, but what is freed is wiped. For PINs of our own there is struct ks_secret.
 */
#pragma once

#include <stddef.h>

#include "lib/base/error.h"

/* NO_MEMORY when the pages cannot be had or locked: then no PIN may be asked for. */
int ks_locked_pages_init(void) KS_WARN_UNUSED;

/* Wipes all and gives the pages back. */
void ks_locked_pages_deinit(void);

/* As malloc(3), realloc(3) and free(3); NULL with ENOMEM when the pages are used up. */
void *ks_locked_pages_new(size_t size);
void *ks_locked_pages_resize(void *memory, size_t size);
void ks_locked_pages_free(void *memory);
