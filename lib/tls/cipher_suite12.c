/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cipher_suite12: see cipher_suite12.h. The numbers are those of IANA's "TLS Cipher Suites" registry; export suites
 * (RFC 4346 appendix A.5) and single DES and IDEA (RFC 5469) must not be in TLS 1.2 and are left out.
 *
 * Runs in: keystay-agent.
 */
#include "lib/tls/cipher_suite12.h"

#include <stddef.h>

#define RANGE(first, last, kind)                                                                                       \
	{                                                                                                              \
		first, last, KS_KEY_EXCHANGE_##kind                                                                    \
	}

static const struct {
	uint16_t first;
	uint16_t last;
	enum ks_key_exchange key_exchange;
} ranges[] = {
	/* RFC 5246 appendix A.5: NULL, RC4, 3DES, AES-CBC; DSS before RSA */
	RANGE(0x0001, 0x0002, RSA),
	RANGE(0x0004, 0x0005, RSA),
	RANGE(0x000a, 0x000a, RSA),
	RANGE(0x000d, 0x000d, DH),
	RANGE(0x0010, 0x0010, DH),
	RANGE(0x0013, 0x0013, DHE),
	RANGE(0x0016, 0x0016, DHE),
	RANGE(0x002f, 0x002f, RSA),
	RANGE(0x0030, 0x0031, DH),
	RANGE(0x0032, 0x0033, DHE),
	RANGE(0x0035, 0x0035, RSA),
	RANGE(0x0036, 0x0037, DH),
	RANGE(0x0038, 0x0039, DHE),
	RANGE(0x003b, 0x003d, RSA),
	RANGE(0x003e, 0x003f, DH),
	RANGE(0x0040, 0x0040, DHE),
	RANGE(0x0067, 0x0067, DHE),
	RANGE(0x0068, 0x0069, DH),
	RANGE(0x006a, 0x006b, DHE),
	/* RFC 5932: Camellia-CBC */
	RANGE(0x0041, 0x0041, RSA),
	RANGE(0x0042, 0x0043, DH),
	RANGE(0x0044, 0x0045, DHE),
	RANGE(0x0084, 0x0084, RSA),
	RANGE(0x0085, 0x0086, DH),
	RANGE(0x0087, 0x0088, DHE),
	RANGE(0x00ba, 0x00ba, RSA),
	RANGE(0x00bb, 0x00bc, DH),
	RANGE(0x00bd, 0x00be, DHE),
	RANGE(0x00c0, 0x00c0, RSA),
	RANGE(0x00c1, 0x00c2, DH),
	RANGE(0x00c3, 0x00c4, DHE),
	/* RFC 4162: SEED */
	RANGE(0x0096, 0x0096, RSA),
	RANGE(0x0097, 0x0098, DH),
	RANGE(0x0099, 0x009a, DHE),
	/* RFC 5288: AES-GCM */
	RANGE(0x009c, 0x009d, RSA),
	RANGE(0x009e, 0x009f, DHE),
	RANGE(0x00a0, 0x00a1, DH),
	RANGE(0x00a2, 0x00a3, DHE),
	RANGE(0x00a4, 0x00a5, DH),
	/* RFC 8422 section 6: ECC with NULL, RC4, 3DES, AES-CBC */
	RANGE(0xc001, 0xc005, ECDH),
	RANGE(0xc006, 0xc00a, ECDHE),
	RANGE(0xc00b, 0xc00f, ECDH),
	RANGE(0xc010, 0xc014, ECDHE),
	/* RFC 5289: ECC with SHA-256, SHA-384 and AES-GCM */
	RANGE(0xc023, 0xc024, ECDHE),
	RANGE(0xc025, 0xc026, ECDH),
	RANGE(0xc027, 0xc028, ECDHE),
	RANGE(0xc029, 0xc02a, ECDH),
	RANGE(0xc02b, 0xc02c, ECDHE),
	RANGE(0xc02d, 0xc02e, ECDH),
	RANGE(0xc02f, 0xc030, ECDHE),
	RANGE(0xc031, 0xc032, ECDH),
	/* RFC 6209: ARIA */
	RANGE(0xc03c, 0xc03d, RSA),
	RANGE(0xc03e, 0xc041, DH),
	RANGE(0xc042, 0xc045, DHE),
	RANGE(0xc048, 0xc049, ECDHE),
	RANGE(0xc04a, 0xc04b, ECDH),
	RANGE(0xc04c, 0xc04d, ECDHE),
	RANGE(0xc04e, 0xc04f, ECDH),
	RANGE(0xc050, 0xc051, RSA),
	RANGE(0xc052, 0xc053, DHE),
	RANGE(0xc054, 0xc055, DH),
	RANGE(0xc056, 0xc057, DHE),
	RANGE(0xc058, 0xc059, DH),
	RANGE(0xc05c, 0xc05d, ECDHE),
	RANGE(0xc05e, 0xc05f, ECDH),
	RANGE(0xc060, 0xc061, ECDHE),
	RANGE(0xc062, 0xc063, ECDH),
	/* RFC 6367: Camellia with ECC and Camellia-GCM */
	RANGE(0xc072, 0xc073, ECDHE),
	RANGE(0xc074, 0xc075, ECDH),
	RANGE(0xc076, 0xc077, ECDHE),
	RANGE(0xc078, 0xc079, ECDH),
	RANGE(0xc07a, 0xc07b, RSA),
	RANGE(0xc07c, 0xc07d, DHE),
	RANGE(0xc07e, 0xc07f, DH),
	RANGE(0xc080, 0xc081, DHE),
	RANGE(0xc082, 0xc083, DH),
	RANGE(0xc086, 0xc087, ECDHE),
	RANGE(0xc088, 0xc089, ECDH),
	RANGE(0xc08a, 0xc08b, ECDHE),
	RANGE(0xc08c, 0xc08d, ECDH),
	/* RFC 6655, RFC 7251: AES-CCM */
	RANGE(0xc09c, 0xc09d, RSA),
	RANGE(0xc09e, 0xc09f, DHE),
	RANGE(0xc0a0, 0xc0a1, RSA),
	RANGE(0xc0a2, 0xc0a3, DHE),
	RANGE(0xc0ac, 0xc0af, ECDHE),
	/* RFC 7905: ChaCha20-Poly1305 */
	RANGE(0xcca8, 0xcca9, ECDHE),
	RANGE(0xccaa, 0xccaa, DHE),
};

enum ks_key_exchange ks_cipher_suite12_key_exchange(uint16_t suite)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (suite >= ranges[i].first && suite <= ranges[i].last)
			return ranges[i].key_exchange;
	}
	return KS_KEY_EXCHANGE_NONE;
}
