/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim: keystay-shim.so, a PKCS#11 module that stands in front of another one (SoftHSM), counts what it is asked for
 * and goes wrong as it is told.
 *
 * Runs in: keystay-token, for tests only. Environment:
 *	KEYSTAY_SHIM_MODULE   the module behind it; SoftHSM when unset
 *	KEYSTAY_SHIM_COUNTS   a file; one line is appended for each call: "C_Login", "C_Login context" (with
 *	                      CKU_CONTEXT_SPECIFIC), "C_Login so" (with CKU_SO), "C_SignInit 0x1041" and
 *	                      "C_GenerateKeyPair 0x1040" (the mechanism), "C_Sign 32" (bytes that it was given)
 *	KEYSTAY_SHIM_READER_PIN   what a person types at the reader's keys, when C_Login is given no PIN
 *	KEYSTAY_SHIM_SCRIPT   a file, read again whenever it changes (replace it by rename(2)); lines, # for comments:
 *
 *	FUNCTION CALL MODE [ARGUMENT]     the first line that fits a call counts
 *		FUNCTION   C_Sign …, or * for all of those below
 *		CALL       3: the third call since the script was read; 3+: that and all later ones; *: all
 *		MODE       rv NUMBER         returns NUMBER, the real function is not called
 *		           after-rv NUMBER   calls the real function, then returns NUMBER
 *		           crash, abort, exit, hang, spin
 *		           garbage           answers nonsense: lengths and counts far too large, unknown return values
 *		           wrong             answers what is well-formed and false: a signature with a flipped bit,
 *		                             CKR_OK for nothing done, the same objects again and again
 *		           print [TEXT], delay MILLISECONDS, leak MEBIBYTES, tell-process (prints what the process has
 *		                             around it): then goes on as usual
 *		           gate PATH         waits until the FIFO PATH.N (N: the number of the call) was opened for
 *		                             writing and closed; opening it waits in turn until the call is there
 *	slot-events                       C_WaitForSlotEvent knows what to do: each call that its lines let through is
 *	                                  an event. It is told to wait by them: C_WaitForSlotEvent * gate PATH
 *	wait-blocks                       while C_WaitForSlotEvent waits, all other calls wait for it
 *	slot-info DESCRIPTION             slotDescription of all slots
 *	certificates-changed              one bit of each certificate is another one: a card of the same name
 *	token-absent                      as if the card was taken out: sessions are lost, and the login with them
 *	session-public                    C_GetSessionInfo: nobody is logged in (another program has logged out)
 *	slot-none                         C_GetSlotList knows no token; all else goes on
 *	token-info FIELD VALUE            label, manufacturer, model, serial (none: is missing), pin-min, pin-max,
 *	                                  sessions-max
 *	flags-add NAME, flags-remove NAME COUNT_LOW, FINAL_TRY, LOCKED, TO_BE_CHANGED, LOGIN_REQUIRED, PIN_PAD, and for
 *	                      the SO PIN SO_COUNT_LOW, SO_FINAL_TRY, SO_LOCKED
 *	tell-init-args                    C_Initialize prints what it was given
 *	cannot-lock                       C_Initialize: CKR_CANT_LOCK unless nobody asks for locks
 *	sessions-limit N                  not said beforehand: CKR_SESSION_COUNT for more
 *	info-description TEXT             libraryDescription of C_GetInfo
 *	mechanisms-without NAME           not listed and not accepted
 *	mechanisms-unlisted NAME          accepted, but not listed
 *	mechanisms-with NAME              CKM_ECDSA_SHA256, …384, …512, made here out of CKM_ECDSA
 *	objects-without NAME              CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKO_CERTIFICATE: none are found
 *	attributes-without NAME           CKA_ID, CKA_LABEL, CKA_EC_POINT, CKA_MODULUS, CKA_ALWAYS_AUTHENTICATE, …
 *	attributes-flip NAME              a truth value is the other one: CKA_SENSITIVE, CKA_NEVER_EXTRACTABLE, …
 *	points-raw                        CKA_EC_POINT is the bare point
 *	generated old-private-key         C_GenerateKeyPair gives the handle of a private key that was there before
 *	created private-key               C_CreateObject gives the handle of a private key that was there before
 *
 * The functions that can be told to fail are those that keystay-token calls: C_Initialize, C_Finalize, C_GetInfo,
 * C_WaitForSlotEvent, C_GetSlotList, C_GetSlotInfo, C_GetTokenInfo, C_GetMechanismList, C_OpenSession, C_CloseSession, C_CloseAllSessions,
 * C_GetSessionInfo, C_Login, C_Logout, C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal, C_GetAttributeValue,
 * C_SignInit, C_Sign, C_GenerateKeyPair (wrong: gives a pair that was there before), C_CreateObject (wrong: writes
 * another value), C_SetAttributeValue, C_DestroyObject, C_InitToken, C_InitPIN, C_SetPIN.
 */
#include "tests/fakes/shim.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/shim_script.h"

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define GARBAGE_RV 0xdeadbeefUL
#define GARBAGE_COUNT 0x7fffffffUL

static struct {
	CK_FUNCTION_LIST *real;
	CK_FUNCTION_LIST list;
	atomic_ulong n_sessions;
	atomic_bool absent; /* and the real sessions have been closed for it */
} state;

CK_FUNCTION_LIST *shim_real(void)
{
	return state.real;
}

int shim_names(const char *setting, const struct shim_name *names, size_t n_names, CK_ULONG number)
{
	for (size_t i = 0; i < n_names; i++) {
		if (names[i].number == number && shim_has(setting, names[i].name))
			return 1;
	}
	return 0;
}

/* Nothing to answer but a return value. */
static CK_RV simple(const struct shim_call *call)
{
	return call->act == SHIM_RETURN ? call->rv : call->act == SHIM_GARBAGE ? GARBAGE_RV : CKR_OK;
}

static void pad(CK_UTF8CHAR *field, size_t size, const char *text)
{
	size_t used = strlen(text);

	memset(field, ' ', size);
	memcpy(field, text, used < size ? used : size);
}

/* --- the module -------------------------------------------------------------------------------------------------- */

/* As the standard and p11-kit see them, and what NSS, whose form has one pointer more, takes for pReserved. */
static void tell_init_args(const CK_C_INITIALIZE_ARGS *arguments)
{
	const char *text = arguments->pReserved;
	void *nss_reserved;

	memcpy(&nss_reserved, arguments + 1, sizeof(nss_reserved));
	(void)printf("pReserved=%s nss=%s\n", text ? text : "(none)", nss_reserved ? "(something)" : "(none)");
	(void)fflush(stdout);
}

static CK_RV initialize(void *arguments)
{
	const CK_C_INITIALIZE_ARGS *locking = arguments;
	struct shim_call call = shim_enter("C_Initialize", NULL);

	if (call.act == SHIM_RETURN || call.act == SHIM_GARBAGE || call.act == SHIM_WRONG)
		return simple(&call);
	if (shim_has("tell-init-args", NULL) && locking)
		tell_init_args(locking);
	if (shim_has("cannot-lock", NULL) && locking && (locking->flags & CKF_OS_LOCKING_OK))
		return CKR_CANT_LOCK;
	return shim_leave(&call, state.real->C_Initialize(arguments));
}

static CK_RV finalize(void *reserved)
{
	struct shim_call call = shim_enter("C_Finalize", NULL);

	return call.act == SHIM_CALL || call.act == SHIM_RETURN_AFTER ?
		       shim_leave(&call, state.real->C_Finalize(reserved)) :
		       simple(&call);
}

static CK_RV get_info(CK_INFO *info)
{
	char description[64];
	struct shim_call call = shim_enter("C_GetInfo", NULL);

	if (call.act == SHIM_RETURN)
		return call.rv;
	CK_RV rv = state.real->C_GetInfo(info);
	if (call.act == SHIM_GARBAGE)
		memset(info, 0xff, sizeof(*info));
	if (shim_value("info-description", NULL, description, sizeof(description)))
		pad(info->libraryDescription, sizeof(info->libraryDescription), description);
	return shim_leave(&call, rv);
}

/* --- slots and tokens -------------------------------------------------------------------------------------------- */

int shim_is_absent(void)
{
	if (!shim_has("token-absent", NULL)) {
		atomic_store(&state.absent, 0);
		return 0;
	}
	if (!atomic_exchange(&state.absent, 1)) {
		CK_SLOT_ID slots[64];
		CK_ULONG n = 64;
		if (state.real->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK) {
			for (CK_ULONG i = 0; i < n; i++)
				(void)state.real->C_CloseAllSessions(slots[i]);
		}
		atomic_store(&state.n_sessions, 0);
	}
	return 1;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
	struct shim_call call = shim_enter("C_GetSlotList", NULL);

	if (call.act == SHIM_RETURN)
		return call.rv;
	if (shim_is_absent() || shim_has("slot-none", NULL)) {
		*n = 0;
		return CKR_OK;
	}
	CK_RV rv = state.real->C_GetSlotList(present, slots, n);
	if (call.act == SHIM_GARBAGE)
		*n = GARBAGE_COUNT;
	if (call.act == SHIM_WRONG && slots && *n > 0)
		slots[0] = 0x12345;
	return shim_leave(&call, rv);
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	char description[128];
	struct shim_call call = shim_enter("C_GetSlotInfo", NULL);

	if (call.act == SHIM_RETURN)
		return call.rv;
	CK_RV rv = state.real->C_GetSlotInfo(slot, info);
	if (rv == CKR_OK && shim_value("slot-info", NULL, description, sizeof(description)))
		pad(info->slotDescription, sizeof(info->slotDescription), description);
	if (call.act == SHIM_GARBAGE)
		memset(info, 0xff, sizeof(*info));
	return shim_leave(&call, rv);
}

static CK_RV wait_for_slot_event(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
	struct shim_call call = shim_enter_wait("C_WaitForSlotEvent");

	if (call.act == SHIM_RETURN || call.act == SHIM_GARBAGE || call.act == SHIM_WRONG)
		return simple(&call);
	if (!shim_has("slot-events", NULL))
		return shim_leave(&call, state.real->C_WaitForSlotEvent(flags, slot, reserved));
	*slot = 0;
	return shim_leave(&call, CKR_OK);
}

static const struct shim_name flag_names[] = {
	{ "COUNT_LOW", CKF_USER_PIN_COUNT_LOW },  { "FINAL_TRY", CKF_USER_PIN_FINAL_TRY },
	{ "LOCKED", CKF_USER_PIN_LOCKED },        { "TO_BE_CHANGED", CKF_USER_PIN_TO_BE_CHANGED },
	{ "LOGIN_REQUIRED", CKF_LOGIN_REQUIRED }, { "PIN_PAD", CKF_PROTECTED_AUTHENTICATION_PATH },
	{ "SO_COUNT_LOW", CKF_SO_PIN_COUNT_LOW }, { "SO_FINAL_TRY", CKF_SO_PIN_FINAL_TRY },
	{ "SO_LOCKED", CKF_SO_PIN_LOCKED },
};

static void change_token_info(CK_TOKEN_INFO *info)
{
	const struct {
		const char *name;
		CK_UTF8CHAR *field;
		size_t size;
	} texts[] = {
		{ "label", info->label, sizeof(info->label) },
		{ "manufacturer", info->manufacturerID, sizeof(info->manufacturerID) },
		{ "model", info->model, sizeof(info->model) },
		{ "serial", info->serialNumber, sizeof(info->serialNumber) },
	};
	char value[64];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (shim_value("token-info", texts[i].name, value, sizeof(value)))
			pad(texts[i].field, texts[i].size, strcmp(value, "none") == 0 ? "" : value);
	}
	(void)shim_number("token-info", "pin-min", &info->ulMinPinLen);
	(void)shim_number("token-info", "pin-max", &info->ulMaxPinLen);
	(void)shim_number("token-info", "sessions-max", &info->ulMaxSessionCount);
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
		if (shim_has("flags-add", flag_names[i].name))
			info->flags |= flag_names[i].number;
		if (shim_has("flags-remove", flag_names[i].name))
			info->flags &= ~flag_names[i].number;
	}
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	struct shim_call call = shim_enter("C_GetTokenInfo", NULL);

	if (call.act == SHIM_RETURN)
		return call.rv;
	if (shim_is_absent())
		return CKR_TOKEN_NOT_PRESENT;
	CK_RV rv = state.real->C_GetTokenInfo(slot, info);
	if (rv == CKR_OK && (info->flags & CKF_TOKEN_INITIALIZED)) /* SoftHSM has a blank one besides */
		change_token_info(info);
	if (call.act == SHIM_GARBAGE)
		memset(info, 0xff, sizeof(*info));
	if (call.act == SHIM_WRONG)
		pad(info->serialNumber, sizeof(info->serialNumber), "another");
	return shim_leave(&call, rv);
}

/* --- sessions ---------------------------------------------------------------------------------------------------- */

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
			  CK_SESSION_HANDLE *session)
{
	CK_ULONG limit;
	struct shim_call call = shim_enter("C_OpenSession", NULL);

	if (call.act == SHIM_RETURN)
		return call.rv;
	if (shim_is_absent())
		return CKR_TOKEN_NOT_PRESENT;
	if (call.act == SHIM_WRONG) {
		*session = 0x77777;
		return CKR_OK;
	}
	if (shim_number("sessions-limit", NULL, &limit) && atomic_load(&state.n_sessions) >= limit)
		return CKR_SESSION_COUNT;
	CK_RV rv = state.real->C_OpenSession(slot, flags, application, notify, session);
	if (rv == CKR_OK)
		(void)atomic_fetch_add(&state.n_sessions, 1);
	if (call.act == SHIM_GARBAGE)
		*session = GARBAGE_COUNT;
	return shim_leave(&call, rv);
}

static CK_RV close_session(CK_SESSION_HANDLE session)
{
	struct shim_call call = shim_enter("C_CloseSession", NULL);

	if (call.act != SHIM_CALL && call.act != SHIM_RETURN_AFTER)
		return simple(&call);
	CK_RV rv = state.real->C_CloseSession(session);
	if (rv == CKR_OK)
		(void)atomic_fetch_sub(&state.n_sessions, 1);
	return shim_leave(&call, rv);
}

static CK_RV close_all_sessions(CK_SLOT_ID slot)
{
	struct shim_call call = shim_enter("C_CloseAllSessions", NULL);

	if (call.act != SHIM_CALL && call.act != SHIM_RETURN_AFTER)
		return simple(&call);
	CK_RV rv = state.real->C_CloseAllSessions(slot);
	atomic_store(&state.n_sessions, 0);
	return shim_leave(&call, rv);
}

static CK_RV get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	struct shim_call call = shim_enter("C_GetSessionInfo", NULL);

	if (call.act == SHIM_RETURN)
		return call.rv;
	(void)shim_is_absent();
	CK_RV rv = state.real->C_GetSessionInfo(session, info);
	if (call.act == SHIM_GARBAGE)
		info->state = GARBAGE_COUNT;
	if (call.act == SHIM_WRONG)
		info->state = CKS_RO_USER_FUNCTIONS;
	if (shim_has("session-public", NULL))
		info->state = CKS_RO_PUBLIC_SESSION;
	return shim_leave(&call, rv);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG size)
{
	const char *detail = user == CKU_SO               ? "so" :
			     user == CKU_CONTEXT_SPECIFIC ? (pin ? "context" : "context without-pin") :
							    (pin ? NULL : "without-pin");
	struct shim_call call = shim_enter("C_Login", detail);

	/* Typed at the reader: by somebody whom the environment names. */
	char *typed = pin ? NULL : getenv("KEYSTAY_SHIM_READER_PIN");
	if (typed) {
		pin = (CK_UTF8CHAR *)typed;
		size = strlen(typed);
	}
	if (call.act == SHIM_CALL || call.act == SHIM_RETURN_AFTER)
		return shim_leave(&call, state.real->C_Login(session, user, pin, size));
	return simple(&call);
}

static CK_RV logout(CK_SESSION_HANDLE session)
{
	struct shim_call call = shim_enter("C_Logout", NULL);

	if (call.act == SHIM_CALL || call.act == SHIM_RETURN_AFTER)
		return shim_leave(&call, state.real->C_Logout(session));
	return simple(&call);
}

/* --- the list ---------------------------------------------------------------------------------------------------- */

static CK_RV load_real(void)
{
	const char *path = getenv("KEYSTAY_SHIM_MODULE");
	void *library = dlopen(path ? path : SOFTHSM, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = NULL;

	if (library)
		*(void **)&get = dlsym(library, "C_GetFunctionList");
	return get ? get(&state.real) : CKR_GENERAL_ERROR;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	CK_RV rv = state.real ? CKR_OK : load_real();

	if (rv != CKR_OK)
		return rv;
	state.list = *state.real;
	state.list.C_Initialize = initialize;
	state.list.C_Finalize = finalize;
	state.list.C_GetInfo = get_info;
	state.list.C_GetFunctionList = C_GetFunctionList;
	state.list.C_GetSlotList = get_slot_list;
	state.list.C_GetSlotInfo = get_slot_info;
	state.list.C_WaitForSlotEvent = wait_for_slot_event;
	state.list.C_GetTokenInfo = get_token_info;
	state.list.C_GetMechanismList = shim_get_mechanism_list;
	state.list.C_OpenSession = open_session;
	state.list.C_CloseSession = close_session;
	state.list.C_CloseAllSessions = close_all_sessions;
	state.list.C_GetSessionInfo = get_session_info;
	state.list.C_Login = login;
	state.list.C_Logout = logout;
	state.list.C_FindObjectsInit = shim_find_objects_init;
	state.list.C_FindObjects = shim_find_objects;
	state.list.C_FindObjectsFinal = shim_find_objects_final;
	state.list.C_GetAttributeValue = shim_get_attribute_value;
	state.list.C_SignInit = shim_sign_init;
	state.list.C_Sign = shim_sign;
	shim_write_fill(&state.list);
	*list = &state.list;
	return CKR_OK;
}
