/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask: every question of this module to the agent, and the border at which KS_ERR_* becomes CK_RV.
 *
 * All go to the module's own socket: KS_CLIENT_MODULE, $KEYSTAY_SOCK or sign/module.sock. Never called with the lock.
 * PKCS#11 has no room for the agent's sentences; with KEYSTAY_DEBUG in the environment they go to standard error.
 *
 * Runs in: any program, in all of its threads.
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "client/client.h"
#include "client/module/front.h"

/* What is asked for: the identity, as the agent knows it. */
struct ks_ask_key {
	char *name; /* owned */
	uint8_t spki_hash[32];
	uint64_t epoch; /* from which it is */
};

/* A copy that outlives the lock. NO_MEMORY. */
int ks_ask_key_copy(const struct ks_front *front, const struct ks_key *key, struct ks_ask_key *ret_key) KS_WARN_UNUSED;
void ks_ask_key_deinit(struct ks_ask_key *key);

/* All of these return 0 or KS_ERR_*, and have said what was wrong. */
int ks_ask_generation(uint64_t *ret_generation) KS_WARN_UNUSED;
int ks_ask_list(int (*found)(const struct ks_msg_identity *identity, void *userdata), void *userdata,
		uint64_t *ret_generation) KS_WARN_UNUSED;
/* UNKNOWN_KEY when the name belongs to another key by now. */
int ks_ask_get(const struct ks_ask_key *key, struct ks_client_identity **ret_identity) KS_WARN_UNUSED;
int ks_ask_sign(const struct ks_ask_key *key, uint16_t scheme, struct ks_bytes input, uint8_t *signature,
		size_t *ret_size) KS_WARN_UNUSED;
int ks_ask_sign_digest(const struct ks_ask_key *key, uint16_t scheme, struct ks_bytes digest, uint8_t *signature,
		       size_t *ret_size) KS_WARN_UNUSED;

/* What C_Sign answers for it. */
CK_RV ks_ask_rv(int error);
