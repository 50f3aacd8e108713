/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate_dates: from when to when the certificate holds that a client shows to its server (RFC 5280 section
 * 4.1.2.5), and which one that is.
 *
 * A reader of our own, since what clients send is never fed to OpenSSL here (certificate.h). Nothing of it is
 * authentic: a client that makes a certificate up deceives itself, the server looks at the same bytes.
 */
#pragma once

#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/spki.h"
#include "lib/tls/signable.h"

/* Seconds since 1970. MALFORMED for what is no X.509 certificate, or has times of another form than RFC 5280's. */
int ks_certificate_dates_read(struct ks_bytes der, int64_t *ret_not_before, int64_t *ret_not_after) KS_WARN_UNUSED;

/* The client's leaf in the handshake that is about to be signed: of TLS 1.2 from the input, of TLS 1.3 from transcript,
 * if the client handed it over, it can be read, it is the one whose hash is signed, and the leaf is of this key. Else
 * none. Borrowed from input or transcript. */
struct ks_bytes ks_certificate_shown(const struct ks_signable *signable, struct ks_bytes transcript,
				     const struct ks_spki *spki);
