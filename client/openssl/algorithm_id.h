/* SPDX-License-Identifier: Apache-2.0 */
/*
 * algorithm_id: the DER AlgorithmIdentifier (RFC 5280 section 4.1.1.2) of a signature scheme, for programs that write
 * one beside a signature. The agent refuses to sign their documents on its sign socket; with this they get as far as
 * its answer, which says why.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/protocol/scheme.h"

/* Errors stick in the buffer. */
void ks_algorithm_id_put(struct ks_buffer *buffer, const struct ks_scheme *scheme);
