/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_writer: the process that writes the audit log (keystay-audit), seen from the agent: started, asked, killed.
 *
 * Runs in: keystay-agent. One batch is under way at a time: what came after one that failed would stand before it.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "agent/settings.h"
#include "lib/base/error.h"
#include "lib/protocol/message.h"

struct ks_audit_writer;

struct ks_audit_writer_events {
	/* The batch is written (0), or is not; text says why. */
	void (*answered)(int error, const char *text, void *userdata);
	/* The process has ended by itself, or sent nonsense. What was sent and not answered may be written or not. May
	 * be called from within ks_audit_writer_send(). */
	void (*ended)(void *userdata);
};

/* program: path of keystay-audit; it and events are borrowed for ever. */
int ks_audit_writer_new(sd_event *event, const char *program, const struct ks_audit_writer_events *events,
			void *userdata, struct ks_audit_writer **ret_writer) KS_WARN_UNUSED;

/* After the end of the loop: it writes what it was sent, for which it has a second. NULL is allowed. */
void ks_audit_writer_free(struct ks_audit_writer *writer);

int ks_audit_writer_start(struct ks_audit_writer *writer, const struct ks_settings *settings) KS_WARN_UNUSED;
bool ks_audit_writer_is_running(const struct ks_audit_writer *writer);

/* more: another record of the batch follows. */
void ks_audit_writer_send(struct ks_audit_writer *writer, struct ks_msg_audit *record, bool more);

/* It writes what it was sent and ends; nobody is told. */
void ks_audit_writer_stop(struct ks_audit_writer *writer);

/* It hangs. */
void ks_audit_writer_kill(struct ks_audit_writer *writer);

/* The loop has ended: hands over what the socket takes within KS_AUDIT_DEADLINE_MS. */
void ks_audit_writer_flush(struct ks_audit_writer *writer);
