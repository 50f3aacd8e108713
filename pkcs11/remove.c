/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remove: see remove.h. Runs in: keystay-token.
 *
 * First what is to go is found, all of it; then it goes, the private half before the public one: of a private half that
 * is left alone nobody could say any more which key it is.
 */
#include "pkcs11/remove.h"

#include "lib/base/cleanup.h"
#include "pkcs11/ckr.h"
#include "pkcs11/writing.h"

#define CERTIFICATE_HASH_SIZE 32u

/* One removal under way. */
struct removal {
	const struct ks_remove *wanted;
	struct ks_bytes spki; /* in the form of rsaEncryption, as tokens have it */
	struct ks_writing writing;
	CK_OBJECT_HANDLE doomed[3 * KS_WRITING_FOUND_MAX]; /* in the order in which they go */
	size_t n_doomed;
	bool others; /* there is another key of this id */
};

static void doom(struct removal *removal, CK_OBJECT_HANDLE object)
{
	removal->doomed[removal->n_doomed++] = object;
}

static int failed(const struct removal *removal, CK_RV rv, const char *function, struct ks_problem *problem)
{
	return ks_ckr_problem(problem, rv, removal->writing.token->whose, function);
}

static bool is_gone(CK_RV rv)
{
	return ks_ckr_kind(rv) == KS_CKR_OBJECT_LOST;
}

/* --- finding ----------------------------------------------------------------------------------------------------- */

/* Is the half that says nothing of its public key that of the inventory? */
static bool is_known(const struct removal *removal)
{
	const struct ks_keys *keys = &removal->writing.token->keys;

	for (size_t i = 0; i < keys->n; i++) {
		if (keys->list[i]->private_seen &&
		    ks_bytes_equal(ks_key_id(keys->list[i]), removal->wanted->object_id) &&
		    ks_bytes_equal(ks_key_spki(keys->list[i]), removal->spki))
			return true;
	}
	return false;
}

static int find_halves(struct removal *removal, CK_OBJECT_CLASS class, CK_OBJECT_HANDLE *ret_silent,
		       size_t *ret_n_silent, struct ks_problem *problem)
{
	KS_CLEANUP(ks_handles_deinit) struct ks_handles found = { 0 };
	struct ks_writing *writing = &removal->writing;

	CK_RV rv = ks_writing_find(writing, class, CKA_ID, removal->wanted->object_id, &found);
	if (rv != CKR_OK)
		return failed(removal, rv, "C_FindObjects", problem);
	for (size_t i = 0; i < found.n; i++) {
		KS_CLEANUP(ks_key_freep) struct ks_key *key = NULL;
		int r = ks_key_read(writing->module, writing->session, found.handles[i], class == CKO_PRIVATE_KEY,
				    &writing->memory, &rv, &key);
		if (rv != CKR_OK && !is_gone(rv))
			return failed(removal, rv, "C_GetAttributeValue", problem);
		if (r < 0) {
			removal->others = removal->others || rv == CKR_OK;
		} else if (!key->spki) {
			*ret_silent = found.handles[i];
			(*ret_n_silent)++;
		} else if (ks_bytes_equal(ks_key_spki(key), removal->spki)) {
			doom(removal, found.handles[i]);
		} else {
			removal->others = true;
		}
	}
	return 0;
}

/* A private half need not show its public key. Alone under its id it is the one; else nobody can tell. */
static int find_keys(struct removal *removal, struct ks_problem *problem)
{
	CK_OBJECT_HANDLE silent = CK_INVALID_HANDLE, none = CK_INVALID_HANDLE;
	size_t n_silent = 0, n_none = 0;

	int r = find_halves(removal, CKO_PRIVATE_KEY, &silent, &n_silent, problem);
	size_t n_private = removal->n_doomed;
	if (r == 0)
		r = find_halves(removal, CKO_PUBLIC_KEY, &none, &n_none, problem);
	if (r < 0 || n_silent == 0)
		return r;
	if (n_silent > 1 || removal->others || n_private > 0 || !is_known(removal))
		return ks_problem_set(problem, KS_ERR_AMBIGUOUS,
				      "%s: it cannot be told of which key the private half with this object id is; "
				      "nothing was removed",
				      removal->writing.token->whose);
	doom(removal, silent);
	/* Before the public half. */
	CK_OBJECT_HANDLE first = removal->doomed[0];
	removal->doomed[0] = silent;
	removal->doomed[removal->n_doomed - 1] = first;
	return 0;
}

static bool is_meant(const struct removal *removal, struct ks_bytes der)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
	struct ks_bytes raw, wanted = removal->wanted->certificate_hash;
	uint8_t hash[KS_DIGEST_MAX];

	if (der.size == 0 || ks_spki_of_certificate(der, &raw) < 0 || ks_public_key_normalise(raw, &spki) < 0 ||
	    !ks_bytes_equal(ks_buffer_bytes(&spki), removal->spki))
		return false;
	return wanted.size == 0 || (ks_digest_make(removal->wanted->digests, KS_HASH_SHA256, &der, 1, hash) == 0 &&
				    ks_bytes_equal(ks_bytes(hash, CERTIFICATE_HASH_SIZE), wanted));
}

static int find_certificates(struct removal *removal, struct ks_problem *problem)
{
	KS_CLEANUP(ks_handles_deinit) struct ks_handles found = { 0 };
	struct ks_writing *writing = &removal->writing;

	CK_RV rv = ks_writing_find(writing, CKO_CERTIFICATE, CKA_ID, removal->wanted->object_id, &found);
	if (rv != CKR_OK)
		return failed(removal, rv, "C_FindObjects", problem);
	for (size_t i = 0; i < found.n; i++) {
		struct ks_attribute value = { .type = CKA_VALUE, .max = KS_CERTIFICATE_MAX };
		rv = ks_object_read(writing->module, writing->session, found.handles[i], &value, 1, &writing->memory);
		if (rv != CKR_OK && !is_gone(rv))
			return failed(removal, rv, "C_GetAttributeValue", problem);
		if (rv == CKR_OK && is_meant(removal, ks_contents_certificate(value.value)))
			doom(removal, found.handles[i]);
	}
	return 0;
}

/* --- removing ---------------------------------------------------------------------------------------------------- */

static int destroy_all(struct removal *removal, uint32_t *ret_n, struct ks_problem *problem)
{
	struct ks_writing *writing = &removal->writing;
	CK_C_DestroyObject call = writing->module->calls->C_DestroyObject;
	uint32_t n = 0;

	for (size_t i = 0; i < removal->n_doomed; i++) {
		CK_RV rv = call ? call(writing->session, removal->doomed[i]) : CKR_FUNCTION_NOT_SUPPORTED;
		if (rv != CKR_OK && !is_gone(rv))
			return ks_writing_refused(writing->token, rv, "C_DestroyObject", KS_WRITING_REMOVAL, problem);
		n++;
	}
	*ret_n = n;
	return 0;
}

static void removal_deinit(struct removal *removal)
{
	ks_writing_deinit(&removal->writing);
}

int ks_remove(struct ks_token *token, const struct ks_remove *wanted, uint32_t *ret_n, struct ks_problem *problem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
	KS_CLEANUP(removal_deinit)
	struct removal removal = { .wanted = wanted, .writing = { .session = CK_INVALID_HANDLE } };
	struct ks_bytes hash = wanted->certificate_hash;

	if (wanted->object_id.size == 0 || ks_public_key_normalise(wanted->spki, &spki) < 0 ||
	    (hash.size > 0 && hash.size != CERTIFICATE_HASH_SIZE))
		return ks_problem_set(problem, KS_ERR_INVALID,
				      "%s: what is removed is named by its object id and its public key", token->whose);
	removal.spki = ks_buffer_bytes(&spki);
	int r = ks_writing_begin(token, &removal.writing, problem);
	if (r == 0 && wanted->keys)
		r = find_keys(&removal, problem);
	if (r == 0 && wanted->certificates)
		r = find_certificates(&removal, problem);
	return r == 0 ? destroy_all(&removal, ret_n, problem) : r;
}
