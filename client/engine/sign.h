/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign: the EVP_PKEY_METHODs of the engine: the whole input goes to the agent, a digest is refused.
 *
 * They are copies of libcrypto's own, so that padding, salt and digest are set and read as ever; only what makes a
 * signature is another: digestsign, which gets the whole input in one piece (libssl does that for TLS 1.3 and TLS 1.2),
 * and sign, which gets a digest that nobody can read any more (invariant I2).
 *
 * Runs in: any program that loads the engine.
 */
#pragma once

#include <openssl/engine.h>

/* Makes the methods; once, by the engine's bind. 1 or 0. */
int ks_engine_sign_init(void);
void ks_engine_sign_deinit(void);

/* ENGINE_PKEY_METHS_PTR. */
int ks_engine_sign_methods(ENGINE *engine, EVP_PKEY_METHOD **ret_method, const int **ret_nids, int nid);
