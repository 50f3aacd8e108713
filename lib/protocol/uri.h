/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uri: PKCS#11 URIs (RFC 7512), read, matched and written without p11-kit, which the agent must not link.
 *
 * Path attributes: token, manufacturer, model, serial, object, id, type. slot-*, library-*, module-* and unknown vendor
 * attributes (x-...) are read, but a URI that has one matches nothing ("unmatched"; configuration should refuse it):
 * what they ask for is not known here, and ignoring them would choose more keys than were meant (RFC 7512 section 2.3).
 * Any other name is INVALID. pin-value and pin-source are refused by name: a PIN never stands in a URI (invariant I7).
 */
#pragma once

#include <stdbool.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

enum ks_uri_attribute {
	KS_URI_TOKEN,
	KS_URI_MANUFACTURER,
	KS_URI_MODEL,
	KS_URI_SERIAL,
	KS_URI_OBJECT,
	KS_URI_ID,
	KS_URI_TYPE, /* "private", "public", "cert" */
	KS_URI_N_ATTRIBUTES,
};

struct ks_uri {
	bool present[KS_URI_N_ATTRIBUTES];
	struct ks_bytes value[KS_URI_N_ATTRIBUTES]; /* decoded; borrowed from storage, or from the caller when built */
	bool unmatched;                             /* has an attribute that nothing here can match */
	uint8_t *storage;                           /* owned, may be NULL */
};

void ks_uri_deinit(struct ks_uri *uri);

/* Does text begin with "pkcs11:"? What follows may still be wrong. */
bool ks_uri_is_one(struct ks_bytes text);

/* text begins with "pkcs11:". INVALID with a static clause in *ret_why ("it has the same attribute
 * twice"), or NO_MEMORY. */
int ks_uri_read(struct ks_bytes text, struct ks_uri *ret_uri, const char **ret_why) KS_WARN_UNUSED;

/* Does everything that pattern says hold for subject? An attribute that the pattern leaves out fits all. */
bool ks_uri_matches(const struct ks_uri *pattern, const struct ks_uri *subject);

/* What names a token; the texts are borrowed. */
struct ks_uri ks_uri_of_token(const char *label, const char *manufacturer, const char *model, const char *serial);

/* Forgets object, id and type, which name what is on a token and not the token. */
void ks_uri_keep_token(struct ks_uri *uri);

/* Appends "pkcs11:…" with the attributes that are present, percent-encoded. */
void ks_uri_write(struct ks_buffer *buffer, const struct ks_uri *uri);
