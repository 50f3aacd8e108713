/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forge_cases: the cases that forge.py has made, read from a file, and the agent's way from a request to a proof: what
 * may be signed, what it says about its server, whether that is true.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/protocol/spki.h"
#include "lib/tls/server_trust.h"

/* All borrowed from the file's bytes. */
struct forge_case {
	char name[128];
	char host[256]; /* that it is proven for, be it allowed or not; "" when nothing must be proven */
	struct ks_bytes spki;
	uint32_t scheme;
	struct ks_bytes input;
	struct ks_bytes transcript;
};

struct forge_cases {
	struct ks_buffer file;
	struct ks_server_trust *trust;
	struct forge_case *cases;
	size_t n;
};

/* 0 or a negative error; says why on standard error. */
int forge_cases_read(const char *file, const char *root_pem, struct forge_cases *ret_cases) KS_WARN_UNUSED;
void forge_cases_deinit(struct forge_cases *cases);

/* How far a request gets. */
enum forge_end {
	FORGE_NOT_TLS = 0, /* no input that may be signed at all */
	FORGE_NO_CLAIM,    /* says nothing about its server that could be proven */
	FORGE_NO_PROOF,    /* says what is not true */
	FORGE_PROVEN,
	FORGE_ENDS,
};

/* Proven: ret_text is the server's name, else the reason. */
enum forge_end forge_case_prove(const struct forge_cases *cases, const struct forge_case *one, int64_t now,
				char ret_text[256]) KS_WARN_UNUSED;
