/* SPDX-License-Identifier: Apache-2.0 */
/* public_key: see public_key.h. Runs in: keystay-token. */
#include "pkcs11/public_key.h"

#include <string.h>

#include "lib/base/der.h"

#define ED25519_SIZE 32u

/* CKA_EC_PARAMS of edwards25519: the OID of RFC 8410, the curve's name as PKCS#11 3.0 section 2.3.10 has it, and the
 * OID that came before RFC 8410 and is still in cards that speak OpenPGP. */
static bool is_edwards25519(struct ks_bytes parameters)
{
	static const uint8_t rfc8410[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 }; /* 1.3.101.112 */
	static const uint8_t name[] = { 0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9' };
	static const uint8_t openpgp[] = { 0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01 };

	return ks_bytes_equal(parameters, ks_bytes(rfc8410, sizeof(rfc8410))) ||
	       ks_bytes_equal(parameters, ks_bytes(name, sizeof(name))) ||
	       ks_bytes_equal(parameters, ks_bytes(openpgp, sizeof(openpgp)));
}

/* CKA_EC_POINT is the DER of an OCTET STRING (PKCS#11 2.40 section 2.3.3); many modules give the bare point, and the
 * first bytes of one may look like the other, so the length decides. */
static struct ks_bytes unwrap_point(struct ks_bytes point, size_t expected_size)
{
	struct ks_reader reader = ks_reader(point);

	if (point.size == expected_size)
		return point;
	struct ks_bytes inner = ks_der_take(&reader, KS_DER_OCTET_STRING);
	return ks_reader_done(&reader) && inner.size == expected_size ? inner : KS_BYTES_NONE;
}

int ks_public_key_kind(const struct ks_public_attributes *attributes, struct ks_public_kind *ret_kind)
{
	struct ks_public_kind kind = { 0 };

	if (attributes->key_type == CKK_RSA) {
		kind.algorithm = KS_KEY_RSA;
	} else if ((attributes->key_type == CKK_EC || attributes->key_type == CKK_EC_EDWARDS) &&
		   is_edwards25519(attributes->parameters)) {
		kind.algorithm = KS_KEY_ED25519;
	} else if (attributes->key_type == CKK_EC) {
		kind.algorithm = KS_KEY_EC;
		kind.curve = ks_curve_from_parameters(attributes->parameters);
		if (kind.curve == KS_CURVE_NONE)
			return KS_ERR_UNSUPPORTED;
	} else {
		return KS_ERR_UNSUPPORTED;
	}
	*ret_kind = kind;
	return 0;
}

int ks_public_key_normalise(struct ks_bytes der, struct ks_buffer *buffer)
{
	struct ks_spki spki;

	int r = ks_spki_read(der, &spki);
	if (r < 0)
		return r;
	if (spki.algorithm == KS_KEY_RSA_PSS)
		return ks_spki_put_rsa(buffer, spki.modulus, spki.exponent);
	ks_buffer_put(buffer, der);
	return ks_buffer_error(buffer);
}

static int build_from_numbers(const struct ks_public_attributes *attributes, const struct ks_public_kind *kind,
			      struct ks_buffer *buffer)
{
	if (kind->algorithm == KS_KEY_RSA)
		return attributes->modulus.size > 0 && attributes->exponent.size > 0 ?
			       ks_spki_put_rsa(buffer, attributes->modulus, attributes->exponent) :
			       KS_ERR_NOT_FOUND;
	if (attributes->point.size == 0)
		return KS_ERR_NOT_FOUND;
	bool is_ed25519 = kind->algorithm == KS_KEY_ED25519;
	struct ks_bytes point =
		unwrap_point(attributes->point, is_ed25519 ? ED25519_SIZE : 1 + 2 * ks_curve_size(kind->curve));
	if (point.size == 0)
		return KS_ERR_MALFORMED;
	return is_ed25519 ? ks_spki_put_ed25519(buffer, point) : ks_spki_put_ec(buffer, kind->curve, point);
}

int ks_public_key_build(const struct ks_public_attributes *attributes, struct ks_buffer *buffer)
{
	struct ks_public_kind kind;

	int r = ks_public_key_kind(attributes, &kind);
	if (r < 0)
		return r;
	r = build_from_numbers(attributes, &kind, buffer);
	if (r != KS_ERR_NOT_FOUND || attributes->info.size == 0)
		return r;
	/* An attribute of PKCS#11 2.40 that few modules have, and some fill with something else. */
	struct ks_spki spki;
	if (ks_spki_read(attributes->info, &spki) < 0 ||
	    (spki.algorithm == KS_KEY_RSA_PSS ? KS_KEY_RSA : spki.algorithm) != kind.algorithm ||
	    spki.curve != kind.curve)
		return KS_ERR_NOT_FOUND;
	return ks_public_key_normalise(attributes->info, buffer);
}
