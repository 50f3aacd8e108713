/* SPDX-License-Identifier: Apache-2.0 */
/* raw_signature: see raw_signature.h. Runs in: any program that loads the module. */
#include "client/module/raw_signature.h"

#include <string.h>

#include "lib/base/der.h"

#define ED25519_SIGNATURE 64u

size_t ks_raw_signature_size(const struct ks_spki *spki)
{
	switch (spki->algorithm) {
	case KS_KEY_RSA:
	case KS_KEY_RSA_PSS:
		return spki->modulus.size;
	case KS_KEY_EC:
		return 2 * ks_curve_size(spki->curve);
	case KS_KEY_ED25519:
		return ED25519_SIGNATURE;
	}
	return 0;
}

/* Big-endian, filled up with zeros in front. */
static bool put_half(struct ks_bytes number, size_t size, uint8_t *out)
{
	if (number.size == 0 || number.size > size)
		return false;
	memset(out, 0, size - number.size);
	memcpy(out + size - number.size, number.data, number.size);
	return true;
}

/* ECDSA-Sig-Value (RFC 3279 section 2.2.3). */
static int make_ecdsa(struct ks_bytes signature, size_t half, uint8_t *out)
{
	struct ks_reader outer = ks_reader(signature);
	struct ks_reader numbers = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	struct ks_bytes r = ks_der_take_unsigned(&numbers);
	struct ks_bytes s = ks_der_take_unsigned(&numbers);

	if (!ks_reader_done(&outer) || !ks_reader_done(&numbers))
		return KS_ERR_MALFORMED;
	return put_half(r, half, out) && put_half(s, half, out + half) ? 0 : KS_ERR_MALFORMED;
}

int ks_raw_signature_make(const struct ks_spki *spki, struct ks_bytes signature, uint8_t *out)
{
	if (spki->algorithm == KS_KEY_EC)
		return make_ecdsa(signature, ks_curve_size(spki->curve), out);
	if (signature.size != ks_raw_signature_size(spki))
		return KS_ERR_MALFORMED;
	memcpy(out, signature.data, signature.size);
	return 0;
}
