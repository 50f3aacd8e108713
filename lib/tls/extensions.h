/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extensions: reads the extension block at the end of a TLS 1.2 hello (RFC 5246 section 7.4.1.4).
 *
 * No type may come twice. The insides of the extensions that are known here are checked down to their last length, so
 * that no byte of a hello hides behind a length that nobody looked at; those of others (GREASE, tickets, padding,
 * what will be invented) are opaque, as TLS wants it.
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
	KS_EXTENSION_STATUS_REQUEST_V2 = 17,
	KS_EXTENSION_PRE_SHARED_KEY = 41,
	KS_EXTENSION_SUPPORTED_VERSIONS = 43,
	KS_EXTENSION_COOKIE = 44,
	KS_EXTENSION_KEY_SHARE = 51,
	KS_EXTENSION_RENEGOTIATION_INFO = 0xff01,
};

enum ks_extensions_sender {
	KS_EXTENSIONS_OF_CLIENT,
	KS_EXTENSIONS_OF_SERVER,
};

struct ks_extensions {
	size_t n;
	struct {
		uint16_t type;
		struct ks_bytes body; /* borrowed from the input */
	} items[KS_EXTENSIONS_MAX];
};

/* hello stands after the compression method(s); nothing at all there means no extensions. INPUT_TRUNCATED for lengths,
 * INPUT_MESSAGE for twins and too many. */
int ks_extensions_read(struct ks_reader *hello, enum ks_extensions_sender sender, struct ks_extensions *ret_extensions,
		       struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* ret_body may be NULL. */
bool ks_extensions_find(const struct ks_extensions *extensions, uint16_t type, struct ks_bytes *ret_body);
