/* SPDX-License-Identifier: Apache-2.0 */
/* Units of pkcs11/queue.c. Threads meet at barriers and semaphores, so nothing here depends on time. Runs in: unit tests. */
#include "pkcs11/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#define N_JOBS 1000

struct job {
	struct ks_queue_job head;
	atomic_int n_runs;
};

static struct job jobs[N_JOBS];

static void count_run(struct ks_queue_job *head, void *userdata)
{
	(void)atomic_fetch_add(&((struct job *)head)->n_runs, 1);
	(void)atomic_fetch_add((atomic_int *)userdata, 1);
}

static int reset(void **state)
{
	(void)state;
	for (int i = 0; i < N_JOBS; i++)
		atomic_store(&jobs[i].n_runs, 0);
	return 0;
}

static void test_queue_runs_each_job_once(void **state)
{
	(void)state;
	atomic_int total = 0;
	struct ks_queue *queue;

	assert_int_equal(ks_queue_new(4, N_JOBS, count_run, &total, &queue), 0);
	for (int i = 0; i < N_JOBS; i++)
		assert_int_equal(ks_queue_put(queue, &jobs[i].head), 0);
	ks_queue_free(queue); /* waits for all */
	assert_int_equal(atomic_load(&total), N_JOBS);
	for (int i = 0; i < N_JOBS; i++)
		assert_int_equal(atomic_load(&jobs[i].n_runs), 1);
}

struct meeting {
	pthread_barrier_t barrier;
	sem_t entered;
	sem_t leave;
};

static void meet(struct ks_queue_job *head, void *userdata)
{
	struct meeting *meeting = userdata;
	(void)head;
	(void)pthread_barrier_wait(&meeting->barrier);
}

/* Each job waits for three others: this ends only if four run at once. */
static void test_queue_starts_as_many_threads_as_jobs_need(void **state)
{
	(void)state;
	struct meeting meeting;
	struct ks_queue *queue;

	assert_int_equal(pthread_barrier_init(&meeting.barrier, NULL, 4), 0);
	assert_int_equal(ks_queue_new(4, 100, meet, &meeting, &queue), 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(ks_queue_put(queue, &jobs[i].head), 0);
	ks_queue_free(queue);
	assert_int_equal(pthread_barrier_destroy(&meeting.barrier), 0);
}

static void wait_to_leave(struct ks_queue_job *head, void *userdata)
{
	struct meeting *meeting = userdata;

	(void)sem_post(&meeting->entered);
	(void)sem_wait(&meeting->leave);
	(void)atomic_fetch_add(&((struct job *)head)->n_runs, 1);
}

static void open_meeting(struct meeting *meeting)
{
	assert_int_equal(sem_init(&meeting->entered, 0, 0), 0);
	assert_int_equal(sem_init(&meeting->leave, 0, 0), 0);
}

static void test_queue_refuses_what_is_more_than_its_limit(void **state)
{
	(void)state;
	struct meeting meeting;
	struct ks_queue *queue;

	open_meeting(&meeting);
	assert_int_equal(ks_queue_new(1, 2, wait_to_leave, &meeting, &queue), 0);
	assert_int_equal(ks_queue_put(queue, &jobs[0].head), 0);
	assert_int_equal(sem_wait(&meeting.entered), 0); /* it is being run: it does not count any more */
	assert_int_equal(ks_queue_put(queue, &jobs[1].head), 0);
	assert_int_equal(ks_queue_put(queue, &jobs[2].head), 0);
	assert_int_equal(ks_queue_put(queue, &jobs[3].head), KS_ERR_QUOTA);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sem_post(&meeting.leave), 0);
	ks_queue_free(queue);
	assert_int_equal(atomic_load(&jobs[2].n_runs), 1);
	assert_int_equal(atomic_load(&jobs[3].n_runs), 0);
}

static void test_queue_that_is_stopped_takes_no_further_job(void **state)
{
	(void)state;
	struct meeting meeting;
	struct ks_queue *queue;

	open_meeting(&meeting);
	assert_int_equal(ks_queue_new(1, 10, wait_to_leave, &meeting, &queue), 0);
	assert_int_equal(ks_queue_put(queue, &jobs[0].head), 0);
	assert_int_equal(sem_wait(&meeting.entered), 0);
	assert_int_equal(ks_queue_put(queue, &jobs[1].head), 0);
	ks_queue_stop(queue);
	assert_int_equal(sem_post(&meeting.leave), 0);
	assert_int_equal(sem_post(&meeting.leave), 0);
	ks_queue_free(queue);
	assert_int_equal(atomic_load(&jobs[0].n_runs), 1);
	assert_int_equal(atomic_load(&jobs[1].n_runs), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_queue_runs_each_job_once, reset),
		cmocka_unit_test_setup(test_queue_starts_as_many_threads_as_jobs_need, reset),
		cmocka_unit_test_setup(test_queue_refuses_what_is_more_than_its_limit, reset),
		cmocka_unit_test_setup(test_queue_that_is_stopped_takes_no_further_job, reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
