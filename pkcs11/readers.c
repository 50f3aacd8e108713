/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers: see readers.h.
 *
 * Runs in: keystay-token. One look is one SCardGetStatusChange() without a time limit over all readers that are known,
 * and over the made-up one that stands for readers that come and go:
 *
 *	WATCHING --- card out, or reader gone ----> WORKER_EVENT(TOKEN_GONE) for each token that was there
 *	         --- card in, or free again ------> WORKER_EVENT(CHANGED)
 *	         --- pcscd gone ------------------> WORKER_EVENT(RENEW), the thread ends: the module's own context is
 *	                                            dead for good, and most modules do not notice
 *	no pcscd at the start -- it comes --------> WORKER_EVENT(RENEW)
 */
#include "pkcs11/readers.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/message.h"
#include "pkcs11/holder.h"
#include "pkcs11/pcsc.h"

#define NOTICE_MS 600u /* pcscd asks a reader that has no interrupts each 400 ms */
#define READERS_MAX PCSCLITE_MAX_READERS_CONTEXTS
#define NEWS "\\\\?PnP?\\Notification" /* not a reader: its state changes when one comes or goes */
#define COUNTER(state) ((state) >> 16) /* of cards that came and went in this reader */

struct reader {
	char name[MAX_READERNAME];
	DWORD state; /* as it was last seen */
	bool seen;
	bool listed;
};

struct ks_readers {
	struct ks_wire *wire;
	struct ks_places *places;
	struct ks_pcsc pcsc;
	SCARDCONTEXT context;
	pthread_mutex_t mutex; /* for the names in the list, which other threads read */
	struct reader list[READERS_MAX];
	size_t n;
};

/* --- telling ----------------------------------------------------------------------------------------------------- */

/* That nobody is left to hear it is for the main thread to see. */
static void tell(const struct ks_readers *readers, enum ks_worker_event kind, uint32_t token)
{
	const struct ks_msg_worker_event message = { KS_MESSAGE_HEAD(0), .kind = kind, .token = token };

	(void)!ks_wire_send(readers->wire, KS_MSG_WORKER_EVENT, &message);
}

/* Do slots of this module not bear the names of readers, or is the main thread at it right now? Then a card that is not
 * known may be one of its tokens. */
static bool may_be_unknown(const struct ks_readers *readers)
{
	if (ks_places_is_looking(readers->places))
		return true;
	for (size_t i = 0; i < readers->n; i++) {
		if (ks_places_is_used(readers->places, readers->list[i].name))
			return false;
	}
	return ks_places_is_used(readers->places, NULL);
}

static void tell_gone(const struct ks_readers *readers, const char *name)
{
	uint32_t tokens[KS_TOKENS_PER_MODULE];
	bool unknown = may_be_unknown(readers);
	size_t n = ks_places_remove(readers->places, name, tokens);

	for (size_t i = 0; i < n; i++)
		tell(readers, KS_WORKER_EVENT_TOKEN_GONE, tokens[i]);
	if (n == 0 && unknown)
		tell(readers, KS_WORKER_EVENT_TOKEN_GONE, 0);
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

static struct reader *find(struct ks_readers *readers, const char *name)
{
	for (size_t i = 0; i < readers->n; i++) {
		if (strcmp(readers->list[i].name, name) == 0)
			return &readers->list[i];
	}
	return NULL;
}

static void add(struct ks_readers *readers, const char *name)
{
	if (readers->n == READERS_MAX)
		return;
	(void)pthread_mutex_lock(&readers->mutex);
	struct reader *reader = &readers->list[readers->n++];
	*reader = (struct reader){ .listed = true };
	(void)ks_text_print(reader->name, sizeof(reader->name), "%s", name);
	(void)pthread_mutex_unlock(&readers->mutex);
}

static void drop(struct ks_readers *readers, size_t place)
{
	(void)pthread_mutex_lock(&readers->mutex);
	readers->n--;
	memmove(&readers->list[place], &readers->list[place + 1], (readers->n - place) * sizeof(readers->list[0]));
	(void)pthread_mutex_unlock(&readers->mutex);
}

/* Which readers there are now. Those that went take their cards along. */
static LONG list_readers(struct ks_readers *readers)
{
	char names[READERS_MAX * MAX_READERNAME + 1];
	DWORD size = sizeof(names);

	LONG rv = readers->pcsc.list(readers->context, NULL, names, &size);
	if (rv == SCARD_E_NO_READERS_AVAILABLE)
		size = 0;
	else if (rv != SCARD_S_SUCCESS)
		return rv;
	for (size_t i = 0; i < readers->n; i++)
		readers->list[i].listed = false;
	for (const char *name = names; name < names + size && *name != '\0'; name += strlen(name) + 1) {
		struct reader *reader = find(readers, name);
		if (reader)
			reader->listed = true;
		else
			add(readers, name);
	}
	for (size_t i = readers->n; i-- > 0;) {
		if (readers->list[i].listed)
			continue;
		if (readers->list[i].state & SCARD_STATE_PRESENT)
			tell_gone(readers, readers->list[i].name);
		drop(readers, i);
	}
	return SCARD_S_SUCCESS;
}

/* The module sees no token at all then, so this is the only word on it. With a token of ours in the reader it is the
 * module itself that has taken it. */
static void warn_of_holder(const struct ks_readers *readers, const struct reader *reader)
{
	struct ks_problem problem = { 0 };
	char name[KS_PLACE_SIZE];

	if (ks_places_is_used(readers->places, reader->name))
		return;
	ks_text_escape(ks_bytes_text(reader->name), name, sizeof(name));
	(void)ks_problem_set(&problem, KS_ERR_BUSY, "the card in reader \"%s\" cannot be looked at", name);
	ks_holder_explain(&problem);
	ks_log_warning("%s", problem.text);
}

/* A card that was seen but not powered yet counts as mute. */
static bool is_ready(DWORD state)
{
	return (state & SCARD_STATE_PRESENT) != 0 && !(state & SCARD_STATE_MUTE);
}

/* What has happened in one reader. Returns whether a token may be there now that was not there before. */
static bool take_state(struct ks_readers *readers, struct reader *reader, DWORD now, bool first_look)
{
	DWORD before = reader->state;
	bool was_in = (before & SCARD_STATE_PRESENT) != 0;
	bool is_in = (now & SCARD_STATE_PRESENT) != 0;
	bool was_ready = is_ready(before);
	bool exchanged = was_in && is_in && COUNTER(now) != COUNTER(before);

	reader->state = now;
	if (now & ~before & SCARD_STATE_EXCLUSIVE)
		warn_of_holder(readers, reader);
	if (!reader->seen) {
		reader->seen = true;
		return is_ready(now) && !first_look;
	}
	if (was_in && (!is_in || exchanged))
		tell_gone(readers, reader->name);
	/* Seen with the next thing that happens, or when libpcsclite looks by itself once a minute. */
	bool is_free_again = (before & ~now & SCARD_STATE_EXCLUSIVE) != 0;
	return is_ready(now) && (!was_ready || exchanged || is_free_again);
}

/* Sleeps until something happens; the first look returns at once. */
static LONG look(struct ks_readers *readers, bool first_look)
{
	SCARD_READERSTATE states[READERS_MAX + 1];
	size_t n = readers->n;
	bool changed = false;

	memset(states, 0, sizeof(states));
	for (size_t i = 0; i < n; i++) {
		states[i].szReader = readers->list[i].name;
		states[i].dwCurrentState = readers->list[i].seen ? readers->list[i].state : SCARD_STATE_UNAWARE;
	}
	states[n].szReader = NEWS;
	LONG rv = readers->pcsc.wait(readers->context, INFINITE, states, (DWORD)(n + (first_look && n > 0 ? 0 : 1)));
	if (rv != SCARD_S_SUCCESS)
		return rv;
	for (size_t i = 0; i < n; i++) {
		DWORD now = states[i].dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
		if ((states[i].dwEventState & SCARD_STATE_CHANGED) &&
		    take_state(readers, &readers->list[i], now, first_look))
			changed = true;
	}
	if (changed)
		tell(readers, KS_WORKER_EVENT_CHANGED, 0);
	return SCARD_S_SUCCESS;
}

static void watch(struct ks_readers *readers)
{
	LONG rv = list_readers(readers);

	for (bool first_look = true; rv == SCARD_S_SUCCESS; first_look = false) {
		rv = look(readers, first_look);
		/* One that went while we looked; a cancelled or ended wait is none of ours, but harms nothing. */
		if (rv == SCARD_S_SUCCESS || rv == SCARD_E_UNKNOWN_READER || rv == SCARD_E_TIMEOUT)
			rv = list_readers(readers);
	}
}

static void *run(void *userdata)
{
	struct ks_readers *readers = userdata;

	LONG rv = readers->pcsc.establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &readers->context);
	if (rv == SCARD_S_SUCCESS)
		watch(readers);
	else if (!ks_pcsc_await(&readers->pcsc))
		return NULL;
	tell(readers, KS_WORKER_EVENT_RENEW, 0);
	return NULL;
}

bool ks_readers_start(struct ks_wire *wire, struct ks_places *places, struct ks_readers **ret_readers)
{
	KS_AUTO_FREE struct ks_readers *readers = calloc(1, sizeof(*readers));
	pthread_t thread;

	if (!readers || !ks_pcsc_find(&readers->pcsc))
		return false;
	readers->wire = wire;
	readers->places = places;
	if (pthread_mutex_init(&readers->mutex, NULL) != 0 || pthread_create(&thread, NULL, run, readers) != 0)
		return false;
	(void)pthread_detach(thread);
	*ret_readers = KS_STEAL(readers);
	return true;
}

/* The reader of a token; false when that is not known. */
static bool find_reader(struct ks_readers *readers, uint32_t token, char ret_name[MAX_READERNAME])
{
	bool found = false;

	(void)pthread_mutex_lock(&readers->mutex);
	for (size_t i = 0; i < readers->n && !found; i++) {
		found = ks_places_is_in(readers->places, token, readers->list[i].name);
		if (found)
			memcpy(ret_name, readers->list[i].name, MAX_READERNAME);
	}
	(void)pthread_mutex_unlock(&readers->mutex);
	return found;
}

bool ks_readers_is_exclusive(struct ks_readers *readers, uint32_t token)
{
	char name[MAX_READERNAME];

	/* Asked anew: pcscd does not wake anybody up when a card is taken or given back. */
	return readers && find_reader(readers, token, name) &&
	       (ks_pcsc_state(&readers->pcsc, name) & SCARD_STATE_EXCLUSIVE) != 0;
}

bool ks_readers_is_taken_out(struct ks_readers *readers, uint32_t token)
{
	char name[MAX_READERNAME];

	if (!readers)
		return false;
	return ks_places_is_gone(readers->places, token) ||
	       (find_reader(readers, token, name) && ks_pcsc_is_empty(&readers->pcsc, name, NOTICE_MS));
}

void ks_readers_reset(struct ks_readers *readers, uint32_t token)
{
	char name[MAX_READERNAME];

	if (readers && find_reader(readers, token, name) && !ks_pcsc_reset(&readers->pcsc, name))
		ks_log_warning("the card in reader \"%s\" could not be reset after the logout; another program uses it",
			       name);
}
