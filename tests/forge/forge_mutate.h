/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forge_mutate: changes of good handshakes that an attacker could make who has no key: bits, lengths, whole messages.
 * In TLS 1.3 the hash in the input is made anew, since that is the attacker's to choose.
 */
#pragma once

#include "tests/forge/forge_cases.h"

struct forge_random {
	uint64_t state; /* never 0 */
};

uint64_t forge_random_next(struct forge_random *random);

/* One mutation of a good case; what came out is in the two buffers, which ret_case borrows. */
void forge_mutate(const struct forge_cases *cases, const struct forge_case *seed, struct forge_random *random,
		  struct ks_buffer *input, struct ks_buffer *transcript, struct forge_case *ret_case);
