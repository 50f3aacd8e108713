/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: puts sentences for a person into OpenSSL's error queue, so that programs print them.
 *
 * Many programs (curl among them) print an error's reason string and drop the text that is attached to it. Reason
 * strings are looked up by number in a table that OpenSSL reads once, when the provider is loaded. So that the agent's
 * own words are seen there, the table has KS_REPORT_SENTENCES empty rows whose memory is ours: each different sentence
 * takes one, the first time it is said, and keeps it as long as the provider is loaded; the word of the error code is
 * attached. When all rows are taken, or a sentence is too long, the reason is that of the error code and the sentence
 * is attached instead.
 */
#pragma once

#include <stdatomic.h>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#include "lib/base/error.h"

/* A process meets a handful of sentences; a server whose agent counts seconds down in its words may meet many. */
#define KS_REPORT_SENTENCES 64u

#define KS_REPORT_SENTENCE_MAX 512u

/* Programs give OpenSSL 256 bytes for the whole line, of which "error:408003E8:keystay::" takes 24 and curl's own
 * "OpenSSL/3.0.22: " 16 and more; where it does not fit OpenSSL shows nothing but numbers. A longer sentence is cut here,
 * and whole in the entry's data. */
#define KS_REPORT_REASON_MAX 200u

/* The first reason number of the rows for sentences; those of the error codes are below. */
#define KS_REPORT_FIRST 1000

struct ks_report_sentence {
	atomic_int state; /* 0 free, 1 being written, 2 written; never goes back */
	char text[KS_REPORT_SENTENCE_MAX];
};

struct ks_report {
	const OSSL_CORE_HANDLE *core;
	OSSL_FUNC_core_new_error_fn *new_error;
	OSSL_FUNC_core_set_error_debug_fn *set_debug;
	OSSL_FUNC_core_vset_error_fn *vset_error;
	OSSL_ITEM *reasons; /* owned */
	struct ks_report_sentence sentences[KS_REPORT_SENTENCES];
};

/* Takes the upcalls it needs; UNSUPPORTED when one is missing, NO_MEMORY. report must be zeroed and must not move. */
int ks_report_init(struct ks_report *report, const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *upcalls) KS_WARN_UNUSED;
void ks_report_deinit(struct ks_report *report);

/* For OSSL_FUNC_PROVIDER_GET_REASON_STRINGS. */
const OSSL_ITEM *ks_report_reasons(const struct ks_report *report);

/* Raises an error; text as from the agent, without "keystay: " before it. code is KS_ERR_*. */
void ks_report_put(struct ks_report *report, const char *function, int code, const char *text);

/* The same with printf's format. Returns 0, OpenSSL's "failed", so that a caller can say: return ks_report_…(…). */
int ks_report_fail(struct ks_report *report, const char *function, int code, const char *format, ...) KS_PRINTF(4, 5);
