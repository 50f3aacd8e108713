/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ckr: see ckr.h. Return values of PKCS#11 2.40 and 3.0, section 5.1 of the base specification.
 *
 * Runs in: keystay-token.
 */
#include "pkcs11/ckr.h"

#include <stdbool.h>

#include "lib/base/text.h"

struct row {
	CK_RV rv;
	const char *name;
	enum ks_ckr_kind kind;
	int error;
	const char *words;
};

#define ROW(name, kind, error, words)                                                                                  \
	{                                                                                                              \
		CKR_##name, "CKR_" #name, KS_CKR_##kind, KS_ERR_##error, words                                         \
	}

static const struct row rows[] = {
	{ CKR_OK, "CKR_OK", KS_CKR_GOOD, 0, "all is well" },
	/* the token, the card, the reader */
	ROW(DEVICE_REMOVED, ABSENT, TOKEN_ABSENT, "the device was removed"),
	ROW(TOKEN_NOT_PRESENT, ABSENT, TOKEN_ABSENT, "the token is not there"),
	ROW(TOKEN_NOT_RECOGNIZED, ABSENT, TOKEN_ABSENT, "the module does not know this kind of token"),
	ROW(SLOT_ID_INVALID, ABSENT, TOKEN_ABSENT, "its slot does not exist any more"),
	ROW(DEVICE_ERROR, FAILED, TOKEN_FAILED, "the device reports an error"),
	ROW(DEVICE_MEMORY, FAILED, TOKEN_FAILED, "the device has too little memory"),
	ROW(TOKEN_WRITE_PROTECTED, FAILED, TOKEN_FAILED, "the token is write-protected"),
	/* sessions */
	ROW(SESSION_HANDLE_INVALID, SESSION_LOST, TOKEN_FAILED, "its session is not valid any more"),
	ROW(SESSION_CLOSED, SESSION_LOST, TOKEN_FAILED, "its session was closed"),
	ROW(OPERATION_ACTIVE, SESSION_BUSY, TOKEN_FAILED, "an earlier operation is still active"),
	ROW(OPERATION_NOT_INITIALIZED, FAILED, TOKEN_FAILED, "the operation that was begun is gone"),
	ROW(SESSION_COUNT, SESSION_FULL, TOKEN_FAILED, "no further session is possible"),
	ROW(SESSION_PARALLEL_NOT_SUPPORTED, FAILED, TOKEN_FAILED, "the kind of session is not supported"),
	ROW(SESSION_READ_ONLY, FAILED, TOKEN_FAILED, "the session is read-only"),
	ROW(SESSION_READ_ONLY_EXISTS, FAILED, TOKEN_FAILED, "another session is read-only"),
	ROW(SESSION_READ_WRITE_SO_EXISTS, FAILED, TOKEN_FAILED, "the security officer is logged in"),
	ROW(SESSION_EXISTS, FAILED, TOKEN_FAILED, "a session is still open"),
	/* objects and mechanisms */
	ROW(KEY_HANDLE_INVALID, OBJECT_LOST, TOKEN_FAILED, "the key is not there any more"),
	ROW(OBJECT_HANDLE_INVALID, OBJECT_LOST, TOKEN_FAILED, "the object is not there any more"),
	ROW(ACTION_PROHIBITED, FAILED, TOKEN_FAILED, "the token does not allow it"),
	ROW(ATTRIBUTE_READ_ONLY, FAILED, TOKEN_FAILED, "an attribute cannot be set"),
	ROW(ATTRIBUTE_SENSITIVE, FAILED, TOKEN_FAILED, "an attribute must not be read"),
	ROW(ATTRIBUTE_TYPE_INVALID, FAILED, TOKEN_FAILED, "an attribute does not exist"),
	ROW(ATTRIBUTE_VALUE_INVALID, FAILED, TOKEN_FAILED, "an attribute has an invalid value"),
	ROW(BUFFER_TOO_SMALL, FAILED, TOKEN_FAILED, "it says that the room for its answer is too small"),
	ROW(MECHANISM_INVALID, MECHANISM, MECHANISM, "it does not know the mechanism"),
	ROW(MECHANISM_PARAM_INVALID, MECHANISM, MECHANISM, "it does not accept the mechanism's parameters"),
	ROW(KEY_TYPE_INCONSISTENT, MECHANISM, MECHANISM, "the mechanism is not for this type of key"),
	ROW(KEY_SIZE_RANGE, MECHANISM, MECHANISM, "the mechanism is not for a key of this size"),
	ROW(CURVE_NOT_SUPPORTED, MECHANISM, MECHANISM, "it does not have this curve"),
	ROW(DOMAIN_PARAMS_INVALID, MECHANISM, MECHANISM, "it does not accept the name of the curve"),
	ROW(KEY_FUNCTION_NOT_PERMITTED, MECHANISM, MECHANISM, "the key must not be used for this"),
	ROW(FUNCTION_NOT_SUPPORTED, MECHANISM, MECHANISM, "the module cannot do this"),
	ROW(DATA_INVALID, MECHANISM, TOKEN_FAILED, "it does not accept the data"),
	ROW(DATA_LEN_RANGE, MECHANISM, TOKEN_FAILED, "it does not accept data of this length"),
	ROW(TEMPLATE_INCOMPLETE, FAILED, TOKEN_FAILED, "it misses an attribute"),
	ROW(TEMPLATE_INCONSISTENT, FAILED, TOKEN_FAILED, "it does not accept these attributes together"),
	/* users and PINs */
	ROW(USER_NOT_LOGGED_IN, LOGGED_OUT, TOKEN_LOCKED, "it is locked"),
	ROW(USER_ALREADY_LOGGED_IN, FAILED, TOKEN_FAILED, "it is unlocked already"),
	ROW(USER_ANOTHER_ALREADY_LOGGED_IN, FAILED, TOKEN_FAILED, "another user is logged in"),
	ROW(USER_TOO_MANY_TYPES, FAILED, TOKEN_FAILED, "too many users are logged in"),
	ROW(USER_TYPE_INVALID, FAILED, TOKEN_FAILED, "it knows no such user"),
	ROW(USER_PIN_NOT_INITIALIZED, FAILED, TOKEN_FAILED, "it has no user PIN yet"),
	ROW(PIN_INCORRECT, FAILED, PIN_WRONG, "the PIN is wrong"),
	ROW(PIN_INVALID, FAILED, PIN_WRONG, "the PIN has characters that the token does not accept"),
	ROW(PIN_TOO_WEAK, FAILED, PIN_LENGTH, "the PIN is too easy to guess"),
	ROW(PIN_LEN_RANGE, FAILED, PIN_LENGTH, "the PIN is too short or too long"),
	ROW(PIN_EXPIRED, FAILED, PIN_EXPIRED, "the PIN has expired"),
	ROW(PIN_LOCKED, FAILED, PIN_BLOCKED, "the PIN is blocked"),
	/* the module and the machine */
	ROW(GENERAL_ERROR, FAILED, TOKEN_FAILED, "a general error"),
	ROW(FUNCTION_FAILED, FAILED, TOKEN_FAILED, "the function failed"),
	ROW(FUNCTION_CANCELED, FAILED, CANCELLED, "it was cancelled"),
	ROW(FUNCTION_REJECTED, FAILED, CANCELLED, "the user refused it at the device"),
	ROW(CANCEL, FAILED, CANCELLED, "it was cancelled"),
	ROW(HOST_MEMORY, FAILED, TOKEN_FAILED, "the module got no memory"),
	ROW(ARGUMENTS_BAD, FAILED, TOKEN_FAILED, "the module does not accept the arguments"),
	ROW(CANT_LOCK, FAILED, MODULE_FAILED, "the module cannot be used by several threads"),
	ROW(NEED_TO_CREATE_THREADS, FAILED, MODULE_FAILED, "the module needs threads of its own"),
	ROW(MUTEX_BAD, FAILED, MODULE_FAILED, "a lock of the module is broken"),
	ROW(CRYPTOKI_NOT_INITIALIZED, FAILED, MODULE_FAILED, "the module is not initialised"),
	ROW(CRYPTOKI_ALREADY_INITIALIZED, FAILED, MODULE_FAILED, "the module is initialised already"),
	ROW(RANDOM_NO_RNG, FAILED, TOKEN_FAILED, "it has no random numbers"),
	{ 0xce534351UL, "CKR_NSS_CERTDB_FAILED", KS_CKR_FAILED, KS_ERR_MODULE_FAILED,
	  "NSS finds no database in the folder that init-args names" },
	ROW(STATE_UNSAVEABLE, FAILED, TOKEN_FAILED, "its state cannot be saved"),
};

#undef ROW

/* Unknown values: those of a vendor, and those that a broken module makes up. */
static const struct row unknown = { CKR_VENDOR_DEFINED, NULL, KS_CKR_FAILED, KS_ERR_TOKEN_FAILED,
				    "an error that PKCS#11 has no name for" };

static const struct row *find_row(CK_RV rv)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].rv == rv)
			return &rows[i];
	}
	return &unknown;
}

enum ks_ckr_kind ks_ckr_kind(CK_RV rv)
{
	return find_row(rv)->kind;
}

int ks_ckr_error(CK_RV rv)
{
	return find_row(rv)->error;
}

void ks_ckr_describe(CK_RV rv, char *out, size_t size)
{
	const struct row *row = find_row(rv);

	if (row->name)
		(void)ks_text_print(out, size, "%s (%s)", row->words, row->name);
	else
		(void)ks_text_print(out, size, "%s (0x%lx)", row->words, rv);
}

int ks_ckr_problem(struct ks_problem *problem, CK_RV rv, const char *whose, const char *function)
{
	char words[128];

	ks_ckr_describe(rv, words, sizeof(words));
	return ks_problem_set(problem, ks_ckr_error(rv), "%s: %s failed: %s", whose, function, words);
}
