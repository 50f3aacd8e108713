/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_module: keystay-pkcs11.so from outside: slots, tokens, objects, attributes, and the rules of Cryptoki around
 * them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "client/module/cryptoki.h"
#include "lib/base/der.h"
#include "lib/protocol/spki.h"
#include "tests/unit/module/module_rig.h"

static int begin(void **state)
{
	static struct module_rig rig;

	module_rig_start(&rig);
	*state = &rig;
	return 0;
}

static int end(void **state)
{
	module_rig_stop(*state);
	return 0;
}

/* --- the module as a whole --------------------------------------------------------------------------------------- */

/* Both tables are a version and then pointers. */
static void assert_no_holes(const void *list, size_t size)
{
	for (size_t at = sizeof(void *); at < size; at += sizeof(void *)) {
		void *function;
		memcpy(&function, (const char *)list + at, sizeof(function));
		assert_non_null(function);
	}
}

static void test_every_function_is_there(void **state)
{
	struct module_rig *rig = *state;
	union {
		void *pointer;
		CK_RV (*list)(struct ks_interface *interfaces, CK_ULONG_PTR count);
		CK_RV(*one)
		(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, struct ks_interface **interface, CK_FLAGS flags);
	} get = { .pointer = dlsym(rig->library, "C_GetInterfaceList") };
	struct ks_interface interfaces[2], *interface;
	CK_ULONG n = 0;

	assert_no_holes(rig->calls, sizeof(*rig->calls));
	assert_int_equal(get.list(NULL, &n), CKR_OK);
	assert_int_equal(n, 2);
	n = 1;
	assert_int_equal(get.list(interfaces, &n), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(n, 2);
	assert_int_equal(get.list(interfaces, &n), CKR_OK);
	assert_int_equal(get.list(NULL, NULL), CKR_ARGUMENTS_BAD);
	assert_no_holes(interfaces[0].functions, sizeof(struct ks_function_list_3_0));
	assert_int_equal(((CK_FUNCTION_LIST *)interfaces[0].functions)->version.major, 3);
	assert_ptr_equal(interfaces[1].functions, rig->calls);

	get.pointer = dlsym(rig->library, "C_GetInterface");
	CK_VERSION version = { 2, 40 }, unknown = { 4, 0 };
	CK_UTF8CHAR name[] = "PKCS 11", other[] = "Vendor";
	assert_int_equal(get.one(NULL, NULL, &interface, 0), CKR_OK);
	assert_ptr_equal(interface->functions, interfaces[0].functions);
	assert_int_equal(get.one(name, &version, &interface, 0), CKR_OK);
	assert_ptr_equal(interface->functions, rig->calls);
	assert_int_equal(get.one(name, &unknown, &interface, 0), CKR_FUNCTION_FAILED);
	assert_int_equal(get.one(other, NULL, &interface, 0), CKR_FUNCTION_FAILED);
	assert_int_equal(get.one(NULL, NULL, &interface, 1), CKR_FUNCTION_FAILED);
}

static void test_what_keystay_cannot_do_is_not_supported(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig);
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	CK_OBJECT_HANDLE object;
	uint8_t data[16];

	assert_int_equal(rig->calls->C_DecryptInit(session, &mechanism, 1), CKR_FUNCTION_NOT_SUPPORTED);
	assert_int_equal(rig->calls->C_VerifyInit(session, &mechanism, 1), CKR_FUNCTION_NOT_SUPPORTED);
	assert_int_equal(rig->calls->C_CreateObject(session, NULL, 0, &object), CKR_FUNCTION_NOT_SUPPORTED);
	assert_int_equal(rig->calls->C_GenerateRandom(session, data, 16), CKR_FUNCTION_NOT_SUPPORTED);
	assert_int_equal(rig->calls->C_CancelFunction(session), CKR_FUNCTION_NOT_PARALLEL);
}

static void test_initialize_takes_what_the_standard_allows(void **state)
{
	struct module_rig *rig = *state;
	CK_C_INITIALIZE_ARGS os = { .flags = CKF_OS_LOCKING_OK }, reserved = { .pReserved = rig };
	CK_CREATEMUTEX create = (CK_CREATEMUTEX)(uintptr_t)1;
	CK_C_INITIALIZE_ARGS half = { .CreateMutex = create, .flags = CKF_OS_LOCKING_OK };
	CK_C_INITIALIZE_ARGS own = {
		create, (CK_DESTROYMUTEX)(uintptr_t)1, (CK_LOCKMUTEX)(uintptr_t)1, (CK_UNLOCKMUTEX)(uintptr_t)1, 0, NULL
	};
	CK_ULONG n;
	CK_INFO info;

	assert_int_equal(rig->calls->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_int_equal(rig->calls->C_GetSlotList(CK_TRUE, NULL, &n), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_int_equal(rig->calls->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
	assert_int_equal(rig->calls->C_Initialize(&reserved), CKR_ARGUMENTS_BAD);
	assert_int_equal(rig->calls->C_Initialize(&half), CKR_ARGUMENTS_BAD);
	assert_int_equal(rig->calls->C_Initialize(&own), CKR_CANT_LOCK);
	own.flags = CKF_OS_LOCKING_OK;
	assert_int_equal(rig->calls->C_Initialize(&own), CKR_OK);
	assert_int_equal(rig->calls->C_Initialize(&os), CKR_CRYPTOKI_ALREADY_INITIALIZED);
	assert_int_equal(rig->calls->C_GetInfo(&info), CKR_OK);
	assert_memory_equal(info.libraryDescription, "keystay", 7);
	assert_int_equal(rig->calls->C_Finalize(rig), CKR_ARGUMENTS_BAD);
	assert_int_equal(rig->calls->C_Finalize(NULL), CKR_OK);
	assert_int_equal(rig->calls->C_Initialize(&os), CKR_OK);
	assert_int_equal(atomic_load(&rig->token.agent.n_connections), 0);
}

/* --- slots and tokens -------------------------------------------------------------------------------------------- */

static void test_a_token_is_called_as_the_agent_calls_it(void **state)
{
	struct module_rig *rig = *state;
	CK_TOKEN_INFO info;
	CK_SLOT_INFO slot_info;
	CK_SLOT_ID slot;
	CK_ULONG n = 1;

	rig->token_label = "cörp";
	assert_int_equal(rig->calls->C_Initialize(NULL), CKR_OK);
	assert_int_equal(rig->calls->C_GetSlotList(CK_FALSE, &slot, &n), CKR_OK);
	assert_int_equal(n, 1);
	assert_in_range(slot, 0, INT32_MAX);
	assert_int_equal(rig->calls->C_GetTokenInfo(slot, &info), CKR_OK);
	assert_memory_equal(info.label, "cörp                           ", 32);
	assert_memory_equal(info.model, "keystay         ", 16);
	assert_memory_equal(info.manufacturerID, "keystay                         ", 32);
	assert_int_equal(info.flags & (CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED), 0);
	assert_int_equal(info.flags & CKF_TOKEN_INITIALIZED, CKF_TOKEN_INITIALIZED);
	assert_int_equal(info.flags & CKF_WRITE_PROTECTED, CKF_WRITE_PROTECTED);
	assert_int_equal(rig->calls->C_GetSlotInfo(slot, &slot_info), CKR_OK);
	assert_memory_equal(slot_info.slotDescription, "keystay: cörp ", 14);
	assert_int_equal(slot_info.flags, CKF_REMOVABLE_DEVICE | CKF_TOKEN_PRESENT);
	assert_int_equal(rig->calls->C_GetTokenInfo(slot + 1, &info), CKR_SLOT_ID_INVALID);
	assert_int_equal(rig->calls->C_GetTokenInfo(slot, NULL), CKR_ARGUMENTS_BAD);

	/* The same again in another life: programs remember numbers and serials. */
	CK_TOKEN_INFO again;
	CK_SLOT_ID slot_again;
	assert_int_equal(rig->calls->C_Finalize(NULL), CKR_OK);
	assert_int_equal(rig->calls->C_Initialize(NULL), CKR_OK);
	assert_int_equal(rig->calls->C_GetSlotList(CK_FALSE, &slot_again, &n), CKR_OK);
	assert_int_equal(slot_again, slot);
	assert_int_equal(rig->calls->C_GetTokenInfo(slot, &again), CKR_OK);
	assert_memory_equal(again.serialNumber, info.serialNumber, sizeof(info.serialNumber));
}

static void test_no_agent_is_no_token(void **state)
{
	struct module_rig *rig = *state;
	char elsewhere[128];
	CK_SLOT_ID slot = 0;
	CK_ULONG n = 7;

	(void)snprintf(elsewhere, sizeof(elsewhere), "%s/nobody.sock", rig->token.agent.folder);
	assert_int_equal(setenv("KEYSTAY_SOCK", elsewhere, 1), 0);
	assert_int_equal(rig->calls->C_Initialize(NULL), CKR_OK);
	assert_int_equal(rig->calls->C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
	assert_int_equal(n, 0);
	assert_int_equal(rig->calls->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);

	assert_int_equal(setenv("KEYSTAY_SOCK", rig->token.agent.path, 1), 0);
	assert_int_equal(rig->calls->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_OK);
	assert_int_equal(rig->calls->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
	assert_int_equal(rig->calls->C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
	assert_int_equal(n, 1);
}

static void test_a_session_outlives_the_absence_of_its_token(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig), another;
	CK_OBJECT_HANDLE key = module_rig_find(rig, session, CKO_PRIVATE_KEY, "p256");
	CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 };
	CK_SESSION_INFO info;
	CK_TOKEN_INFO token;
	CK_SLOT_ID slot;
	CK_ULONG n;

	assert_int_not_equal(key, CK_INVALID_HANDLE);
	module_rig_tell(rig, true, false);
	assert_int_equal(rig->calls->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_OK);
	assert_int_equal(rig->calls->C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
	assert_int_equal(n, 0);
	assert_int_equal(rig->calls->C_GetSlotList(CK_FALSE, NULL, &n), CKR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(rig->calls->C_GetTokenInfo(slot, &token), CKR_TOKEN_NOT_PRESENT);
	assert_int_equal(rig->calls->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &another),
			 CKR_TOKEN_NOT_PRESENT);
	assert_int_equal(rig->calls->C_GetSessionInfo(session, &info), CKR_DEVICE_REMOVED);
	assert_int_equal(rig->calls->C_SignInit(session, &mechanism, key), CKR_DEVICE_REMOVED);
	assert_int_equal(module_rig_get(rig, session, key, CKA_LABEL).rv, CKR_OBJECT_HANDLE_INVALID);

	module_rig_tell(rig, false, false);
	assert_int_equal(rig->calls->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_OK);
	assert_int_equal(rig->calls->C_GetSessionInfo(session, &info), CKR_OK);
	assert_int_equal(rig->calls->C_SignInit(session, &mechanism, key), CKR_OK);
	assert_int_equal(module_rig_find(rig, session, CKO_PRIVATE_KEY, "p256"), key);
}

/* --- sessions ---------------------------------------------------------------------------------------------------- */

static void test_sessions_are_read_only_and_need_no_login(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig), other;
	CK_SESSION_INFO info;
	CK_UTF8CHAR pin[] = "1234";

	assert_int_equal(rig->calls->C_GetSessionInfo(session, &info), CKR_OK);
	assert_int_equal(info.state, CKS_RO_PUBLIC_SESSION);
	CK_SLOT_ID slot = info.slotID;
	assert_int_equal(rig->calls->C_OpenSession(slot, 0, NULL, NULL, &other), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
	assert_int_equal(rig->calls->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &other),
			 CKR_TOKEN_WRITE_PROTECTED);
	assert_int_equal(rig->calls->C_Login(session, CKU_SO, pin, 4), CKR_SESSION_READ_ONLY_EXISTS);
	assert_int_equal(rig->calls->C_Login(session, 9, pin, 4), CKR_USER_TYPE_INVALID);
	assert_int_equal(rig->calls->C_Login(session, CKU_USER, pin, 4), CKR_OK);
	assert_int_equal(rig->calls->C_Login(session, CKU_USER, NULL, 0), CKR_USER_ALREADY_LOGGED_IN);
	assert_int_equal(rig->calls->C_GetSessionInfo(session, &info), CKR_OK);
	assert_int_equal(info.state, CKS_RO_USER_FUNCTIONS);
	assert_int_equal(rig->calls->C_Logout(session), CKR_OK);
	assert_int_equal(rig->calls->C_Logout(session), CKR_USER_NOT_LOGGED_IN);

	/* The last session takes the login along. */
	assert_int_equal(rig->calls->C_Login(session, CKU_USER, pin, 4), CKR_OK);
	assert_int_equal(rig->calls->C_CloseAllSessions(slot), CKR_OK);
	assert_int_equal(rig->calls->C_CloseSession(session), CKR_SESSION_HANDLE_INVALID);
	assert_int_equal(rig->calls->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &other), CKR_OK);
	assert_int_not_equal(other, session);
	assert_int_equal(rig->calls->C_GetSessionInfo(other, &info), CKR_OK);
	assert_int_equal(info.state, CKS_RO_PUBLIC_SESSION);
}

/* --- objects ----------------------------------------------------------------------------------------------------- */

static void assert_value(struct module_rig *rig, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			 CK_ATTRIBUTE_TYPE type, const void *data, size_t size)
{
	struct module_value value = module_rig_get(rig, session, object, type);

	assert_int_equal(value.rv, CKR_OK);
	assert_int_equal(value.size, size);
	assert_memory_equal(value.data, data, size);
}

static void assert_ulong(struct module_rig *rig, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			 CK_ATTRIBUTE_TYPE type, CK_ULONG wanted)
{
	assert_value(rig, session, object, type, &wanted, sizeof(wanted));
}

static void assert_bools(struct module_rig *rig, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_BBOOL wanted,
			 const CK_ATTRIBUTE_TYPE *types)
{
	for (; *types != 0; types++)
		assert_value(rig, session, object, *types, &wanted, sizeof(wanted));
}

static void assert_numbers(struct module_rig *rig, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			   const struct ks_spki *spki)
{
	bool is_rsa = spki->algorithm == KS_KEY_RSA || spki->algorithm == KS_KEY_RSA_PSS;
	bool is_ed25519 = spki->algorithm == KS_KEY_ED25519;

	assert_ulong(rig, session, object, CKA_KEY_TYPE, is_rsa ? CKK_RSA : is_ed25519 ? CKK_EC_EDWARDS : CKK_EC);
	if (is_rsa) {
		assert_value(rig, session, object, CKA_MODULUS, spki->modulus.data, spki->modulus.size);
		assert_value(rig, session, object, CKA_PUBLIC_EXPONENT, spki->exponent.data, spki->exponent.size);
		assert_ulong(rig, session, object, CKA_MODULUS_BITS, spki->bits);
		assert_int_equal(module_rig_get(rig, session, object, CKA_EC_POINT).rv, CKR_ATTRIBUTE_TYPE_INVALID);
		return;
	}
	struct module_value parameters = module_rig_get(rig, session, object, CKA_EC_PARAMS);
	struct ks_bytes oid = ks_bytes(parameters.data, parameters.size);
	if (is_ed25519)
		assert_value(rig, session, object, CKA_EC_PARAMS, "\x06\x03\x2b\x65\x70", 5);
	else
		assert_int_equal(ks_curve_from_parameters(oid), spki->curve);
	struct module_value point = module_rig_get(rig, session, object, CKA_EC_POINT);
	struct ks_reader reader = ks_reader(ks_bytes(point.data, point.size));
	struct ks_bytes contents = ks_der_take(&reader, KS_DER_OCTET_STRING);
	assert_true(ks_reader_done(&reader));
	assert_true(ks_bytes_equal(contents, spki->point));
	assert_int_equal(module_rig_get(rig, session, object, CKA_MODULUS).rv, CKR_ATTRIBUTE_TYPE_INVALID);
}

static void test_keys_have_every_attribute(void **state)
{
	static const CK_ATTRIBUTE_TYPE private_true[] = {
		CKA_TOKEN, CKA_SIGN, CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, 0
	};
	static const CK_ATTRIBUTE_TYPE private_false[] = { CKA_PRIVATE,
							   CKA_MODIFIABLE,
							   CKA_COPYABLE,
							   CKA_DESTROYABLE,
							   CKA_DERIVE,
							   CKA_LOCAL,
							   CKA_DECRYPT,
							   CKA_SIGN_RECOVER,
							   CKA_UNWRAP,
							   CKA_EXTRACTABLE,
							   CKA_WRAP_WITH_TRUSTED,
							   CKA_ALWAYS_AUTHENTICATE,
							   0 };
	static const CK_ATTRIBUTE_TYPE public_true[] = { CKA_TOKEN, CKA_VERIFY, 0 };
	static const CK_ATTRIBUTE_TYPE public_false[] = { CKA_PRIVATE,        CKA_ENCRYPT, CKA_WRAP,
							  CKA_VERIFY_RECOVER, CKA_TRUSTED, 0 };
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig);

	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		const struct software_key *key = &rig->token.keys[i];
		struct ks_spki spki;
		assert_int_equal(ks_spki_read(ks_buffer_bytes(&key->spki), &spki), 0);
		CK_OBJECT_HANDLE private = module_rig_find(rig, session, CKO_PRIVATE_KEY, key->name);
		CK_OBJECT_HANDLE public = module_rig_find(rig, session, CKO_PUBLIC_KEY, key->name);
		assert_bools(rig, session, private, CK_TRUE, private_true);
		assert_bools(rig, session, private, CK_FALSE, private_false);
		assert_bools(rig, session, public, CK_TRUE, public_true);
		assert_bools(rig, session, public, CK_FALSE, public_false);
		assert_ulong(rig, session, private, CKA_CLASS, CKO_PRIVATE_KEY);
		assert_ulong(rig, session, public, CKA_CLASS, CKO_PUBLIC_KEY);
		assert_numbers(rig, session, private, &spki);
		assert_numbers(rig, session, public, &spki);
		for (unsigned half = 0; half < 2; half++) {
			CK_OBJECT_HANDLE object = half == 0 ? private : public;
			assert_value(rig, session, object, CKA_ID, key->spki_hash, 32);
			assert_value(rig, session, object, CKA_LABEL, key->name, strlen(key->name));
			assert_value(rig, session, object, CKA_PUBLIC_KEY_INFO, spki.der.data, spki.der.size);
			assert_value(rig, session, object, CKA_SUBJECT, "", 0);
			assert_ulong(rig, session, object, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
			struct module_value allowed = module_rig_get(rig, session, object, CKA_ALLOWED_MECHANISMS);
			assert_int_equal(allowed.rv, CKR_OK);
			assert_int_not_equal(allowed.size, 0);
		}
	}
	/* For keys alone: nobody asked for certificates. */
	assert_int_equal(atomic_load(&rig->token.n_gets), 0);
	assert_int_equal(atomic_load(&rig->n_lists), 1);
}

static void test_private_parts_are_sensitive(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig);
	CK_OBJECT_HANDLE rsa = module_rig_find(rig, session, CKO_PRIVATE_KEY, "rsa");
	CK_OBJECT_HANDLE p256 = module_rig_find(rig, session, CKO_PRIVATE_KEY, "p256");
	static const CK_ATTRIBUTE_TYPE parts[] = { CKA_PRIVATE_EXPONENT, CKA_PRIME_1,    CKA_PRIME_2,
						   CKA_EXPONENT_1,       CKA_EXPONENT_2, CKA_COEFFICIENT };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct module_value value = module_rig_get(rig, session, rsa, parts[i]);
		assert_int_equal(value.rv, CKR_ATTRIBUTE_SENSITIVE);
		assert_int_equal(value.size, CK_UNAVAILABLE_INFORMATION);
	}
	assert_int_equal(module_rig_get(rig, session, p256, CKA_VALUE).rv, CKR_ATTRIBUTE_SENSITIVE);
}

static void test_certificates_say_what_is_in_them(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig);
	const struct software_key *key = &rig->token.keys[SOFTWARE_P384];
	CK_OBJECT_HANDLE object = module_rig_find(rig, session, CKO_CERTIFICATE, "p384");
	unsigned char *der = NULL, *name = NULL, *serial = NULL;
	int size = i2d_X509(key->certificate, &der);
	int name_size = i2d_X509_NAME(X509_get_subject_name(key->certificate), &name);
	int serial_size = i2d_ASN1_INTEGER(X509_get0_serialNumber(key->certificate), &serial);
	const ASN1_TIME *not_after = X509_get0_notAfter(key->certificate);
	struct tm tm;
	char date[32];

	assert_int_not_equal(object, CK_INVALID_HANDLE);
	assert_int_equal(atomic_load(&rig->token.n_gets), 1); /* of the one that the search was about */
	assert_value(rig, session, object, CKA_VALUE, der, (size_t)size);
	assert_value(rig, session, object, CKA_SUBJECT, name, (size_t)name_size);
	assert_value(rig, session, object, CKA_ISSUER, name, (size_t)name_size);
	assert_value(rig, session, object, CKA_SERIAL_NUMBER, serial, (size_t)serial_size);
	assert_value(rig, session, object, CKA_ID, key->spki_hash, 32);
	assert_ulong(rig, session, object, CKA_CERTIFICATE_TYPE, CKC_X_509);
	assert_ulong(rig, session, object, CKA_CERTIFICATE_CATEGORY, KS_CERTIFICATE_TOKEN_USER);
	assert_int_equal(ASN1_TIME_to_tm(not_after, &tm), 1);
	(void)strftime(date, sizeof(date), "%Y%m%d", &tm);
	assert_value(rig, session, object, CKA_END_DATE, date, 8);
	OPENSSL_free(der);
	OPENSSL_free(name);
	OPENSSL_free(serial);
}

static size_t count_objects(struct module_rig *rig, CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG n_wanted)
{
	CK_OBJECT_HANDLE found[4];
	CK_ULONG n, all = 0;

	assert_int_equal(rig->calls->C_FindObjectsInit(session, wanted, n_wanted), CKR_OK);
	do {
		assert_int_equal(rig->calls->C_FindObjects(session, found, 4, &n), CKR_OK);
		all += n;
	} while (n > 0);
	assert_int_equal(rig->calls->C_FindObjectsFinal(session), CKR_OK);
	return all;
}

static void test_a_search_finds_all_or_what_it_names(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig);
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_BBOOL yes = CK_TRUE;
	const struct software_key *key = &rig->token.keys[SOFTWARE_P521];
	uint8_t id[32];
	memcpy(id, key->spki_hash, sizeof(id));
	CK_ATTRIBUTE by_class[] = { { CKA_CLASS, &class, sizeof(class) } };
	CK_ATTRIBUTE by_id[] = { { CKA_TOKEN, &yes, sizeof(yes) }, { CKA_ID, id, sizeof(id) } };
	CK_ATTRIBUTE by_sign[] = { { CKA_SIGN, &yes, sizeof(yes) } };
	CK_ATTRIBUTE empty_id[] = { { CKA_ID, NULL, 32 } };
	CK_OBJECT_HANDLE found;
	CK_ULONG n;

	/* Private and public key, and the certificate: of this key alone. */
	assert_int_equal(count_objects(rig, session, by_id, 2), 3);
	assert_int_equal(atomic_load(&rig->token.n_gets), 1);
	assert_int_equal(count_objects(rig, session, by_class, 1), 6);
	assert_int_equal(atomic_load(&rig->token.n_gets), 6);
	assert_int_equal(count_objects(rig, session, NULL, 0), 18);
	assert_int_equal(count_objects(rig, session, by_sign, 1), 6);
	assert_int_equal(count_objects(rig, session, empty_id, 1), 0);
	/* Known until the list is another one. */
	assert_int_equal(atomic_load(&rig->token.n_gets), 6);
	assert_int_equal(atomic_load(&rig->n_lists), 1);
	module_rig_tell(rig, false, false);
	assert_int_equal(rig->calls->C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
	assert_int_equal(count_objects(rig, session, by_class, 1), 6);
	assert_int_equal(atomic_load(&rig->token.n_gets), 12);

	assert_int_equal(rig->calls->C_FindObjects(session, &found, 1, &n), CKR_OPERATION_NOT_INITIALIZED);
	assert_int_equal(rig->calls->C_FindObjectsInit(session, NULL, 0), CKR_OK);
	assert_int_equal(rig->calls->C_FindObjectsInit(session, NULL, 0), CKR_OPERATION_ACTIVE);
	assert_int_equal(rig->calls->C_FindObjectsFinal(session), CKR_OK);
	assert_int_equal(rig->calls->C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
}

static void test_attributes_keep_to_the_rules_of_buffers(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig);
	CK_OBJECT_HANDLE object = module_rig_find(rig, session, CKO_PRIVATE_KEY, "p256");
	char label[8] = "zzzzzzz";
	CK_ATTRIBUTE attributes[] = { { CKA_LABEL, NULL, 0 },
				      { CKA_LABEL, label, 2 },
				      { CKA_PRIVATE_EXPONENT, NULL, 0 },
				      { CKA_OTP_FORMAT, NULL, 0 },
				      { CKA_LABEL, label, sizeof(label) } };

	assert_int_equal(rig->calls->C_GetAttributeValue(session, object, attributes, 1), CKR_OK);
	assert_int_equal(attributes[0].ulValueLen, 4);
	assert_int_equal(rig->calls->C_GetAttributeValue(session, object, attributes + 1, 1), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(attributes[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	assert_string_equal(label, "zzzzzzz");
	attributes[1].ulValueLen = 2;
	CK_RV rv = rig->calls->C_GetAttributeValue(session, object, attributes, 5);
	assert_true(rv == CKR_BUFFER_TOO_SMALL || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID);
	assert_int_equal(attributes[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(attributes[3].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(attributes[4].ulValueLen, 4); /* although those before it failed */
	assert_memory_equal(label, "p256", 4);
	assert_int_equal(rig->calls->C_GetAttributeValue(session, 4711, attributes, 1), CKR_OBJECT_HANDLE_INVALID);
	assert_int_equal(rig->calls->C_GetAttributeValue(session, object, NULL, 1), CKR_ARGUMENTS_BAD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_function_is_there),
		TEST(test_what_keystay_cannot_do_is_not_supported),
		TEST(test_initialize_takes_what_the_standard_allows),
		TEST(test_a_token_is_called_as_the_agent_calls_it),
		TEST(test_no_agent_is_no_token),
		TEST(test_a_session_outlives_the_absence_of_its_token),
		TEST(test_sessions_are_read_only_and_need_no_login),
		TEST(test_keys_have_every_attribute),
		TEST(test_private_parts_are_sensitive),
		TEST(test_certificates_say_what_is_in_them),
		TEST(test_a_search_finds_all_or_what_it_names),
		TEST(test_attributes_keep_to_the_rules_of_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
