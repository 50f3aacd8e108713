/* SPDX-License-Identifier: Apache-2.0 */
/* request: see request.h. Runs in: keystay-enroll. */
#include "enrol/request.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "client/csr_text.h"
#include "client/x509.h"
#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"
#include "lib/protocol/csr.h"
#include "lib/protocol/spki.h"

KS_DEFINE_CLEANUP(X509 *, X509_free)

/* --- whom -------------------------------------------------------------------------------------------------------- */

static const char *first_of(const char *typed, const char *configured)
{
	return typed ? typed : configured;
}

static int put_old_subject(struct ks_buffer *subject, struct ks_bytes leaf)
{
	struct ks_x509 old;

	int r = ks_x509_read(leaf, &old);
	if (r == 0)
		ks_buffer_put(subject, old.subject);
	return r;
}

/* The extension's value is the GeneralNames as they stand (RFC 5280 section 4.2.1.6), of whatever kinds. */
static int put_old_names(struct ks_buffer *names, struct ks_bytes leaf)
{
	const unsigned char *der = leaf.data;
	KS_CLEANUP(X509_freep) X509 *old = d2i_X509(NULL, &der, (long)leaf.size);

	if (!old)
		return KS_ERR_MALFORMED;
	int at = X509_get_ext_by_NID(old, NID_subject_alt_name, -1);
	if (at < 0)
		return 0;
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(old, at));
	ks_buffer_put(names, ks_bytes(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)));
	return 0;
}

int ks_request_names(const struct ks_request_whom *whom, struct ks_buffer *subject, struct ks_buffer *names,
		     struct ks_enrol_problem *problem)
{
	const char *subject_text = first_of(whom->subject, whom->profile->subject);
	const char *san_text = first_of(whom->san, whom->profile->san);
	struct ks_bytes leaf = whom->old ? ks_client_identity_leaf(whom->old) : KS_BYTES_NONE;
	struct ks_csr_problem wrong = { "memory ran out" };
	int r = 0;

	if (!subject_text && !san_text && leaf.size == 0)
		return ks_enrol_problem_final(problem, KS_ERR_INVALID,
					      "nobody says whom the certificate is to name: --subject /CN=..., or "
					      "--san dns:..., or subject = in profile \"%s\"",
					      whom->profile->name);
	if (subject_text || leaf.size == 0)
		r = ks_csr_subject_put(subject, subject_text ? subject_text : "", &wrong);
	if (r == 0 && san_text)
		r = ks_csr_names_put(names, san_text, &wrong);
	if (r < 0)
		return ks_enrol_problem_final(problem, r, "%s", wrong.text);
	if (!subject_text && leaf.size > 0)
		r = put_old_subject(subject, leaf);
	if (r == 0 && !san_text && leaf.size > 0)
		r = put_old_names(names, leaf);
	if (r == 0)
		r = ks_buffer_error(subject);
	if (r == 0)
		r = ks_buffer_error(names);
	return r < 0 ? ks_enrol_problem_final(problem, r, "the names of the old certificate cannot be taken over: %s",
					      ks_error_text(r)) :
		       0;
}

/* --- the request ------------------------------------------------------------------------------------------------- */

static enum ks_hash hash_of(const struct ks_profile *profile)
{
	if (!profile->hash)
		return KS_HASH_NONE;
	return strcmp(profile->hash, "sha512") == 0 ? KS_HASH_SHA512 :
	       strcmp(profile->hash, "sha384") == 0 ? KS_HASH_SHA384 :
						      KS_HASH_SHA256;
}

/* hash and pss of a profile are for its RSA keys: a key of another type has no choice. */
static const struct ks_scheme *scheme_of(const struct ks_spki *spki, const struct ks_profile *profile)
{
	bool rsa = spki->algorithm == KS_KEY_RSA || spki->algorithm == KS_KEY_RSA_PSS;

	return ks_csr_scheme(spki, rsa && profile->pss, rsa ? hash_of(profile) : KS_HASH_NONE);
}

static int sign(const struct ks_client_identity *key, const struct ks_scheme *scheme, struct ks_bytes info,
		struct ks_buffer *csr, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *name = ks_text_copy(key->identity.name);
	struct ks_client_sign_request request = { .name = name, .scheme = scheme->code, .info = info };
	struct ks_client_error error;
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size;

	memcpy(request.spki_hash, key->identity.spki_hash.data, sizeof(request.spki_hash));
	if (ks_client_sign_request(&request, signature, &size, &error) < 0)
		return ks_enrol_problem_client(problem, &error);
	int r = ks_csr_put(csr, info, scheme, ks_bytes(signature, size));
	return r < 0 ? ks_enrol_problem_set(problem, r, "the request cannot be written: %s", ks_error_text(r)) : 0;
}

int ks_request_make(const struct ks_client_identity *key, const struct ks_profile *profile, struct ks_bytes subject,
		    struct ks_bytes names, const struct ks_secret *challenge, struct ks_buffer *csr,
		    struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { .secret = challenge != NULL };
	struct ks_csr parts = { .spki = key->identity.spki, .subject = subject, .names = names };
	struct ks_spki spki;

	if (challenge)
		parts.challenge = ks_secret_bytes(challenge);
	int r = ks_spki_read(parts.spki, &spki);
	if (r == 0)
		r = ks_csr_put_info(&info, &parts);
	if (r < 0)
		return ks_enrol_problem_final(problem, r, "the request cannot be written: %s", ks_error_text(r));
	const struct ks_scheme *scheme = scheme_of(&spki, profile);
	if (!scheme)
		return ks_enrol_problem_final(problem, KS_ERR_UNSUPPORTED, "keys of this type cannot sign a request");
	return sign(key, scheme, ks_buffer_bytes(&info), csr, problem);
}
