/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look_take: takes over what the agent answered: identities become slots, keys and objects, chains become certificates.
 *
 * A token is the same as before when the agent's module and the token's part of the identity's URI say the same. Slot
 * number and serial are made of that, so they are the same in every process and after every start of the agent.
 *
 * Runs in: any program, in all of its threads.
 */
#pragma once

#include "client/best.h"
#include "client/client.h"
#include "client/module/front.h"

/* What a list said: gathered without the lock. */
struct ks_listed {
	struct ks_best best; /* first: rows are sorted by it */
	char *token;         /* owned: as struct ks_slot's identity */
	char label[33];      /* of the token */
	struct ks_key *key;  /* owned, without slot */
};

struct ks_listing {
	uint64_t generation;
	struct ks_listed *rows; /* owned */
	size_t n_rows;
};

/* For ks_ask_list(), with a listing as userdata. Identities whose token is gone or whose key PKCS#11 has no words
 * for are left out. */
int ks_listing_add(const struct ks_msg_identity *identity, void *listing);
void ks_listing_deinit(struct ks_listing *listing);

/* With the lock, all of the rest too. What the front keeps is moved out of listing. */
CK_RV ks_look_take_list(struct ks_front *front, struct ks_listing *listing) KS_WARN_UNUSED;

/* chain: LIST of certificate records, leaf first. Certificates that x509.h cannot read are left out. */
int ks_look_take_chain(struct ks_front *front, struct ks_key *key, uint64_t generation, struct ks_bytes chain)
	KS_WARN_UNUSED;
