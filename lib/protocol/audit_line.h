/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_line: how a line of the audit log begins, and how its head is written: what its writer (keystay-audit) and its
 * reader (`keystay log`) must agree on. docs/audit.md tells the whole format.
 *
 * Each line is one JSON object (RFC 8259) that begins with the same members in the same order, so that the chain can be
 * followed without reading JSON:
 *
 *	{"schema":1,"n":17,"prev":"<64 hex digits>","agent":"<16 hex digits>","seq":4,…
 *
 * prev is the SHA-256 of the line before, with its newline, wherever that stands; 64 zeros in line 1.
 * Pure: bytes in, bytes out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"

#define KS_AUDIT_SCHEMA 1u

/* In the log's folder. Full files are renamed to KS_AUDIT_FULL_FORMAT with the number of their first line; what others
 * rename begins and goes on so as well (audit.jsonl.1). */
#define KS_AUDIT_FOLDER "audit"
#define KS_AUDIT_FILE "audit.jsonl"
#define KS_AUDIT_FILE_BEGIN "audit"
#define KS_AUDIT_FILE_MIDDLE ".jsonl"
#define KS_AUDIT_FULL_FORMAT "audit-%012llu.jsonl"
#define KS_AUDIT_HEAD "head"

/* The beginning of a line. */
struct ks_audit_link {
	uint64_t n; /* its number; 1 is the first there ever was */
	uint8_t prev[32];
	uint64_t agent; /* which run of an agent, and which of its records: of other lines the last one's */
	uint64_t sequence;
};

/* line: with or without its newline. false: this is no line of ours. */
bool ks_audit_link_read(struct ks_bytes line, struct ks_audit_link *ret_link);
void ks_audit_link_write(struct ks_buffer *line, const struct ks_audit_link *link);

/* What the log ends with, as its writer last noted it. */
struct ks_audit_head {
	uint64_t n;
	uint8_t hash[32]; /* SHA-256 of line n, with its newline */
	uint64_t first;   /* the first line that was not rotated away */
};

/* {"schema":1,"n":17,"sha256":"…","first":1} and a newline. */
bool ks_audit_head_read(struct ks_bytes text, struct ks_audit_head *ret_head);
void ks_audit_head_write(struct ks_buffer *text, const struct ks_audit_head *head);

/* Is this the name of a file of the log, current, full, or renamed by others? Compressed ones are not. */
bool ks_audit_name_is_log(const char *name);
