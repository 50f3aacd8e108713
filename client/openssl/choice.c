/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choice: see choice.h.
 *
 * Runs in: any program that loads the provider. Never picks something weaker or other than what was asked for.
 */
#include "client/openssl/choice.h"

#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "client/openssl/algorithm_id.h"
#include "client/openssl/params.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* openssl/rsa.h has these numbers, but belongs to libcrypto. */
#define RSA_PKCS1_PADDING 1
#define RSA_PKCS1_PSS_PADDING 6
#define RSA_PSS_SALTLEN_DIGEST (-1)
#define RSA_PSS_SALTLEN_AUTO_DIGEST_MAX (-4) /* since 3.1: at most as long as the digest, for signing just that */

#define WORD_MAX 64u

/* --- digests ----------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	enum ks_hash hash;
} digests[] = {
	{ "SHA256", KS_HASH_SHA256 },  { "SHA2-256", KS_HASH_SHA256 },
	{ "SHA-256", KS_HASH_SHA256 }, { "2.16.840.1.101.3.4.2.1", KS_HASH_SHA256 },
	{ "SHA384", KS_HASH_SHA384 },  { "SHA2-384", KS_HASH_SHA384 },
	{ "SHA-384", KS_HASH_SHA384 }, { "2.16.840.1.101.3.4.2.2", KS_HASH_SHA384 },
	{ "SHA512", KS_HASH_SHA512 },  { "SHA2-512", KS_HASH_SHA512 },
	{ "SHA-512", KS_HASH_SHA512 }, { "2.16.840.1.101.3.4.2.3", KS_HASH_SHA512 },
};

/* What a program said, safe to print. */
static void show(const char *word, char out[WORD_MAX])
{
	ks_text_escape(ks_bytes_text(word), out, WORD_MAX);
}

static int find_digest(const char *name, enum ks_hash *ret_hash, struct ks_report *report)
{
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		if (strcasecmp(digests[i].name, name) == 0) {
			*ret_hash = digests[i].hash;
			return 1;
		}
	}
	char shown[WORD_MAX];
	show(name, shown);
	return ks_report_fail(report, "digest", KS_ERR_INPUT_SCHEME,
			      "keystay signs with SHA-256, SHA-384 and SHA-512; this program asked for %s", shown);
}

static int set_digest(struct ks_choice *choice, const char *name, struct ks_report *report)
{
	if (choice->algorithm != KS_KEY_ED25519)
		return find_digest(name, &choice->hash, report);
	if (name[0] == '\0')
		return 1;
	return ks_report_fail(report, "digest", KS_ERR_INPUT_SCHEME,
			      "an Ed25519 key signs without a digest of its own; this program asked for one");
}

/* --- padding and salt -------------------------------------------------------------------------------------------- */

static int set_padding(struct ks_choice *choice, const char *word, struct ks_report *report)
{
	bool is_rsa = choice->algorithm == KS_KEY_RSA || choice->algorithm == KS_KEY_RSA_PSS;

	if (is_rsa && strcmp(word, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0) {
		choice->signing = KS_SIGNING_RSA_PSS;
		return 1;
	}
	if (choice->algorithm == KS_KEY_RSA && strcmp(word, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0) {
		choice->signing = KS_SIGNING_RSA_PKCS1;
		return 1;
	}
	char shown[WORD_MAX];
	show(word, shown);
	return ks_report_fail(report, "pad-mode", KS_ERR_INPUT_SCHEME,
			      "no TLS signature of this kind of key has the padding that this program asked for (%s)",
			      shown);
}

static int set_padding_param(struct ks_choice *choice, const OSSL_PARAM *param, struct ks_report *report)
{
	char word[WORD_MAX];
	int number;

	if (ks_param_get_text(param, word, sizeof(word)))
		return set_padding(choice, word, report);
	if (!ks_param_get_int(param, &number))
		return set_padding(choice, "not a number", report);
	if (number == RSA_PKCS1_PADDING)
		return set_padding(choice, OSSL_PKEY_RSA_PAD_MODE_PKCSV15, report);
	if (number == RSA_PKCS1_PSS_PADDING)
		return set_padding(choice, OSSL_PKEY_RSA_PAD_MODE_PSS, report);
	(void)ks_text_print(word, sizeof(word), "number %d", number);
	return set_padding(choice, word, report);
}

static int fail_salt(const char *word, struct ks_report *report)
{
	char shown[WORD_MAX];

	show(word, shown);
	return ks_report_fail(
		report, "saltlen", KS_ERR_INPUT_SCHEME,
		"TLS signs RSA-PSS with a salt as long as the digest; this program asked for a salt length of %s",
		shown);
}

/* The number itself is judged when the digest is known, by ks_choice_scheme(). */
static int set_salt_number(struct ks_choice *choice, int number, struct ks_report *report)
{
	char word[WORD_MAX];

	if (number == RSA_PSS_SALTLEN_DIGEST || number == RSA_PSS_SALTLEN_AUTO_DIGEST_MAX) {
		choice->salt = KS_SALT_AS_DIGEST;
		return 1;
	}
	if (number >= 0) {
		choice->salt = number;
		return 1;
	}
	(void)ks_text_print(word, sizeof(word), "%d", number);
	return fail_salt(word, report);
}

static int set_salt_param(struct ks_choice *choice, const OSSL_PARAM *param, struct ks_report *report)
{
	char word[WORD_MAX];
	int number;

	if (ks_param_get_int(param, &number))
		return set_salt_number(choice, number, report);
	if (!ks_param_get_text(param, word, sizeof(word)))
		return fail_salt("not a number", report);
	if (strcmp(word, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0 || strcmp(word, "auto-digestmax") == 0)
		return set_salt_number(choice, RSA_PSS_SALTLEN_DIGEST, report);
	uint64_t parsed;
	if (ks_text_number(word, INT32_MAX, &parsed) == 0)
		return set_salt_number(choice, (int)parsed, report);
	return fail_salt(word, report);
}

/* --- all together ------------------------------------------------------------------------------------------------ */

int ks_choice_start(struct ks_choice *choice, const struct ks_key *key, const char *digest_name,
		    struct ks_report *report)
{
	static const enum ks_signing usual[] = {
		[KS_KEY_RSA] = KS_SIGNING_RSA_PKCS1,
		[KS_KEY_RSA_PSS] = KS_SIGNING_RSA_PSS,
		[KS_KEY_EC] = KS_SIGNING_ECDSA,
		[KS_KEY_ED25519] = KS_SIGNING_EDDSA,
	};
	enum ks_key_algorithm algorithm = key->spki.algorithm;

	*choice = (struct ks_choice){
		.algorithm = algorithm,
		.signing = usual[algorithm],
		.hash = algorithm == KS_KEY_ED25519 ? KS_HASH_NONE : KS_HASH_SHA256,
		.salt = KS_SALT_AS_DIGEST,
	};
	if (!digest_name || digest_name[0] == '\0')
		return 1;
	return set_digest(choice, digest_name, report);
}

static int fail_value(const char *name, struct ks_report *report)
{
	return ks_report_fail(report, name, KS_ERR_INPUT_SCHEME,
			      "keystay cannot sign with the value of \"%s\" that this program asked for", name);
}

static int set_text_param(struct ks_choice *choice, const OSSL_PARAM *param, struct ks_report *report)
{
	char word[WORD_MAX];

	if (!ks_param_get_text(param, word, sizeof(word)))
		return fail_value(param->key, report);
	if (strcmp(param->key, OSSL_SIGNATURE_PARAM_DIGEST) == 0)
		return set_digest(choice, word, report);
	choice->has_mgf1 = true;
	return find_digest(word, &choice->mgf1, report);
}

/* Property queries say where OpenSSL is to find a digest, and the others what FIPS providers are to check: nothing of
 * that changes what is signed. */
static bool changes_nothing(const char *name)
{
	static const char *const names[] = {
		OSSL_SIGNATURE_PARAM_PROPERTIES,
		OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES,
		"digest-check",
		"key-check",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static int set_param(struct ks_choice *choice, const OSSL_PARAM *param, struct ks_report *report)
{
	if (strcmp(param->key, OSSL_SIGNATURE_PARAM_DIGEST) == 0 ||
	    strcmp(param->key, OSSL_SIGNATURE_PARAM_MGF1_DIGEST) == 0)
		return set_text_param(choice, param, report);
	if (strcmp(param->key, OSSL_SIGNATURE_PARAM_PAD_MODE) == 0)
		return set_padding_param(choice, param, report);
	if (strcmp(param->key, OSSL_SIGNATURE_PARAM_PSS_SALTLEN) == 0)
		return set_salt_param(choice, param, report);
	if (changes_nothing(param->key))
		return 1;
	char shown[WORD_MAX];
	show(param->key, shown);
	return ks_report_fail(report, "set_ctx_params", KS_ERR_INPUT_SCHEME,
			      "keystay does not know the signature parameter \"%s\" that this program sets", shown);
}

int ks_choice_set_params(struct ks_choice *choice, const OSSL_PARAM params[], struct ks_report *report)
{
	for (const OSSL_PARAM *param = params; param && param->key; param++) {
		if (!set_param(choice, param, report))
			return 0;
	}
	return 1;
}

const struct ks_scheme *ks_choice_scheme(const struct ks_choice *choice, struct ks_report *report)
{
	if (choice->signing == KS_SIGNING_RSA_PSS) {
		if (choice->salt != KS_SALT_AS_DIGEST && (size_t)choice->salt != ks_hash_size(choice->hash)) {
			char word[WORD_MAX];
			(void)ks_text_print(word, sizeof(word), "%d bytes", choice->salt);
			(void)fail_salt(word, report);
			return NULL;
		}
		if (choice->has_mgf1 && choice->mgf1 != choice->hash) {
			(void)ks_report_fail(
				report, "mgf1-digest", KS_ERR_INPUT_SCHEME,
				"TLS signs RSA-PSS with one digest; this program asked for another one in MGF1");
			return NULL;
		}
	}
	const struct ks_scheme *scheme = ks_scheme_for(choice->algorithm, choice->signing, choice->hash);
	if (!scheme)
		(void)ks_report_fail(report, "scheme", KS_ERR_INPUT_SCHEME,
				     "no TLS signature scheme is what this program asked for");
	return scheme;
}

/* --- asking back ------------------------------------------------------------------------------------------------- */

/* What goes beside a signature in a certificate request or a CMS message. openssl req takes a success without it for a
 * filled buffer and crashes, so it is either filled or failed. */
static int get_algorithm_id(const struct ks_choice *choice, OSSL_PARAM params[], struct ks_report *report)
{
	if (!ks_param_find(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID))
		return 1;
	const struct ks_scheme *scheme = ks_choice_scheme(choice, report);
	if (!scheme)
		return 0;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer id = { 0 };
	ks_algorithm_id_put(&id, scheme);
	return ks_buffer_error(&id) == 0 &&
	       ks_param_set_octets(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID, ks_buffer_bytes(&id));
}

/* A word or a number, as the asker wants it. */
static bool get_word_or_number(OSSL_PARAM params[], const char *name, const char *word, int number)
{
	const OSSL_PARAM *param = ks_param_find(params, name);

	if (!param)
		return true;
	return param->data_type == OSSL_PARAM_INTEGER ? ks_param_set_int(params, name, number) :
							ks_param_set_text(params, name, word);
}

static bool get_padding(const struct ks_choice *choice, OSSL_PARAM params[])
{
	int salt = choice->salt == KS_SALT_AS_DIGEST ? (int)ks_hash_size(choice->hash) : choice->salt;
	char salt_word[WORD_MAX];
	const char *mgf1 = ks_hash_name(choice->has_mgf1 ? choice->mgf1 : choice->hash);

	if (choice->signing == KS_SIGNING_RSA_PKCS1)
		return get_word_or_number(params, OSSL_SIGNATURE_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PKCSV15,
					  RSA_PKCS1_PADDING);
	if (choice->signing != KS_SIGNING_RSA_PSS)
		return true;
	(void)ks_text_print(salt_word, sizeof(salt_word), "%d", salt);
	return get_word_or_number(params, OSSL_SIGNATURE_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PSS,
				  RSA_PKCS1_PSS_PADDING) &&
	       get_word_or_number(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salt_word, salt) &&
	       ks_param_set_text(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, mgf1);
}

int ks_choice_get_params(const struct ks_choice *choice, OSSL_PARAM params[], struct ks_report *report)
{
	const char *digest = ks_hash_name(choice->hash);

	return get_algorithm_id(choice, params, report) &&
	       ks_param_set_text(params, OSSL_SIGNATURE_PARAM_DIGEST, digest ? digest : "") &&
	       get_padding(choice, params);
}

const OSSL_PARAM *ks_choice_settable(void)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, NULL, 0),
		OSSL_PARAM_END,
	};
	return table;
}

const OSSL_PARAM *ks_choice_gettable(void)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};
	return table;
}
