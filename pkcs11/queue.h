/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue: jobs that wait, and the threads that take them; a thread is started when a job would have to wait for one.
 *
 * Runs in: keystay-token. Knows nothing of what the jobs are.
 */
#pragma once

#include <stddef.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"

/* The first member of a job. */
struct ks_queue_job {
	struct ks_queue_job *next;
};

struct ks_queue;

/* run takes the job and is called by any of at most n_threads threads. At most limit jobs wait. */
int ks_queue_new(unsigned n_threads, size_t limit, void (*run)(struct ks_queue_job *job, void *userdata),
		 void *userdata, struct ks_queue **ret_queue) KS_WARN_UNUSED;

/* Takes job on success. QUOTA when too many wait, SYSTEM when there is no thread and none can be started. */
int ks_queue_put(struct ks_queue *queue, struct ks_queue_job *job) KS_WARN_UNUSED;

/* No thread takes another job. Jobs under way go on, jobs that wait do so for ever: this is for the end of a process,
 * where nobody can wait for threads that may hang in a module. */
void ks_queue_stop(struct ks_queue *queue);

/* Runs all jobs that wait, unless it was stopped, and ends the threads. */
void ks_queue_free(struct ks_queue *queue);
KS_DEFINE_CLEANUP(struct ks_queue *, ks_queue_free)
