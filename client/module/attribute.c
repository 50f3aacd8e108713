/* SPDX-License-Identifier: Apache-2.0 */
/* attribute: see attribute.h. Runs in: any program that loads the module. */
#include "client/module/attribute.h"

#include "client/module/cryptoki.h"
#include "client/module/mechanism.h"
#include "client/x509.h"
#include "lib/base/cleanup.h"
#include "lib/base/der.h"

/* CKA_EC_PARAMS: an OID, which all of OpenSSL, GnuTLS, NSS and Java read; 3.0's curve names are read by some alone. */
static const uint8_t p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t p384[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t p521[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23 };
static const uint8_t ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };

/* --- values ------------------------------------------------------------------------------------------------------ */

static CK_RV put(struct ks_buffer *buffer, struct ks_bytes value)
{
	ks_buffer_put(buffer, value);
	return ks_buffer_error(buffer) < 0 ? CKR_HOST_MEMORY : CKR_OK;
}

static CK_RV put_bool(struct ks_buffer *buffer, bool is_true)
{
	const CK_BBOOL value = is_true ? CK_TRUE : CK_FALSE;

	return put(buffer, ks_bytes(&value, sizeof(value)));
}

static CK_RV put_ulong(struct ks_buffer *buffer, CK_ULONG value)
{
	return put(buffer, ks_bytes(&value, sizeof(value)));
}

static struct ks_bytes curve_parameters(const struct ks_spki *spki)
{
	if (spki->algorithm == KS_KEY_ED25519)
		return ks_bytes(ed25519, sizeof(ed25519));
	switch (spki->curve) {
	case KS_CURVE_P256:
		return ks_bytes(p256, sizeof(p256));
	case KS_CURVE_P384:
		return ks_bytes(p384, sizeof(p384));
	case KS_CURVE_P521:
		return ks_bytes(p521, sizeof(p521));
	case KS_CURVE_NONE:
		break;
	}
	return KS_BYTES_NONE;
}

static CK_KEY_TYPE key_type(const struct ks_spki *spki)
{
	switch (spki->algorithm) {
	case KS_KEY_RSA:
	case KS_KEY_RSA_PSS:
		return CKK_RSA;
	case KS_KEY_EC:
		return CKK_EC;
	case KS_KEY_ED25519:
		return CKK_EC_EDWARDS;
	}
	return CKK_VENDOR_DEFINED;
}

/* --- by class ---------------------------------------------------------------------------------------------------- */

/* PKCS#11 2.40 sections 4.4 and 4.5: of every object. */
static CK_RV put_common(const struct ks_object *object, CK_ATTRIBUTE_TYPE type, struct ks_buffer *buffer)
{
	switch (type) {
	case CKA_CLASS:
		return put_ulong(buffer, object->class);
	case CKA_TOKEN:
		return put_bool(buffer, true);
	case CKA_PRIVATE: /* visible without login: the agent asks a person when it has to */
	case CKA_MODIFIABLE:
	case CKA_COPYABLE:
	case CKA_DESTROYABLE:
		return put_bool(buffer, false);
	case CKA_LABEL:
		return put(buffer, ks_bytes_text(object->key ? object->key->name : object->label));
	case CKA_ID:
		return put(buffer, ks_bytes(object->id, sizeof(object->id)));
	default:
		return CKR_ATTRIBUTE_TYPE_INVALID;
	}
}

/* The public numbers, of both halves: many programs ask the private key for them. */
static CK_RV put_numbers(const struct ks_spki *spki, CK_ATTRIBUTE_TYPE type, struct ks_buffer *buffer)
{
	bool is_rsa = key_type(spki) == CKK_RSA;

	if (is_rsa && type == CKA_MODULUS)
		return put(buffer, spki->modulus);
	if (is_rsa && type == CKA_MODULUS_BITS)
		return put_ulong(buffer, spki->bits);
	if (is_rsa && type == CKA_PUBLIC_EXPONENT)
		return put(buffer, spki->exponent);
	if (!is_rsa && type == CKA_EC_PARAMS)
		return put(buffer, curve_parameters(spki));
	if (!is_rsa && type == CKA_EC_POINT) {
		ks_der_put(buffer, KS_DER_OCTET_STRING, spki->point);
		return ks_buffer_error(buffer) < 0 ? CKR_HOST_MEMORY : CKR_OK;
	}
	return CKR_ATTRIBUTE_TYPE_INVALID;
}

/* Section 4.7: of every key. */
static CK_RV put_key(const struct ks_key *key, CK_ATTRIBUTE_TYPE type, struct ks_buffer *buffer)
{
	switch (type) {
	case CKA_KEY_TYPE:
		return put_ulong(buffer, key_type(&key->spki));
	case CKA_SUBJECT: /* the certificate says it */
	case CKA_START_DATE:
	case CKA_END_DATE:
		return put(buffer, KS_BYTES_NONE);
	case CKA_DERIVE:
	case CKA_LOCAL: /* the agent does not know */
		return put_bool(buffer, false);
	case CKA_KEY_GEN_MECHANISM:
		return put_ulong(buffer, CK_UNAVAILABLE_INFORMATION);
	case CKA_PUBLIC_KEY_INFO:
		return put(buffer, key->spki.der);
	case CKA_ALLOWED_MECHANISMS:
		ks_mechanism_put_allowed(buffer, &key->spki);
		return ks_buffer_error(buffer) < 0 ? CKR_HOST_MEMORY : CKR_OK;
	default:
		return put_numbers(&key->spki, type, buffer);
	}
}

static CK_RV put_private_key(const struct ks_key *key, CK_ATTRIBUTE_TYPE type, struct ks_buffer *buffer)
{
	switch (type) {
	case CKA_SIGN:
	case CKA_SENSITIVE:
	case CKA_ALWAYS_SENSITIVE:
	case CKA_NEVER_EXTRACTABLE:
		return put_bool(buffer, true);
	case CKA_DECRYPT:
	case CKA_SIGN_RECOVER:
	case CKA_UNWRAP:
	case CKA_EXTRACTABLE:
	case CKA_WRAP_WITH_TRUSTED:
	case CKA_ALWAYS_AUTHENTICATE:
		return put_bool(buffer, false);
	case CKA_VALUE:
	case CKA_PRIVATE_EXPONENT:
	case CKA_PRIME_1:
	case CKA_PRIME_2:
	case CKA_EXPONENT_1:
	case CKA_EXPONENT_2:
	case CKA_COEFFICIENT:
		return CKR_ATTRIBUTE_SENSITIVE;
	default:
		return put_key(key, type, buffer);
	}
}

static CK_RV put_public_key(const struct ks_key *key, CK_ATTRIBUTE_TYPE type, struct ks_buffer *buffer)
{
	switch (type) {
	case CKA_VERIFY: /* what the key is for; this module leaves it to the program */
		return put_bool(buffer, true);
	case CKA_ENCRYPT:
	case CKA_VERIFY_RECOVER:
	case CKA_WRAP:
	case CKA_TRUSTED:
		return put_bool(buffer, false);
	default:
		return put_key(key, type, buffer);
	}
}

/* Section 4.6. */
static CK_RV put_certificate(const struct ks_object *object, CK_ATTRIBUTE_TYPE type, struct ks_buffer *buffer)
{
	struct ks_x509 certificate;
	struct ks_bytes der = ks_bytes(object->der, object->der_size);

	if (ks_x509_read(der, &certificate) < 0)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	switch (type) {
	case CKA_CERTIFICATE_TYPE:
		return put_ulong(buffer, CKC_X_509);
	case CKA_CERTIFICATE_CATEGORY:
		return put_ulong(buffer, object->key ? KS_CERTIFICATE_TOKEN_USER : KS_CERTIFICATE_AUTHORITY);
	case CKA_JAVA_MIDP_SECURITY_DOMAIN:
		return put_ulong(buffer, 0);
	case CKA_TRUSTED: /* a token of keystay's is no reason to trust anybody */
		return put_bool(buffer, false);
	case CKA_VALUE:
		return put(buffer, der);
	case CKA_SUBJECT:
		return put(buffer, certificate.subject);
	case CKA_ISSUER:
		return put(buffer, certificate.issuer);
	case CKA_SERIAL_NUMBER:
		return put(buffer, certificate.serial);
	case CKA_PUBLIC_KEY_INFO:
		return put(buffer, certificate.spki);
	case CKA_START_DATE:
		return put(buffer, ks_bytes(certificate.not_before, sizeof(certificate.not_before)));
	case CKA_END_DATE:
		return put(buffer, ks_bytes(certificate.not_after, sizeof(certificate.not_after)));
	case CKA_URL:
	case CKA_HASH_OF_SUBJECT_PUBLIC_KEY:
	case CKA_HASH_OF_ISSUER_PUBLIC_KEY:
		return put(buffer, KS_BYTES_NONE);
	default:
		return CKR_ATTRIBUTE_TYPE_INVALID;
	}
}

CK_RV ks_attribute_put(const struct ks_object *object, CK_ATTRIBUTE_TYPE type, struct ks_buffer *buffer)
{
	CK_RV rv = put_common(object, type, buffer);
	if (rv != CKR_ATTRIBUTE_TYPE_INVALID)
		return rv;
	if (object->class == CKO_CERTIFICATE)
		return put_certificate(object, type, buffer);
	return object->class == CKO_PRIVATE_KEY ? put_private_key(object->key, type, buffer) :
						  put_public_key(object->key, type, buffer);
}

bool ks_attribute_matches(const struct ks_object *object, const CK_ATTRIBUTE *wanted)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer value = { 0 };

	if (!wanted->pValue && wanted->ulValueLen > 0)
		return false;
	return ks_attribute_put(object, wanted->type, &value) == CKR_OK &&
	       ks_bytes_equal(ks_buffer_bytes(&value), ks_bytes(wanted->pValue, wanted->ulValueLen));
}
