/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spki: see spki.h. Reads by lib/base/der.h alone.
 *
 * Runs in: every program and plug-in. Never does arithmetic on keys: whether a point lies on its curve or a modulus
 * has two primes is for OpenSSL to say (lib/tls/verify_signature.h). Here lengths, forms and ranges are checked.
 */
#include "lib/protocol/spki.h"

#include <stdbool.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define RSA_BITS_MIN 2048u
#define RSA_BITS_MAX 8192u
#define RSA_EXPONENT_MAX 8u /* bytes; larger ones are refused by some libraries and used by nobody */
#define ED25519_SIZE 32u

#define OID(name, ...) static const uint8_t name[] = { __VA_ARGS__ }
OID(oid_rsa_encryption, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01); /* 1.2.840.113549.1.1.1 */
OID(oid_rsassa_pss, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a);     /* 1.2.840.113549.1.1.10 */
OID(oid_ec_public_key, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);              /* 1.2.840.10045.2.1 */
OID(oid_ed25519, 0x2b, 0x65, 0x70);                                            /* 1.3.101.112 */
OID(oid_p256, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07);                 /* 1.2.840.10045.3.1.7 */
OID(oid_p384, 0x2b, 0x81, 0x04, 0x00, 0x22);                                   /* 1.3.132.0.34 */
OID(oid_p521, 0x2b, 0x81, 0x04, 0x00, 0x23);                                   /* 1.3.132.0.35 */
#undef OID

static const struct {
	enum ks_curve curve;
	unsigned bits;
	size_t size; /* of one coordinate */
	struct ks_bytes oid;
	const char *name;
} curves[] = {
	{ KS_CURVE_P256, 256, 32, { oid_p256, sizeof(oid_p256) }, "P-256" },
	{ KS_CURVE_P384, 384, 48, { oid_p384, sizeof(oid_p384) }, "P-384" },
	{ KS_CURVE_P521, 521, 66, { oid_p521, sizeof(oid_p521) }, "P-521" },
};

#define N_CURVES (sizeof(curves) / sizeof(curves[0]))

/* --- curves ------------------------------------------------------------------------------------------------------ */

static enum ks_curve curve_by_oid(struct ks_bytes oid)
{
	for (size_t i = 0; i < N_CURVES; i++) {
		if (ks_bytes_equal(curves[i].oid, oid))
			return curves[i].curve;
	}
	return KS_CURVE_NONE;
}

enum ks_curve ks_curve_from_parameters(struct ks_bytes parameters)
{
	struct ks_reader reader = ks_reader(parameters);
	struct ks_bytes oid = ks_der_take(&reader, KS_DER_OID);
	return ks_reader_done(&reader) ? curve_by_oid(oid) : KS_CURVE_NONE;
}

size_t ks_curve_size(enum ks_curve curve)
{
	for (size_t i = 0; i < N_CURVES; i++) {
		if (curves[i].curve == curve)
			return curves[i].size;
	}
	return 0;
}

static unsigned curve_bits(enum ks_curve curve)
{
	for (size_t i = 0; i < N_CURVES; i++) {
		if (curves[i].curve == curve)
			return curves[i].bits;
	}
	return 0;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* Bits of a big-endian number without leading zeros. */
static unsigned bit_length(struct ks_bytes magnitude)
{
	if (magnitude.size == 0)
		return 0;
	unsigned top = 8;
	while (top > 0 && !(magnitude.data[0] >> (top - 1)))
		top--;
	return (unsigned)(magnitude.size - 1) * 8 + top;
}

static bool is_odd(struct ks_bytes magnitude)
{
	return magnitude.size > 0 && (magnitude.data[magnitude.size - 1] & 1);
}

/* RSAPublicKey (RFC 8017 appendix A.1.1). */
static int read_rsa(struct ks_bytes key, struct ks_spki *spki)
{
	struct ks_reader outer = ks_reader(key);
	struct ks_reader inner = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	spki->modulus = ks_der_take_unsigned(&inner);
	spki->exponent = ks_der_take_unsigned(&inner);
	if (!ks_reader_done(&outer) || !ks_reader_done(&inner))
		return KS_ERR_MALFORMED;
	if (spki->modulus.size > RSA_BITS_MAX / 8 || spki->exponent.size > RSA_EXPONENT_MAX)
		return KS_ERR_UNSUPPORTED;
	spki->bits = bit_length(spki->modulus);
	if (spki->bits < RSA_BITS_MIN)
		return KS_ERR_UNSUPPORTED;
	if (!is_odd(spki->modulus) || !is_odd(spki->exponent) || bit_length(spki->exponent) < 2)
		return KS_ERR_MALFORMED;
	return 0;
}

/* RSASSA-PSS-params (RFC 4055 section 3.1) are optional; when there they restrict what the key may sign. That is
 * enforced where signatures are verified; here each field is one element in its place. */
static bool pss_parameters_well_formed(struct ks_reader *algorithm)
{
	if (ks_reader_left(algorithm) == 0)
		return true;
	struct ks_reader fields = ks_reader(ks_der_take(algorithm, KS_DER_SEQUENCE));
	uint8_t last = KS_DER_CONTEXT_0 - 1;
	while (ks_reader_left(&fields) > 0) {
		uint8_t tag = ks_der_peek(&fields);
		if (tag <= last || tag > KS_DER_CONTEXT_0 + 3)
			return false;
		struct ks_reader field = ks_reader(ks_der_take(&fields, tag));
		(void)ks_der_take_any(&field, NULL);
		if (!ks_reader_done(&field))
			return false;
		last = tag;
	}
	return ks_reader_done(&fields) && ks_reader_done(algorithm);
}

/* Parameters: a named curve and nothing else (RFC 5480 section 2.1.1). */
static int read_ec(struct ks_reader *algorithm, struct ks_bytes key, struct ks_spki *spki)
{
	if (ks_der_peek(algorithm) != KS_DER_OID)
		return ks_reader_left(algorithm) > 0 ? KS_ERR_UNSUPPORTED : KS_ERR_MALFORMED;
	struct ks_bytes oid = ks_der_take(algorithm, KS_DER_OID);
	if (!ks_reader_done(algorithm))
		return KS_ERR_MALFORMED;
	spki->curve = curve_by_oid(oid);
	if (spki->curve == KS_CURVE_NONE)
		return KS_ERR_UNSUPPORTED;
	if (key.size != 1 + 2 * ks_curve_size(spki->curve) || key.data[0] != 0x04) {
		/* A compressed point is a good one that is not for us. */
		bool compressed = key.size == 1 + ks_curve_size(spki->curve) && (key.data[0] | 1) == 0x03;
		return compressed ? KS_ERR_UNSUPPORTED : KS_ERR_MALFORMED;
	}
	spki->bits = curve_bits(spki->curve);
	spki->point = key;
	return 0;
}

static int read_ed25519(struct ks_reader *algorithm, struct ks_bytes key, struct ks_spki *spki)
{
	if (!ks_reader_done(algorithm) || key.size != ED25519_SIZE)
		return KS_ERR_MALFORMED;
	spki->bits = 256;
	spki->point = key;
	return 0;
}

static int read_key(struct ks_bytes oid, struct ks_reader *algorithm, struct ks_bytes key, struct ks_spki *spki)
{
	if (ks_bytes_equal(oid, ks_bytes(oid_rsa_encryption, sizeof(oid_rsa_encryption)))) {
		spki->algorithm = KS_KEY_RSA;
		/* RFC 3279 section 2.3.1: the parameters MUST be NULL. */
		if (ks_der_take(algorithm, KS_DER_NULL).size != 0 || !ks_reader_done(algorithm))
			return KS_ERR_MALFORMED;
		return read_rsa(key, spki);
	}
	if (ks_bytes_equal(oid, ks_bytes(oid_rsassa_pss, sizeof(oid_rsassa_pss)))) {
		spki->algorithm = KS_KEY_RSA_PSS;
		return pss_parameters_well_formed(algorithm) ? read_rsa(key, spki) : KS_ERR_MALFORMED;
	}
	if (ks_bytes_equal(oid, ks_bytes(oid_ec_public_key, sizeof(oid_ec_public_key)))) {
		spki->algorithm = KS_KEY_EC;
		return read_ec(algorithm, key, spki);
	}
	if (ks_bytes_equal(oid, ks_bytes(oid_ed25519, sizeof(oid_ed25519)))) {
		spki->algorithm = KS_KEY_ED25519;
		return read_ed25519(algorithm, key, spki);
	}
	return KS_ERR_UNSUPPORTED;
}

int ks_spki_read(struct ks_bytes der, struct ks_spki *ret_spki)
{
	if (der.size > KS_SPKI_MAX)
		return KS_ERR_MALFORMED;
	struct ks_reader outer = ks_reader(der);
	struct ks_reader inner = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	struct ks_reader algorithm = ks_reader(ks_der_take(&inner, KS_DER_SEQUENCE));
	struct ks_reader bits = ks_reader(ks_der_take(&inner, KS_DER_BIT_STRING));
	if (!ks_reader_done(&outer) || !ks_reader_done(&inner))
		return KS_ERR_MALFORMED;
	struct ks_bytes oid = ks_der_take(&algorithm, KS_DER_OID);
	uint8_t unused_bits = ks_reader_u8(&bits);
	struct ks_bytes key = ks_reader_take(&bits, ks_reader_left(&bits));
	if (!ks_reader_ok(&algorithm) || !ks_reader_ok(&bits) || unused_bits != 0)
		return KS_ERR_MALFORMED;

	struct ks_spki spki = { .der = der };
	int r = read_key(oid, &algorithm, key, &spki);
	if (r < 0)
		return r;
	*ret_spki = spki;
	return 0;
}

int ks_spki_of_certificate(struct ks_bytes certificate, struct ks_bytes *ret_spki)
{
	struct ks_reader outer = ks_reader(certificate);
	struct ks_reader parts = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	struct ks_reader tbs = ks_reader(ks_der_take(&parts, KS_DER_SEQUENCE));
	(void)ks_der_take(&parts, KS_DER_SEQUENCE);   /* signatureAlgorithm */
	(void)ks_der_take(&parts, KS_DER_BIT_STRING); /* signatureValue */
	if (!ks_reader_done(&outer) || !ks_reader_done(&parts))
		return KS_ERR_MALFORMED;

	if (ks_der_peek(&tbs) == KS_DER_CONTEXT_0)
		(void)ks_der_take(&tbs, KS_DER_CONTEXT_0); /* version */
	(void)ks_der_take(&tbs, KS_DER_INTEGER);           /* serialNumber */
	(void)ks_der_take(&tbs, KS_DER_SEQUENCE);          /* signature */
	(void)ks_der_take(&tbs, KS_DER_SEQUENCE);          /* issuer */
	(void)ks_der_take(&tbs, KS_DER_SEQUENCE);          /* validity */
	(void)ks_der_take(&tbs, KS_DER_SEQUENCE);          /* subject */
	uint8_t tag = 0;
	struct ks_bytes spki = ks_der_take_any(&tbs, &tag);
	if (!ks_reader_ok(&tbs) || tag != KS_DER_SEQUENCE)
		return KS_ERR_MALFORMED;
	*ret_spki = spki;
	return 0;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

/* Appends SubjectPublicKeyInfo, but only one that ks_spki_read() takes: what we write, we can read. */
static int put_spki(struct ks_buffer *buffer, struct ks_bytes algorithm, struct ks_bytes key)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bits = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer whole = { 0 };

	ks_buffer_put_u8(&bits, 0); /* no unused bits */
	ks_buffer_put(&bits, key);
	ks_der_put(&parts, KS_DER_SEQUENCE, algorithm);
	ks_der_put(&parts, KS_DER_BIT_STRING, ks_buffer_bytes(&bits));
	ks_der_put(&whole, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
	int r = ks_buffer_error(&bits);
	if (r == 0)
		r = ks_buffer_error(&parts);
	if (r == 0)
		r = ks_buffer_error(&whole);
	if (r < 0)
		return r;

	struct ks_spki spki;
	r = ks_spki_read(ks_buffer_bytes(&whole), &spki);
	if (r < 0)
		return r;
	ks_buffer_put(buffer, ks_buffer_bytes(&whole));
	return ks_buffer_error(buffer);
}

int ks_spki_put_rsa(struct ks_buffer *buffer, struct ks_bytes modulus, struct ks_bytes exponent)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer algorithm = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer numbers = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer key = { 0 };

	ks_der_put(&algorithm, KS_DER_OID, ks_bytes(oid_rsa_encryption, sizeof(oid_rsa_encryption)));
	ks_der_put(&algorithm, KS_DER_NULL, KS_BYTES_NONE);
	ks_der_put_unsigned(&numbers, modulus);
	ks_der_put_unsigned(&numbers, exponent);
	ks_der_put(&key, KS_DER_SEQUENCE, ks_buffer_bytes(&numbers));
	int r = ks_buffer_error(&algorithm);
	if (r == 0)
		r = ks_buffer_error(&numbers);
	if (r == 0)
		r = ks_buffer_error(&key);
	return r < 0 ? r : put_spki(buffer, ks_buffer_bytes(&algorithm), ks_buffer_bytes(&key));
}

int ks_spki_put_ec(struct ks_buffer *buffer, enum ks_curve curve, struct ks_bytes point)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer algorithm = { 0 };

	ks_der_put(&algorithm, KS_DER_OID, ks_bytes(oid_ec_public_key, sizeof(oid_ec_public_key)));
	for (size_t i = 0; i < N_CURVES; i++) {
		if (curves[i].curve == curve)
			ks_der_put(&algorithm, KS_DER_OID, curves[i].oid);
	}
	int r = ks_buffer_error(&algorithm);
	return r < 0 ? r : put_spki(buffer, ks_buffer_bytes(&algorithm), point);
}

int ks_spki_put_ed25519(struct ks_buffer *buffer, struct ks_bytes point)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer algorithm = { 0 };

	ks_der_put(&algorithm, KS_DER_OID, ks_bytes(oid_ed25519, sizeof(oid_ed25519)));
	int r = ks_buffer_error(&algorithm);
	return r < 0 ? r : put_spki(buffer, ks_buffer_bytes(&algorithm), point);
}

/* --- comparing and naming ---------------------------------------------------------------------------------------- */

static bool is_rsa(const struct ks_spki *spki)
{
	return spki->algorithm == KS_KEY_RSA || spki->algorithm == KS_KEY_RSA_PSS;
}

bool ks_spki_same_key(const struct ks_spki *a, const struct ks_spki *b)
{
	if (is_rsa(a) && is_rsa(b))
		return ks_bytes_equal(a->modulus, b->modulus) && ks_bytes_equal(a->exponent, b->exponent);
	return a->algorithm == b->algorithm && a->curve == b->curve && ks_bytes_equal(a->point, b->point);
}

void ks_spki_type_name(const struct ks_spki *spki, char *out, size_t size)
{
	const char *curve = "";

	switch (spki->algorithm) {
	case KS_KEY_RSA:
		(void)ks_text_print(out, size, "RSA-%u", spki->bits);
		return;
	case KS_KEY_RSA_PSS:
		(void)ks_text_print(out, size, "RSA-PSS-%u", spki->bits);
		return;
	case KS_KEY_EC:
		for (size_t i = 0; i < N_CURVES; i++) {
			if (curves[i].curve == spki->curve)
				curve = curves[i].name;
		}
		(void)ks_text_print(out, size, "%s", curve);
		return;
	case KS_KEY_ED25519:
		(void)ks_text_print(out, size, "Ed25519");
		return;
	}
}
