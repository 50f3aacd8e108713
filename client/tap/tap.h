/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap: the one function that keystay-tap.so exports beside OSSL_provider_init, and how the signing provider finds it.
 *
 * The two providers meet inside one process by this name alone (docs/adr/0013): the signing one links libc and may be
 * there without the tap; the tap links the libcrypto of the program.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KS_TAP_FILE "keystay-tap.so"
#define KS_TAP_FIND "keystay_tap_find"

/* The stream whose digest this was, if it is the last handshake that this thread has hashed: TLS handshake messages
 * from ClientHello (or message_hash) on. Its size, 0 when it is not known; copied to buffer when that has the room. */
typedef size_t ks_tap_find(const uint8_t *digest, size_t digest_size, uint8_t *buffer, size_t room);
