/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest: which known word may have been meant by a mistyped one.
 *
 * Runs in: keystay. Pure.
 */
#pragma once

#include <stddef.h>

/* The word of words that is nearest to typed, NULL when none is near enough. Borrowed from words. */
const char *ks_suggest(const char *typed, const char *const *words, size_t n_words);
