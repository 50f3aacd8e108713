/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transcript13_maker: writes TLS 1.3 transcripts by hand, good ones and ones with a single fault in them.
 *
 * No key is needed: what a transcript proves is for others to say. Every length is right; the messages can be taken
 * out, put in and changed afterwards. Knows nothing of lib/tls, so that both cannot share a mistake.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"

enum ks_plan13_type {
	KS_PLAN13_CLIENT_HELLO = 1,
	KS_PLAN13_SERVER_HELLO = 2,
	KS_PLAN13_END_OF_EARLY_DATA = 5,
	KS_PLAN13_ENCRYPTED_EXTENSIONS = 8,
	KS_PLAN13_CERTIFICATE = 11,
	KS_PLAN13_CERTIFICATE_REQUEST = 13,
	KS_PLAN13_CERTIFICATE_VERIFY = 15,
	KS_PLAN13_FINISHED = 20,
	KS_PLAN13_COMPRESSED_CERTIFICATE = 25,
	KS_PLAN13_MESSAGE_HASH = 254,
};

/* Whose extensions are changed. */
enum ks_plan13_place {
	KS_PLAN13_NOWHERE = 0,
	KS_PLAN13_IN_FIRST_HELLO,
	KS_PLAN13_IN_RETRY,
	KS_PLAN13_IN_CLIENT_HELLO,
	KS_PLAN13_IN_SERVER_HELLO,
	KS_PLAN13_IN_ENCRYPTED,
	KS_PLAN13_IN_REQUEST, /* in the handshake */
	KS_PLAN13_IN_LATER_REQUEST,
	KS_PLAN13_IN_SERVER_LEAF,
	KS_PLAN13_IN_SERVER_ISSUER,
	KS_PLAN13_IN_CLIENT_LEAF, /* of the last client Certificate */
};

struct ks_plan13_edit {
	enum ks_plan13_place place;
	uint16_t type;
	bool is_left_out; /* otherwise body takes the place of what is there, or goes to the end */
	struct ks_bytes body;
};

/* Only client_certificate must be set; a member of zero is the good and usual thing. */
struct ks_plan13 {
	struct ks_bytes client_certificate; /* the leaf, DER */
	struct ks_bytes server_certificate; /* likewise; one that is just a SEQUENCE when it is left out */
	uint16_t suite;                     /* 0x1301 */
	uint16_t scheme;                    /* of the server, 0x0804 */
	struct ks_bytes signature;          /* of the server */
	size_t digest_size;                 /* of the suite, 32 */
	bool with_retry;
	bool with_first_hello;   /* not message_hash; implies with_retry */
	bool is_asked_later;     /* after the handshake */
	bool is_asked_always;    /* in it and after it; the client shows a certificate each time */
	bool says_nothing_first; /* with is_asked_always: the client's first Certificate is empty */
	size_t n_issuers;        /* of the server */
	struct ks_plan13_edit edits[4];
};

void ks_transcript13_maker_write(const struct ks_plan13 *plan, struct ks_buffer *out);

/* The nth (from 0) message of this type: its place, its header included. Size 0 when there is none. */
struct ks_bytes ks_transcript13_maker_find(struct ks_bytes transcript, uint8_t type, size_t nth);

/* Another copy of the transcript: the bytes of one message (from find) replaced; none takes it out. */
void ks_transcript13_maker_replace(struct ks_bytes transcript, struct ks_bytes message, struct ks_bytes by,
				   struct ks_buffer *out);

/* One message, for replace(). */
void ks_transcript13_maker_put_message(struct ks_buffer *out, uint8_t type, struct ks_bytes body);
