/* SPDX-License-Identifier: Apache-2.0 */
/*
 * puppet: a worker (agent/worker.h) whose process is a puppet (puppet_main.c): the test reads what the agent asks and
 * says what the process answers.
 *
 * Runs in: unit tests. What a test cannot go on without fails it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/worker_private.h"
#include "lib/base/buffer.h"
#include "lib/protocol/frame.h"

struct puppet {
	sd_event *event;
	char folder[64];
	char variable[128]; /* KEYSTAY_PUPPET=… */
	char *environment[3];
	struct ks_settings_module module;
	int listener;
	struct ks_worker *worker;
	/* of the process that runs now */
	int orders;  /* -1 = none */
	int channel; /* the process' end */
	char words[4096];
	size_t words_size;
	struct ks_buffer in;
	size_t held;
	/* what the watcher heard */
	unsigned n_changed, n_idle;
};

/* How a call ended. */
struct outcome {
	unsigned n; /* how often */
	int error;
	char text[256];
	char signature[64];
};

void puppet_init(struct puppet *puppet);
void puppet_deinit(struct puppet *puppet);

/* A worker for puppet->module; starts nothing. */
void puppet_make_worker(struct puppet *puppet);

/* Runs the loop until the agent's next process has handed its channel over. */
void puppet_await(struct puppet *puppet);

/* The same, and it tells one token, number 1, with key 1. */
void puppet_await_ready(struct puppet *puppet);

/* Runs the loop until held(userdata); fails the test after 15 seconds. */
void puppet_run_until(const struct puppet *puppet, bool (*held)(const void *userdata), const void *userdata);
void puppet_run_for(const struct puppet *puppet, uint64_t ms);
bool outcome_is_there(const void *outcome);

/* Does the process have this word on its command line, followed by this one (or NULL)? */
bool puppet_has_word(const struct puppet *puppet, const char *word, const char *next);

void puppet_order(const struct puppet *puppet, char order);

/* Runs the loop until the process has been ended by the agent. */
void puppet_await_end(struct puppet *puppet);

/* Says this for the process, and lets the agent take it in. */
void puppet_say(const struct puppet *puppet, uint8_t type, const void *message);
void puppet_say_token(const struct puppet *puppet, uint32_t number, const char *label);
void puppet_say_inventory(const struct puppet *puppet, bool all, enum ks_token_events events);
void puppet_say_event(const struct puppet *puppet, enum ks_worker_event kind, uint32_t token);
void puppet_say_signature(const struct puppet *puppet, uint32_t id, const char *signature);
void puppet_say_error(const struct puppet *puppet, uint32_t id, int error, const char *text);

/* What the agent has asked next; the message must be of this type. */
void puppet_read(struct puppet *puppet, uint8_t type, void *message, size_t size);

/* The agent has not asked for anything more. */
bool puppet_is_silent(const struct puppet *puppet);

/* ks_worker_sign() with input of the first letters, which must work. */
struct ks_worker_call *puppet_sign(const struct puppet *puppet, uint64_t owner, const char *input,
				   struct outcome *outcome);
void puppet_done(int error, const char *text, struct ks_bytes reply, void *userdata);
