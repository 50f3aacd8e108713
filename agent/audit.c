/* SPDX-License-Identifier: Apache-2.0 */
/* audit: see audit.h. Runs in: keystay-agent. */
#include "agent/audit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "agent/audit_record.h"
#include "agent/audit_writer.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* A keystay-audit that ends is started again at once, and after pauses that double when it ends again within a second. */
#define RESTART_FIRST_MS 10u
#define STABLE_MS 1000u

#define NEVER UINT64_MAX

struct ks_audit_entry {
	struct ks_audit_entry *next, *previous; /* oldest first */
	struct ks_audit *audit;
	struct ks_audit_copy copy;
	ks_audit_done *done; /* NULL: answered, or nobody waits any more */
	void *userdata;
	uint64_t deadline_ms;
	bool sent;
	bool may_be_there; /* a writer that it was sent to ended without an answer */
	bool holds_anyway;
};

struct ks_audit {
	sd_event *event;
	struct ks_settings settings; /* the audit ones alone: the agent's own go at a reload */
	struct ks_audit_writer *writer;
	bool renew; /* the settings have changed: another process when this one has answered */

	struct ks_audit_entry queue; /* head of a ring */
	size_t n_queued, n_sent;
	uint64_t agent, sequence, lost_next; /* lost_next: after the last in the queue */
	uint64_t sent_ms, started_ms;
	uint32_t restart_ms; /* the last pause */

	sd_event_source *turn;  /* deferred: something is to be sent or answered */
	sd_event_source *timer; /* the next of: a deadline, another try */
	uint64_t try_ms;        /* the next try; NEVER = nothing is wrong */

	bool failing;
	char problem[640];
	uint64_t shouted_ms;
	uint64_t n_written, n_lost;
};

/* --- the queue --------------------------------------------------------------------------------------------------- */

static void put_last(struct ks_audit *audit, struct ks_audit_entry *entry)
{
	struct ks_audit_entry *head = &audit->queue;

	entry->audit = audit;
	entry->previous = head->previous;
	entry->next = head;
	head->previous->next = entry;
	head->previous = entry;
	audit->n_queued++;
}

static void take_out(struct ks_audit_entry *entry)
{
	struct ks_audit *audit = entry->audit;

	entry->previous->next = entry->next;
	entry->next->previous = entry->previous;
	audit->n_queued--;
	if (entry->sent)
		audit->n_sent--;
}

static struct ks_audit_entry *first(struct ks_audit *audit)
{
	return audit->queue.next == &audit->queue ? NULL : audit->queue.next;
}

/* unanswered: nobody knows whether it was written. */
static void unsend_all(struct ks_audit *audit, bool unanswered)
{
	for (struct ks_audit_entry *entry = audit->queue.next; entry != &audit->queue; entry = entry->next) {
		entry->may_be_there = entry->may_be_there || (unanswered && entry->sent);
		entry->sent = false;
	}
	audit->n_sent = 0;
}

/* The next that is written tells how many are missing before it. */
static void lose(struct ks_audit *audit, struct ks_audit_entry *entry)
{
	uint64_t n = entry->copy.message.lost + 1;

	if (entry->next != &audit->queue)
		entry->next->copy.message.lost += n;
	else
		audit->lost_next += n;
	audit->n_lost++;
	take_out(entry);
	free(entry);
}

/* --- answering those who wait ------------------------------------------------------------------------------------ */

static void tell(struct ks_audit_entry *entry, int error, const char *text)
{
	ks_audit_done *done = entry->done;

	entry->done = NULL;
	if (done)
		done(error, text, entry->userdata);
}

static struct ks_audit_entry *add_copy(struct ks_audit *audit)
{
	struct ks_audit_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	put_last(audit, entry);
	return entry;
}

static void number(struct ks_audit *audit, struct ks_audit_entry *entry)
{
	entry->copy.message.agent = audit->agent;
	entry->copy.message.sequence = ++audit->sequence;
	entry->copy.message.lost = audit->lost_next;
	audit->lost_next = 0;
}

/* A record says "signed" or "done", and it was not given away or undone after all. Where it may be in the file already, another
 * record takes it back. */
static void take_back(struct ks_audit_entry *entry, const char *why)
{
	struct ks_audit *audit = entry->audit;

	if (entry->holds_anyway ||
	    (entry->copy.message.outcome != KS_AUDIT_SIGNED && entry->copy.message.outcome != KS_AUDIT_DONE))
		return;
	if (!entry->sent && !entry->may_be_there) {
		ks_audit_copy_take_back(&entry->copy, why);
		return;
	}
	struct ks_audit_entry *other = add_copy(audit);
	if (!other)
		return;
	ks_audit_copy_again(&other->copy, &entry->copy);
	ks_audit_copy_take_back(&other->copy, why);
	other->copy.message.corrects = entry->copy.message.sequence;
	number(audit, other);
}

/* The verdict on a record that is not written in time. It stays in the queue. */
static void give_verdict(struct ks_audit_entry *entry)
{
	struct ks_audit *audit = entry->audit;
	char text[sizeof(audit->problem) + 64];

	if (audit->settings.audit != KS_AUDIT_REQUIRE) {
		tell(entry, 0, "");
		return;
	}
	(void)ks_text_print(text, sizeof(text), "the audit record cannot be written: %s; see: keystay status",
			    audit->problem);
	take_back(entry, text);
	tell(entry, KS_ERR_AUDIT, text);
}

/* Those whose deadline is not after until_ms. Each callback may change the queue: it is looked at anew. */
static void give_verdicts(struct ks_audit *audit, uint64_t until_ms)
{
	struct ks_audit_entry *entry = audit->queue.next;

	while (entry != &audit->queue) {
		if (!entry->done || entry->deadline_ms > until_ms) {
			entry = entry->next;
			continue;
		}
		give_verdict(entry);
		entry = audit->queue.next;
	}
}

/* --- what is wrong ----------------------------------------------------------------------------------------------- */

static void shout(struct ks_audit *audit)
{
	uint64_t now = ks_clock_monotonic_ms();

	if (audit->shouted_ms && now - audit->shouted_ms < KS_AUDIT_SHOUT_MS)
		return;
	audit->shouted_ms = now;
	ks_log_error("the audit log cannot be written: %s; %s (%zu records wait, %" PRIu64 " are lost)", audit->problem,
		     audit->settings.audit == KS_AUDIT_REQUIRE ? "nothing is signed" : "signing goes on",
		     audit->n_queued, audit->n_lost);
}

static void set_timer(struct ks_audit *audit);

static void try_later(struct ks_audit *audit, uint64_t pause_ms)
{
	audit->try_ms = ks_clock_monotonic_ms() + pause_ms;
	set_timer(audit);
}

static void begin_failing(struct ks_audit *audit, const char *why)
{
	ks_text_escape(ks_bytes_text(why), audit->problem, sizeof(audit->problem));
	audit->failing = true;
	shout(audit);
}

static void end_failing(struct ks_audit *audit)
{
	audit->try_ms = NEVER;
	if (!audit->failing)
		return;
	audit->failing = false;
	audit->problem[0] = '\0';
	audit->shouted_ms = 0;
	ks_log_notice("the audit log is written again (%" PRIu64 " records are lost)", audit->n_lost);
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static void wake(struct ks_audit *audit)
{
	(void)sd_event_source_set_enabled(audit->turn, SD_EVENT_ONESHOT);
}

static void start_writer(struct ks_audit *audit)
{
	audit->renew = false;
	audit->started_ms = ks_clock_monotonic_ms();
	int error = ks_audit_writer_start(audit->writer, &audit->settings);
	if (error == 0)
		return;
	char why[128];
	(void)ks_text_print(why, sizeof(why), "keystay-audit cannot be started: %s", ks_error_text(error));
	begin_failing(audit, why);
	try_later(audit, KS_AUDIT_RETRY_MS);
}

static void send_batch(struct ks_audit *audit)
{
	struct ks_audit_entry *entry = audit->queue.next;

	audit->sent_ms = ks_clock_monotonic_ms();
	for (size_t n = 1; entry != &audit->queue; n++) {
		bool more = entry->next != &audit->queue && n < KS_AUDIT_BATCH;
		entry->sent = true;
		audit->n_sent++;
		ks_audit_writer_send(audit->writer, &entry->copy.message, more);
		if (!more || !ks_audit_writer_is_running(audit->writer))
			return;
		entry = entry->next;
	}
}

static void send_what_waits(struct ks_audit *audit)
{
	if (audit->n_sent > 0)
		return;
	if (audit->renew)
		ks_audit_writer_stop(audit->writer);
	/* With a pause ahead, the timer starts it. */
	if (!ks_audit_writer_is_running(audit->writer) && audit->try_ms == NEVER)
		start_writer(audit);
	if (first(audit) && ks_audit_writer_is_running(audit->writer))
		send_batch(audit);
}

static int on_turn(sd_event_source *source, void *userdata)
{
	(void)source;
	struct ks_audit *audit = userdata;

	if (audit->settings.audit == KS_AUDIT_OFF) {
		struct ks_audit_entry *entry;
		ks_audit_writer_stop(audit->writer);
		unsend_all(audit, true);
		end_failing(audit);
		while ((entry = first(audit))) {
			tell(entry, 0, "");
			take_out(entry);
			free(entry);
		}
		return 0;
	}
	/* While it is known that nothing can be written, nobody waits for another try, unless each of them counts. */
	if (audit->failing && audit->settings.audit != KS_AUDIT_REQUIRE)
		give_verdicts(audit, NEVER);
	else
		send_what_waits(audit);
	set_timer(audit);
	return 0;
}

/* --- time -------------------------------------------------------------------------------------------------------- */

/* All wait equally long, so the first who waits has the next deadline. */
static uint64_t next_deadline(const struct ks_audit *audit)
{
	for (const struct ks_audit_entry *entry = audit->queue.next; entry != &audit->queue; entry = entry->next) {
		if (entry->done)
			return entry->deadline_ms;
	}
	return NEVER;
}

static void set_timer(struct ks_audit *audit)
{
	uint64_t at_ms = next_deadline(audit);

	if (audit->try_ms < at_ms)
		at_ms = audit->try_ms;
	if (at_ms == NEVER) {
		(void)sd_event_source_set_enabled(audit->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time(audit->timer, at_ms * 1000);
	(void)sd_event_source_set_enabled(audit->timer, SD_EVENT_ONESHOT);
}

static void try_again(struct ks_audit *audit)
{
	audit->try_ms = NEVER;
	if (audit->n_sent > 0 && ks_clock_monotonic_ms() - audit->sent_ms >= KS_AUDIT_HANG_MS) {
		ks_audit_writer_kill(audit->writer);
		unsend_all(audit, true);
	}
	send_what_waits(audit);
	if (audit->failing && audit->try_ms == NEVER)
		try_later(audit, KS_AUDIT_RETRY_MS);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_audit *audit = userdata;
	uint64_t now = ks_clock_monotonic_ms();

	if (next_deadline(audit) <= now) {
		if (!audit->failing)
			begin_failing(audit, "keystay-audit does not answer in time");
		if (audit->try_ms == NEVER)
			try_later(audit, KS_AUDIT_RETRY_MS);
		give_verdicts(audit, now);
	}
	if (audit->failing)
		shout(audit);
	if (audit->try_ms <= now)
		try_again(audit);
	set_timer(audit);
	return 0;
}

/* --- what the process says --------------------------------------------------------------------------------------- */

static void on_answered(int error, const char *text, void *userdata)
{
	struct ks_audit *audit = userdata;
	struct ks_audit_entry *entry;
	size_t n = audit->n_sent;

	audit->restart_ms = 0;
	if (error < 0) {
		unsend_all(audit, false);
		begin_failing(audit, text[0] ? text : ks_error_text(error));
		try_later(audit, KS_AUDIT_RETRY_MS);
		give_verdicts(audit, NEVER);
		return;
	}
	end_failing(audit);
	for (; n > 0 && (entry = first(audit)) && entry->sent; n--) {
		audit->n_written++;
		take_out(entry);
		tell(entry, 0, "");
		free(entry);
	}
	wake(audit);
}

static void on_ended(void *userdata)
{
	struct ks_audit *audit = userdata;

	unsend_all(audit, true);
	if (ks_clock_monotonic_ms() - audit->started_ms >= STABLE_MS)
		audit->restart_ms = 0;
	audit->restart_ms = audit->restart_ms ? audit->restart_ms * 2 : RESTART_FIRST_MS;
	if (audit->restart_ms > KS_AUDIT_RETRY_MS)
		audit->restart_ms = KS_AUDIT_RETRY_MS;
	try_later(audit, audit->restart_ms);
}

static const struct ks_audit_writer_events writer_events = { .answered = on_answered, .ended = on_ended };

/* --- what the others call ---------------------------------------------------------------------------------------- */

/* The oldest go, but none that is being written, or that somebody waits for. */
static void make_room(struct ks_audit *audit)
{
	struct ks_audit_entry *entry = audit->queue.next;

	while (audit->n_queued >= KS_AUDIT_RING && entry != &audit->queue) {
		struct ks_audit_entry *next = entry->next;
		if (!entry->sent && !entry->done)
			lose(audit, entry);
		entry = next;
	}
}

int ks_audit_write(struct ks_audit *audit, const struct ks_audit_record *record, ks_audit_done *done, void *userdata,
		   struct ks_audit_entry **ret_entry)
{
	make_room(audit);
	struct ks_audit_entry *entry = add_copy(audit);
	if (!entry)
		return KS_ERR_NO_MEMORY;
	ks_audit_copy_make(&entry->copy, record);
	number(audit, entry);
	entry->done = done;
	entry->userdata = userdata;
	entry->holds_anyway = record->holds_anyway;
	entry->deadline_ms = ks_clock_monotonic_ms() + KS_AUDIT_DEADLINE_MS;
	wake(audit);
	if (ret_entry)
		*ret_entry = entry;
	return 0;
}

void ks_audit_forget(struct ks_audit_entry *entry)
{
	if (entry)
		entry->done = NULL;
}

bool ks_audit_is_idle(const struct ks_audit *audit)
{
	return audit->n_queued == 0;
}

void ks_audit_count(const struct ks_audit *audit, struct ks_audit_counts *ret_counts)
{
	*ret_counts = (struct ks_audit_counts){ .mode = audit->settings.audit,
						.written = audit->n_written,
						.lost = audit->n_lost,
						.waiting = audit->n_queued,
						.problem = audit->problem };
}

static void take_settings(struct ks_audit *audit, const struct ks_settings *settings)
{
	audit->settings = (struct ks_settings){ .audit = settings->audit,
						.audit_to = settings->audit_to,
						.audit_max_size = settings->audit_max_size,
						.audit_keep = settings->audit_keep };
}

void ks_audit_follow(struct ks_audit *audit, const struct ks_settings *settings)
{
	const struct ks_settings old = audit->settings;

	take_settings(audit, settings);
	audit->renew = audit->renew || old.audit_to != settings->audit_to ||
		       old.audit_max_size != settings->audit_max_size || old.audit_keep != settings->audit_keep;
	wake(audit);
}

int ks_audit_new(sd_event *event, const char *program, const struct ks_settings *settings, struct ks_audit **ret_audit)
{
	struct ks_audit *audit = calloc(1, sizeof(*audit));

	if (!audit)
		return KS_ERR_NO_MEMORY;
	audit->queue.next = audit->queue.previous = &audit->queue;
	audit->event = sd_event_ref(event);
	take_settings(audit, settings);
	audit->try_ms = NEVER;
	int error = getrandom(&audit->agent, sizeof(audit->agent), 0) == (ssize_t)sizeof(audit->agent) ? 0 :
													 KS_ERR_SYSTEM;
	if (error == 0)
		error = ks_audit_writer_new(event, program, &writer_events, audit, &audit->writer);
	if (error == 0 && (sd_event_add_defer(event, &audit->turn, on_turn, audit) < 0 ||
			   sd_event_source_set_enabled(audit->turn, SD_EVENT_ONESHOT) < 0 ||
			   sd_event_add_time(event, &audit->timer, CLOCK_MONOTONIC, 0, 1, on_time, audit) < 0 ||
			   sd_event_source_set_enabled(audit->timer, SD_EVENT_OFF) < 0))
		error = KS_ERR_SYSTEM;
	if (error < 0) {
		ks_audit_free(audit);
		return error;
	}
	*ret_audit = audit;
	return 0;
}

static void drop(struct ks_audit *audit, bool only_sent)
{
	struct ks_audit_entry *next;

	for (struct ks_audit_entry *entry = audit->queue.next; entry != &audit->queue; entry = next) {
		next = entry->next;
		if (only_sent && !entry->sent)
			continue;
		take_out(entry);
		free(entry);
	}
}

void ks_audit_free(struct ks_audit *audit)
{
	if (!audit)
		return;
	while (audit->writer && !audit->failing && ks_audit_writer_is_running(audit->writer) && first(audit)) {
		if (audit->n_sent == 0)
			send_batch(audit);
		ks_audit_writer_flush(audit->writer);
		drop(audit, true);
	}
	if (first(audit))
		ks_log_error("%zu audit records are lost: %s", audit->n_queued,
			     audit->problem[0] ? audit->problem : "keystay-audit has ended");
	drop(audit, false);
	ks_audit_writer_free(audit->writer);
	sd_event_source_disable_unref(audit->turn);
	sd_event_source_disable_unref(audit->timer);
	sd_event_unref(audit->event);
	free(audit);
}
