/* SPDX-License-Identifier: Apache-2.0 */
/* monitor: see monitor.h. Runs in: keystay-agent. */
#include "agent/monitor.h"

#include <stdlib.h>
#include <time.h>

#include "agent/state.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

struct kept {
	struct ks_msg_monitor_event record; /* its texts are below, and pointed to when it is written */
	char socket[65], program[65], key[257], purpose[33], server[257], text[513];
};

/* Somebody who waits for the next event. */
struct watcher {
	struct watcher *next;
	struct ks_request *request;
	uint64_t after;
	uint64_t until_ms;
};

struct ks_monitor {
	sd_event *event;
	struct kept *ring; /* KS_MONITOR_RING of them, by number; NULL = nobody has watched yet */
	uint64_t last;     /* number of the last event; those below first are gone, or never were */
	uint64_t first;
	uint64_t n_requests;
	struct watcher *watchers;
	sd_event_source *turn, *timer;
	bool stopped;
};

static void watcher_free(struct ks_monitor *monitor, struct watcher *watcher)
{
	struct watcher **link = &monitor->watchers;

	while (*link && *link != watcher)
		link = &(*link)->next;
	if (*link)
		*link = watcher->next;
	free(watcher);
}

/* --- telling ----------------------------------------------------------------------------------------------------- */

static void keep(char *out, size_t size, const char *text)
{
	ks_text_escape(ks_bytes_text(text), out, size);
}

void ks_monitor_tell(struct ks_monitor *monitor, const struct ks_monitor_event *event)
{
	if (!monitor->ring)
		return;
	uint64_t number = ++monitor->last;
	struct kept *kept = &monitor->ring[number % KS_MONITOR_RING];
	kept->record = (struct ks_msg_monitor_event){ .number = number,
						      .wall_ms = ks_clock_wall_ms(),
						      .kind = event->kind,
						      .request = event->request,
						      .uid = event->uid,
						      .pid = (uint32_t)event->pid,
						      .server_proven = event->server_proven,
						      .outcome = event->outcome };
	keep(kept->socket, sizeof(kept->socket), event->socket);
	keep(kept->program, sizeof(kept->program), event->program);
	keep(kept->key, sizeof(kept->key), event->key);
	keep(kept->purpose, sizeof(kept->purpose), event->purpose);
	keep(kept->server, sizeof(kept->server), event->server);
	keep(kept->text, sizeof(kept->text), event->text);
	if (monitor->last - monitor->first >= KS_MONITOR_RING)
		monitor->first = monitor->last - KS_MONITOR_RING + 1;
	if (monitor->watchers)
		(void)sd_event_source_set_enabled(monitor->turn, SD_EVENT_ONESHOT);
}

uint64_t ks_monitor_number(struct ks_monitor *monitor)
{
	return ++monitor->n_requests;
}

struct ks_monitor_event ks_monitor_event_of(const struct ks_request *request, uint64_t number, char program[64])
{
	ks_peer_program(request->peer.pid, program, 64);
	return (struct ks_monitor_event){ .request = number,
					  .socket = request->socket,
					  .program = program,
					  .uid = request->peer.uid,
					  .pid = request->peer.pid };
}

/* --- answering --------------------------------------------------------------------------------------------------- */

static void write_event(struct kept *kept, struct ks_buffer *list)
{
	struct ks_msg_monitor_event *record = &kept->record;

	record->socket = ks_bytes_text(kept->socket);
	record->program = ks_bytes_text(kept->program);
	record->key = ks_bytes_text(kept->key);
	record->purpose = ks_bytes_text(kept->purpose);
	record->server = ks_bytes_text(kept->server);
	record->text = ks_bytes_text(kept->text);
	ks_record_write(list, KS_RECORD(monitor_event), record);
}

/* What came after `after`, a page of it; nothing, when the time is over. Frees the watcher. */
static void answer(struct ks_monitor *monitor, struct watcher *watcher)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	struct ks_request *request = watcher->request;
	uint64_t from = watcher->after + 1 < monitor->first ? monitor->first : watcher->after + 1;
	struct ks_msg_monitor_reply reply = { .lost = from - watcher->after - 1, .last = from - 1 };

	for (; reply.last < monitor->last && reply.last + 1 < from + KS_MONITOR_PAGE; reply.last++)
		write_event(&monitor->ring[(reply.last + 1) % KS_MONITOR_RING], &list);
	watcher_free(monitor, watcher);
	request->drop = NULL;
	if (ks_buffer_error(&list) < 0) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	reply.events = ks_buffer_bytes(&list);
	ks_request_answer(request, KS_MSG_MONITOR_REPLY, &reply);
}

static int on_turn(sd_event_source *source, void *userdata)
{
	(void)source;
	struct ks_monitor *monitor = userdata;

	/* A watcher that asks again at once gets in at the front with nothing new to see. */
	for (struct watcher *watcher = monitor->watchers; watcher;) {
		if (watcher->after == monitor->last) {
			watcher = watcher->next;
			continue;
		}
		answer(monitor, watcher);
		watcher = monitor->watchers;
	}
	return 0;
}

static void set_timer(struct ks_monitor *monitor)
{
	uint64_t first_ms = UINT64_MAX;

	for (const struct watcher *watcher = monitor->watchers; watcher; watcher = watcher->next)
		first_ms = watcher->until_ms < first_ms ? watcher->until_ms : first_ms;
	if (first_ms == UINT64_MAX) {
		(void)sd_event_source_set_enabled(monitor->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time(monitor->timer, first_ms * 1000);
	(void)sd_event_source_set_enabled(monitor->timer, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_monitor *monitor = userdata;
	uint64_t now = ks_clock_monotonic_ms();

	for (struct watcher *watcher = monitor->watchers; watcher;) {
		if (watcher->until_ms > now) {
			watcher = watcher->next;
			continue;
		}
		answer(monitor, watcher);
		watcher = monitor->watchers;
	}
	set_timer(monitor);
	return 0;
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

static void on_drop(struct ks_request *request)
{
	struct ks_monitor *monitor = request->state->monitor;

	watcher_free(monitor, request->pending);
	set_timer(monitor);
}

void ks_monitor_begin(struct ks_request *request)
{
	struct ks_monitor *monitor = request->state->monitor;
	struct ks_msg_monitor message;

	int error = ks_message_read(KS_MSG_MONITOR, request->body, &message, sizeof(message));
	if (error == 0 && monitor->stopped)
		error = KS_ERR_CLOSED;
	if (error == 0 && !monitor->ring)
		monitor->ring = calloc(KS_MONITOR_RING, sizeof(*monitor->ring));
	struct watcher *watcher = error == 0 && monitor->ring ? calloc(1, sizeof(*watcher)) : NULL;
	if (!watcher) {
		ks_request_fail(request, error < 0 ? error : KS_ERR_NO_MEMORY, NULL);
		return;
	}
	/* A number of another agent's, or of nobody's, is as good as none. */
	bool is_from_now = message.after == 0 || message.after > monitor->last;
	*watcher = (struct watcher){ .next = monitor->watchers,
				     .request = request,
				     .after = is_from_now ? monitor->last : message.after,
				     .until_ms = ks_clock_monotonic_ms() + KS_MONITOR_POLL_MS };
	monitor->watchers = watcher;
	request->pending = watcher;
	request->drop = on_drop;
	/* From now on: the answer tells where that is, so that nothing is missed between this and the next request. */
	if (is_from_now)
		answer(monitor, watcher);
	else if (watcher->after < monitor->last)
		(void)sd_event_source_set_enabled(monitor->turn, SD_EVENT_ONESHOT);
	set_timer(monitor);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

void ks_monitor_stop(struct ks_monitor *monitor)
{
	monitor->stopped = true;
	while (monitor->watchers) {
		struct ks_request *request = monitor->watchers->request;
		watcher_free(monitor, monitor->watchers);
		request->drop = NULL;
		ks_request_fail(request, KS_ERR_CLOSED, "the agent stops");
	}
}

int ks_monitor_new(sd_event *event, struct ks_monitor **ret_monitor)
{
	struct ks_monitor *monitor = calloc(1, sizeof(*monitor));

	if (!monitor)
		return KS_ERR_NO_MEMORY;
	monitor->event = sd_event_ref(event);
	monitor->last = monitor->first = 1; /* so that 0 is never the number of the last event */
	if (sd_event_add_defer(event, &monitor->turn, on_turn, monitor) < 0 ||
	    sd_event_source_set_enabled(monitor->turn, SD_EVENT_OFF) < 0 ||
	    sd_event_add_time(event, &monitor->timer, CLOCK_MONOTONIC, 0, 0, on_time, monitor) < 0 ||
	    sd_event_source_set_enabled(monitor->timer, SD_EVENT_OFF) < 0) {
		ks_monitor_free(monitor);
		return KS_ERR_SYSTEM;
	}
	*ret_monitor = monitor;
	return 0;
}

/* The sessions, and with them all watchers, are gone before. */
void ks_monitor_free(struct ks_monitor *monitor)
{
	if (!monitor)
		return;
	while (monitor->watchers)
		watcher_free(monitor, monitor->watchers);
	sd_event_source_disable_unref(monitor->turn);
	sd_event_source_disable_unref(monitor->timer);
	sd_event_unref(monitor->event);
	free(monitor->ring);
	free(monitor);
}
