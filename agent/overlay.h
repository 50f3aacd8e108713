/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay: the certificates in the certs/ folders beside keystay.conf: intermediates, and leaves that are not on the
 * token. Matched to keys by public key, so their file names mean nothing.
 *
 * Runs in: keystay-agent, at start and at reload.
 */
#pragma once

#include "agent/settings.h"
#include "lib/tls/certificate.h"

struct ks_overlay {
	struct ks_certificate **certificates; /* owned; in the order of folders, file names and places in the file */
	size_t n_certificates;
};

/* Reads every *.pem, *.crt and *.cer (PEM or DER) of the folders, each file at most KS_CERTIFICATE_FILE_MAX bytes, all
 * together at most KS_OVERLAY_CERTIFICATES_MAX certificates. A file that cannot be read or parsed is logged and left
 * out; a folder that is missing is no error. NO_MEMORY. */
int ks_overlay_read(const struct ks_settings *settings, struct ks_overlay *ret_overlay) KS_WARN_UNUSED;
void ks_overlay_deinit(struct ks_overlay *overlay);
