/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_agent: a listener in a thread of the test, on a socket of its own folder, that answers as the test wants.
 *
 * Serves one connection after the other. KEYSTAY_SOCK and KEYSTAY_CONTROL_SOCK name its socket while it runs.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/protocol/message.h"

struct fake_agent {
	char folder[64];
	char path[96];
	int listener;
	int stop[2]; /* pipe; closing its writing end stops the thread */
	pthread_t thread;
	void (*serve)(struct fake_agent *agent, int fd); /* one connection; must return when the client hangs up */
	void *userdata;
	atomic_uint n_connections;
};

/* Binds, listens and starts the thread. Fails the test on any error. */
void fake_agent_start(struct fake_agent *agent, void (*serve)(struct fake_agent *agent, int fd), void *userdata);
void fake_agent_stop(struct fake_agent *agent);

/* Just the folder, the path and the environment: nobody listens. */
void fake_agent_make_folder(struct fake_agent *agent);
void fake_agent_remove_folder(struct fake_agent *agent);
int fake_agent_bind(const char *path, int backlog);

/* The next frame; false when the client has hung up. body borrows from buffer. */
bool fake_agent_read(int fd, struct ks_buffer *buffer, uint8_t *ret_type, struct ks_bytes *ret_body);

/* The id of a request. */
uint32_t fake_agent_id(struct ks_bytes body);

void fake_agent_send(int fd, struct ks_bytes bytes);
void fake_agent_reply(int fd, uint8_t type, const void *message);
void fake_agent_refuse(int fd, uint32_t id, int code, const char *text);

/* Reads and drops everything until the client hangs up. */
void fake_agent_drain(int fd);
