/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pem: reads one PEM block (RFC 7468) out of a run of lines, and keeps its contents only if it is ours.
 *
 * Fed with pieces of text as they come; a line may come in several pieces. Pure: no BIO, no descriptor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"

enum ks_pem_state {
	KS_PEM_OUTSIDE, /* before any block: certificates in words and the like are passed over */
	KS_PEM_FOREIGN, /* inside a block of another label */
	KS_PEM_INSIDE,  /* inside a block of ours */
	KS_PEM_PASSED,  /* a block of another label has ended */
	KS_PEM_WHOLE,   /* ours has ended; contents hold its DER */
	KS_PEM_BROKEN,  /* ours, but not base64, cut off or too long */
};

struct ks_pem {
	enum ks_pem_state state;
	bool mid_line;             /* the last piece did not end its line */
	char label[80];            /* of a foreign block */
	uint32_t bits;             /* base64: up to three characters not yet written out */
	unsigned n_characters;     /* of the current group of four */
	unsigned n_padding;        /* "=" seen */
	struct ks_buffer contents; /* owned */
};

void ks_pem_init(struct ks_pem *pem, size_t limit);
void ks_pem_deinit(struct ks_pem *pem);

/* One piece of text, with its line ending if it has come to that. Returns the new state; the last three are final. */
enum ks_pem_state ks_pem_feed(struct ks_pem *pem, struct ks_bytes piece);

/* The text has ended. A block that has not is BROKEN, or PASSED. */
enum ks_pem_state ks_pem_end(struct ks_pem *pem);
