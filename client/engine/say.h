/* SPDX-License-Identifier: Apache-2.0 */
/*
 * say: the agent's sentences in OpenSSL's error queue, where programs look for them.
 *
 * Many programs print an error's reason and drop what is attached to it, and reasons are looked up by number. So each
 * different sentence gets a number of its own, the first time it is said, and keeps it as long as the engine is loaded.
 *
 * Runs in: any program that loads the engine, in all of its threads.
 */
#pragma once

#include "client/client.h"
#include "lib/base/error.h"

/* Library number and name; called once, by the engine's init. */
void ks_say_init(void);

/* Forgets the sentences; nobody may look at the queue any more. */
void ks_say_deinit(void);

/* Raises an error with this sentence, without "keystay: " before it. Returns 0, OpenSSL's "failed". */
int ks_say(int code, const char *sentence);

/* The same with printf's format. */
int ks_say_fail(int code, const char *format, ...) KS_PRINTF(2, 3);
