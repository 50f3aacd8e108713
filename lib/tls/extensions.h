/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extensions: reads the blocks of extensions in TLS handshake messages (RFC 5246 section 7.4.1.4, RFC 8446 section
 * 4.2).
 *
 * No type may come twice. The insides of the extensions that are known here are checked down to their last length, so
 * that no byte of a hello hides behind a length that nobody looked at; those of others (GREASE, tickets, padding,
 * what will be invented) are opaque, as TLS wants it. In a message of TLS 1.3 a known one must also be where it
 * belongs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reader.h"
#include "lib/tls/signable.h"

/* Chrome sends 18. A bound, so that looking for twins stays cheap whatever a client sends. */
#define KS_EXTENSIONS_MAX 100u

enum ks_extension_type {
	KS_EXTENSION_SERVER_NAME = 0,
	KS_EXTENSION_STATUS_REQUEST = 5,
	KS_EXTENSION_SIGNATURE_ALGORITHMS = 13,
	KS_EXTENSION_STATUS_REQUEST_V2 = 17,
	KS_EXTENSION_CLIENT_CERTIFICATE_TYPE = 19,
	KS_EXTENSION_SERVER_CERTIFICATE_TYPE = 20,
	KS_EXTENSION_EXTENDED_MASTER_SECRET = 23,
	KS_EXTENSION_DELEGATED_CREDENTIAL = 34,
	KS_EXTENSION_PRE_SHARED_KEY = 41,
	KS_EXTENSION_EARLY_DATA = 42,
	KS_EXTENSION_SUPPORTED_VERSIONS = 43,
	KS_EXTENSION_COOKIE = 44,
	KS_EXTENSION_POST_HANDSHAKE_AUTH = 49,
	KS_EXTENSION_KEY_SHARE = 51,
	KS_EXTENSION_RENEGOTIATION_INFO = 0xff01,
};

/* In which message they are: the same type has another shape, or is not allowed, in another message. */
enum ks_extensions_place {
	KS_EXTENSIONS_CLIENT_HELLO,
	KS_EXTENSIONS_SERVER_HELLO12,
	/* TLS 1.3 */
	KS_EXTENSIONS_SERVER_HELLO13,
	KS_EXTENSIONS_HELLO_RETRY_REQUEST,
	KS_EXTENSIONS_ENCRYPTED_EXTENSIONS,
	KS_EXTENSIONS_CERTIFICATE_REQUEST,
	KS_EXTENSIONS_CERTIFICATE,
};

#define KS_EXTENSIONS_PLACES (KS_EXTENSIONS_CERTIFICATE + 1)

struct ks_extensions {
	size_t n;
	struct {
		uint16_t type;
		struct ks_bytes body; /* borrowed from the input */
	} items[KS_EXTENSIONS_MAX];
};

/* The block that ends a message. In a hello (which then stands after the compression methods) nothing at all means no
 * extensions. INPUT_TRUNCATED for lengths, INPUT_MESSAGE for twins, too many, and those that are not allowed there. */
int ks_extensions_read(struct ks_reader *message, enum ks_extensions_place place, struct ks_extensions *ret_extensions,
		       struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* One block after which the message goes on. */
int ks_extensions_read_block(struct ks_bytes block, enum ks_extensions_place place,
			     struct ks_extensions *ret_extensions, struct ks_signable_refusal *ret_refusal)
	KS_WARN_UNUSED;

/* ret_body may be NULL. */
bool ks_extensions_find(const struct ks_extensions *extensions, uint16_t type, struct ks_bytes *ret_body);

/* A run of uint16 (suites, schemes, groups, versions): is this one of them? */
bool ks_extensions_has_u16(struct ks_bytes list, uint16_t wanted);

/* Does the signature_algorithms of a ClientHello or CertificateRequest have this scheme? */
bool ks_extensions_has_scheme(const struct ks_extensions *extensions, uint16_t scheme);
