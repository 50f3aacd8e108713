/* SPDX-License-Identifier: Apache-2.0 */
/* store: see store.h. Runs in: keystay-token. */
#include "pkcs11/store.h"

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "pkcs11/ckr.h"
#include "pkcs11/writing.h"

/* What a certificate object repeats of its value (PKCS#11 2.40 section 4.6.3), each with its tag and length. */
struct parts {
	struct ks_bytes serial;
	struct ks_bytes issuer;
	struct ks_bytes subject;
};

/* RFC 5280 section 4.1; ks_spki_of_certificate() has read it before. */
static int read_parts(struct ks_bytes der, struct parts *ret_parts)
{
	struct ks_reader outer = ks_reader(der);
	struct ks_reader certificate = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	struct ks_reader tbs = ks_reader(ks_der_take(&certificate, KS_DER_SEQUENCE));
	struct parts parts;

	if (ks_der_peek(&tbs) == KS_DER_CONTEXT_0)
		(void)ks_der_take(&tbs, KS_DER_CONTEXT_0); /* version */
	parts.serial = ks_der_take_any(&tbs, NULL);
	(void)ks_der_take(&tbs, KS_DER_SEQUENCE); /* signature */
	parts.issuer = ks_der_take_any(&tbs, NULL);
	(void)ks_der_take(&tbs, KS_DER_SEQUENCE); /* validity */
	parts.subject = ks_der_take_any(&tbs, NULL);
	if (!ks_reader_ok(&tbs))
		return KS_ERR_MALFORMED;
	*ret_parts = parts;
	return 0;
}

/* The same key as the certificate's, under the id that was named. */
static int check_key(const struct ks_token *token, const struct ks_store *wanted, struct ks_problem *problem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
	struct ks_bytes der;
	bool id_known = false;

	if (ks_spki_of_certificate(wanted->der, &der) < 0 || ks_public_key_normalise(der, &spki) < 0)
		return ks_problem_set(problem, KS_ERR_INVALID, "%s: this is no certificate of a key that keystay knows",
				      token->whose);
	for (size_t i = 0; i < token->keys.n && wanted->object_id.size > 0; i++) {
		const struct ks_key *key = token->keys.list[i];
		if (!ks_bytes_equal(ks_key_id(key), wanted->object_id))
			continue;
		id_known = true;
		if (ks_bytes_equal(ks_key_spki(key), ks_buffer_bytes(&spki)))
			return 0;
	}
	if (!id_known)
		return ks_problem_set(problem, KS_ERR_UNKNOWN_KEY, "%s has no key of this object id", token->whose);
	return ks_problem_set(problem, KS_ERR_INVALID, "%s: the certificate is of another key; it was not stored",
			      token->whose);
}

static CK_RV read_value(struct ks_writing *writing, CK_OBJECT_HANDLE object, struct ks_bytes *ret_der)
{
	struct ks_attribute value = { .type = CKA_VALUE, .max = KS_CERTIFICATE_MAX };

	CK_RV rv = ks_object_read(writing->module, writing->session, object, &value, 1, &writing->memory);
	if (rv == CKR_OK)
		*ret_der = ks_contents_certificate(value.value);
	return rv;
}

/* found: all certificates of the key's id. */
static CK_RV is_there(struct ks_writing *writing, const struct ks_store *wanted, struct ks_handles *found,
		      bool *ret_there)
{
	bool there = false;

	CK_RV rv = ks_writing_find(writing, CKO_CERTIFICATE, CKA_ID, wanted->object_id, found);
	for (size_t i = 0; rv == CKR_OK && i < found->n && !there; i++) {
		struct ks_bytes der = KS_BYTES_NONE;
		rv = read_value(writing, found->handles[i], &der);
		if (ks_ckr_kind(rv) == KS_CKR_OBJECT_LOST)
			rv = CKR_OK;
		there = rv == CKR_OK && ks_bytes_equal(der, wanted->der);
	}
	if (rv == CKR_OK)
		*ret_there = there;
	return rv;
}

static CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, struct ks_bytes value)
{
	return (CK_ATTRIBUTE){ type, (void *)(uintptr_t)value.data, value.size }; /* Cryptoki has no const */
}

static CK_RV create(const struct ks_writing *writing, const struct ks_store *wanted, const struct parts *parts,
		    CK_OBJECT_HANDLE *ret_object)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_C_CreateObject call = writing->module->calls->C_CreateObject;
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof(class) }, { CKA_CERTIFICATE_TYPE, &type, sizeof(type) },
		{ CKA_TOKEN, &yes, sizeof(yes) },     { CKA_PRIVATE, &no, sizeof(no) },
		attribute(CKA_ID, wanted->object_id), attribute(CKA_SUBJECT, parts->subject),
		attribute(CKA_ISSUER, parts->issuer), attribute(CKA_SERIAL_NUMBER, parts->serial),
		attribute(CKA_VALUE, wanted->der),    attribute(CKA_LABEL, wanted->label),
	};
	CK_ULONG n = sizeof(template) / sizeof(template[0]) - (wanted->label.size > 0 ? 0 : 1);

	return call ? call(writing->session, template, n, ret_object) : CKR_FUNCTION_NOT_SUPPORTED;
}

static bool has(const struct ks_handles *handles, CK_OBJECT_HANDLE object)
{
	for (size_t i = 0; i < handles->n; i++) {
		if (handles->handles[i] == object)
			return true;
	}
	return false;
}

/* A handle is what the module says: it may be of another object, a key even, which then stays. */
static bool is_new(const struct ks_writing *writing, const struct ks_store *wanted, const struct ks_handles *before,
		   CK_OBJECT_HANDLE object)
{
	KS_CLEANUP(ks_handles_deinit) struct ks_handles now = { 0 };

	return ks_writing_find(writing, CKO_CERTIFICATE, CKA_ID, wanted->object_id, &now) == CKR_OK &&
	       has(&now, object) && !has(before, object);
}

/* A token that has cut it, or written something else, has no use of it. */
static int check_written(struct ks_writing *writing, CK_OBJECT_HANDLE object, const struct ks_store *wanted,
			 const struct ks_handles *before, struct ks_problem *problem)
{
	const struct ks_token *token = writing->token;
	CK_C_DestroyObject destroy = writing->module->calls->C_DestroyObject;
	struct ks_bytes der = KS_BYTES_NONE;

	CK_RV rv = read_value(writing, object, &der);
	if (rv == CKR_OK && ks_bytes_equal(der, wanted->der))
		return 0;
	bool gone = destroy && is_new(writing, wanted, before, object) && destroy(writing->session, object) == CKR_OK;
	const char *now = gone ? "it was removed again" : "it could not be removed again";
	if (rv != CKR_OK)
		return ks_problem_set(problem, ks_ckr_error(rv), "%s: the certificate cannot be read back; %s",
				      token->whose, now);
	return ks_problem_set(problem, KS_ERR_TOKEN_FAILED,
			      "%s: the certificate is another one when it is read back; %s", token->whose, now);
}

int ks_store(struct ks_token *token, const struct ks_store *wanted, struct ks_problem *problem)
{
	KS_CLEANUP(ks_writing_deinit) struct ks_writing writing = { .session = CK_INVALID_HANDLE };
	KS_CLEANUP(ks_handles_deinit) struct ks_handles before = { 0 };
	CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
	struct parts parts = { .serial = KS_BYTES_NONE };
	bool there = false;

	int r = check_key(token, wanted, problem);
	if (r == 0 && read_parts(wanted->der, &parts) < 0)
		r = ks_problem_set(problem, KS_ERR_INVALID, "%s: the certificate is not well-formed", token->whose);
	if (r == 0)
		r = ks_writing_begin(token, &writing, problem);
	if (r < 0)
		return r;
	CK_RV rv = is_there(&writing, wanted, &before, &there);
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, token->whose, "C_FindObjects");
	if (there)
		return 0;
	rv = create(&writing, wanted, &parts, &object);
	if (rv != CKR_OK)
		return ks_writing_refused(token, rv, "C_CreateObject", KS_WRITING_CERTIFICATE, problem);
	return check_written(&writing, object, wanted, &before, problem);
}
