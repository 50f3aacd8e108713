/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock around one way of making a signature.
 *
 * Runs in: keystay-bench.
 */
#include "tests/bench/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"

/* Caches, lazy binding and the token's own first-time work stay out of the figures. */
#define WARM_UP 3u

struct client {
	const struct bench_way *way;
	pthread_barrier_t *start;
	pthread_t thread;
	double *times_us; /* owned */
	unsigned count;
	int error;
};

static double now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void *client_run(void *userdata)
{
	struct client *client = userdata;
	void *prepared = client->way->prepare(client->way->userdata);

	if (!prepared)
		client->error = KS_ERR_SYSTEM;
	/* One alone is meant to be cold. */
	for (unsigned i = 0; !client->error && client->count > 1 && i < WARM_UP; i++)
		client->error = client->way->once(prepared);

	(void)pthread_barrier_wait(client->start);
	for (unsigned i = 0; !client->error && i < client->count; i++) {
		double before = now_us();

		client->error = client->way->once(prepared);
		client->times_us[i] = now_us() - before;
	}
	free(prepared);
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static int report(struct client *clients, unsigned n_clients, unsigned count, double wall_us)
{
	size_t total = (size_t)n_clients * count;
	KS_AUTO_FREE double *times = calloc(total, sizeof(*times));

	if (!times)
		return KS_ERR_NO_MEMORY;
	for (unsigned i = 0; i < n_clients; i++) {
		if (clients[i].error)
			return clients[i].error;
		memcpy(times + (size_t)i * count, clients[i].times_us, count * sizeof(*times));
	}
	qsort(times, total, sizeof(*times), by_size);
	printf("{\"median_us\": %.2f, \"per_second\": %.1f, \"count\": %zu}\n", times[total / 2],
	       (double)total / wall_us * 1e6, total);
	return 0;
}

int bench_run(const struct bench_way *way, unsigned n_clients, unsigned count)
{
	struct client clients[64] = { 0 };
	pthread_barrier_t start;
	double begin;
	int r = 0;

	if (n_clients == 0 || n_clients > 64 || count == 0)
		return KS_ERR_INVALID;
	if (pthread_barrier_init(&start, NULL, n_clients + 1))
		return KS_ERR_SYSTEM;
	for (unsigned i = 0; i < n_clients; i++) {
		clients[i] = (struct client){ .way = way, .start = &start, .count = count };
		clients[i].times_us = calloc(count, sizeof(double));
		if (!clients[i].times_us || pthread_create(&clients[i].thread, NULL, client_run, &clients[i]))
			abort(); /* a measuring tool without memory or threads has nothing to say */
	}
	(void)pthread_barrier_wait(&start);
	begin = now_us();
	for (unsigned i = 0; i < n_clients; i++)
		(void)pthread_join(clients[i].thread, NULL);
	r = report(clients, n_clients, count, now_us() - begin);
	for (unsigned i = 0; i < n_clients; i++)
		free(clients[i].times_us);
	(void)pthread_barrier_destroy(&start);
	return r;
}

void bench_input(uint8_t input[BENCH_INPUT_SIZE])
{
	static atomic_uint_fast64_t counter;
	static const char context[] = "TLS 1.3, client CertificateVerify"; /* its NUL is part of the input */
	uint64_t number = atomic_fetch_add(&counter, 1);

	memset(input, ' ', 64);
	memcpy(input + 64, context, sizeof(context));
	memset(input + 64 + sizeof(context), 0, 32);
	memcpy(input + 64 + sizeof(context), &number, sizeof(number));
}
