/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificates: keys and X.509 certificates for tests, made by libcrypto. Anything that goes wrong ends the program.
 */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/tls/certificate.h"

/* "P-256", "ED25519", "RSA" (2048 bits) or "RSA-PSS". Given. */
EVP_PKEY *test_key(const char *type);

/* The DER SubjectPublicKeyInfo, appended. */
void test_spki(EVP_PKEY *key, struct ks_buffer *out);

/* As a token tells it: rsaEncryption also for keys of type RSA-PSS. */
void test_token_spki(EVP_PKEY *key, struct ks_buffer *out);

struct test_certificate {
	const char *common_name;  /* of the subject; NULL = none */
	const char *organization; /* of the subject; NULL = none */
	const char *issuer;       /* common name; NULL = the subject itself */
	EVP_PKEY *key;            /* borrowed */
	EVP_PKEY *issuer_key;     /* borrowed; NULL = key */
	bool ca;
	int64_t from_days;    /* from now; notBefore */
	int64_t until_days;   /* 0 = 365 after from_days */
	const char *email;    /* subjectAltName, or NULL */
	const char *upn;      /* subjectAltName otherName, or NULL */
	const char *eku;      /* "clientAuth", "1.2.3.4"; NULL = no such extension */
	const char *template; /* name of a Microsoft certificate template, or NULL */
	size_t padding;       /* bytes of a comment, to make it large */
};

/* Appended. */
void test_certificate_der(const struct test_certificate *spec, struct ks_buffer *out);

/* Given. */
struct ks_certificate *test_certificate_new(const struct test_certificate *spec);

/* DER in PEM armour, appended. */
void test_pem(const char *label, struct ks_bytes der, struct ks_buffer *out);
