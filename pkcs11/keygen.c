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
#include "pkcs11/writing.h"

/* --- what can be made -------------------------------------------------------------------------------------------- */

#define TEMPLATE_MAX 16u
#define NAMES_MAX 2u

struct kind {
	enum ks_key_algorithm algorithm;
	unsigned bits;
	const char *name;
	CK_MECHANISM_TYPE mechanism;
	struct ks_bytes curves[NAMES_MAX]; /* CKA_EC_PARAMS: the ways to write it; none for RSA */
};

#define BYTES(...)                                                                                                     \
	{                                                                                                              \
		(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })                             \
	}

static const struct kind kinds[] = {
	{ KS_KEY_RSA, 2048, "RSA-2048", CKM_RSA_PKCS_KEY_PAIR_GEN, { { NULL, 0 } } },
	{ KS_KEY_RSA, 3072, "RSA-3072", CKM_RSA_PKCS_KEY_PAIR_GEN, { { NULL, 0 } } },
	{ KS_KEY_RSA, 4096, "RSA-4096", CKM_RSA_PKCS_KEY_PAIR_GEN, { { NULL, 0 } } },
	{ KS_KEY_EC,
	  256,
	  "P-256",
	  CKM_EC_KEY_PAIR_GEN,
	  { BYTES(0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07) } },
	{ KS_KEY_EC, 384, "P-384", CKM_EC_KEY_PAIR_GEN, { BYTES(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22) } },
	{ KS_KEY_EC, 521, "P-521", CKM_EC_KEY_PAIR_GEN, { BYTES(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23) } },
	/* The curve's name (PKCS#11 3.0 section 2.3.10), which is all that SoftHSM takes, and its OID of RFC 8410. */
	{ KS_KEY_ED25519,
	  256,
	  "Ed25519",
	  CKM_EC_EDWARDS_KEY_PAIR_GEN,
	  { BYTES(0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'),
	    BYTES(0x06, 0x03, 0x2b, 0x65, 0x70) } },
};

static const struct kind *find_kind(const struct ks_keygen *wanted)
{
	unsigned bits = wanted->algorithm == KS_KEY_ED25519 && wanted->bits == 0 ? 256 : wanted->bits;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].algorithm == wanted->algorithm && kinds[i].bits == bits)
			return &kinds[i];
	}
	return NULL;
}

/* One pair under way. */
struct making {
	const struct ks_keygen *wanted;
	const struct kind *kind;
	struct ks_writing writing;
	uint8_t id[KS_KEY_ID_MAX]; /* under which it is made */
	size_t id_size;
	CK_OBJECT_HANDLE halves[2]; /* public, private */
	struct ks_key *keys[2];     /* as they were read back; owned */
};

enum { PUBLIC, PRIVATE };

static void making_deinit(struct making *making)
{
	ks_key_free(making->keys[PUBLIC]);
	ks_key_free(making->keys[PRIVATE]);
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

/* A certificate may have the label already, but not the id: it would be taken for one of the new key. */
static int check_free(const struct making *making, struct ks_problem *problem)
{
	const struct ks_token *token = making->writing.token;
	struct ks_bytes label = making->wanted->label;
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
	if (!label_taken && !id_taken)
		return 0;
	return ks_problem_set(problem, KS_ERR_BUSY,
			      "%s has something with this %s already; choose another one for the new key; nothing was "
			      "made",
			      token->whose, label_taken ? "label" : "object id");
}

/* --- making it --------------------------------------------------------------------------------------------------- */

struct template
{
	CK_ATTRIBUTE at[TEMPLATE_MAX];
	CK_ULONG n;
};

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE; /* Cryptoki has no const */

static void put(struct template *template, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
	template->at[template->n++] = (CK_ATTRIBUTE){ type, (void *)(uintptr_t)value, size };
}

static void put_bool(struct template *template, CK_ATTRIBUTE_TYPE type, CK_BBOOL *value)
{
	put(template, type, value, sizeof(*value));
}

static void put_names(struct template *template, const struct making *making)
{
	put(template, CKA_LABEL, making->wanted->label.data, making->wanted->label.size);
	put(template, CKA_ID, making->id, making->id_size);
}

/* What it is not for is left out for modules that know no such attribute in a template (plain); what they make of it
 * is looked at afterwards. */
static CK_RV generate_once(struct making *making, struct ks_bytes curve, bool plain)
{
	const struct ks_module *module = making->writing.module;
	static const CK_BYTE exponent[] = { 0x01, 0x00, 0x01 };
	struct template public = { .n = 0 }, private = { .n = 0 };
	CK_ULONG bits = making->kind->bits;
	CK_MECHANISM mechanism = { making->kind->mechanism, NULL, 0 };

	put_bool(&public, CKA_TOKEN, &yes);
	put_bool(&public, CKA_VERIFY, &yes);
	put_names(&public, making);
	if (curve.size > 0) {
		put(&public, CKA_EC_PARAMS, curve.data, curve.size);
	} else {
		put(&public, CKA_MODULUS_BITS, &bits, sizeof(bits));
		put(&public, CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent));
	}
	put_bool(&private, CKA_TOKEN, &yes);
	put_bool(&private, CKA_PRIVATE, &yes);
	put_bool(&private, CKA_SENSITIVE, &yes);
	put_bool(&private, CKA_EXTRACTABLE, &no);
	put_bool(&private, CKA_SIGN, &yes);
	put_names(&private, making);
	if (!plain) {
		put_bool(&public, CKA_PRIVATE, &no);
		put_bool(&public, CKA_ENCRYPT, &no);
		put_bool(&public, CKA_WRAP, &no);
		put_bool(&private, CKA_DECRYPT, &no);
		put_bool(&private, CKA_UNWRAP, &no);
		put_bool(&private, CKA_DERIVE, &no);
	}
	CK_RV rv = module->calls->C_GenerateKeyPair(making->writing.session, &mechanism, public.at, public.n,
						    private.at, private.n, &making->halves[PUBLIC],
						    &making->halves[PRIVATE]);
	if (rv != CKR_OK)
		making->halves[PUBLIC] = making->halves[PRIVATE] = CK_INVALID_HANDLE;
	return rv;
}

/* Does it refuse the way in which it was asked, and nothing else? */
static bool is_of_template(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_ATTRIBUTE_READ_ONLY ||
	       rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_DOMAIN_PARAMS_INVALID || rv == CKR_CURVE_NOT_SUPPORTED;
}

static CK_RV generate(struct making *making)
{
	CK_RV rv = CKR_FUNCTION_NOT_SUPPORTED;

	for (size_t i = 0; i < NAMES_MAX; i++) {
		struct ks_bytes curve = making->kind->curves[i];
		if (i > 0 && curve.size == 0)
			break;
		for (unsigned plain = 0; plain < 2; plain++) {
			rv = generate_once(making, curve, plain == 1);
			if (!is_of_template(rv))
				return rv;
		}
	}
	return rv;
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
	int r = ks_key_read(writing->module, writing->session, making->halves[half], half == PRIVATE, &writing->memory,
			    &rv, &key);
	if (rv != CKR_OK)
		return ks_ckr_kind(rv) == KS_CKR_OBJECT_LOST ? CKR_OK : rv;
	if (r < 0 || is_old(making->writing.token, key))
		return CKR_OK;
	return destroy(writing, making->halves[half]);
}

static CK_RV destroy_half(const struct making *making, struct ks_writing *writing, int half)
{
	bool found = false;

	CK_RV rv = destroy_by_id(making, writing, half == PRIVATE ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY, &found);
	return rv == CKR_OK && !found ? destroy_by_handle(making, writing, half) : rv;
}

/* In another session: the first one may be what failed. */
static int undo(const struct making *making, int error, struct ks_problem *problem)
{
	KS_CLEANUP(ks_writing_deinit) struct ks_writing writing = { .session = CK_INVALID_HANDLE };
	size_t used = strlen(problem->text);
	CK_RV rv = CKR_GENERAL_ERROR;

	if (ks_writing_begin(making->writing.token, &writing, NULL) == 0) {
		rv = destroy_half(making, &writing, PRIVATE);
		if (rv == CKR_OK)
			rv = destroy_half(making, &writing, PUBLIC);
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
	int r = ks_key_read(making->writing.module, making->writing.session, making->halves[half], half == PRIVATE,
			    &making->writing.memory, &rv, &key);
	if (r < 0 && rv != CKR_OK)
		return ks_ckr_problem(problem, rv, token->whose, "C_GetAttributeValue");
	if (r < 0)
		return ks_problem_set(problem, r == KS_ERR_NO_MEMORY ? r : KS_ERR_TOKEN_FAILED,
				      "%s: the key that it made cannot be read: %s", token->whose, ks_error_text(r));
	making->keys[half] = key;
	return 0;
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

/* The habitual id instead of the random one. A token that lets nobody change it keeps that; one that changes half of a
 * pair has broken it. */
static int give_id(struct making *making, struct ks_problem *problem)
{
	const struct ks_token *token = making->writing.token;
	uint8_t id[KS_DIGEST_KEY_ID_SIZE];
	bool taken = false;

	if (!ks_bytes_equal(ks_key_id(making->keys[PUBLIC]), id_of(making)))
		return 0; /* the token gives ids itself */
	if (ks_digest_key_id(making->wanted->digests, key_bits(ks_key_spki(making->keys[PUBLIC])), id) < 0)
		return 0;
	if (set_id(making, making->halves[PRIVATE], ks_bytes(id, sizeof(id))) != CKR_OK)
		return 0;
	CK_RV rv = set_id(making, making->halves[PUBLIC], ks_bytes(id, sizeof(id)));
	if (rv != CKR_OK)
		rv = set_id(making, making->halves[PRIVATE], id_of(making));
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

	CK_RV rv = ks_object_read(making->writing.module, making->writing.session, making->halves[PRIVATE], attributes,
				  N, &making->writing.memory);
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
	if (making->keys[PRIVATE]->decrypts || ks_attribute_bool(&attributes[DERIVE], false))
		return refuse(making, "does more than sign", problem);
	return making->keys[PRIVATE]->signs ? 0 : refuse(making, "does not sign", problem);
}

/* The key that was asked for, and both halves of the same one. */
static int check_key(const struct making *making, struct ks_problem *problem)
{
	const struct ks_key *public = making->keys[PUBLIC], *private = making->keys[PRIVATE];
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
	int r = read_half(making, PUBLIC, problem);
	if (r == 0 && making->wanted->object_id.size == 0)
		r = give_id(making, problem);
	if (r == 0)
		r = read_half(making, PUBLIC, problem);
	if (r == 0)
		r = read_half(making, PRIVATE, problem);
	if (r == 0)
		r = check_key(making, problem);
	return r == 0 ? check_protection(making, problem) : r;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int prepare(struct making *making, struct ks_token *token, struct ks_problem *problem)
{
	const struct ks_keygen *wanted = making->wanted;

	making->kind = find_kind(wanted);
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
	CK_RV rv = generate(&making);
	r = rv == CKR_OK ? finish(&making, problem) :
			   ks_writing_refused(token, rv, "C_GenerateKeyPair", KS_WRITING_KEY, problem);
	if (r < 0)
		return undo(&making, r, problem);
	struct ks_bytes id = ks_key_id(making.keys[PUBLIC]), spki = ks_key_spki(making.keys[PUBLIC]);
	*ret_made = (struct ks_keygen_made){ .id_size = id.size, .spki_size = spki.size };
	memcpy(ret_made->id, id.data, id.size);
	memcpy(ret_made->spki, spki.data, spki.size);
	return 0;
}
