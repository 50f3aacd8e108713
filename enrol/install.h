/* SPDX-License-Identifier: Apache-2.0 */
/*
 * install: a judged certificate to where the agent finds it, and old ones away.
 *
 * Runs in: keystay-enroll. FOLDER/certs/NAME-HEX16.pem (HEX16: of the SHA-256 of the leaf) is written beside the old
 * one, synced, renamed into place; the agent reads the folder anew (REFRESH) and is asked what it shows; then only the
 * old files of that key go. A kill anywhere leaves the old one, or both, of which the agent takes the newer.
 */
#pragma once

#include <stdbool.h>

#include "client/client.h"
#include "enrol/base/problem.h"
#include "lib/base/bytes.h"

/* The first certificate of a chain (DER one behind the other); none when there is none. */
struct ks_bytes ks_install_leaf(struct ks_bytes chain);

/* Writes chain as PEM. name: of the key, for people who look into the folder. ret_path: given. The same again is no
 * error. */
int ks_install_write(const char *folder, const char *name, struct ks_bytes chain, char **ret_path,
		     struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* The agent reads certificates and statuses anew; it has when this returns. */
int ks_install_refresh(struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* Has the agent read its folders anew, and looks whether it shows this certificate, of the file path, for its key.
 * Where an older file of that key is as good to it (a CA that dates to the day, two in one second), that makes way;
 * where it wants another one all the same, everything is as it was, and a problem says why it may be (RULE). */
int ks_install_take_over(const char *folder, const char *spki, const char *path, struct ks_bytes leaf,
			 struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* Removes the files of the key with this SPKI hash (64 digits) from FOLDER/certs, but keep (a path, may be NULL). */
int ks_install_clean(const char *folder, const char *spki, const char *keep, struct ks_enrol_problem *problem)
	KS_WARN_UNUSED;

/* A copy of the leaf on the token; old_leaf (or none) is taken off it. False where that token takes none, or cannot
 * now: the file does the same, and what hindered is in note. */
bool ks_install_on_token(const char *spki, struct ks_bytes leaf, struct ks_bytes old_leaf,
			 struct ks_enrol_problem *note);
