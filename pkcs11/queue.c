/* SPDX-License-Identifier: Apache-2.0 */
/* queue: see queue.h. Runs in: keystay-token. */
#include "pkcs11/queue.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct ks_queue {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct ks_queue_job *first;
	struct ks_queue_job **end; /* where the next one is linked in */
	size_t n_jobs;
	size_t limit;
	size_t n_waiting; /* threads without a job */
	bool closing;     /* threads end when there is no job */
	bool stopped;     /* threads take no job */
	void (*run)(struct ks_queue_job *job, void *userdata);
	void *userdata;
	unsigned n_threads;
	unsigned n_threads_max;
	pthread_t threads[];
};

int ks_queue_new(unsigned n_threads, size_t limit, void (*run)(struct ks_queue_job *job, void *userdata),
		 void *userdata, struct ks_queue **ret_queue)
{
	struct ks_queue *queue = calloc(1, sizeof(*queue) + n_threads * sizeof(queue->threads[0]));
	if (!queue)
		return KS_ERR_NO_MEMORY;
	queue->limit = limit;
	queue->run = run;
	queue->userdata = userdata;
	queue->n_threads_max = n_threads;
	queue->end = &queue->first;
	if (pthread_mutex_init(&queue->mutex, NULL) != 0) {
		free(queue);
		return KS_ERR_SYSTEM;
	}
	if (pthread_cond_init(&queue->changed, NULL) != 0) {
		(void)pthread_mutex_destroy(&queue->mutex);
		free(queue);
		return KS_ERR_SYSTEM;
	}
	*ret_queue = queue;
	return 0;
}

/* The next job, or NULL when the thread is to end. With the mutex held. */
static struct ks_queue_job *await(struct ks_queue *queue)
{
	while ((!queue->first || queue->stopped) && !queue->closing) {
		queue->n_waiting++;
		(void)pthread_cond_wait(&queue->changed, &queue->mutex);
		queue->n_waiting--;
	}
	if (!queue->first || queue->stopped)
		return NULL;
	struct ks_queue_job *job = queue->first;
	queue->first = job->next;
	if (!queue->first)
		queue->end = &queue->first;
	queue->n_jobs--;
	job->next = NULL;
	return job;
}

static void *work(void *userdata)
{
	struct ks_queue *queue = userdata;
	struct ks_queue_job *job;

	(void)pthread_mutex_lock(&queue->mutex);
	while ((job = await(queue))) {
		(void)pthread_mutex_unlock(&queue->mutex);
		queue->run(job, queue->userdata);
		(void)pthread_mutex_lock(&queue->mutex);
	}
	(void)pthread_mutex_unlock(&queue->mutex);
	return NULL;
}

/* With the mutex held. Fewer threads than wanted are good enough, none is not. */
static int start_thread(struct ks_queue *queue)
{
	if (queue->n_waiting > queue->n_jobs || queue->n_threads == queue->n_threads_max)
		return 0;
	if (pthread_create(&queue->threads[queue->n_threads], NULL, work, queue) != 0)
		return queue->n_threads > 0 ? 0 : KS_ERR_SYSTEM;
	queue->n_threads++;
	return 0;
}

int ks_queue_put(struct ks_queue *queue, struct ks_queue_job *job)
{
	(void)pthread_mutex_lock(&queue->mutex);
	int r = queue->n_jobs < queue->limit ? start_thread(queue) : KS_ERR_QUOTA;
	if (r == 0) {
		job->next = NULL;
		*queue->end = job;
		queue->end = &job->next;
		queue->n_jobs++;
		(void)pthread_cond_signal(&queue->changed);
	}
	(void)pthread_mutex_unlock(&queue->mutex);
	return r;
}

void ks_queue_stop(struct ks_queue *queue)
{
	(void)pthread_mutex_lock(&queue->mutex);
	queue->stopped = true;
	(void)pthread_mutex_unlock(&queue->mutex);
}

void ks_queue_free(struct ks_queue *queue)
{
	if (!queue)
		return;
	(void)pthread_mutex_lock(&queue->mutex);
	queue->closing = true;
	(void)pthread_cond_broadcast(&queue->changed);
	(void)pthread_mutex_unlock(&queue->mutex);
	for (unsigned i = 0; i < queue->n_threads; i++)
		(void)pthread_join(queue->threads[i], NULL);
	(void)pthread_cond_destroy(&queue->changed);
	(void)pthread_mutex_destroy(&queue->mutex);
	free(queue);
}
