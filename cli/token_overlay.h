/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_overlay: certificates that are kept as files of the agent (certs/ in its state folder), where a token takes none.
 *
 * Runs in: keystay. The agent says where that folder is (PROFILES) and reads it anew when told (REFRESH).
 */
#pragma once

#include "client/client.h"

/* content: PEM. The file is named after leaf (DER), so that the same certificate has one file. In use when this returns. */
int ks_token_overlay_write(struct ks_bytes leaf, struct ks_bytes content, struct ks_client_error *ret_error)
	KS_WARN_UNUSED;

/* Removes the file that ks_token_overlay_write() made for the leaf of chain (a LIST of certificate records); none is no
 * error. */
int ks_token_overlay_remove(struct ks_bytes chain, unsigned *ret_n_files, struct ks_client_error *ret_error)
	KS_WARN_UNUSED;
