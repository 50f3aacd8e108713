/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_rig: keystay-pkcs11.so of this build, loaded as a program loads it, and a fake agent with six software keys
 * on a token "corp" that lists them, signs digests where they are allowed, and serves all its connections at once.
 */
#pragma once

#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/client/software_token.h"

struct module_rig {
	struct software_token token;
	void (*software)(struct fake_agent *agent, int fd); /* GET and SIGN */
	void *library;
	CK_FUNCTION_LIST *calls;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	atomic_uint n_serving;
	/* what the agent says; change it by module_rig_tell() */
	uint64_t generation;
	bool gone;   /* the token */
	bool digest; /* key and socket allow it */
	const char *token_label;
	/* what it was asked */
	atomic_uint n_lists, n_generations, n_digests, n_empty_digests;
	uint16_t last_digest_scheme;
	/* signatures wait until so many are there; 0 = none waits */
	unsigned gather;
	unsigned gathered;
};

/* Starts the agent and loads the module; nothing is initialised. */
void module_rig_start(struct module_rig *rig);
void module_rig_stop(struct module_rig *rig);

/* As often as one likes, in between. */
void module_rig_load(struct module_rig *rig);
void module_rig_unload(struct module_rig *rig);

/* Another list from now on. */
void module_rig_tell(struct module_rig *rig, bool gone, bool digest);

/* Waits until so many signatures are held back; lets all of them go. */
void module_rig_wait_gathered(struct module_rig *rig, unsigned n);
void module_rig_release(struct module_rig *rig);

/* Waits until the generation was asked for so often. */
void module_rig_wait_compared(struct module_rig *rig, unsigned n);

/* C_Initialize, and a session on the only slot. */
CK_SESSION_HANDLE module_rig_open(struct module_rig *rig);

/* The object of this class and name; CK_INVALID_HANDLE when there is not exactly one. */
CK_OBJECT_HANDLE module_rig_find(struct module_rig *rig, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
				 const char *label);

/* One value in memory of the test's; size -1 when there is none. */
struct module_value {
	uint8_t data[4096];
	CK_ULONG size;
	CK_RV rv;
};
struct module_value module_rig_get(struct module_rig *rig, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
				   CK_ATTRIBUTE_TYPE type);

/* An input as TLS 1.3 has it. */
struct ks_bytes module_rig_input(void);
