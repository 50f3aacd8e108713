/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay: what is in the certs/ folders beside keystay.conf: intermediates, leaves that are not on the token, and
 * revocation lists. Matched to keys by public key and to CAs by name, so their file names mean nothing. And what
 * keystay-enroll has fetched into the folder status/ of the agent's state: OCSP responses, each named by the SHA-256
 * of the certificate (DER) that it is for, and revocation lists.
 *
 * Runs in: keystay-agent, at start, at reload and when keystay-enroll has brought something (REFRESH).
 */
#pragma once

#include <sys/stat.h>

#include "agent/settings.h"
#include "lib/tls/certificate.h"
#include "lib/tls/revocation.h"

struct ks_overlay_list {
	struct ks_revocation *list; /* owned; one that counts */
	char *path;                 /* owned; of its file, for the log */
	bool told;                  /* the log has what was said of it */
	bool has_signer;            /* it was verified, and is not verified again at each change of the keyring */
	uint8_t signer_hash[32];    /* SHA-256 of the certificate that it was verified with */
	struct stat file;           /* of status/: the file when it was read; else nothing */
};

/* An OCSP response; nothing of it is verified. */
struct ks_overlay_answer {
	uint8_t certificate_hash[32]; /* SHA-256 of the certificate that its name says */
	char *content;                /* owned */
	size_t size;
	char *path; /* owned; for the log */
	bool told;
};

struct ks_overlay {
	struct ks_certificate **certificates; /* owned; in the order of folders, file names and places in the file */
	size_t n_certificates;
	struct ks_overlay_list *lists; /* owned, in the same order */
	size_t n_lists;
	struct ks_overlay_answer *answers; /* owned */
	size_t n_answers;
};

/* Reads every *.pem, *.crt and *.cer of the settings' folders and then of enrolled (NULL: none), each file at most
 * KS_CERTIFICATE_FILE_MAX bytes, and every *.crl, KS_REVOCATION_FILE_MAX. PEM may hold certificates and lists
 * alike; DER is one certificate, or in a *.crl one list. All together at most KS_OVERLAY_CERTIFICATES_MAX
 * certificates and KS_REVOCATIONS_MAX lists; lists that do not count (ks_revocation_why_ignored()) are logged and
 * left out. A file that cannot be read or parsed is logged and left out; a folder that is missing is no error.
 * NO_MEMORY. */
int ks_overlay_read(const struct ks_settings *settings, const char *enrolled, struct ks_overlay *ret_overlay)
	KS_WARN_UNUSED;

/* The same for the lists and OCSP responses of one folder, which are added to overlay: every *.crl and *.ocsp. At most
 * KS_OCSP_ANSWERS_MAX responses, KS_OCSP_ANSWER_MAX bytes each. A list whose file is the one that old (NULL: none) has it
 * of is not read again: a large one costs a quarter of a second (invariant I8), and this folder changes often. */
int ks_overlay_read_status(struct ks_overlay *overlay, const struct ks_overlay *old, const char *folder) KS_WARN_UNUSED;

/* The response for the certificate with this SHA-256, or NULL. */
struct ks_overlay_answer *ks_overlay_answer_for(const struct ks_overlay *overlay, const uint8_t certificate_hash[32]);
void ks_overlay_deinit(struct ks_overlay *overlay);
