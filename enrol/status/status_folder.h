/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_folder: what was fetched of CAs' words on revocation, as files that the agent reads (agent/overlay.h):
 * FOLDER/HEX.ocsp, HEX the SHA-256 of the certificate (DER), and FOLDER/HEX.crl, HEX the SHA-256 of the list's URL.
 *
 * Runs in: keystay-enroll. The time of a file is when its CA was asked last. The file "known" says how long each of
 * them is of use, so that nothing stays for ever: lines "NAME SECONDS", gone after that second, the end of the
 * certificate. Two programs at once may each lose a line of the other: then a file stays.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

#define KS_STATUS_NAME_MAX 80

/* "HEX.ocsp" of data (a certificate), "HEX.crl" of data (an URL). */
int ks_status_folder_name(struct ks_bytes data, const char *suffix, char ret_name[KS_STATUS_NAME_MAX]) KS_WARN_UNUSED;

/* The content (given) and when it was asked for; NOT_FOUND, or others of ks_path_read_file(). */
int ks_status_folder_read(const char *folder, const char *name, size_t size_max, char **ret_content, size_t *ret_size,
			  int64_t *ret_asked_s) KS_WARN_UNUSED;

/* Writes it as a whole (with its folder, mode 0700); a file whose content is the same only gets a new time.
 * ret_changed is set when the content is another one, else left as it is. */
int ks_status_folder_write(const char *folder, const char *name, struct ks_bytes content, bool *ret_changed)
	KS_WARN_UNUSED;

/* It was asked for now, in vain or with the same answer. */
void ks_status_folder_touch(const char *folder, const char *name);

/* Notes that name is of use until that second, and removes what is of no use any more. */
int ks_status_folder_keep(const char *folder, const char *name, int64_t until_s, int64_t now_s) KS_WARN_UNUSED;
