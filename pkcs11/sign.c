/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign: see sign.h.
 *
 * Runs in: keystay-token. Three loops, each with an end:
 *	ks_sign()      over the ways to make the scheme, as long as the token says "not this mechanism"
 *	try_way()      over sessions: lost ones are replaced by others until a fresh one is lost as well
 *	sign_in()      over handles: one that means nothing any more is looked up again, once
 * All three end at once when a context-specific PIN was submitted: work.submitted.
 */
#include "pkcs11/sign.h"

#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "pkcs11/ckr.h"
#include "pkcs11/encode.h"

/* More lost sessions than a token has sessions: the module makes them up. */
#define SESSION_TRIES (2 * KS_SESSIONS_MAX)

/* One request on its way. */
struct work {
	const struct ks_sign_request *request;
	const struct ks_module *module;
	bool has_digest;
	uint8_t digest[KS_DIGEST_MAX];
	char whose[160];      /* key "alice" on token "corp" */
	const char *function; /* that was called last */
	bool asks_again;      /* logged in, and the token wants the PIN nevertheless */
	bool submitted;       /* the context-specific PIN was given: nothing may be tried again */
	uint8_t raw[KS_SIGNATURE_MAX];
	CK_ULONG raw_size;
};

/* --- what the token is given ------------------------------------------------------------------------------------- */

static int make_digest(struct work *work)
{
	const struct ks_sign_request *request = work->request;
	int r = 0;

	if (work->has_digest)
		return 0;
	if (request->is_digest)
		memcpy(work->digest, request->input.data, request->input.size); /* check() has looked at its size */
	else
		r = ks_digest_make(request->digests, request->scheme->hash, &request->input, 1, work->digest);
	work->has_digest = r == 0;
	return r;
}

/* CKM_ECDSA takes the leftmost bits of a digest that is longer than the order of the curve (FIPS 186-4 section 6.4);
 * not every token cuts by itself. The orders of P-256 and P-384 fill their bytes, and no digest is longer than that of
 * P-521, so bytes are all there is to cut. */
static struct ks_bytes cut_digest(const struct work *work, struct ks_bytes digest)
{
	size_t size = ks_curve_size(work->request->key->kind.curve);

	if (work->request->scheme->signing == KS_SIGNING_ECDSA && digest.size > size)
		digest.size = size;
	return digest;
}

/* ret_operand borrows from the request, from work or from memory. */
static int make_operand(struct work *work, const struct ks_way *way, struct ks_buffer *memory,
			struct ks_bytes *ret_operand)
{
	const struct ks_sign_request *request = work->request;
	enum ks_hash hash = request->scheme->hash;

	if (way->operand == KS_OPERAND_INPUT) {
		*ret_operand = request->input;
		return 0;
	}
	int r = make_digest(work);
	if (r < 0)
		return r;
	struct ks_bytes digest = ks_bytes(work->digest, ks_hash_size(hash));
	if (way->operand == KS_OPERAND_DIGEST) {
		*ret_operand = cut_digest(work, digest);
		return 0;
	}
	if (way->operand == KS_OPERAND_DIGEST_INFO)
		r = ks_encode_digest_info(hash, digest, memory);
	else
		r = ks_encode_pss(request->digests, hash, digest, request->key->bits, memory);
	if (r < 0)
		return r;
	*ret_operand = ks_buffer_bytes(memory);
	return 0;
}

/* --- what the token gives ---------------------------------------------------------------------------------------- */

static int refuse_length(const struct work *work, struct ks_problem *problem)
{
	return ks_problem_set(problem, KS_ERR_TOKEN_FAILED,
			      "%s: C_Sign returned %lu bytes, which is no signature of this key", work->whose,
			      work->raw_size);
}

/* The token's form as TLS carries it. The agent verifies; here only lengths that cannot be right are refused. */
static int take_signature(const struct work *work, struct ks_buffer *signature, struct ks_problem *problem)
{
	const struct ks_key *key = work->request->key;
	size_t size = work->raw_size;
	struct ks_bytes raw = ks_bytes(work->raw, size);
	bool good;

	if (size == 0 || size > sizeof(work->raw))
		return refuse_length(work, problem);
	switch (work->request->scheme->signing) {
	case KS_SIGNING_ECDSA:
		/* Some tokens leave out zeros that both halves begin with. */
		if (size % 2 != 0 || size > 2 * ks_curve_size(key->kind.curve) || ks_der_put_ecdsa(signature, raw) < 0)
			return refuse_length(work, problem);
		return 0;
	case KS_SIGNING_EDDSA:
		good = size == 64;
		break;
	case KS_SIGNING_RSA_PKCS1:
	case KS_SIGNING_RSA_PSS:
	default:
		good = size == (key->bits + 7u) / 8;
		break;
	}
	if (!good)
		return refuse_length(work, problem);
	ks_buffer_put(signature, raw);
	int r = ks_buffer_error(signature);
	return r < 0 ? ks_problem_set(problem, r, "%s: %s", work->whose, ks_error_text(r)) : 0;
}

/* --- the loops --------------------------------------------------------------------------------------------------- */

/* The only C_Login as CKU_CONTEXT_SPECIFIC (PKCS#11 2.40 section 5.6), for the operation that C_SignInit has begun. The
 * PIN is wiped as soon as the token has seen it. */
static CK_RV authenticate(struct work *work, CK_SESSION_HANDLE session)
{
	struct ks_sign_pin *pin = work->request->pin;

	if (!pin)
		return CKR_OK;
	/* The loops above have seen to it; here it is certain. */
	if (work->submitted)
		return CKR_FUNCTION_FAILED;
	struct ks_bytes bytes = ks_secret_bytes(pin->secret);
	work->function = "C_Login";
	work->submitted = true;
	/* Cryptoki has no const; a NULL PIN stands for the reader's own keys. */
	CK_UTF8CHAR *text = bytes.size > 0 ? (CK_UTF8CHAR *)(uintptr_t)bytes.data : NULL;
	pin->rv = work->module->calls->C_Login(session, CKU_CONTEXT_SPECIFIC, text, bytes.size);
	pin->submitted = true;
	ks_secret_free(KS_STEAL(pin->secret));
	return pin->rv;
}

static CK_RV operate(struct work *work, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, CK_MECHANISM *mechanism,
		     struct ks_bytes operand)
{
	CK_FUNCTION_LIST *calls = work->module->calls;

	work->function = "C_SignInit";
	CK_RV rv = calls->C_SignInit(session, mechanism, handle);
	if (rv == CKR_OK)
		rv = authenticate(work, session);
	if (rv != CKR_OK)
		return rv;
	work->function = "C_Sign";
	work->raw_size = sizeof(work->raw);
	/* Cryptoki has no const; C_Sign does not write to its input. */
	return calls->C_Sign(session, (CK_BYTE *)(uintptr_t)operand.data, operand.size, work->raw, &work->raw_size);
}

static CK_RV find_again(struct work *work, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *ret_handle)
{
	struct ks_key *key = work->request->key;
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;

	work->function = "C_FindObjects";
	CK_RV rv = ks_key_find_handle(work->module, session, key, &handle);
	if (rv != CKR_OK)
		return rv;
	if (handle == CK_INVALID_HANDLE)
		return CKR_KEY_HANDLE_INVALID;
	atomic_store(&key->handle, handle);
	*ret_handle = handle;
	return CKR_OK;
}

/* What the session's state makes of a result: a key that is hidden because nobody is logged in looks like one that does
 * not exist, and a key that wants its PIN at each signature (PKCS#11 2.40 section 4.9) may say so only now. */
static CK_RV explain(struct work *work, struct ks_session session, CK_RV rv)
{
	enum ks_ckr_kind kind = ks_ckr_kind(rv);
	bool logged_in;

	if (work->submitted || (kind != KS_CKR_OBJECT_LOST && kind != KS_CKR_LOGGED_OUT) ||
	    !work->request->login_required ||
	    ks_session_is_logged_in(work->request->sessions, session, &logged_in) != CKR_OK)
		return rv;
	work->asks_again = kind == KS_CKR_LOGGED_OUT && logged_in;
	return logged_in ? rv : CKR_USER_NOT_LOGGED_IN;
}

static CK_RV sign_in(struct work *work, struct ks_session session, CK_MECHANISM *mechanism, struct ks_bytes operand)
{
	CK_OBJECT_HANDLE handle = atomic_load(&work->request->key->handle);
	bool logged_in = true;
	CK_RV rv = CKR_OK;

	/* A PIN is not wasted on a session that is dead, or whose user was logged out by another program. */
	if (work->request->pin) {
		work->function = "C_GetSessionInfo";
		rv = ks_session_is_logged_in(work->request->sessions, session, &logged_in);
		if (rv == CKR_OK && !logged_in && work->request->login_required)
			rv = CKR_USER_NOT_LOGGED_IN;
	}
	if (rv == CKR_OK)
		rv = operate(work, session.handle, handle, mechanism, operand);
	if (ks_ckr_kind(rv) == KS_CKR_OBJECT_LOST && !work->submitted) {
		rv = find_again(work, session.handle, &handle);
		if (rv == CKR_OK)
			rv = operate(work, session.handle, handle, mechanism, operand);
	}
	return explain(work, session, rv);
}

static CK_RV try_way(struct work *work, CK_MECHANISM *mechanism, struct ks_bytes operand)
{
	struct ks_sessions *sessions = work->request->sessions;

	for (unsigned i = 0;; i++) {
		struct ks_session session;
		work->function = "C_OpenSession";
		CK_RV rv = ks_session_take(sessions, &session);
		if (rv != CKR_OK) {
			*work->request->ret_no_session = true;
			return rv;
		}
		rv = sign_in(work, session, mechanism, operand);
		if (rv == CKR_OK) {
			ks_session_give_back(sessions, session);
			return rv;
		}
		enum ks_ckr_kind kind = ks_ckr_kind(rv);
		bool lost = kind == KS_CKR_SESSION_LOST;
		ks_session_throw_away(sessions, session, lost);
		if (!(lost || kind == KS_CKR_SESSION_BUSY) || session.fresh || i >= SESSION_TRIES || work->submitted)
			return rv;
	}
}

static int refuse_locked(const struct work *work, struct ks_problem *problem)
{
	return ks_problem_set(problem, KS_ERR_TOKEN_LOCKED, "token \"%s\" is locked; run: keystay unlock",
			      work->request->token_label);
}

/* Not said to be unlocked: that would not help. */
static int refuse_always_authenticate(const struct work *work, struct ks_problem *problem)
{
	return ks_problem_set(problem, KS_ERR_TOKEN_LOCKED, "%s: this key asks for its PIN at every single signature",
			      work->whose);
}

static int fail(const struct work *work, CK_RV rv, struct ks_problem *problem)
{
	char words[128];

	if (work->asks_again && !work->submitted)
		return refuse_always_authenticate(work, problem);
	if (ks_ckr_kind(rv) == KS_CKR_LOGGED_OUT && !work->submitted)
		return refuse_locked(work, problem);
	if (ks_ckr_kind(rv) != KS_CKR_MECHANISM)
		return ks_ckr_problem(problem, rv, work->whose, work->function);
	ks_ckr_describe(rv, words, sizeof(words));
	return ks_problem_set(problem, KS_ERR_MECHANISM, "%s: the token cannot make %s signatures: %s failed: %s",
			      work->whose, work->request->scheme->name, work->function, words);
}

/* --- the request ------------------------------------------------------------------------------------------------- */

static bool fits(const struct ks_scheme *scheme, const struct ks_key *key)
{
	switch (scheme->signing) {
	case KS_SIGNING_RSA_PKCS1:
	case KS_SIGNING_RSA_PSS:
		return key->kind.algorithm == KS_KEY_RSA;
	case KS_SIGNING_ECDSA:
		return key->kind.algorithm == KS_KEY_EC;
	case KS_SIGNING_EDDSA:
		return key->kind.algorithm == KS_KEY_ED25519;
	}
	return false;
}

static int check(const struct work *work, struct ks_problem *problem)
{
	const struct ks_sign_request *request = work->request;

	if (!fits(request->scheme, request->key))
		return ks_problem_set(problem, KS_ERR_INPUT_KEY_TYPE, "%s: %s is not for this type of key", work->whose,
				      request->scheme->name);
	if (request->is_digest &&
	    (request->input.size != ks_hash_size(request->scheme->hash) || request->input.size == 0))
		return ks_problem_set(problem, KS_ERR_INPUT_DIGEST, "%s: %zu bytes are no digest for %s", work->whose,
				      request->input.size, request->scheme->name);
	if (!request->key->private_seen && request->login_required && !request->logged_in)
		return refuse_locked(work, problem);
	if (!request->key->private_seen)
		return ks_problem_set(problem, KS_ERR_UNKNOWN_KEY, "%s: the token holds its public half only",
				      work->whose);
	return 0;
}

/* Where the key remembers which way led to this scheme. */
static _Atomic uint8_t *known_way(const struct ks_sign_request *request)
{
	size_t n;
	const struct ks_scheme *first = ks_schemes(&n);
	size_t place = (size_t)(request->scheme - first);

	return place < KS_KEY_SCHEMES_MAX ? &request->key->ways[place] : NULL;
}

static int sign_by(struct work *work, uint8_t way, CK_RV *ret_rv)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer memory = { 0 };
	CK_RSA_PKCS_PSS_PARAMS pss;
	CK_MECHANISM mechanism = ks_mechanism_make(way, work->request->scheme->hash, &pss);
	struct ks_bytes operand;

	int r = make_operand(work, ks_mechanism_way(way), &memory, &operand);
	if (r < 0)
		return r;
	*ret_rv = try_way(work, &mechanism, operand);
	return 0;
}

int ks_sign(const struct ks_sign_request *request, struct ks_buffer *signature, struct ks_problem *problem)
{
	struct work work = { .request = request, .module = request->sessions->module };
	uint8_t ways[KS_WAYS_MAX];
	CK_RV rv = CKR_MECHANISM_INVALID;

	work.function = "C_SignInit";
	(void)ks_text_print(work.whose, sizeof(work.whose), "key \"%.60s\" on token \"%s\"", request->key->label,
			    request->token_label);
	int r = check(&work, problem);
	if (r < 0)
		return r;
	_Atomic uint8_t *known = known_way(request);
	size_t n_ways = ks_mechanism_ways(request->mechanisms, request->scheme,
					  known ? atomic_load(known) : (uint8_t)KS_WAY_NONE, ways);
	for (size_t i = 0; i < n_ways; i++) {
		if (request->is_digest && ks_mechanism_way(ways[i])->operand == KS_OPERAND_INPUT)
			continue;
		r = sign_by(&work, ways[i], &rv);
		if (r < 0)
			return ks_problem_set(problem, r, "%s: %s", work.whose, ks_error_text(r));
		if (rv == CKR_OK) {
			r = take_signature(&work, signature, problem);
			if (r == 0 && known)
				atomic_store(known, ways[i]);
			return r;
		}
		if (ks_ckr_kind(rv) != KS_CKR_MECHANISM || work.submitted)
			break;
	}
	return fail(&work, rv, problem);
}
