/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tries: how many PINs were given to each token since the last good one, across restarts (invariant I6).
 *
 * Runs in: keystay-agent. One small text file, replaced as a whole by rename(2) before a PIN is submitted, so that a
 * kill -9 in the middle of a login counts that login as a failure. It holds no PIN and nothing of one. Not synced to
 * the disk: it has to outlive processes; what a crash of the machine loses is still counted by the token itself.
 * Fails closed: who cannot write the count must not submit.
 */
#pragma once

#include "agent/unlock.h"
#include "lib/base/error.h"

struct ks_tries;

/* folder: made when it is missing (0700); it and the file must be ours alone. A file that makes no sense is set aside
 * (renamed to *.unreadable) with a log line; as long as it is there, every token without a line counts as
 * KS_TRIES_UNKNOWN until its next good login. DENIED, UNTRUSTED_PATH or SYSTEM when the folder cannot be used. */
int ks_tries_open(const char *folder, struct ks_tries **ret_tries) KS_WARN_UNUSED;
/* The same, when unwritable cannot be written to (a file system that has become read-only): what stands there still
 * counts for tokens that folder knows nothing of. */
int ks_tries_open_instead(const char *unwritable, const char *folder, struct ks_tries **ret_tries) KS_WARN_UNUSED;
void ks_tries_close(struct ks_tries *tries);

/* Two: from here on only a dialog that says so may submit. */
#define KS_TRIES_UNKNOWN 2u
#define KS_TRIES_UNATTENDED_MAX 0u /* a kept PIN or one from a file: never after a failure */
#define KS_TRIES_PLAIN_MAX 1u      /* `keystay unlock` with a PIN of its own: after one failure, not after two */

/* Submissions without success, also those of another agent of the same user. Digest and twin of id do not matter:
 * tokens that look the same share a count. */
unsigned ks_tries_count(const struct ks_tries *tries, const struct ks_token_id *id);

/* One more, written before this returns. Otherwise nothing must be submitted. BUSY when another agent holds the file,
 * LIMIT when it is full of tokens that have a count. */
int ks_tries_submitting(struct ks_tries *tries, const struct ks_token_id *id) KS_WARN_UNUSED;

/* A good login: the count is 0 again. */
int ks_tries_succeeded(struct ks_tries *tries, const struct ks_token_id *id) KS_WARN_UNUSED;

/* Nothing was submitted after all (the worker says that the PIN never reached the token): one less. */
int ks_tries_not_submitted(struct ks_tries *tries, const struct ks_token_id *id) KS_WARN_UNUSED;

/* The path of the file, for messages. Borrowed. */
const char *ks_tries_file(const struct ks_tries *tries);
