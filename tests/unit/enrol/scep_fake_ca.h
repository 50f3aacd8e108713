/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scep_fake_ca: a SCEP server's side of messages, by OpenSSL, that does right or one thing wrong.
 *
 * Reads requests with OpenSSL's own CMS in its default library context, so that it shares nothing with enrol/.
 */
#pragma once

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lib/base/buffer.h"

/* A key and its certificate. */
struct fake_party {
	EVP_PKEY *key;
	X509 *certificate;
};

enum fake_usage { FAKE_CA, FAKE_RA_ENCRYPTS, FAKE_RA_SIGNS, FAKE_CLIENT };

struct fake_certificate {
	const char *name;
	const struct fake_party *issuer; /* NULL: itself */
	enum fake_usage usage;
	const char *type; /* "RSA" (of bits), or "EC" */
	int bits;
	int days; /* from now; negative: it has expired */
};

void fake_party_make(const struct fake_certificate *wanted, struct fake_party *ret_party);
void fake_party_deinit(struct fake_party *party);
/* A certificate for somebody else's key. */
X509 *fake_certificate_make(const struct fake_certificate *wanted, EVP_PKEY *key);

/* GetCACert: one certificate as it is, or several as PKCS#7. */
void fake_put_certificates(X509 *const *certificates, size_t n, struct ks_buffer *out);

/* What a client asked. */
struct fake_request {
	int type;
	char id[128];
	unsigned char nonce[16];
	size_t nonce_size;
	int digest, cipher; /* NIDs */
	X509 *signer;
	struct ks_buffer content; /* decrypted */
	bool is_poll;
};

/* false when it is no message that a CA could read, or its signature is wrong. */
bool fake_request_read(struct ks_bytes der, const struct fake_party *recipient, struct fake_request *ret_request);
void fake_request_deinit(struct fake_request *request);

struct fake_answer {
	const struct fake_party *signer;
	X509 *const *certificates; /* of a SUCCESS */
	size_t n_certificates;
	const char *status, *fail_info, *fail_text, *message_type; /* NULL: no such attribute; "0": SUCCESS */
	const char *other_id;                                      /* and not the request's */
	X509 *other_recipient;
	const EVP_CIPHER *cipher;
	const EVP_MD *digest;
	bool wrong_nonce, short_nonce, no_nonce, signer_inside, two_signers, empty_content, garbage_content, bare;
};

void fake_answer_put(const struct fake_answer *answer, const struct fake_request *request, struct ks_buffer *out);
