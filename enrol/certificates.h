/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificates: a list of certificates as drivers give it on (driver.h): DER, one behind the other.
 *
 * Runs in: keystay-enroll. Looks only at where each begins and ends; judge.c reads them.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

/* Appends each certificate of a PEM text that is not among certificates yet; other blocks are passed over, unread. Returns
 * how many the text has, 0 = none; MALFORMED for a block that is cut off or no DER, LIMIT when certificates would have more
 * than KS_ENROL_CERTIFICATES_MAX. */
int ks_certificates_put_pem(struct ks_buffer *certificates, struct ks_bytes pem) KS_WARN_UNUSED;
