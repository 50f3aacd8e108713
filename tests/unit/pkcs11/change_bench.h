/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change_bench: what the tests of keygen, store and remove share: a token with one key, logged in, and a key made on it.
 *
 * Runs in: unit tests; one bench a program.
 */
#pragma once

#include "tests/unit/pkcs11/rig.h"

#define MADE "new" /* the label of the key that is made */

extern struct rig rig;
extern struct rig_worker worker;
extern EVP_PKEY *old_key;
extern struct rig_made made; /* by the last keygen() */

/* cmocka's setup and teardown. A token of its own for each test: what one made is not there for the next. */
int change_setup(void **state);
int change_teardown(void **state);

/* Writes the token, for rig_write(). */
void change_fill(struct rig_writer *writer, void *userdata);

/* Logged in; script holds from then on, its calls counted from 1. */
void change_start(const char *script);

int keygen(uint32_t type, uint32_t bits, const char *label, struct ks_bytes id);
int make_p256(void);
