/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keygen: see keygen.h. Runs in: keystay-token.
 *
 *	what is asked for -> is it free? -> C_GenerateKeyPair -> its id -> read back, check -> done
 *	                                          └──────────────┴──────────────┴─ failed ─▶ undo
 *
 * The id by which all is found again to be undone is free beforehand: one that was asked for, or a random one.
 */
#include "pkcs11/keygen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"
#include "pkcs11/ckr.h"
#include "pkcs11/key_pair.h"
#include "pkcs11/writing.h"

/* --- one pair ---------------------------------------------------------------------------------------------------- */

/* One pair under way. */
struct making {
	const struct ks_keygen *wanted;
	const struct ks_key_pair_kind *kind;
	struct ks_writing writing;
	uint8_t id[KS_KEY_ID_MAX]; /* under which it is made */
	size_t id_size;
	CK_OBJECT_HANDLE halves[2]; /* by enum ks_half */
	struct ks_key *keys[2];     /* as they were read back; owned */
};

static void making_deinit(struct making *making)
{
	ks_key_free(making->keys[KS_PUBLIC_HALF]);
	ks_key_free(making->keys[KS_PRIVATE_HALF]);
	ks_writing_deinit(&making->writing);
}

static struct ks_bytes id_of(const struct making *making)
{
	return ks_bytes(making->id, making->id_size);
}

/* --- is it free? ------------------------------------------------------------------------------------------------- */

static CK_RV is_taken(const struct making *making, CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type, struct ks_bytes value,
		      bool *taken)
{
	KS_CLEANUP(ks_handles_deinit) struct ks_handles found = { 0 };

	if (*taken)
		return CKR_OK;
	CK_RV rv = ks_writing_find(&making->writing, class, type, value, &found);
	*taken = rv == CKR_OK && found.n > 0;
	return rv;
}

/* A certificate may have the label already, but not the id: it would be taken for one of the new key. Whoever says the id
 * may give the label of another key: a second key that takes its place is called as it is. */
static int check_free(const struct making *making, struct ks_problem *problem)
{
	const struct ks_token *token = making->writing.token;
	struct ks_bytes label = making->wanted->label;
	bool may_share = making->wanted->object_id.size > 0;
	bool label_taken = false, id_taken = false;
	CK_RV rv = CKR_OK;

	for (size_t i = 0; i < token->keys.n; i++) {
		label_taken = label_taken || ks_bytes_equal(ks_bytes_text(token->keys.list[i]->label), label);
		id_taken = id_taken || ks_bytes_equal(ks_key_id(token->keys.list[i]), id_of(making));
	}
	rv = is_taken(making, CKO_PRIVATE_KEY, CKA_LABEL, label, &label_taken);
	if (rv == CKR_OK)
		rv = is_taken(making, CKO_PUBLIC_KEY, CKA_LABEL, label, &label_taken);
	if (rv == CKR_OK)
		rv = is_taken(making, CKO_PRIVATE_KEY, CKA_ID, id_of(making), &id_taken);
	if (rv == CKR_OK)
		rv = is_taken(making, CKO_PUBLIC_KEY, CKA_ID, id_of(making), &id_taken);
	if (rv == CKR_OK)
		rv = is_taken(making, CKO_CERTIFICATE, CKA_ID, id_of(making), &id_taken);
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, token->whose, "C_FindObjects");
	label_taken = label_taken && !may_share;
	if (!label_taken && !id_taken)
		return 0;
	return ks_problem_set(problem, KS_ERR_BUSY,
			      "%s has something with this %s already; choose another one for the new key; nothing was "
			      "made",
			      token->whose, label_taken ? "label" : "object id");
}

/* --- undoing it -------------------------------------------------------------------------------------------------- */

/* A key that was there before? */
static bool is_old(const struct ks_token *token, const struct ks_key *key)
{
	for (size_t i = 0; i < token->keys.n; i++) {
		const struct ks_key *old = token->keys.list[i];
		if (key->spki ? ks_bytes_equal(ks_key_spki(old), ks_key_spki(key)) :
				ks_bytes_equal(ks_key_id(old), ks_key_id(key)))
			return true;
	}
	return false;
}

static CK_RV destroy(const struct ks_writing *writing, CK_OBJECT_HANDLE object)
{
	CK_RV rv = writing->module->calls->C_DestroyObject(writing->session, object);

	return ks_ckr_kind(rv) == KS_CKR_OBJECT_LOST ? CKR_OK : rv;
}

/* By its id, which was free: what a token has made before it failed came with no handle. */
static CK_RV destroy_by_id(const struct making *making, const struct ks_writing *writing, CK_OBJECT_CLASS class,
			   bool *ret_found)
{
	KS_CLEANUP(ks_handles_deinit) struct ks_handles found = { 0 };

	CK_RV rv = ks_writing_find(writing, class, CKA_ID, id_of(making), &found);
	for (size_t i = 0; rv == CKR_OK && i < found.n; i++)
		rv = destroy(writing, found.handles[i]);
	*ret_found = found.n > 0;
	return rv;
}

/* By its handle, where a token gives ids itself. A handle is what the module says: it may be of another object, which
 * then stays. */
static CK_RV destroy_by_handle(const struct making *making, struct ks_writing *writing, int half)
{
	KS_CLEANUP(ks_key_freep) struct ks_key *key = NULL;
	CK_RV rv = CKR_OK;

	if (making->halves[half] == CK_INVALID_HANDLE)
		return CKR_OK;
	int r = ks_key_read(writing->module, writing->session, making->halves[half], half == KS_PRIVATE_HALF,
			    &writing->memory, &rv, &key);
	if (rv != CKR_OK)
		return ks_ckr_kind(rv) == KS_CKR_OBJECT_LOST ? CKR_OK : rv;
	if (r < 0 || is_old(making->writing.token, key))
		return CKR_OK;
	return destroy(writing, making->halves[half]);
}

static CK_RV destroy_half(const struct making *making, struct ks_writing *writing, int half)
{
	bool found = false;

	CK_RV rv = destroy_by_id(making, writing, half == KS_PRIVATE_HALF ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY, &found);
	return rv == CKR_OK && !found ? destroy_by_handle(making, writing, half) : rv;
}

/* In another session: the first one may be what failed. */
static int undo(const struct making *making, int error, struct ks_problem *problem)
{
	KS_CLEANUP(ks_writing_deinit) struct ks_writing writing = { .session = CK_INVALID_HANDLE };
	size_t used = strlen(problem->text);
	CK_RV rv = CKR_GENERAL_ERROR;

	if (ks_writing_begin(making->writing.token, &writing, NULL) == 0) {
		rv = destroy_half(making, &writing, KS_PRIVATE_HALF);
		if (rv == CKR_OK)
			rv = destroy_half(making, &writing, KS_PUBLIC_HALF);
	}
	if (rv != CKR_OK)
		(void)ks_text_print(problem->text + used, sizeof(problem->text) - used,
				    "; what was made of the key could not be removed again, remove it by the token's "
				    "own program");
	return error;
}

/* --- its id ------------------------------------------------------------------------------------------------------ */

static CK_RV set_id(const struct making *making, CK_OBJECT_HANDLE object, struct ks_bytes id)
{
	CK_ATTRIBUTE template[] = { { CKA_ID, (void *)(uintptr_t)id.data, id.size } };
	CK_C_SetAttributeValue call = making->writing.module->calls->C_SetAttributeValue;

	return call ? call(making->writing.session, object, template, 1) : CKR_FUNCTION_NOT_SUPPORTED;
}

static int read_half(struct making *making, int half, struct ks_problem *problem)
{
	const struct ks_token *token = making->writing.token;
	struct ks_key *key = NULL;
	CK_RV rv = CKR_OK;

	ks_key_free(KS_STEAL(making->keys[half]));
	int r = ks_key_read(making->writing.module, making->writing.session, making->halves[half],
			    half == KS_PRIVATE_HALF, &making->writing.memory, &rv, &key);
	if (r < 0 && rv != CKR_OK)
		return ks_ckr_problem(problem, rv, token->whose, "C_GetAttributeValue");
	if (r < 0)
		return ks_problem_set(problem, r == KS_ERR_NO_MEMORY ? r : KS_ERR_TOKEN_FAILED,
				      "%s: what it made cannot be read as a key: %s; choose another type of key",
				      token->whose, ks_error_text(r));
	making->keys[half] = key;
	return 0;
}

static int read_halves(struct making *making, struct ks_problem *problem)
{
	int r = read_half(making, KS_PUBLIC_HALF, problem);

	return r == 0 ? read_half(making, KS_PRIVATE_HALF, problem) : r;
}

/* What stands in subjectPublicKey. */
static struct ks_bytes key_bits(struct ks_bytes spki)
{
	struct ks_reader outer = ks_reader(spki);
	struct ks_reader inner = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	(void)ks_der_take(&inner, KS_DER_SEQUENCE);
	struct ks_reader bits = ks_reader(ks_der_take(&inner, KS_DER_BIT_STRING));
	(void)ks_reader_u8(&bits);

	return ks_reader_take(&bits, ks_reader_left(&bits));
}

/* Is it under the id that was free? */
static bool is_under_our_id(const struct making *making, int half)
{
	return ks_bytes_equal(ks_key_id(making->keys[half]), id_of(making));
}

/* The habitual id instead of the random one. A token that lets nobody change it keeps that; one that changes half of a
 * pair has broken it. What is under another id was given that by the token, or is another key, whose handle it gave. */
static int give_id(struct making *making, struct ks_problem *problem)
{
	const struct ks_token *token = making->writing.token;
	uint8_t id[KS_DIGEST_KEY_ID_SIZE];
	bool taken = false;

	if (!is_under_our_id(making, KS_PUBLIC_HALF) || !is_under_our_id(making, KS_PRIVATE_HALF))
		return 0;
	if (ks_digest_key_id(making->wanted->digests, key_bits(ks_key_spki(making->keys[KS_PUBLIC_HALF])), id) < 0)
		return 0;
	if (set_id(making, making->halves[KS_PRIVATE_HALF], ks_bytes(id, sizeof(id))) != CKR_OK)
		return 0;
	CK_RV rv = set_id(making, making->halves[KS_PUBLIC_HALF], ks_bytes(id, sizeof(id)));
	if (rv != CKR_OK)
		rv = set_id(making, making->halves[KS_PRIVATE_HALF], id_of(making));
	else
		taken = true;
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, token->whose, "C_SetAttributeValue");
	if (taken) {
		memcpy(making->id, id, sizeof(id));
		making->id_size = sizeof(id);
	}
	return 0;
}

/* --- what became of it ------------------------------------------------------------------------------------------- */

static int refuse(const struct making *making, const char *why, struct ks_problem *problem)
{
	return ks_problem_set(problem, KS_ERR_TOKEN_FAILED, "%s made a key that %s; it was destroyed",
			      making->writing.token->whose, why);
}

static int check_protection(struct making *making, struct ks_problem *problem)
{
	enum { TOKEN, SENSITIVE, EXTRACTABLE, NEVER_EXTRACTABLE, DERIVE, N };
	struct ks_attribute attributes[N] = {
		[TOKEN] = { .type = CKA_TOKEN, .max = sizeof(CK_BBOOL) },
		[SENSITIVE] = { .type = CKA_SENSITIVE, .max = sizeof(CK_BBOOL) },
		[EXTRACTABLE] = { .type = CKA_EXTRACTABLE, .max = sizeof(CK_BBOOL) },
		[NEVER_EXTRACTABLE] = { .type = CKA_NEVER_EXTRACTABLE, .max = sizeof(CK_BBOOL) },
		[DERIVE] = { .type = CKA_DERIVE, .max = sizeof(CK_BBOOL) },
	};

	CK_RV rv = ks_object_read(making->writing.module, making->writing.session, making->halves[KS_PRIVATE_HALF],
				  attributes, N, &making->writing.memory);
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, making->writing.token->whose, "C_GetAttributeValue");
	/* What it does not say is not so. */
	if (!ks_attribute_bool(&attributes[TOKEN], false))
		return refuse(making, "it does not keep", problem);
	if (!ks_attribute_bool(&attributes[SENSITIVE], false))
		return refuse(making, "is not sensitive", problem);
	if (ks_attribute_bool(&attributes[EXTRACTABLE], true) ||
	    !ks_attribute_bool(&attributes[NEVER_EXTRACTABLE], false))
		return refuse(making, "can be extracted", problem);
	if (making->keys[KS_PRIVATE_HALF]->decrypts || ks_attribute_bool(&attributes[DERIVE], false))
		return refuse(making, "does more than sign", problem);
	return making->keys[KS_PRIVATE_HALF]->signs ? 0 : refuse(making, "does not sign", problem);
}

/* The key that was asked for, and both halves of the same one. */
static int check_key(const struct making *making, struct ks_problem *problem)
{
	const struct ks_key *public = making->keys[KS_PUBLIC_HALF], *private = making->keys[KS_PRIVATE_HALF];
	struct ks_spki spki;

	if (is_old(making->writing.token, public) || is_old(making->writing.token, private))
		return ks_problem_set(problem, KS_ERR_TOKEN_FAILED,
				      "%s made no new key: it gave one that was there before",
				      making->writing.token->whose);
	if (!public->spki || ks_spki_read(ks_key_spki(public), &spki) < 0 ||
	    spki.algorithm != making->kind->algorithm || spki.bits != making->kind->bits)
		return refuse(making, "is not of the type that was asked for", problem);
	if (private->kind.algorithm != public->kind.algorithm || private->kind.curve != public->kind.curve ||
	    (private->spki && !ks_bytes_equal(ks_key_spki(private), ks_key_spki(public))) ||
	    !ks_bytes_equal(ks_key_id(private), ks_key_id(public)))
		return refuse(making, "has two halves that do not fit", problem);
	return 0;
}

static int finish(struct making *making, struct ks_problem *problem)
{
	int r = read_halves(making, problem);
	if (r == 0 && making->wanted->object_id.size == 0) {
		r = give_id(making, problem);
		if (r == 0)
			r = read_halves(making, problem);
	}
	if (r == 0)
		r = check_key(making, problem);
	return r == 0 ? check_protection(making, problem) : r;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int prepare(struct making *making, struct ks_token *token, struct ks_problem *problem)
{
	const struct ks_keygen *wanted = making->wanted;

	making->kind = ks_key_pair_kind(wanted->algorithm, wanted->bits);
	if (!making->kind)
		return ks_problem_set(problem, KS_ERR_INVALID,
				      "keys are RSA of 2048, 3072 or 4096 bits, EC of 256, 384 or 521 bits, or "
				      "Ed25519; this is none of them");
	if (wanted->label.size == 0)
		return ks_problem_set(problem, KS_ERR_INVALID, "%s: a new key needs a label", token->whose);
	making->id_size = wanted->object_id.size;
	if (making->id_size > 0)
		memcpy(making->id, wanted->object_id.data, making->id_size);
	else if (getrandom(making->id, KS_DIGEST_KEY_ID_SIZE, 0) == (ssize_t)KS_DIGEST_KEY_ID_SIZE)
		making->id_size = KS_DIGEST_KEY_ID_SIZE;
	else
		return ks_problem_set(problem, KS_ERR_SYSTEM, "the system gives no random numbers");
	/* It signs with RSA by the TPM's raw decryption (1.9): a key that does not decrypt would sign nothing. */
	if (wanted->algorithm == KS_KEY_RSA && ks_writing_is_tpm2(token->sessions.module))
		return ks_problem_set(
			problem, KS_ERR_UNSUPPORTED,
			"%s: tpm2-pkcs11 signs by RSA only with keys that decrypt as well; choose a P-256 "
			"key, or run: tpm2_ptool addkey --algorithm rsa2048 --label TOKEN",
			token->whose);
	int r = ks_writing_begin(token, &making->writing, problem);
	if (r == 0 && !making->writing.module->calls->C_GenerateKeyPair)
		r = ks_writing_refused(token, CKR_FUNCTION_NOT_SUPPORTED, "C_GenerateKeyPair", KS_WRITING_KEY, problem);
	return r == 0 ? check_free(making, problem) : r;
}

int ks_keygen(struct ks_token *token, const struct ks_keygen *wanted, struct ks_keygen_made *ret_made,
	      struct ks_problem *problem)
{
	KS_CLEANUP(making_deinit)
	struct making making = { .wanted = wanted, .writing = { .session = CK_INVALID_HANDLE } };

	int r = prepare(&making, token, problem);
	if (r < 0)
		return r;
	CK_RV rv = ks_key_pair_generate(&making.writing, making.kind, wanted->label, id_of(&making), making.halves);
	r = rv == CKR_OK ? finish(&making, problem) :
			   ks_writing_refused(token, rv, "C_GenerateKeyPair", KS_WRITING_KEY, problem);
	if (r < 0)
		return undo(&making, r, problem);
	struct ks_bytes id = ks_key_id(making.keys[KS_PUBLIC_HALF]), spki = ks_key_spki(making.keys[KS_PUBLIC_HALF]);
	*ret_made = (struct ks_keygen_made){ .id_size = id.size, .spki_size = spki.size };
	memcpy(ret_made->id, id.data, id.size);
	memcpy(ret_made->spki, spki.data, spki.size);
	return 0;
}
