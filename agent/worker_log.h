/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_log: what a worker and its vendor's module print, line by line, escaped, at a bounded rate, into our log.
 *
 * Runs in: keystay-agent.
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "lib/base/error.h"

#define KS_WORKER_LOG_LINE 1024u

struct ks_worker_log {
	int fd; /* our end of the pipe; -1 = closed */
	sd_event_source *source;
	const char *module; /* borrowed */
	char line[KS_WORKER_LOG_LINE];
	size_t size;
	char last[256];   /* the last that keystay-token itself said, escaped; "" = nothing */
	uint64_t second;  /* the second that is being counted */
	uint64_t n_bytes; /* passed on in it */
	uint64_t n_dropped;
};

/* Makes a pipe; ret_write_fd (given) becomes the child's 1 and 2. */
int ks_worker_log_open(struct ks_worker_log *log, sd_event *event, const char *module, int *ret_write_fd)
	KS_WARN_UNUSED;

/* Passes on what is left in the pipe of a process that has ended. */
void ks_worker_log_drain(struct ks_worker_log *log);

void ks_worker_log_close(struct ks_worker_log *log);
