/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status: keeps at hand what the CA of a key's certificate says of its revocation, as files that the agent reads and
 * verifies itself (status_folder.h).
 *
 * Runs in: keystay-enroll, by `keystay renew` and its timer; never in a handshake. Asked are the OCSP responders that
 * the certificate names; where it names none, or none of them has a good answer, its revocation lists. What was
 * fetched is asked for again when half of its time is over, and each day at least. Nothing replaces an answer that is
 * newer than itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/client.h"
#include "enrol/base/problem.h"
#include "lib/base/bytes.h"

/* state_folder: struct ks_profiles.folder. key: as ks_client_get() gives it. force: also what is not due. 0 when
 * there is a fresh answer, or nobody to ask. Else problem: nothing good could be had now; what is on the disk
 * stays. ret_next_ms, set in any case: from now until it is to be called again. ret_changed, set to true when
 * something on the disk is another one, else left as it is: the agent is to be told (REFRESH) when all keys are
 * done. */
int ks_status_refresh(const char *state_folder, const struct ks_client_identity *key, bool force, uint64_t *ret_next_ms,
		      bool *ret_changed, struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* The same for a certificate that the agent need not know yet: chain is leaf, issuer and on, DER. */
int ks_status_refresh_chain(const char *state_folder, const char *key_name, const struct ks_bytes *chain,
			    size_t n_chain, bool force, uint64_t *ret_next_ms, bool *ret_changed,
			    struct ks_enrol_problem *problem) KS_WARN_UNUSED;
