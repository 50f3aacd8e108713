/* SPDX-License-Identifier: Apache-2.0 */
/*
 * percent: the escapes of the Assuan protocol (libassuan's manual, "Server responses" and "Client requests"): %XX.
 *
 * Runs in: keystay-prompt. Pure. Decoding is strict, where libassuan's own takes any two bytes for hex digits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/error.h"

/* In place. MALFORMED for a % without two hex digits, and for a NUL, escaped or not; what stands in text is then to be
 * thrown away. */
int ks_percent_decode(char *text, size_t size, size_t *ret_size) KS_WARN_UNUSED;

/* Percent signs and control characters are escaped. out is always NUL-terminated; what does not fit is cut between two
 * UTF-8 characters, and "..." is written at the end. False when it was cut; size is at least 8. */
bool ks_percent_encode(const char *text, char *out, size_t size);
