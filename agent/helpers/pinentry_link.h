/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pinentry_link: a pinentry process and the lines to and from it: libassuan, held to our rules.
 *
 * Runs in: keystay-prompt. libassuan starts the program, reads its greeting and cuts its output into lines; what it
 * would do by itself (fork with all descriptors looked up one by one, wait without end, keep lines on the heap) is
 * replaced here. Every wait ends with the deadline, with pinentry, or with the agent.
 *
 *	open() --greeting--> lines --close()--> pinentry has ended and was waited for
 */
#pragma once

#include <assuan.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/error.h"

struct ks_pinentry_link {
	const char *program; /* these are set by the caller; borrowed */
	const char *display; /* "" = none */
	int agent_fd;        /* readable = the agent does not want the dialog any more */
	int signal_fd;       /* readable = this process is to end; -1 = none */
	uint64_t deadline_ms;

	assuan_context_t context; /* all below belongs to this file */
	pid_t pid;
	int pidfd;
	int spawn_error; /* KS_ERR_* when the program could not be started */
	int stopped;     /* TIMEOUT or CANCELLED when a wait ended without pinentry */
	bool forced;     /* after close(): it was ended, or died, and may have left a terminal without echo */
};

/* Starts the program and takes its greeting. TIMEOUT, CANCELLED; NOT_FOUND or DENIED when it cannot be started; CLOSED
 * when it ends instead of greeting; MALFORMED for what is no greeting; NO_MEMORY. close() is needed in any case. */
int ks_pinentry_link_open(struct ks_pinentry_link *link) KS_WARN_UNUSED;

/* Pinentry ends by itself, soon, or is ended. */
void ks_pinentry_link_close(struct ks_pinentry_link *link);

/* Sends one line, at most KS_PINENTRY_LINE bytes. CLOSED when pinentry has gone. */
#define KS_PINENTRY_LINE ((size_t)ASSUAN_LINELENGTH - 2)
int ks_pinentry_link_send(struct ks_pinentry_link *link, const char *line) KS_WARN_UNUSED;

/* The next line that is a response; what follows its first word begins at offset *ret_offset. The line stands in
 * locked pages, may be written to, and is wiped or overwritten by the next call. TIMEOUT, CANCELLED, CLOSED, MALFORMED
 * (no response of the protocol), TOO_LARGE (a line without end). */
int ks_pinentry_link_receive(struct ks_pinentry_link *link, assuan_response_t *ret_response, char **ret_line,
			     size_t *ret_size, size_t *ret_offset) KS_WARN_UNUSED;
