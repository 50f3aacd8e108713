/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transcript: the TLS 1.3 handshake behind a to-be-signed input, when keystay-tap.so is loaded beside us and has seen it.
 *
 * A TLS 1.3 input holds only the hash of the handshake (RFC 8446 section 4.4.3); the agent can prove the server only
 * when it gets the messages too.
 */
#pragma once

#include "lib/base/bytes.h"

/* Its size; 0 when it is not known, and then nothing is given. folder: where keystay-tap.so is; NULL: beside us. */
size_t ks_transcript_find(struct ks_bytes input, const char *folder, uint8_t **ret_transcript);
