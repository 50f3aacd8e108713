/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url: what is put into an address, percent-encoded (RFC 3986 section 2.1).
 *
 * Runs in: keystay-enroll. Pure.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

/* Errors are left in the buffer. */
void ks_url_put(struct ks_buffer *url, struct ks_bytes text);
/* The same of these bytes in base64, on one line. */
int ks_url_put_base64(struct ks_buffer *url, struct ks_bytes bytes) KS_WARN_UNUSED;
