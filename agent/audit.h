/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit: one record for each decision, written before the reply leaves (invariant I9).
 *
 * Runs in: keystay-agent. Touches no file: keystay-audit (agent/helpers) writes the records, and answers. Here they wait
 * for that answer, at most KS_AUDIT_DEADLINE_MS, and here it is decided what it means when there is none: with `audit =
 * best-effort` signing goes on, what could not be written is kept (the last KS_AUDIT_RING), written when that can be
 * done again, and else counted; with `audit = require` nothing is signed.
 *
 *	QUEUED --batch--> SENT --written--> gone
 *	  ^                | failed, or keystay-audit ended
 *	  +----------------+
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "agent/settings.h"
#include "lib/base/error.h"
#include "lib/protocol/message.h"

/* All borrowed for the time of the call. Texts are as they came: what is no text (ks_text_valid()) is escaped here, what
 * is longer than its field of the message AUDIT is cut. NULL reads as "". */
struct ks_audit_record {
	enum ks_audit_outcome outcome;
	const char *socket, *program; /* program: claimed */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	const char *key, *token;
	const uint8_t *spki_hash; /* of the key, or NULL */
	const char *
		purpose; /* "tls13-client", "tls12-client", "digest", "csr", "unlock", "lock", "keygen", "store", "remove",
				   * "provision" */
	const char *scheme;
	const char *server;
	bool server_proven;
	const char *unverified; /* why not */
	const char *rule;       /* that decided: "[key \"web\"] servers"; "" = none */
	bool pin_used, confirmed, touched;
	bool holds_anyway; /* it has happened, whatever becomes of its record (a lock); else, with `audit = require`, what was
			    * signed or done is undone by the caller, and the record says so */
	int error;         /* KS_ERR_*, 0 when signed */
	const char *text;          /* the sentence that the client got, "" when signed */
	const uint8_t *input_hash; /* SHA-256 of the to-be-signed input, or NULL */
};

struct ks_audit;
struct ks_audit_entry;

/* Called from the event loop, once, unless forgotten before. 0: the reply may leave. AUDIT: the record is not written
 * and the configuration requires it: nothing that was signed may leave; text says why. */
typedef void ks_audit_done(int error, const char *text, void *userdata);

/* program: path of keystay-audit, borrowed for ever. Starts it; that it cannot be started is no error here. */
int ks_audit_new(sd_event *event, const char *program, const struct ks_settings *settings, struct ks_audit **ret_audit)
	KS_WARN_UNUSED;

/* After the end of the loop: what waits is handed to keystay-audit, which has a second to write it. Nobody is called. NULL
 * is allowed. */
void ks_audit_free(struct ks_audit *audit);

/* After a good reload. */
void ks_audit_follow(struct ks_audit *audit, const struct ks_settings *settings);

/* done is never called before this returns. *ret_entry is for ks_audit_forget(), until done is called. */
int ks_audit_write(struct ks_audit *audit, const struct ks_audit_record *record, ks_audit_done *done, void *userdata,
		   struct ks_audit_entry **ret_entry) KS_WARN_UNUSED;

/* The client is gone: done will not be called; the record is written all the same. NULL is allowed. */
void ks_audit_forget(struct ks_audit_entry *entry);

/* Nothing waits to be written. */
bool ks_audit_is_idle(const struct ks_audit *audit);

/* For `keystay status`. */
struct ks_audit_counts {
	enum ks_settings_audit mode;
	uint64_t written; /* by this run of the agent */
	uint64_t lost;    /* given up */
	uint64_t waiting; /* kept to be written */
	const char
		*problem; /* why nothing can be written now, "" = it can; borrowed until the next return to the loop */
};

void ks_audit_count(const struct ks_audit *audit, struct ks_audit_counts *ret_counts);
