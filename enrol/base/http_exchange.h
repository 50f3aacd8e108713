/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_exchange: one exchange while it goes on, for http.c, http_identity.c and http_words.c alone.
 *
 * Runs in: keystay-enroll.
 */
#pragma once

#include <curl/curl.h>
#include <openssl/ssl.h>

#include "client/tls/credentials.h"
#include "client/tls/openssl.h"
#include "enrol/base/http.h"

/* The TLS client credential: OpenSSL with our provider, and what it said. */
struct ks_http_identity {
	const struct ks_profile *profile; /* borrowed */
	struct ks_openssl openssl;
	OSSL_LIB_CTX *before; /* this thread's context of before; libcurl uses the thread's */
	bool loaded;
	struct ks_credentials credentials;
	bool agent_said; /* text is the agent's (code), or ours; else OpenSSL's */
	int code;
	char text[1024]; /* why the handshake failed, or "" */
	int alert;       /* AlertDescription of the server (RFC 8446 section 6), -1 = none */
};

struct ks_http_exchange {
	const struct ks_http_request *request;
	char place[512]; /* the URL, escaped; cut where it is long */
	char host[256];  /* of it, escaped */
	bool is_plain;
	CURL *curl;
	struct ks_buffer body;
	size_t header_size;
	bool headers_too_large;
	char curl_text[CURL_ERROR_SIZE];
	struct ks_buffer password;        /* NUL-terminated, wiped */
	struct ks_http_identity identity; /* when request->identity */
};

/* Puts OpenSSL with our provider and the tap into the place where libcurl looks for it; undone by _deinit. On failure
 * problem is set. */
int ks_http_identity_init(struct ks_http_identity *identity, const struct ks_http_request *request,
			  struct ks_enrol_problem *problem) KS_WARN_UNUSED;
void ks_http_identity_deinit(struct ks_http_identity *identity);

/* CURLOPT_SSL_CTX_FUNCTION: hands the credential to libcurl's TLS. userdata: the struct ks_http_identity. */
CURLcode ks_http_identity_use(CURL *curl, void *ssl, void *userdata);

/* What libcurl's code means for a person. */
int ks_http_words(const struct ks_http_exchange *exchange, CURLcode code, struct ks_enrol_problem *problem);

/* An answer of 3xx: final. */
int ks_http_words_redirect(const struct ks_http_exchange *exchange, unsigned status, struct ks_enrol_problem *problem);
