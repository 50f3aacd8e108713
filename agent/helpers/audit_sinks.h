/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_sinks: records and heads for the journal (fields KEYSTAY_*) and for syslog(3).
 *
 * Runs in: keystay-audit. docs/audit.md lists the fields.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/protocol/audit_line.h"
#include "lib/protocol/message.h"

/* Of all messages of the audit log in the journal: journalctl MESSAGE_ID=… */
#define KS_AUDIT_MESSAGE_ID "5f1b6a0c8d3e4b7f9a2c4d6e8f01b3a7"
#define KS_AUDIT_HEAD_MESSAGE_ID "c07d2e94a8b14f3d8e6a5b9c1d2f4e60"

/* Is there a journal? */
bool ks_audit_journal_is_there(void);

/* n: the line of the log, 0 = there is no file. */
int ks_audit_journal_record(const struct ks_msg_audit *record, uint64_t n) KS_WARN_UNUSED;
int ks_audit_journal_head(const struct ks_audit_head *head) KS_WARN_UNUSED;

void ks_audit_syslog_open(void);
void ks_audit_syslog_record(const struct ks_msg_audit *record, uint64_t n);
void ks_audit_syslog_head(const struct ks_audit_head *head);
