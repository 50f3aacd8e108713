/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label: texts of a token as text that may go on the wire.
 *
 * Runs in: keystay-token. Tokens pad with spaces, some with NULs, and what a person typed into a label thirty years ago
 * need not be UTF-8.
 */
#pragma once

#include <stddef.h>

#include "lib/base/bytes.h"

/* Without the padding at its end, as it stands when it is valid text that fits, else escaped by ks_text_escape() and
 * cut. The result is always valid text (ks_text_valid()) of at most size - 1 bytes, NUL-terminated. */
void ks_label_read(struct ks_bytes raw, char *out, size_t size);
