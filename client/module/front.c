/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front: see front.h.
 *
 * Runs in: any program, in all of its threads. Registers nothing that outlives the module: no atexit, no
 * pthread_atfork, no thread, no signal handler; so dlclose() after C_Finalize is safe at any time.
 */
#include "client/module/front.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/module/sign.h"

/* owner: the process whose lock and front these are; 0 before the first use, and negative while they are being made. */
static struct {
	atomic_int owner;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool initialized;
	struct ks_front front;
} here = { .mutex = PTHREAD_MUTEX_INITIALIZER };

/* --- what is in it ----------------------------------------------------------------------------------------------- */

void ks_slot_free(struct ks_slot *slot)
{
	if (!slot)
		return;
	free(slot->identity);
	free(slot);
}

void ks_key_free(struct ks_key *key)
{
	if (!key)
		return;
	free(key->name);
	free(key->spki_der);
	free(key);
}

void ks_object_free(struct ks_object *object)
{
	if (!object)
		return;
	free(object->der);
	free(object->label);
	free(object);
}

static void free_session(struct ks_session *session)
{
	ks_operation_free(session->operation);
	free(session->found);
	free(session);
}

static void free_all(struct ks_front *front)
{
	for (size_t i = 0; i < front->n_sessions; i++)
		free_session(front->sessions[i]);
	for (size_t i = 0; i < front->n_objects; i++)
		ks_object_free(front->objects[i]);
	for (size_t i = 0; i < front->n_keys; i++)
		ks_key_free(front->keys[i]);
	for (size_t i = 0; i < front->n_slots; i++)
		ks_slot_free(front->slots[i]);
	free(front->sessions);
	free(front->objects);
	free(front->keys);
	free(front->slots);
}

/* Handles go on counting, so that one from before C_Finalize never means something else after it. */
static void empty(struct ks_front *front)
{
	*front = (struct ks_front){ .epoch = front->epoch + 1, .last_session = front->last_session };
}

#define ADD(front, what, element)                                                                                      \
	({                                                                                                             \
		void *room_ = reallocarray((front)->what, (front)->n_##what + 1, sizeof(*(front)->what));              \
		if (room_) {                                                                                           \
			(front)->what = room_;                                                                         \
			(front)->what[(front)->n_##what++] = (element);                                                \
		}                                                                                                      \
		room_ ? 0 : KS_ERR_NO_MEMORY;                                                                          \
	})

int ks_front_add_slot(struct ks_front *front, struct ks_slot *slot)
{
	return ADD(front, slots, slot);
}

int ks_front_add_key(struct ks_front *front, struct ks_key *key)
{
	return ADD(front, keys, key);
}

int ks_front_add_object(struct ks_front *front, struct ks_object *object)
{
	return ADD(front, objects, object);
}

int ks_front_add_session(struct ks_front *front, struct ks_session *session)
{
	session->handle = front->last_session + 1;
	int r = ADD(front, sessions, session);
	if (r == 0)
		front->last_session = session->handle;
	return r;
}

void ks_front_drop_session(struct ks_front *front, struct ks_session *session)
{
	for (size_t i = 0; i < front->n_sessions; i++) {
		if (front->sessions[i] != session)
			continue;
		front->n_sessions--;
		memmove(front->sessions + i, front->sessions + i + 1,
			(front->n_sessions - i) * sizeof(front->sessions[0]));
		free_session(session);
		return;
	}
}

struct ks_slot *ks_front_slot(const struct ks_front *front, CK_SLOT_ID id)
{
	for (size_t i = 0; i < front->n_slots; i++) {
		if (front->slots[i]->id == id)
			return front->slots[i];
	}
	return NULL;
}

struct ks_session *ks_front_session(const struct ks_front *front, CK_SESSION_HANDLE handle)
{
	for (size_t i = 0; i < front->n_sessions; i++) {
		if (front->sessions[i]->handle == handle)
			return front->sessions[i];
	}
	return NULL;
}

struct ks_object *ks_front_object(const struct ks_front *front, CK_OBJECT_HANDLE handle)
{
	return handle >= 1 && handle <= front->n_objects ? front->objects[handle - 1] : NULL;
}

/* --- the lock ---------------------------------------------------------------------------------------------------- */

/* A deadline of the monotonic clock: one that a person sets back must not make anybody wait longer. */
static void make_condition(void)
{
	pthread_condattr_t attributes;

	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&here.changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

/* In a process that has no front yet: the first one, or a child of fork(). What the parent had is freed where nobody
 * was in the middle of changing it, and left alone otherwise: the memory is lost to this child, and nothing else is. */
static void make_ours(void)
{
	if (here.initialized && pthread_mutex_trylock(&here.mutex) == 0)
		free_all(&here.front);
	empty(&here.front);
	here.initialized = false;
	(void)pthread_mutex_init(&here.mutex, NULL);
	make_condition();
}

/* C_Initialize may be called by several threads of a child at once: one makes the lock, the others wait for it. */
static void own(void)
{
	int me = getpid();

	for (;;) {
		int owner = atomic_load(&here.owner);
		if (owner == me)
			return;
		if (owner != -me && atomic_compare_exchange_strong(&here.owner, &owner, -me)) {
			make_ours();
			atomic_store(&here.owner, me);
			return;
		}
		(void)sched_yield();
	}
}

CK_RV ks_front_init(void)
{
	own();
	(void)pthread_mutex_lock(&here.mutex);
	CK_RV rv = here.initialized ? CKR_CRYPTOKI_ALREADY_INITIALIZED : CKR_OK;
	here.initialized = true;
	(void)pthread_mutex_unlock(&here.mutex);
	return rv;
}

CK_RV ks_front_enter(struct ks_front **ret_front)
{
	if (atomic_load(&here.owner) != getpid())
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	(void)pthread_mutex_lock(&here.mutex);
	if (!here.initialized) {
		(void)pthread_mutex_unlock(&here.mutex);
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	}
	*ret_front = &here.front;
	return CKR_OK;
}

void ks_front_leave(void)
{
	(void)pthread_mutex_unlock(&here.mutex);
}

CK_RV ks_front_deinit(void)
{
	struct ks_front *front;

	CK_RV rv = ks_front_enter(&front);
	if (rv != CKR_OK)
		return rv;
	free_all(front);
	empty(front);
	here.initialized = false;
	(void)pthread_cond_broadcast(&here.changed);
	ks_front_leave();
	return CKR_OK;
}

CK_RV ks_front_return(uint64_t epoch, struct ks_front **ret_front)
{
	CK_RV rv = ks_front_enter(ret_front);
	if (rv == CKR_OK && (*ret_front)->epoch != epoch) {
		ks_front_leave();
		rv = CKR_CRYPTOKI_NOT_INITIALIZED;
	}
	return rv;
}

CK_RV ks_front_wait(uint64_t epoch, uint64_t deadline_ms)
{
	struct timespec until = { .tv_sec = (time_t)(deadline_ms / 1000),
				  .tv_nsec = (long)(deadline_ms % 1000) * 1000000 };
	int r = 0;

	while (r != ETIMEDOUT && here.front.epoch == epoch)
		r = pthread_cond_timedwait(&here.changed, &here.mutex, &until);
	if (here.front.epoch == epoch)
		return CKR_OK;
	ks_front_leave();
	return CKR_CRYPTOKI_NOT_INITIALIZED;
}
