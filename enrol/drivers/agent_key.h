/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_key: keys of OpenSSL's whose signatures for CMP come from the agent, by SIGN_CMP.
 *
 * Runs in: keystay-enroll. The provider of client/openssl, built in, in a library context of its own: openssl.cnf is not
 * read there, and no other provider signs. Nothing private is here; what is signed, the agent reads first.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdbool.h>

#include "client/client.h"
#include "enrol/base/problem.h"

struct ks_agent_keys {
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *base, *signing;
	/* While it is set nothing is signed: signatures are zeros. For messages that are made again and not sent (cmp.c). */
	bool is_rehearsal;
	struct ks_client_error error; /* of the last signature that was not made; code 0: none */
};

/* Must not move until ks_agent_keys_deinit(). */
int ks_agent_keys_init(struct ks_agent_keys *keys, struct ks_enrol_problem *problem) KS_WARN_UNUSED;
void ks_agent_keys_deinit(struct ks_agent_keys *keys);

/* ret_key: EVP_PKEY_free(), before keys is ended. */
int ks_agent_keys_get(struct ks_agent_keys *keys, const struct ks_client_identity *identity, EVP_PKEY **ret_key,
		      struct ks_enrol_problem *problem) KS_WARN_UNUSED;
