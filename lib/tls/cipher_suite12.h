/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cipher_suite12: which key exchange a TLS 1.2 cipher suite has, because that decides the shape of a handshake.
 *
 * Knows the suites whose server shows a certificate and may ask for the client's. TLS 1.3 suites, signalling values,
 * GREASE, anonymous, PSK, SRP and Kerberos suites are none of them. Strength is not judged: the ciphers protect the
 * client's data, and it is the client that agreed to them.
 */
#pragma once

#include <stdint.h>

enum ks_key_exchange {
	KS_KEY_EXCHANGE_NONE = 0, /* no suite that can be in a TLS 1.2 handshake with client authentication */
	KS_KEY_EXCHANGE_RSA,      /* no ServerKeyExchange; ClientKeyExchange is an encrypted secret */
	KS_KEY_EXCHANGE_DH,       /* no ServerKeyExchange: the public value is in the server's certificate */
	KS_KEY_EXCHANGE_ECDH,     /* likewise, on a curve */
	KS_KEY_EXCHANGE_DHE,
	KS_KEY_EXCHANGE_ECDHE,
};

enum ks_key_exchange ks_cipher_suite12_key_exchange(uint16_t suite);
