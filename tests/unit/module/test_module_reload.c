/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_module_reload: keystay-pkcs11.so loaded, used and unloaded again and again. It also runs under valgrind.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <string.h>

#include "tests/unit/module/module_rig.h"

static void use(struct module_rig *rig)
{
	CK_SESSION_HANDLE session = module_rig_open(rig);
	CK_OBJECT_HANDLE key = module_rig_find(rig, session, CKO_PRIVATE_KEY, "p256");
	CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 }, raw = { CKM_ECDSA, NULL, 0 };
	uint8_t input[130], signature[64];
	CK_ULONG size = sizeof(signature);

	memcpy(input, module_rig_input().data, sizeof(input));
	assert_int_not_equal(module_rig_find(rig, session, CKO_CERTIFICATE, "p256"), CK_INVALID_HANDLE);
	assert_int_equal(rig->calls->C_SignInit(session, &raw, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_int_equal(rig->calls->C_SignInit(session, &mechanism, key), CKR_OK);
	assert_int_equal(rig->calls->C_SignUpdate(session, input, sizeof(input)), CKR_OK);
	assert_int_equal(rig->calls->C_SignFinal(session, signature, &size), CKR_OK);
	/* Left as they are: a search, a signature, a session. */
	assert_int_equal(rig->calls->C_SignInit(session, &mechanism, key), CKR_OK);
	assert_int_equal(rig->calls->C_SignUpdate(session, input, 10), CKR_OK);
	assert_int_equal(rig->calls->C_FindObjectsInit(session, NULL, 0), CKR_OK);
	assert_int_equal(rig->calls->C_Finalize(NULL), CKR_OK);
}

static void test_it_can_be_unloaded_and_loaded_again(void **state)
{
	static struct module_rig rig;

	(void)state;
	module_rig_start(&rig);
	for (unsigned i = 0; i < 5; i++) {
		use(&rig);
		use(&rig);
		module_rig_unload(&rig);
		assert_null(dlopen(KEYSTAY_MODULE, RTLD_NOW | RTLD_NOLOAD)); /* nothing keeps it */
		module_rig_load(&rig);
	}
	module_rig_stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_can_be_unloaded_and_loaded_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
