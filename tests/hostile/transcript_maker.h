/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transcript_maker: writes TLS 1.2 transcripts by hand, good ones and ones with a single fault in their contents.
 *
 * No key is needed: nothing in a transcript is a proof for its reader. Every length is right; faults of length are made
 * afterwards (transcript_layout.h). Knows nothing of lib/tls, so that both cannot share a mistake.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"

enum ks_plan_exchange {
	KS_PLAN_ECDHE,
	KS_PLAN_DHE,
	KS_PLAN_STATIC_RSA,
};

/* Only client_certificate must be set; a member of zero is the good and usual thing. */
struct ks_transcript_plan {
	struct ks_bytes client_certificate; /* the leaf, DER */
	enum ks_plan_exchange exchange;

	/* good, but not always there */
	bool without_extended_master_secret;
	bool without_renegotiation_info;
	bool without_extensions; /* neither hello has any */
	bool with_staple;
	bool with_grease; /* RFC 8701, as Chrome does it, and an offer of TLS 1.3 */
	bool with_session_id;
	bool with_ca_names;
	bool with_chain; /* the client shows more than its leaf */

	/* faults */
	uint16_t client_version; /* 0x0303 when 0, and so on */
	uint16_t server_version;
	uint16_t chosen_suite;
	uint16_t offered_suite; /* in place of the chosen one */
	uint8_t chosen_compression;
	bool offers_no_null_compression;
	bool has_half_suite;        /* the client offers half a suite more */
	bool offers_no_compression; /* not even none */
	bool is_hello_retry;        /* the server's random says HelloRetryRequest */
	struct ks_bytes client_session_id;
	struct ks_bytes server_session_id;
	struct ks_bytes client_extension; /* one more, whole */
	struct ks_bytes server_extension;
	struct ks_bytes server_name; /* body of the SNI extension */
	struct ks_bytes schemes;     /* that the server asks for */
	struct ks_bytes ca_names;
	struct ks_bytes certificate_types;
	bool has_no_certificate_types;
	struct ks_bytes client_list; /* body of the client's Certificate */
	struct ks_bytes server_list;
	struct ks_bytes status;              /* body of CertificateStatus, also without its extension */
	struct ks_bytes server_key_exchange; /* body */
	struct ks_bytes client_key_exchange; /* body */
	bool has_server_key_exchange;        /* even when the suite has none */
};

void ks_transcript_maker_write(const struct ks_transcript_plan *plan, struct ks_buffer *out);

/* A length of 1, 2 or 3 bytes and the contents. */
void ks_transcript_maker_put_vector(struct ks_buffer *out, unsigned width, struct ks_bytes contents);
