/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_events: see slot_events.h.
 *
 * Runs in: keystay-token. The probe, at the start: one thread enters C_WaitForSlotEvent and falls asleep in it; then the
 * main thread makes two harmless calls, while a watchdog counts to PROBE_MS.
 */
#include "pkcs11/slot_events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/message.h"
#include "pkcs11/slot.h"

#define PROBE_MS 1000
#define PROBE_SLOTS 64
#define ASLEEP_TRIES 200 /* of 1 ms: for the waiter to get as far as it gets */
#define STORM_RETURNS 16 /* so many within STORM_MS are no events: a person is slower, and a first one for each card */
#define STORM_MS 1000u

struct ks_slot_events {
	const struct ks_module *module;
	struct ks_wire *wire;
	atomic_uint *how;
	atomic_int waiter; /* its thread id, once it is about to wait */
	atomic_bool ended; /* it does not wait any more */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool answered; /* the probe's calls have returned */
};

/* --- the waiter -------------------------------------------------------------------------------------------------- */

static void tell(const struct ks_slot_events *events)
{
	const struct ks_msg_worker_event message = { KS_MESSAGE_HEAD(0), .kind = KS_WORKER_EVENT_CHANGED };

	/* That nobody is left to hear it is for the main thread to see. */
	(void)!ks_wire_send(events->wire, KS_MSG_WORKER_EVENT, &message);
}

static bool is_storm(uint64_t returns[STORM_RETURNS], size_t n)
{
	uint64_t now = ks_clock_monotonic_ms();
	uint64_t *oldest = &returns[n % STORM_RETURNS];
	bool storm = n >= STORM_RETURNS && now - *oldest < STORM_MS;

	*oldest = now;
	return storm;
}

static void *wait_for_events(void *userdata)
{
	struct ks_slot_events *events = userdata;
	uint64_t returns[STORM_RETURNS] = { 0 };
	CK_RV rv = CKR_OK;

	atomic_store(&events->waiter, (int)gettid());
	for (size_t n = 0; rv == CKR_OK; n++) {
		CK_SLOT_ID slot = 0;
		rv = events->module->calls->C_WaitForSlotEvent(0, &slot, NULL);
		if (rv == CKR_OK && is_storm(returns, n)) {
			ks_log_notice("the module reports events without end; they are not listened to any more");
			rv = CKR_FUNCTION_FAILED;
		}
		if (rv == CKR_OK)
			tell(events);
	}
	atomic_store(&events->ended, true);
	/* The next inventory says that there are no events any more. */
	if (atomic_exchange(events->how, KS_EVENTS_NONE) == KS_EVENTS_SLOTS)
		tell(events);
	return NULL;
}

/* --- the probe --------------------------------------------------------------------------------------------------- */

/* proc(5): the state stands behind the name, which may contain anything. */
static bool is_asleep(int thread)
{
	char path[64], text[256];

	(void)ks_text_print(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	KS_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (size <= 0)
		return false;
	text[size] = '\0';
	const char *end = strrchr(text, ')');
	return end && (end[2] == 'S' || end[2] == 'D');
}

/* Until the waiter sleeps in the module, or has returned from it for good. */
static void let_it_fall_asleep(const struct ks_slot_events *events)
{
	for (int i = 0; i < ASLEEP_TRIES && !atomic_load(&events->ended); i++) {
		int thread = atomic_load(&events->waiter);
		if (thread != 0 && is_asleep(thread))
			return;
		(void)poll(NULL, 0, 1);
	}
}

static void *watch_probe(void *userdata)
{
	struct ks_slot_events *events = userdata;
	struct timespec end;

	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += PROBE_MS / 1000;
	(void)pthread_mutex_lock(&events->mutex);
	int error = 0;
	while (!events->answered && error != ETIMEDOUT)
		error = pthread_cond_clockwait(&events->changed, &events->mutex, CLOCK_MONOTONIC, &end);
	bool answered = events->answered;
	(void)pthread_mutex_unlock(&events->mutex);
	if (answered)
		return NULL;
	ks_log_notice("the module does nothing else while it waits for tokens to come and go; it is started again "
		      "without that");
	_exit(KS_SLOT_EVENTS_EXIT);
}

/* What is called here is called anyway a moment later. */
static void call_module(const struct ks_module *module, const char *slots)
{
	char description[KS_PLACE_SIZE];
	CK_TOKEN_INFO info;
	CK_SLOT_ID list[PROBE_SLOTS];
	CK_ULONG n = PROBE_SLOTS;

	/* There may be more: what counts is that there is an answer. */
	if (module->calls->C_GetSlotList(CK_TRUE, list, &n) != CKR_OK || n == 0)
		return;
	ks_slot_describe(module, list[0], description);
	if (ks_slot_is_listed(slots, list[0], description))
		(void)module->calls->C_GetTokenInfo(list[0], &info);
}

static bool probe(struct ks_slot_events *events, const char *slots)
{
	pthread_t waiter, watchdog;

	if (pthread_create(&waiter, NULL, wait_for_events, events) != 0)
		return false;
	(void)pthread_detach(waiter);
	let_it_fall_asleep(events);
	if (atomic_load(&events->ended))
		return false;
	/* Without a watchdog the agent's deadline has to do. */
	bool watched = pthread_create(&watchdog, NULL, watch_probe, events) == 0;
	call_module(events->module, slots);
	(void)pthread_mutex_lock(&events->mutex);
	events->answered = true;
	(void)pthread_cond_signal(&events->changed);
	(void)pthread_mutex_unlock(&events->mutex);
	if (watched)
		(void)pthread_join(watchdog, NULL);
	return true;
}

bool ks_slot_events_start(const struct ks_module *module, const char *slots, struct ks_wire *wire, atomic_uint *how,
			  struct ks_slot_events **ret_events)
{
	if (!module->threads || !module->calls->C_WaitForSlotEvent)
		return false;
	struct ks_slot_events *events = calloc(1, sizeof(*events));
	if (!events)
		return false;
	*events = (struct ks_slot_events){ .module = module, .wire = wire, .how = how };
	*ret_events = events;
	if (pthread_mutex_init(&events->mutex, NULL) != 0 || pthread_cond_init(&events->changed, NULL) != 0 ||
	    !probe(events, slots))
		return false;
	atomic_store(how, KS_EVENTS_SLOTS);
	/* It may have ended between the two. */
	if (atomic_load(&events->ended))
		atomic_store(how, KS_EVENTS_NONE);
	return atomic_load(how) == KS_EVENTS_SLOTS;
}
