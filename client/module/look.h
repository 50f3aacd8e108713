/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look: the agent's list as slots and keys, and when it is asked for.
 *
 * A list stays true as long as its generation does. It is read at C_GetSlotList with NULL, where programs expect
 * news (PKCS#11 2.40 section 5.5); elsewhere the generation is compared, at most once a second. An agent that is not
 * there is an empty list: no token present, and no error for a program that only looks around.
 *
 * Runs in: any program, in all of its threads.
 */
#pragma once

#include "client/module/front.h"

/* How old what is known may be, and how often C_WaitForSlotEvent compares. */
#define KS_LOOK_MS 1000u

enum ks_look {
	KS_LOOK_AROUND, /* the list itself; the agent looks for new tokens as well */
	KS_LOOK_NEWS,   /* only when its generation is another one */
	KS_LOOK_OLD,    /* only when that was not compared for KS_LOOK_MS */
};

/* With the lock, which is given away meanwhile, and held again on CKR_OK alone. */
CK_RV ks_look(struct ks_front *front, enum ks_look how) KS_WARN_UNUSED;

/* The certificates of these keys (taken, with the array): of each that has none for this generation yet. Lock as
 * above. */
struct ks_ask_key;
CK_RV ks_look_at(struct ks_front *front, struct ks_ask_key *keys, size_t n_keys) KS_WARN_UNUSED;
