/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_json: one line of the audit log: a JSON object (RFC 8259) and a newline, as docs/audit.md tells it.
 *
 * Runs in: keystay-audit. Pure: numbers and texts in, bytes out. Written by hand: the texts are UTF-8 without control
 * characters (the codec of the message sees to that), so two characters are all there is to escape.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/protocol/audit_line.h"
#include "lib/protocol/message.h"

/* "2026-11-21T04:19:00.123Z" (RFC 3339). */
#define KS_AUDIT_TIME_MAX 40
void ks_audit_json_time(uint64_t wall_ms, char out[KS_AUDIT_TIME_MAX]);

/* The line of a decision. boot_id: which start of the machine boot_ms counts from. */
void ks_audit_json_decision(struct ks_buffer *line, const struct ks_audit_link *link, const char *boot_id,
			    const struct ks_msg_audit *record);

/* A line about the log itself: event is one of the words of docs/audit.md, text a sentence. */
void ks_audit_json_event(struct ks_buffer *line, const struct ks_audit_link *link, const char *boot_id,
			 const char *event, const char *text);

/* "signed", "denied" … */
const char *ks_audit_json_outcome(uint32_t outcome);
