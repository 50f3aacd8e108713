/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read13: how the tests of transcript13.h and of its parts say what must be read and what must be refused, with
 * transcripts made by tests/hostile/transcript13_maker.h. Each function fails its test by itself.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/tls/transcript13.h"
#include "tests/hostile/transcript13_maker.h"

#define TEXT(text) ks_bytes(text, sizeof(text) - 1)
#define SOME_CERTIFICATE TEXT("\x30\x03\x02\x01\x05")

/* Fields of a hello from the maker, whose legacy_session_id has 32 bytes. */
enum {
	AT_VERSION = 4,
	AT_RANDOM = 6,
	AT_SESSION_ID = 39,
	AT_SUITE = 71, /* of a ServerHello */
	AT_COMPRESSION = 73,
	AT_SUITES = 73, /* of a ClientHello */
	AT_COMPRESSIONS = 83,
};

/* As ks_transcript13_read(), from an exact allocation, so that a sanitizer sees a read of one byte too many. */
int read_exact(struct ks_bytes bytes, struct ks_transcript13 *ret_transcript, struct ks_signable_refusal *ret_refusal);

/* The refusal must have these words in it. */
void refuses(struct ks_bytes bytes, const char *words);

/* The plan's transcript; SOME_CERTIFICATE is the client's when the plan has none. */
void write_plan(const struct ks_plan13 *plan, struct ks_buffer *out);
void refuses_plan(const struct ks_plan13 *plan, const char *words);

/* Borrowed from bytes. */
struct ks_transcript13 reads_plan(const struct ks_plan13 *plan, struct ks_buffer *bytes);

/* With other bytes at one place of one message. */
void refuses_patched(const struct ks_plan13 *plan, uint8_t type, size_t nth, size_t at, struct ks_bytes by,
		     const char *words);

/* With one message replaced, or taken out when by is none. */
void refuses_replaced(const struct ks_plan13 *plan, uint8_t type, size_t nth, struct ks_bytes by, const char *words);

/* With another body in one message. */
void refuses_body(const struct ks_plan13 *plan, uint8_t type, size_t nth, struct ks_bytes body, const char *words);

#define READS(...)                                                                                                     \
	do {                                                                                                           \
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes_ = { 0 };                                          \
		(void)reads_plan(&(struct ks_plan13){ __VA_ARGS__ }, &bytes_);                                         \
	} while (0)
#define REFUSES(words, ...) refuses_plan(&(struct ks_plan13){ __VA_ARGS__ }, words)
#define WITH(place, type, body) .edits = { { KS_PLAN13_IN_##place, type, false, body } }
#define WITHOUT(place, type) .edits = { { KS_PLAN13_IN_##place, type, true, KS_BYTES_NONE } }
