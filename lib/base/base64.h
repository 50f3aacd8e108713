/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64: as PEM and enrolment protocols have it (RFC 4648 section 4, RFC 7468, RFC 8951 section 3).
 *
 * Enrolment servers send one long line, or lines, with or without a carriage return; some take nothing but lines. So
 * lines are written, and all of that is read. Pure.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"

/* Appends bytes in lines of 64 characters each with a line feed. */
int ks_base64_put(struct ks_buffer *out, struct ks_bytes bytes) KS_WARN_UNUSED;

/* Appends what text says. Spaces, tabs and line ends may stand anywhere. MALFORMED on any other character, wrong padding,
 * or a number of characters that is no multiple of four; then nothing is appended. */
int ks_base64_read(struct ks_bytes text, struct ks_buffer *out) KS_WARN_UNUSED;
