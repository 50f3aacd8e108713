/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_overlay: certificates that are kept as files of the agent (certs/ in its state folder), where a token takes none,
 * or where enrolment put them.
 *
 * Runs in: keystay. The agent says where that folder is (PROFILES) and reads it anew when told (REFRESH).
 */
#pragma once

#include "client/client.h"

/* content: PEM. The file is named after leaf (DER), so that the same certificate has one file. In use when this returns. */
int ks_token_overlay_write(struct ks_bytes leaf, struct ks_bytes content, struct ks_client_error *ret_error)
	KS_WARN_UNUSED;

/* Removes the files there that are of this key, also those that keystay-enroll wrote, and that of the leaf's issuers; none
 * is no error. */
int ks_token_overlay_remove(const struct ks_client_identity *identity, unsigned *ret_n_files,
			    struct ks_client_error *ret_error) KS_WARN_UNUSED;
