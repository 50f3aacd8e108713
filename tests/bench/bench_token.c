/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One signature by the PKCS#11 module in this very process: what nothing that isolates it can beat.
 *
 * Runs in: keystay-bench. One module, one login, one session for each thread.
 */
#include "tests/bench/bench.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct token {
	CK_FUNCTION_LIST *functions; /* borrowed */
	CK_SLOT_ID slot;
	const char *key;
};

struct session {
	CK_FUNCTION_LIST *functions; /* borrowed */
	CK_SESSION_HANDLE handle;
	CK_OBJECT_HANDLE key;
	CK_MECHANISM mechanism;
	CK_RSA_PKCS_PSS_PARAMS pss;
};

static int checked(CK_RV rv, const char *what)
{
	if (rv == CKR_OK)
		return 0;
	fprintf(stderr, "%s returned 0x%lx\n", what, rv);
	return KS_ERR_TOKEN_FAILED;
}

static int find_slot(struct token *token, const char *label)
{
	CK_SLOT_ID slots[64];
	CK_ULONG n = 64;
	int r = checked(token->functions->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList");

	for (CK_ULONG i = 0; !r && i < n; i++) {
		CK_TOKEN_INFO info;

		if (token->functions->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
		    memcmp(info.label, label, strlen(label)) == 0) {
			token->slot = slots[i];
			return 0;
		}
	}
	return r ? r : KS_ERR_TOKEN_ABSENT;
}

static int find_key(struct session *session, const char *label)
{
	CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY;
	CK_BYTE name[64] = { 0 };
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &private_key, sizeof(private_key) },
				    { CKA_LABEL, name, strlen(label) } };
	CK_ULONG n = 0;
	int r;

	if (strlen(label) >= sizeof(name))
		return KS_ERR_INVALID;
	memcpy(name, label, strlen(label));
	r = checked(session->functions->C_FindObjectsInit(session->handle, template, 2), "C_FindObjectsInit");
	if (!r)
		r = checked(session->functions->C_FindObjects(session->handle, &session->key, 1, &n), "C_FindObjects");
	if (!r)
		r = checked(session->functions->C_FindObjectsFinal(session->handle), "C_FindObjectsFinal");
	return r ? r : n == 1 ? 0 : KS_ERR_UNKNOWN_KEY;
}

static void *session_prepare(void *userdata)
{
	const struct token *token = userdata;
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->functions = token->functions;
	if (checked(token->functions->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL, &session->handle),
		    "C_OpenSession") ||
	    find_key(session, token->key)) {
		free(session);
		return NULL;
	}
	session->mechanism.mechanism = CKM_ECDSA;
	if (strncmp(token->key, "rsa", 3) == 0) {
		session->pss = (CK_RSA_PKCS_PSS_PARAMS){ CKM_SHA256, CKG_MGF1_SHA256, 32 };
		session->mechanism = (CK_MECHANISM){ CKM_RSA_PKCS_PSS, &session->pss, sizeof(session->pss) };
	}
	return session;
}

static int session_sign(void *prepared)
{
	struct session *session = prepared;
	uint8_t input[BENCH_INPUT_SIZE], digest[32], signature[512];
	CK_ULONG size = sizeof(signature);
	int r;

	bench_input(input);
	if (EVP_Digest(input, sizeof(input), digest, NULL, EVP_sha256(), NULL) != 1)
		return KS_ERR_INTERNAL;
	r = checked(session->functions->C_SignInit(session->handle, &session->mechanism, session->key), "C_SignInit");
	if (!r)
		r = checked(session->functions->C_Sign(session->handle, digest, sizeof(digest), signature, &size),
			    "C_Sign");
	return r;
}

static int module_load(const char *path, struct token *token)
{
	CK_C_INITIALIZE_ARGS arguments = { .flags = CKF_OS_LOCKING_OK };
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get;
	int r;

	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return KS_ERR_MODULE_FAILED;
	}
	*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get)
		return KS_ERR_MODULE_FAILED;
	r = checked(get(&token->functions), "C_GetFunctionList");
	return r ? r : checked(token->functions->C_Initialize(&arguments), "C_Initialize");
}

int bench_token(const char *module, const char *token_label, const char *pin, const char *key, unsigned n_clients,
		unsigned count)
{
	struct token token = { .key = key };
	struct bench_way way = { session_prepare, session_sign, &token };
	CK_SESSION_HANDLE login = 0;
	CK_UTF8CHAR secret[64] = { 0 };
	int r = strlen(pin) < sizeof(secret) ? module_load(module, &token) : KS_ERR_INVALID;

	if (!r)
		r = find_slot(&token, token_label);
	if (!r)
		r = checked(token.functions->C_OpenSession(token.slot, CKF_SERIAL_SESSION, NULL, NULL, &login),
			    "C_OpenSession");
	memcpy(secret, pin, strnlen(pin, sizeof(secret) - 1));
	if (!r)
		r = checked(token.functions->C_Login(login, CKU_USER, secret, strlen(pin)), "C_Login");
	return r ? r : bench_run(&way, n_clients, count);
}
