/* SPDX-License-Identifier: Apache-2.0 */
/* shim_sign: what the shim does to mechanisms and signatures. See shim.c. Runs in: keystay-token, for tests only. */
#include "tests/fakes/shim.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fakes/shim_script.h"

#define GARBAGE_RV 0xdeadbeefUL
#define GARBAGE_COUNT 0x7fffffffUL
#define LIST_SIZE 512
#define HASHING_MAX 64

static const struct shim_name mechanism_names[] = {
	{ "CKM_RSA_PKCS", CKM_RSA_PKCS },
	{ "CKM_RSA_X_509", CKM_RSA_X_509 },
	{ "CKM_RSA_PKCS_PSS", CKM_RSA_PKCS_PSS },
	{ "CKM_SHA256_RSA_PKCS", CKM_SHA256_RSA_PKCS },
	{ "CKM_SHA384_RSA_PKCS", CKM_SHA384_RSA_PKCS },
	{ "CKM_SHA512_RSA_PKCS", CKM_SHA512_RSA_PKCS },
	{ "CKM_SHA256_RSA_PKCS_PSS", CKM_SHA256_RSA_PKCS_PSS },
	{ "CKM_SHA384_RSA_PKCS_PSS", CKM_SHA384_RSA_PKCS_PSS },
	{ "CKM_SHA512_RSA_PKCS_PSS", CKM_SHA512_RSA_PKCS_PSS },
	{ "CKM_ECDSA", CKM_ECDSA },
	{ "CKM_ECDSA_SHA256", CKM_ECDSA_SHA256 },
	{ "CKM_ECDSA_SHA384", CKM_ECDSA_SHA384 },
	{ "CKM_ECDSA_SHA512", CKM_ECDSA_SHA512 },
	{ "CKM_EDDSA", CKM_EDDSA },
};

#define N(names) (sizeof(names) / sizeof(names[0]))

static int is_named(const char *setting, CK_MECHANISM_TYPE mechanism)
{
	return shim_names(setting, mechanism_names, N(mechanism_names), mechanism);
}

CK_RV shim_get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *n)
{
	struct shim_call call = shim_enter("C_GetMechanismList", NULL);
	CK_MECHANISM_TYPE all[LIST_SIZE];
	CK_ULONG n_all = LIST_SIZE;
	CK_ULONG kept = 0;

	if (call.act == SHIM_RETURN)
		return call.rv;
	CK_RV rv = shim_real()->C_GetMechanismList(slot, all, &n_all);
	if (rv != CKR_OK)
		return rv;
	for (CK_ULONG i = 0; i < n_all; i++) {
		if (!is_named("mechanisms-without", all[i]) && !is_named("mechanisms-unlisted", all[i]))
			all[kept++] = all[i];
	}
	for (size_t i = 0; i < N(mechanism_names) && kept < LIST_SIZE; i++) {
		if (is_named("mechanisms-with", mechanism_names[i].number))
			all[kept++] = mechanism_names[i].number;
	}
	if (call.act == SHIM_WRONG)
		kept = 0;
	for (CK_ULONG i = 0; list && i < kept && i < *n; i++)
		list[i] = all[i];
	*n = call.act == SHIM_GARBAGE ? GARBAGE_COUNT : kept;
	return shim_leave(&call, CKR_OK);
}

/* Sessions in which a mechanism of the shim's own is under way. */
static struct {
	pthread_mutex_t mutex;
	struct {
		CK_SESSION_HANDLE session;
		const EVP_MD *hash;
	} sessions[HASHING_MAX];
} hashing = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void set_hashing(CK_SESSION_HANDLE session, const EVP_MD *hash)
{
	size_t place = HASHING_MAX;

	(void)pthread_mutex_lock(&hashing.mutex);
	for (size_t i = 0; i < HASHING_MAX; i++) {
		if (hashing.sessions[i].session == session || (!hashing.sessions[i].session && place == HASHING_MAX))
			place = i;
	}
	if (place == HASHING_MAX)
		abort();
	hashing.sessions[place].session = session;
	hashing.sessions[place].hash = hash;
	(void)pthread_mutex_unlock(&hashing.mutex);
}

static const EVP_MD *get_hashing(CK_SESSION_HANDLE session)
{
	const EVP_MD *hash = NULL;

	(void)pthread_mutex_lock(&hashing.mutex);
	for (size_t i = 0; i < HASHING_MAX; i++) {
		if (hashing.sessions[i].session == session)
			hash = hashing.sessions[i].hash;
	}
	(void)pthread_mutex_unlock(&hashing.mutex);
	return hash;
}

static const EVP_MD *hash_of(CK_MECHANISM_TYPE mechanism)
{
	switch (mechanism) {
	case CKM_ECDSA_SHA256:
		return EVP_sha256();
	case CKM_ECDSA_SHA384:
		return EVP_sha384();
	case CKM_ECDSA_SHA512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

CK_RV shim_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	char detail[32];
	(void)snprintf(detail, sizeof(detail), "0x%lx", mechanism->mechanism);
	struct shim_call call = shim_enter("C_SignInit", detail);
	CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };

	if (call.act == SHIM_RETURN || call.act == SHIM_GARBAGE)
		return call.act == SHIM_RETURN ? call.rv : GARBAGE_RV;
	if (call.act == SHIM_WRONG)
		return CKR_OK;
	(void)shim_is_absent();
	if (is_named("mechanisms-without", mechanism->mechanism))
		return CKR_MECHANISM_INVALID;
	bool ours = is_named("mechanisms-with", mechanism->mechanism);
	CK_RV rv = shim_real()->C_SignInit(session, ours ? &ecdsa : mechanism, key);
	if (rv == CKR_OK)
		set_hashing(session, ours ? hash_of(mechanism->mechanism) : NULL);
	return shim_leave(&call, rv);
}

CK_RV shim_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature, CK_ULONG *signature_size)
{
	char detail[32];
	(void)snprintf(detail, sizeof(detail), "%lu", size);
	struct shim_call call = shim_enter("C_Sign", detail);
	CK_BYTE digest[EVP_MAX_MD_SIZE];
	unsigned digest_size;

	if (call.act == SHIM_RETURN)
		return call.rv;
	(void)shim_is_absent();
	const EVP_MD *hash = get_hashing(session);
	if (hash) {
		if (EVP_Digest(data, size, digest, &digest_size, hash, NULL) != 1)
			return CKR_GENERAL_ERROR;
		data = digest;
		size = digest_size;
	}
	CK_RV rv = shim_real()->C_Sign(session, data, size, signature, signature_size);
	if (call.act == SHIM_GARBAGE)
		*signature_size = GARBAGE_COUNT;
	if (call.act == SHIM_WRONG && rv == CKR_OK && signature)
		signature[*signature_size / 2] ^= 1;
	return shim_leave(&call, rv);
}
