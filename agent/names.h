/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: the short name of each identity, unique among all.
 *
 * In this order:
 *	1. [key "NAME"]: the best identity that fits gets NAME, the others NAME-2, NAME-3 … Best: with a certificate
 *	   that is valid now, then the one with the newest.
 *	2. the label of its key, when no other identity has it and it is easy to type;
 *	3. UPN, e-mail address (without their domain) or common name of the certificate, else label or token, and the
 *	   PIV slot or key id behind it: "alice-9a". Where two would still be equal, digits of the fingerprint follow.
 *
 * Depends on what there is, never on the order in which it came. Runs in: keystay-agent. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/settings.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

struct ks_keyring_entry;

/* Fills in identity.name of all entries, in whatever order they stand. NO_MEMORY. */
int ks_names_assign(struct ks_keyring_entry *const *entries, size_t n, const struct ks_settings *settings)
	KS_WARN_UNUSED;

/* What clients call the best of all keys (client/choose.h): no key has this name. */
#define KS_NAMES_AUTO "auto"

/* May this label be a name as it stands: letters, digits and . _ @ + - only, no '-' first, at most 64 bytes, nothing
 * that could be a fingerprint or the best of all? */
bool ks_names_is_simple(const char *label);

/* Eight or more hex digits and nothing else. */
bool ks_names_is_fingerprint(struct ks_bytes name);
