/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench: what the three ways of making one signature share, so that they are measured alike.
 *
 * Runs in: keystay-bench, a helper of tools/bench. Each way is a function that does one operation; bench_run() does it
 * count times in each of n_clients threads and prints the figures as one line of JSON.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

struct bench_way {
	/* Called once in each thread before the clock starts; what it returns is handed to once() and given up by it. */
	void *(*prepare)(void *userdata);
	/* One operation; 0 or a negative KS_ERR_*. */
	int (*once)(void *prepared);
	void *userdata;
};

/* Prints {"median_us": …, "per_second": …, "count": …}. The first few operations of each thread do not count, unless
 * it is one alone: that is cold. */
int bench_run(const struct bench_way *way, unsigned n_clients, unsigned count) KS_WARN_UNUSED;

/* The TLS 1.3 input that is signed: another hash at each call, 130 bytes. */
#define BENCH_INPUT_SIZE 130
void bench_input(uint8_t input[BENCH_INPUT_SIZE]);

/* In-process: the PKCS#11 module itself. key: "p256" or "rsa2048", the label of the key. */
int bench_token(const char *module, const char *token, const char *pin, const char *key, unsigned n_clients,
		unsigned count) KS_WARN_UNUSED;

/* Through keystay-agent, over a fresh connection each time, as a plug-in does. */
int bench_agent(const char *key, unsigned n_clients, unsigned count) KS_WARN_UNUSED;

/* The same bytes through two processes that do nothing but pass them on: the floor of any agent of this shape. */
int bench_echo(unsigned n_clients, unsigned count) KS_WARN_UNUSED;
