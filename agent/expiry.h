/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expiry: warns before a certificate expires: when a third, a sixth and a twelfth of its life, a day and an hour are
 * left (lib/base/lifetime.h), by a line in the log and a notice on the desktop.
 *
 * Runs in: keystay-agent. One timer for the nearest moment of all certificates, by the wall clock, and cancelled when
 * somebody sets that; nothing polls. A timer that was reached makes a new keyring as well: another certificate may
 * speak for a key from then on, and what a CA said of a certificate's revocation may be over (doubts.h). Each warning
 * is given once for each certificate: the file "expiry" in the state folder knows which (expiry_file.h), read anew
 * before each, since another agent of the same user may have warned. Not locked and not synced: what is lost by that
 * is a warning that is given twice. Of several that are due at once the last one is given.
 */
#pragma once

#include "agent/state.h"
#include "lib/base/error.h"

/* folder: where agent/tries.h has its file, copied. Begins with the next news of the state. */
int ks_expiry_new(struct ks_state *state, const char *folder, struct ks_expiry **ret_expiry) KS_WARN_UNUSED;
void ks_expiry_free(struct ks_expiry *expiry); /* NULL is allowed */
