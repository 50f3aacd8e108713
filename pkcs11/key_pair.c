/* SPDX-License-Identifier: Apache-2.0 */
/* key_pair: see key_pair.h. Runs in: keystay-token. */
#include "pkcs11/key_pair.h"

/* --- what can be made -------------------------------------------------------------------------------------------- */

#define ATTRIBUTES_MAX 16u
#define CURVE_NAMES 2u /* struct ks_key_pair_kind.curves */
#define BYTES(...)                                                                                                     \
	{                                                                                                              \
		(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })                             \
	}

static const struct ks_key_pair_kind kinds[] = {
	{ KS_KEY_RSA, 2048, CKM_RSA_PKCS_KEY_PAIR_GEN, { { NULL, 0 } } },
	{ KS_KEY_RSA, 3072, CKM_RSA_PKCS_KEY_PAIR_GEN, { { NULL, 0 } } },
	{ KS_KEY_RSA, 4096, CKM_RSA_PKCS_KEY_PAIR_GEN, { { NULL, 0 } } },
	{ KS_KEY_EC, 256, CKM_EC_KEY_PAIR_GEN, { BYTES(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07) } },
	{ KS_KEY_EC, 384, CKM_EC_KEY_PAIR_GEN, { BYTES(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22) } },
	{ KS_KEY_EC, 521, CKM_EC_KEY_PAIR_GEN, { BYTES(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23) } },
	/* The curve's name (PKCS#11 3.0 section 2.3.10), which is all that SoftHSM takes, and its OID of RFC 8410. */
	{ KS_KEY_ED25519,
	  256,
	  CKM_EC_EDWARDS_KEY_PAIR_GEN,
	  { BYTES(0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'),
	    BYTES(0x06, 0x03, 0x2b, 0x65, 0x70) } },
};

const struct ks_key_pair_kind *ks_key_pair_kind(enum ks_key_algorithm algorithm, unsigned bits)
{
	if (algorithm == KS_KEY_ED25519 && bits == 0)
		bits = 256;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].algorithm == algorithm && kinds[i].bits == bits)
			return &kinds[i];
	}
	return NULL;
}

/* --- making it --------------------------------------------------------------------------------------------------- */

struct attributes {
	CK_ATTRIBUTE at[ATTRIBUTES_MAX];
	CK_ULONG n;
};

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE; /* Cryptoki has no const */

static void put(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
	attributes->at[attributes->n++] = (CK_ATTRIBUTE){ type, (void *)(uintptr_t)value, size };
}

static void put_bool(struct attributes *attributes, CK_ATTRIBUTE_TYPE type, CK_BBOOL *value)
{
	put(attributes, type, value, sizeof(*value));
}

/* One request. */
struct making {
	const struct ks_writing *writing;
	const struct ks_key_pair_kind *kind;
	struct ks_bytes label, id;
	CK_OBJECT_HANDLE halves[2]; /* by enum ks_half */
};

static void put_names(struct attributes *attributes, const struct making *making)
{
	put(attributes, CKA_LABEL, making->label.data, making->label.size);
	put(attributes, CKA_ID, making->id.data, making->id.size);
}

/* FULL says all that the key is for and not for. PLAIN leaves out what it is not for, for modules that know no such
 * attribute in a template; what they make of it is looked at afterwards. LEAN is for tpm2-pkcs11, to which CKA_VERIFY of
 * the public half means that the private one decrypts, and CKA_ENCRYPT that it signs (1.9, tpm.c). */
enum shape { FULL, PLAIN, LEAN };

static void put_uses(struct attributes *public, struct attributes *private, enum shape shape)
{
	if (shape != LEAN)
		put_bool(public, CKA_VERIFY, &yes);
	put_bool(private, CKA_SIGN, &yes);
	if (shape == PLAIN)
		return;
	put_bool(public, CKA_PRIVATE, &no);
	if (shape == FULL)
		put_bool(public, CKA_ENCRYPT, &no);
	put_bool(public, CKA_WRAP, &no);
	put_bool(private, CKA_DECRYPT, &no);
	put_bool(private, CKA_UNWRAP, &no);
	put_bool(private, CKA_DERIVE, &no);
}

static CK_RV generate_once(struct making *making, struct ks_bytes curve, enum shape shape)
{
	const struct ks_module *module = making->writing->module;
	static const CK_BYTE exponent[] = { 0x01, 0x00, 0x01 };
	struct attributes public = { .n = 0 }, private = { .n = 0 };
	CK_ULONG bits = making->kind->bits;
	CK_MECHANISM mechanism = { making->kind->mechanism, NULL, 0 };

	put_bool(&public, CKA_TOKEN, &yes);
	put_names(&public, making);
	if (curve.size > 0) {
		put(&public, CKA_EC_PARAMS, curve.data, curve.size);
	} else {
		put(&public, CKA_MODULUS_BITS, &bits, sizeof(bits));
		put(&public, CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent));
	}
	put_bool(&private, CKA_TOKEN, &yes);
	put_bool(&private, CKA_PRIVATE, &yes);
	put_bool(&private, CKA_SENSITIVE, &yes);
	put_bool(&private, CKA_EXTRACTABLE, &no);
	put_names(&private, making);
	put_uses(&public, &private, shape);
	return module->calls->C_GenerateKeyPair(making->writing->session, &mechanism, public.at, public.n, private.at,
						private.n, &making->halves[KS_PUBLIC_HALF],
						&making->halves[KS_PRIVATE_HALF]);
}

/* Does it refuse the way in which it was asked, and nothing else? */
static bool is_of_template(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_ATTRIBUTE_READ_ONLY ||
	       rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_DOMAIN_PARAMS_INVALID || rv == CKR_CURVE_NOT_SUPPORTED;
}

static CK_RV generate(struct making *making)
{
	static const enum shape shapes[] = { FULL, PLAIN, LEAN };
	bool is_tpm2 = ks_writing_is_tpm2(making->writing->module);
	CK_RV rv = CKR_FUNCTION_NOT_SUPPORTED;

	for (size_t i = 0; i < CURVE_NAMES; i++) {
		struct ks_bytes curve = making->kind->curves[i];
		if (i > 0 && curve.size == 0)
			break;
		for (size_t j = 0; j < sizeof(shapes) / sizeof(shapes[0]); j++) {
			if ((shapes[j] == LEAN) != is_tpm2)
				continue;
			rv = generate_once(making, curve, shapes[j]);
			if (!is_of_template(rv))
				return rv;
		}
	}
	return rv;
}

CK_RV ks_key_pair_generate(const struct ks_writing *writing, const struct ks_key_pair_kind *kind, struct ks_bytes label,
			   struct ks_bytes id, CK_OBJECT_HANDLE ret_halves[2])
{
	struct making making = { .writing = writing, .kind = kind, .label = label, .id = id };

	CK_RV rv = generate(&making);
	if (rv != CKR_OK)
		return rv;
	ret_halves[KS_PUBLIC_HALF] = making.halves[KS_PUBLIC_HALF];
	ret_halves[KS_PRIVATE_HALF] = making.halves[KS_PRIVATE_HALF];
	return CKR_OK;
}
