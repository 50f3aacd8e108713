/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keymgmt: OSSL_OP_KEYMGMT, provider-keymgmt(7): what OpenSSL may ask of a key whose private half is on a token.
 *
 * No import and no generation: then OpenSSL never moves a software key here. Export gives the public half, which is how
 * the default provider compares a key with its certificate.
 *
 * Runs in: any program that loads the provider. Never talks to the agent, so loading a key costs nothing and works
 * while the agent is away.
 */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "client/openssl/key.h"
#include "client/openssl/params.h"
#include "client/openssl/provider.h"

#define DEFAULT_DIGEST "SHA256"

/* RSA-8192. */
#define MODULUS_MAX 1024u
#define EXPONENT_MAX 8u

/* --- life -------------------------------------------------------------------------------------------------------- */

/* OpenSSL makes an empty key to import another provider's into, which we cannot, when it compares a key with its
 * certificate; then it compares the other way round. Without this function it leaves "malloc failure" in its error
 * queue, and PEM_read_bio_PrivateKey() of a program that does not clear the queue fails for the next file with a
 * certificate before its key. */
static void *new_rsa(void *provctx)
{
	(void)provctx;
	return ks_key_new_empty(KS_KEY_RSA);
}

static void *new_rsa_pss(void *provctx)
{
	(void)provctx;
	return ks_key_new_empty(KS_KEY_RSA_PSS);
}

static void *new_ec(void *provctx)
{
	(void)provctx;
	return ks_key_new_empty(KS_KEY_EC);
}

static void *new_ed25519(void *provctx)
{
	(void)provctx;
	return ks_key_new_empty(KS_KEY_ED25519);
}

static void keymgmt_free(void *keydata)
{
	ks_key_unref(keydata);
}

/* Keys never change, so a copy is one more reference. */
static void *keymgmt_dup(const void *keydata_from, int selection)
{
	union {
		const void *in;
		struct ks_key *out;
	} key = { .in = keydata_from };

	(void)selection;
	return ks_key_ref(key.out);
}

/* The decoder and the store hand over a reference to our own object. Whoever takes it empties the slot. */
static void *load(const void *reference, size_t reference_size, enum ks_key_algorithm algorithm)
{
	union {
		const void *in;
		struct ks_key **out;
	} slot = { .in = reference };

	if (!reference || reference_size != sizeof(struct ks_key *) || !*slot.out)
		return NULL;
	struct ks_key *key = *slot.out;
	if (key->spki.algorithm != algorithm)
		return NULL;
	*slot.out = NULL;
	return key;
}

static void *load_rsa(const void *reference, size_t reference_size)
{
	return load(reference, reference_size, KS_KEY_RSA);
}

static void *load_rsa_pss(const void *reference, size_t reference_size)
{
	return load(reference, reference_size, KS_KEY_RSA_PSS);
}

static void *load_ec(const void *reference, size_t reference_size)
{
	return load(reference, reference_size, KS_KEY_EC);
}

static void *load_ed25519(const void *reference, size_t reference_size)
{
	return load(reference, reference_size, KS_KEY_ED25519);
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

/* libssl uses a key only when it says that it has its private half; so it does, on its token. */
static int keymgmt_has(const void *keydata, int selection)
{
	const struct ks_key *key = keydata;

	if (!key || ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) && key->spki.bits == 0))
		return 0;
	return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || key->is_private;
}

static int keymgmt_match(const void *keydata1, const void *keydata2, int selection)
{
	const struct ks_key *a = keydata1;
	const struct ks_key *b = keydata2;

	if (!a || !b || a->spki.bits == 0 || b->spki.bits == 0 || a->spki.algorithm != b->spki.algorithm)
		return 0;
	if (selection & OSSL_KEYMGMT_SELECT_KEYPAIR)
		return ks_spki_same_key(&a->spki, &b->spki);
	return a->spki.curve == b->spki.curve;
}

static const char *keymgmt_query_operation_name(int operation_id)
{
	return operation_id == OSSL_OP_SIGNATURE ? KS_SIGNATURE_NAME : NULL;
}

static bool get_common(const struct ks_key *key, OSSL_PARAM *params)
{
	return ks_param_set_int(params, OSSL_PKEY_PARAM_BITS, (int)key->spki.bits) &&
	       ks_param_set_int(params, OSSL_PKEY_PARAM_SECURITY_BITS, ks_key_security_bits(key)) &&
	       ks_param_set_int(params, OSSL_PKEY_PARAM_MAX_SIZE, (int)ks_key_signature_max(key));
}

static int get_rsa(void *keydata, OSSL_PARAM params[])
{
	const struct ks_key *key = keydata;

	return key && key->spki.bits > 0 && get_common(key, params) &&
	       ks_param_set_text(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST, DEFAULT_DIGEST) &&
	       ks_param_set_number(params, OSSL_PKEY_PARAM_RSA_N, key->spki.modulus) &&
	       ks_param_set_number(params, OSSL_PKEY_PARAM_RSA_E, key->spki.exponent);
}

static int get_ec(void *keydata, OSSL_PARAM params[])
{
	const struct ks_key *key = keydata;

	return key && key->spki.bits > 0 && get_common(key, params) &&
	       ks_param_set_text(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST, DEFAULT_DIGEST) &&
	       ks_param_set_text(params, OSSL_PKEY_PARAM_GROUP_NAME, ks_key_group(key)) &&
	       ks_param_set_text(params, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") &&
	       ks_param_set_octets(params, OSSL_PKEY_PARAM_PUB_KEY, key->spki.point) &&
	       ks_param_set_octets(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, key->spki.point);
}

/* The empty mandatory digest says: this algorithm takes the message itself. */
static int get_ed25519(void *keydata, OSSL_PARAM params[])
{
	const struct ks_key *key = keydata;

	return key && key->spki.bits > 0 && get_common(key, params) &&
	       ks_param_set_text(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST, "") &&
	       ks_param_set_octets(params, OSSL_PKEY_PARAM_PUB_KEY, key->spki.point) &&
	       ks_param_set_octets(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, key->spki.point);
}

#define COMMON                                                                                                         \
	OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL), OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),               \
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL)

static const OSSL_PARAM *gettable_rsa(void *provctx)
{
	static const OSSL_PARAM table[] = {
		COMMON,
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_END,
	};
	(void)provctx;
	return table;
}

static const OSSL_PARAM *gettable_ec(void *provctx)
{
	static const OSSL_PARAM table[] = {
		COMMON,
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_END,
	};
	(void)provctx;
	return table;
}

static const OSSL_PARAM *gettable_ed25519(void *provctx)
{
	static const OSSL_PARAM table[] = {
		COMMON,
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_END,
	};
	(void)provctx;
	return table;
}

/* --- exporting the public half ----------------------------------------------------------------------------------- */

/* OSSL_PARAM wants plain pointers also for what is only read. */
static OSSL_PARAM octets_param(const char *name, struct ks_bytes octets)
{
	union {
		const uint8_t *in;
		void *out;
	} pointer = { .in = octets.data };

	return (OSSL_PARAM)OSSL_PARAM_octet_string(name, pointer.out, octets.size);
}

static OSSL_PARAM text_param(const char *name, const char *text)
{
	union {
		const char *in;
		char *out;
	} pointer = { .in = text };

	return (OSSL_PARAM)OSSL_PARAM_utf8_string(name, pointer.out, strlen(text));
}

/* Is this a selection that we can answer? Never with the private half: it is not here (invariant I1). */
static bool may_export(const struct ks_key *key, int selection)
{
	return key && key->spki.bits > 0 && !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) &&
	       (selection & OSSL_KEYMGMT_SELECT_ALL);
}

static int export_rsa(void *keydata, int selection, OSSL_CALLBACK *param_cb, void *cbarg)
{
	const struct ks_key *key = keydata;
	uint8_t modulus[MODULUS_MAX];
	uint8_t exponent[EXPONENT_MAX];
	OSSL_PARAM params[3];
	size_t n = 0;

	if (!may_export(key, selection) || key->spki.modulus.size > sizeof(modulus) ||
	    key->spki.exponent.size > sizeof(exponent))
		return 0;
	if (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) {
		ks_param_native(key->spki.modulus, modulus);
		ks_param_native(key->spki.exponent, exponent);
		params[n++] = (OSSL_PARAM)OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, modulus, key->spki.modulus.size);
		params[n++] = (OSSL_PARAM)OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, exponent, key->spki.exponent.size);
	}
	params[n] = (OSSL_PARAM)OSSL_PARAM_END;
	return param_cb(params, cbarg);
}

static int export_ec(void *keydata, int selection, OSSL_CALLBACK *param_cb, void *cbarg)
{
	const struct ks_key *key = keydata;
	OSSL_PARAM params[3];
	size_t n = 0;

	if (!may_export(key, selection))
		return 0;
	params[n++] = text_param(OSSL_PKEY_PARAM_GROUP_NAME, ks_key_group(key));
	if (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY)
		params[n++] = octets_param(OSSL_PKEY_PARAM_PUB_KEY, key->spki.point);
	params[n] = (OSSL_PARAM)OSSL_PARAM_END;
	return param_cb(params, cbarg);
}

static int export_ed25519(void *keydata, int selection, OSSL_CALLBACK *param_cb, void *cbarg)
{
	const struct ks_key *key = keydata;
	OSSL_PARAM params[2];
	size_t n = 0;

	if (!may_export(key, selection))
		return 0;
	if (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY)
		params[n++] = octets_param(OSSL_PKEY_PARAM_PUB_KEY, key->spki.point);
	params[n] = (OSSL_PARAM)OSSL_PARAM_END;
	return param_cb(params, cbarg);
}

static const OSSL_PARAM *export_types_rsa(int selection)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_END,
	};
	return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? NULL : table;
}

static const OSSL_PARAM *export_types_ec(int selection)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END,
	};
	return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? NULL : table;
}

static const OSSL_PARAM *export_types_ed25519(int selection)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_END,
	};
	return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? NULL : table;
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

#define FUNCTION(id, function)                                                                                         \
	{                                                                                                              \
		OSSL_FUNC_KEYMGMT_##id, (void (*)(void))(function)                                                     \
	}
#define DISPATCH(name, new_function, load_function, kind)                                                              \
	static const OSSL_DISPATCH name[] = {                                                                          \
		FUNCTION(NEW, new_function),                                                                           \
		FUNCTION(FREE, keymgmt_free),                                                                          \
		FUNCTION(DUP, keymgmt_dup),                                                                            \
		FUNCTION(LOAD, load_function),                                                                         \
		FUNCTION(HAS, keymgmt_has),                                                                            \
		FUNCTION(MATCH, keymgmt_match),                                                                        \
		FUNCTION(QUERY_OPERATION_NAME, keymgmt_query_operation_name),                                          \
		FUNCTION(GET_PARAMS, get_##kind),                                                                      \
		FUNCTION(GETTABLE_PARAMS, gettable_##kind),                                                            \
		FUNCTION(EXPORT, export_##kind),                                                                       \
		FUNCTION(EXPORT_TYPES, export_types_##kind),                                                           \
		{ 0, NULL },                                                                                           \
	}

DISPATCH(functions_rsa, new_rsa, load_rsa, rsa);
DISPATCH(functions_rsa_pss, new_rsa_pss, load_rsa_pss, rsa);
DISPATCH(functions_ec, new_ec, load_ec, ec);
DISPATCH(functions_ed25519, new_ed25519, load_ed25519, ed25519);

/* All names of the default provider's: a key must be of the same type as its certificate's. */
const OSSL_ALGORITHM ks_keymgmt_algorithms[] = {
	{ "RSA:rsaEncryption:1.2.840.113549.1.1.1", KS_PROPERTIES, functions_rsa, "RSA keys on tokens" },
	{ "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10", KS_PROPERTIES, functions_rsa_pss, "RSASSA-PSS keys on tokens" },
	{ "EC:id-ecPublicKey:1.2.840.10045.2.1", KS_PROPERTIES, functions_ec, "NIST curve keys on tokens" },
	{ "ED25519:1.3.101.112", KS_PROPERTIES, functions_ed25519, "Ed25519 keys on tokens" },
	{ NULL, NULL, NULL, NULL },
};
