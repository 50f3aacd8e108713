/* SPDX-License-Identifier: Apache-2.0 */
/*
 * software_token: see software_token.h.
 *
 * Runs in: unit tests.
 */
#include "tests/unit/client/software_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "client/sha256.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/reference.h"
#include "lib/protocol/scheme.h"

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                          \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* --- keys -------------------------------------------------------------------------------------------------------- */

static EVP_PKEY *make_pkey(enum software_key_kind kind)
{
	switch (kind) {
	case SOFTWARE_RSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	case SOFTWARE_RSA_PSS: {
		EVP_PKEY *pkey = NULL;
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
		MUST(ctx && EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1);
		MUST(EVP_PKEY_keygen(ctx, &pkey) == 1);
		EVP_PKEY_CTX_free(ctx);
		return pkey;
	}
	case SOFTWARE_P256:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	case SOFTWARE_P384:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	case SOFTWARE_P521:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	case SOFTWARE_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case SOFTWARE_N_KINDS:
		break;
	}
	return NULL;
}

static X509 *make_certificate(EVP_PKEY *pkey, const char *name, bool is_ed25519)
{
	X509 *certificate = X509_new();
	MUST(certificate);
	MUST(X509_set_version(certificate, X509_VERSION_3) == 1);
	MUST(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1);
	MUST(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600));
	MUST(X509_gmtime_adj(X509_getm_notAfter(certificate), 360000));
	X509_NAME *subject = X509_get_subject_name(certificate);
	MUST(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1);
	MUST(X509_set_issuer_name(certificate, subject) == 1);
	MUST(X509_set_pubkey(certificate, pkey) == 1);
	MUST(X509_sign(certificate, pkey, is_ed25519 ? NULL : EVP_sha256()) > 0);
	return certificate;
}

static char *to_pem(const char *label, struct ks_bytes der)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	MUST(bio && PEM_write_bio(bio, label, "", der.data, (long)der.size) > 0);
	MUST(BIO_write(bio, "", 1) == 1);
	MUST(BIO_get_mem_data(bio, &text) > 0);
	text = strdup(text);
	MUST(text);
	BIO_free(bio);
	return text;
}

static void make_key(struct software_key *key, enum software_key_kind kind)
{
	static const char *const names[] = { "rsa", "rsa-pss", "p256", "p384", "p521", "ed25519" };

	key->name = names[kind];
	key->pkey = make_pkey(kind);
	MUST(key->pkey);
	key->certificate = make_certificate(key->pkey, key->name, kind == SOFTWARE_ED25519);

	unsigned char *der = NULL;
	int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(key->certificate), &der);
	MUST(size > 0);
	ks_buffer_put(&key->spki, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	ks_client_sha256(ks_buffer_bytes(&key->spki), key->spki_hash);

	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer reference = { 0 };
	MUST(ks_reference_put(&reference, ks_bytes_text(key->name), ks_buffer_bytes(&key->spki)) == 0);
	key->reference = to_pem(KS_REFERENCE_LABEL, ks_buffer_bytes(&reference));

	unsigned char *certificate = NULL;
	size = i2d_X509(key->certificate, &certificate);
	MUST(size > 0);
	key->certificate_pem = to_pem("CERTIFICATE", ks_bytes(certificate, (size_t)size));
	OPENSSL_free(certificate);
}

static void free_key(struct software_key *key)
{
	EVP_PKEY_free(key->pkey);
	X509_free(key->certificate);
	ks_buffer_deinit(&key->spki);
	free(key->reference);
	free(key->certificate_pem);
}

/* --- signing ----------------------------------------------------------------------------------------------------- */

/* A handshake begins with 64 spaces (TLS 1.3) or with ClientHello (TLS 1.2). */
static bool looks_like_tls(struct ks_bytes input)
{
	static const char spaces[] = "                                                                ";

	if (input.size == 130 || input.size == 146)
		return memcmp(input.data, spaces, 64) == 0;
	return input.size > 200 && input.data[0] == 1;
}

static void sign(const struct software_key *key, const struct ks_scheme *scheme, struct ks_bytes input,
		 uint8_t *signature, size_t *size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey_ctx;

	MUST(ctx);
	MUST(EVP_DigestSignInit_ex(ctx, &pkey_ctx, ks_hash_name(scheme->hash), NULL, NULL, key->pkey, NULL) == 1);
	if (scheme->signing == KS_SIGNING_RSA_PSS) {
		MUST(EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING) == 1);
		MUST(EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
	}
	MUST(EVP_DigestSign(ctx, signature, size, input.data, input.size) == 1);
	EVP_MD_CTX_free(ctx);
}

static void answer_sign(struct software_token *token, int fd, struct ks_bytes body)
{
	struct ks_msg_sign request;
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size = sizeof(signature);

	MUST(ks_message_read(KS_MSG_SIGN, body, &request, sizeof(request)) == 0);
	if (token->refuse_with || !looks_like_tls(request.input)) {
		atomic_fetch_add(&token->n_refused, 1);
		fake_agent_refuse(fd, request.id, token->refuse_with ? KS_ERR_TOKEN_LOCKED : KS_ERR_INPUT_UNKNOWN,
				  token->refuse_with ? token->refuse_with : SOFTWARE_REFUSAL);
		return;
	}
	const struct ks_scheme *scheme = ks_scheme_find(request.scheme);
	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		const struct software_key *key = &token->keys[i];
		if (!scheme || memcmp(key->spki_hash, request.spki_hash.data, 32) != 0)
			continue;
		token->last_scheme = request.scheme;
		token->last_input_size = request.input.size;
		memcpy(token->last_input, request.input.data,
		       request.input.size < sizeof(token->last_input) ? request.input.size : sizeof(token->last_input));
		sign(key, scheme, request.input, signature, &size);
		struct ks_msg_sign_reply reply = { KS_MESSAGE_HEAD(request.id),
						   .signature = ks_bytes(signature, size) };
		atomic_fetch_add(&token->n_signatures, 1);
		fake_agent_reply(fd, KS_MSG_SIGN_REPLY, &reply);
		return;
	}
	fake_agent_refuse(fd, request.id, KS_ERR_UNKNOWN_KEY, "no such key is on any token; see: keystay list");
}

static void add_certificate(struct ks_buffer *chain, const X509 *certificate)
{
	unsigned char *der = NULL;
	int size = i2d_X509(certificate, &der);
	MUST(size > 0);
	struct ks_msg_certificate record = { .der = ks_bytes(der, (size_t)size) };
	ks_record_write(chain, KS_RECORD(certificate), &record);
	OPENSSL_free(der);
}

static void answer_get(struct software_token *token, int fd, struct ks_bytes body)
{
	struct ks_msg_get request;

	MUST(ks_message_read(KS_MSG_GET, body, &request, sizeof(request)) == 0);
	atomic_fetch_add(&token->n_gets, 1);
	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		struct software_key *key = &token->keys[i];
		if (!ks_bytes_equal(request.name, ks_bytes_text(key->name)))
			continue;
		struct ks_msg_identity identity = { .name = request.name,
						    .spki = ks_buffer_bytes(&key->spki),
						    .spki_hash = ks_bytes(key->spki_hash, 32) };
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
		ks_record_write(&list, KS_RECORD(identity), &identity);
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer chain = { 0 };
		if (!token->has_no_certificates) {
			add_certificate(&chain, key->certificate);
			add_certificate(&chain, token->keys[SOFTWARE_RSA].certificate);
		}
		struct ks_msg_get_reply reply = { KS_MESSAGE_HEAD(request.id), .identity = ks_buffer_bytes(&list),
						  .chain = ks_buffer_bytes(&chain) };
		fake_agent_reply(fd, KS_MSG_GET_REPLY, &reply);
		return;
	}
	char text[256];
	(void)snprintf(text, sizeof(text), "no key is called \"%.*s\"; see: keystay list", (int)request.name.size,
		       (const char *)request.name.data);
	fake_agent_refuse(fd, request.id, KS_ERR_UNKNOWN_KEY, text);
}

static void serve(struct fake_agent *agent, int fd)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	uint8_t type;
	struct ks_bytes body;

	while (fake_agent_read(fd, &buffer, &type, &body)) {
		if (type == KS_MSG_SIGN)
			answer_sign(agent->userdata, fd, body);
		else if (type == KS_MSG_GET)
			answer_get(agent->userdata, fd, body);
		else
			fake_agent_refuse(fd, fake_agent_id(body), KS_ERR_UNKNOWN_MESSAGE, "not known here");
	}
}

void software_token_start(struct software_token *token)
{
	memset(token, 0, sizeof(*token));
	for (unsigned i = 0; i < SOFTWARE_N_KINDS; i++)
		make_key(&token->keys[i], (enum software_key_kind)i);
	fake_agent_start(&token->agent, serve, token);
}

void software_token_stop(struct software_token *token)
{
	fake_agent_stop(&token->agent);
	for (unsigned i = 0; i < SOFTWARE_N_KINDS; i++)
		free_key(&token->keys[i]);
}
