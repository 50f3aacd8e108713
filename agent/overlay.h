/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay: what is in the certs/ folders beside keystay.conf: intermediates, leaves that are not on the token, and
 * revocation lists. Matched to keys by public key and to CAs by name, so their file names mean nothing.
 *
 * Runs in: keystay-agent, at start and at reload.
 */
#pragma once

#include "agent/settings.h"
#include "lib/tls/certificate.h"
#include "lib/tls/revocation.h"

struct ks_overlay_list {
	struct ks_revocation *list; /* owned; one that counts */
	char *path;                 /* owned; of its file, for the log */
	bool told;                  /* the log has what was said of it */
};

struct ks_overlay {
	struct ks_certificate **certificates; /* owned; in the order of folders, file names and places in the file */
	size_t n_certificates;
	struct ks_overlay_list *lists; /* owned, in the same order */
	size_t n_lists;
};

/* Reads every *.pem, *.crt and *.cer of the settings' folders and then of enrolled (NULL: none), each file at most KS_CERTIFICATE_FILE_MAX bytes, and every *.crl,
 * KS_REVOCATION_FILE_MAX. PEM may hold certificates and lists alike; DER is one certificate, or in a *.crl one list. All
 * together at most KS_OVERLAY_CERTIFICATES_MAX certificates and KS_REVOCATIONS_MAX lists; lists that do not count
 * (ks_revocation_why_ignored()) are logged and left out. A file that cannot be read or parsed is logged and left
 * out; a folder that is missing is no error. NO_MEMORY. */
int ks_overlay_read(const struct ks_settings *settings, const char *enrolled, struct ks_overlay *ret_overlay)
	KS_WARN_UNUSED;
void ks_overlay_deinit(struct ks_overlay *overlay);
