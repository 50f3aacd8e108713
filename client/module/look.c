/* SPDX-License-Identifier: Apache-2.0 */
/* look: see look.h. Runs in: any program, in all of its threads. */
#include "client/module/look.h"

#include <stdlib.h>
#include <string.h>

#include "client/module/ask.h"
#include "client/module/look_take.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

static bool is_fresh(const struct ks_front *front, enum ks_look how)
{
	return how == KS_LOOK_OLD && front->generation != 0 && ks_clock_monotonic_ms() - front->looked_ms < KS_LOOK_MS;
}

/* Without the lock. known: the generation of the last list. UNCHANGED is no error of the agent's. */
#define UNCHANGED 1

static int ask(enum ks_look how, uint64_t known, struct ks_listing *listing)
{
	uint64_t generation;

	if (how != KS_LOOK_AROUND && known != 0) {
		int r = ks_ask_generation(&generation);
		if (r < 0)
			return r;
		if (generation == known)
			return UNCHANGED;
	}
	return ks_ask_list(ks_listing_add, listing, &listing->generation);
}

CK_RV ks_look(struct ks_front *front, enum ks_look how)
{
	if (is_fresh(front, how))
		return CKR_OK;
	uint64_t epoch = front->epoch, known = front->generation, look = ++front->n_looks;
	KS_CLEANUP(ks_listing_deinit) struct ks_listing listing = { 0 };

	ks_front_leave();
	int r = ask(how, known, &listing);
	CK_RV rv = ks_front_return(epoch, &front);
	/* Another thread began later and was faster: what it saw is newer. */
	if (rv != CKR_OK || look < front->last_look)
		return rv;
	front->last_look = look;
	if (r == UNCHANGED) {
		front->looked_ms = ks_clock_monotonic_ms();
		return CKR_OK;
	}
	if (r == KS_ERR_NO_MEMORY) {
		ks_front_leave();
		return CKR_HOST_MEMORY;
	}
	/* No agent: no generation, so that the next look asks again at once. */
	if (r < 0)
		ks_listing_deinit(&listing);
	rv = ks_look_take_list(front, &listing);
	if (rv != CKR_OK)
		ks_front_leave();
	return rv;
}

/* The key that is meant, if it is still there: keys are not freed before C_Finalize. */
static struct ks_key *find_again(const struct ks_front *front, const struct ks_ask_key *wanted)
{
	for (size_t i = 0; i < front->n_keys; i++) {
		struct ks_key *key = front->keys[i];
		if (key->listed && memcmp(key->spki_hash, wanted->spki_hash, sizeof(key->spki_hash)) == 0)
			return key;
	}
	return NULL;
}

CK_RV ks_look_at(struct ks_front *front, struct ks_ask_key *keys, size_t n_keys)
{
	uint64_t epoch = front->epoch, generation = front->generation;
	CK_RV rv = CKR_OK;

	for (size_t i = 0; i < n_keys && rv == CKR_OK; i++) {
		struct ks_client_identity *identity = NULL;
		ks_front_leave();
		int r = ks_ask_get(&keys[i], &identity);
		rv = ks_front_return(epoch, &front);
		struct ks_key *key = rv == CKR_OK && r == 0 ? find_again(front, &keys[i]) : NULL;
		/* A key whose certificates cannot be had is one without; the others are still of use. */
		if (key && ks_look_take_chain(front, key, generation, identity->chain) < 0) {
			ks_front_leave();
			rv = CKR_HOST_MEMORY;
		}
		ks_client_identity_free(identity);
	}
	for (size_t i = 0; i < n_keys; i++)
		ks_ask_key_deinit(&keys[i]);
	free(keys);
	return rv;
}
