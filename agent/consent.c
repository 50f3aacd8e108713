/* SPDX-License-Identifier: Apache-2.0 */
/* consent: see consent.h. What dialogs and refusals say is in consent_words.c. Runs in: keystay-agent. */
#include "agent/consent.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/consent_words.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define HASH_SIZE 32u

/* One dialog, QUEUED here or SHOWN (handed to prompt.h). */
struct ks_consent {
	struct ks_consent *next; /* the first is the oldest */
	struct ks_consents *consents;
	struct ks_consenter waiting; /* head of a ring, never empty but while the consent ends */
	size_t n_waiting;
	struct ks_prompt *prompt; /* NULL = QUEUED */
	struct ks_consent_words words;
	struct ks_prompt_place place;
	uint32_t timeout_ms;
	uint64_t generation; /* of the memory, when it was asked */
	uid_t uid;
	uint8_t spki_hash[HASH_SIZE];
	char *socket; /* owned, as are those below */
	char *program;
	char *server;
};

/* A yes to keep: first-use, of a proven server. */
struct yes {
	uint8_t spki_hash[HASH_SIZE];
	char *socket, *server; /* owned */
};

/* A no, which counts for a while. */
struct no {
	uint8_t spki_hash[HASH_SIZE];
	uid_t uid;
	char *socket, *program; /* owned; NULL = none */
	uint64_t said_ms;
};

struct ks_consents {
	struct ks_state *state;
	struct ks_consent *open;  /* all of them, oldest first */
	struct ks_consent *shown; /* the one of them that prompt.h has */
	sd_event_source *turn;    /* enabled: the next one may be shown */
	char *last_socket;        /* of the one that was shown last; owned */
	pid_t last_pid;
	uint64_t generation; /* counts ks_consent_forget() */
	struct yes yeses[KS_CONSENTS_REMEMBERED];
	size_t n_yeses; /* ever; the place of the next is the rest */
	struct no noes[KS_CONSENT_NOES];
	size_t n_noes; /* likewise */
};

/* --- what was said ----------------------------------------------------------------------------------------------- */

static void yes_clear(struct yes *yes)
{
	free(yes->socket);
	free(yes->server);
	*yes = (struct yes){ .socket = NULL };
}

static void no_clear(struct no *no)
{
	free(no->socket);
	free(no->program);
	*no = (struct no){ .socket = NULL };
}

/* Host names are compared without regard to case (RFC 4343). */
static bool is_server(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

bool ks_consent_is_given(const struct ks_state *state, const uint8_t spki_hash[32], const char *socket,
			 const char *server)
{
	const struct ks_consents *consents = state->consents;

	for (size_t i = 0; consents && i < KS_CONSENTS_REMEMBERED; i++) {
		const struct yes *yes = &consents->yeses[i];
		if (yes->socket && memcmp(yes->spki_hash, spki_hash, HASH_SIZE) == 0 &&
		    strcmp(yes->socket, socket) == 0 && is_server(yes->server, server))
			return true;
	}
	return false;
}

/* The oldest makes way: who is asked once more than needed is not harmed. */
static void remember_yes(struct ks_consent *consent)
{
	struct ks_consents *consents = consent->consents;
	struct yes *yes = &consents->yeses[consents->n_yeses++ % KS_CONSENTS_REMEMBERED];

	yes_clear(yes);
	memcpy(yes->spki_hash, consent->spki_hash, HASH_SIZE);
	yes->socket = KS_STEAL(consent->socket);
	yes->server = KS_STEAL(consent->server);
	ks_log_info("\"%s\" may sign in to %s without a further question until it is locked", consent->words.key,
		    consent->words.server);
}

static void remember_no(struct ks_consent *consent)
{
	struct ks_consents *consents = consent->consents;
	struct no *no = &consents->noes[consents->n_noes++ % KS_CONSENT_NOES];

	no_clear(no);
	memcpy(no->spki_hash, consent->spki_hash, HASH_SIZE);
	no->uid = consent->uid;
	no->socket = KS_STEAL(consent->socket);
	no->program = KS_STEAL(consent->program);
	no->said_ms = ks_clock_monotonic_ms();
}

/* A program that starts itself anew has another pid, but calls itself the same: its name counts. One that changes its
 * name too is stopped by the third no. */
static int look_at_noes(const struct ks_consents *consents, const struct ks_consent_question *question,
			const struct ks_consent_words *words, char *why)
{
	uint64_t now_ms = ks_clock_monotonic_ms();
	unsigned n = 0;

	for (size_t i = 0; i < KS_CONSENT_NOES; i++) {
		const struct no *no = &consents->noes[i];
		if (!no->socket || memcmp(no->spki_hash, question->spki_hash, HASH_SIZE) != 0 ||
		    strcmp(no->socket, question->socket) != 0)
			continue;
		n += now_ms - no->said_ms < KS_CONSENT_REFUSALS_MS;
		if (no->uid == question->uid && strcmp(no->program, question->program) == 0 &&
		    now_ms - no->said_ms < KS_CONSENT_COOL_DOWN_MS) {
			ks_consent_words_refused(words, KS_CONSENT_REFUSED_JUST_NOW, why);
			return KS_ERR_CANCELLED;
		}
	}
	if (n < KS_CONSENT_REFUSALS)
		return 0;
	ks_consent_words_refused(words, KS_CONSENT_REFUSED_TOO_OFTEN, why);
	return KS_ERR_CANCELLED;
}

/* --- who waits --------------------------------------------------------------------------------------------------- */

static void ring_append(struct ks_consenter *ring, struct ks_consenter *consenter)
{
	consenter->previous = ring->previous;
	consenter->next = ring;
	consenter->previous->next = consenter;
	consenter->next->previous = consenter;
}

static void ring_remove(struct ks_consenter *consenter)
{
	if (!consenter->next)
		return;
	consenter->previous->next = consenter->next;
	consenter->next->previous = consenter->previous;
	consenter->next = consenter->previous = NULL;
}

static void next_turn(struct ks_consents *consents)
{
	if (consents->open && !consents->shown)
		(void)sd_event_source_set_enabled(consents->turn, SD_EVENT_ONESHOT);
}

static void consent_free(struct ks_consent *consent)
{
	free(consent->socket);
	free(consent->program);
	free(consent->server);
	free(consent);
}

/* Takes it off the list, and off the screen. */
static void consent_close(struct ks_consent *consent)
{
	struct ks_consents *consents = consent->consents;
	struct ks_consent **link = &consents->open;

	while (*link && *link != consent)
		link = &(*link)->next;
	if (*link)
		*link = consent->next;
	if (consents->shown == consent)
		consents->shown = NULL;
	ks_prompt_cancel(consent->prompt);
	consent_free(consent);
	next_turn(consents);
}

/* Ends it; who waited stands in ring afterwards, still to be told. */
static void consent_end(struct ks_consent *consent, struct ks_consenter *ring)
{
	while (consent->waiting.next != &consent->waiting) {
		struct ks_consenter *consenter = consent->waiting.next;
		ring_remove(consenter);
		consenter->consent = NULL;
		ring_append(ring, consenter);
	}
	consent_close(consent);
}

/* Everything has ended before anybody is told: who is told may ask anew at once, or leave while others still wait. */
static void tell_all(struct ks_consenter *ring, int error, const char *text)
{
	while (ring->next != ring) {
		struct ks_consenter *consenter = ring->next;
		ring_remove(consenter);
		consenter->answered(consenter, error, text);
	}
}

void ks_consent_leave(struct ks_consenter *consenter)
{
	struct ks_consent *consent = consenter->consent;

	ring_remove(consenter);
	consenter->consent = NULL;
	if (consent && --consent->n_waiting == 0)
		consent_close(consent);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static bool is_same_request(const struct ks_consent *a, const struct ks_consent *b)
{
	return memcmp(a->spki_hash, b->spki_hash, HASH_SIZE) == 0 && strcmp(a->socket, b->socket) == 0;
}

/* Does the yes to one answer the other? */
static bool is_answered_with(const struct ks_consent *other, const struct ks_consent *consent)
{
	return ks_consent_words_remembers(&other->words) && ks_consent_words_remembers(&consent->words) &&
	       is_same_request(other, consent) && is_server(other->server, consent->server);
}

/* Does the no? Who refuses a program does not want to be asked by the next of its questions. */
static bool is_refused_with(const struct ks_consent *other, const struct ks_consent *consent)
{
	return is_same_request(other, consent) && other->uid == consent->uid &&
	       strcmp(other->program, consent->program) == 0;
}

static void end_with(struct ks_consent *consent,
		     bool (*ends_too)(const struct ks_consent *other, const struct ks_consent *consent), int error,
		     const char *text)
{
	struct ks_consents *consents = consent->consents;
	struct ks_consenter ring = { .next = &ring, .previous = &ring };
	struct ks_consent *other = ends_too ? consents->open : NULL;

	while (other) {
		struct ks_consent *next = other->next;
		if (other != consent && ends_too(other, consent))
			consent_end(other, &ring);
		other = next;
	}
	if (error == 0 && ks_consent_words_remembers(&consent->words) && consent->generation == consents->generation)
		remember_yes(consent);
	else if (error == KS_ERR_CANCELLED || error == KS_ERR_TIMEOUT)
		remember_no(consent);
	consent_end(consent, &ring);
	tell_all(&ring, error, text);
}

static void on_answer(int error, const char *text, struct ks_secret *pin, void *userdata)
{
	struct ks_consent *consent = userdata;
	char why[KS_TEXT_MAX] = "";

	ks_secret_free(pin);
	consent->prompt = NULL;
	if (error < 0)
		ks_consent_words_ended(&consent->words, error, text, why);
	if (error == 0)
		end_with(consent, is_answered_with, 0, "");
	else if (error == KS_ERR_CANCELLED || error == KS_ERR_TIMEOUT)
		end_with(consent, is_refused_with, error, why);
	else
		end_with(consent, NULL, error, why);
}

/* --- whose turn it is -------------------------------------------------------------------------------------------- */

/* The oldest of another socket than the last one, else of another process, else the oldest: who asks much waits longer,
 * and nobody waits for ever, since each may have few. */
static struct ks_consent *choose(const struct ks_consents *consents)
{
	struct ks_consent *of_other_process = NULL;

	for (struct ks_consent *consent = consents->open; consent; consent = consent->next) {
		if (!consents->last_socket || strcmp(consent->socket, consents->last_socket) != 0)
			return consent;
		if (!of_other_process && consent->words.pid != consents->last_pid)
			of_other_process = consent;
	}
	return of_other_process ? of_other_process : consents->open;
}

static int show(struct ks_consent *consent)
{
	struct ks_state *state = consent->consents->state;
	char description[KS_CONSENT_DESCRIPTION_SIZE];

	ks_consent_words_describe(&consent->words, description, sizeof(description));
	const struct ks_prompt_question question = { .kind = KS_PROMPT_CONFIRM,
						     .pinentry = state->settings->pinentry,
						     .title = "keystay",
						     .description = description,
						     .problem = "",
						     .label = "",
						     .ok = ks_consent_words_yes(&consent->words),
						     .cancel = KS_CONSENT_WORDS_NO,
						     .timeout_ms = consent->timeout_ms,
						     .place = consent->place };
	return ks_prompt_start(state->prompts, &question, on_answer, consent, &consent->prompt);
}

static int on_turn(sd_event_source *source, void *userdata)
{
	(void)source;
	struct ks_consents *consents = userdata;
	struct ks_consent *consent = consents->shown ? NULL : choose(consents);

	if (!consent)
		return 0;
	consents->shown = consent;
	consents->last_pid = consent->words.pid;
	free(consents->last_socket);
	consents->last_socket = strdup(consent->socket);
	int error = show(consent);
	if (error < 0)
		on_answer(error, ks_error_text(error), NULL, consent);
	return 0;
}

/* --- the question ------------------------------------------------------------------------------------------------ */

static struct ks_consents *consents_of(struct ks_state *state)
{
	struct ks_consents *consents = state->consents;

	if (consents)
		return consents;
	consents = calloc(1, sizeof(*consents));
	if (!consents)
		return NULL;
	if (sd_event_add_defer(state->event, &consents->turn, on_turn, consents) < 0 ||
	    sd_event_source_set_enabled(consents->turn, SD_EVENT_OFF) < 0) {
		sd_event_source_disable_unref(consents->turn);
		free(consents);
		return NULL;
	}
	consents->state = state;
	state->consents = consents;
	return consents;
}

static struct ks_consent *consent_new(struct ks_consents *consents, const struct ks_consent_question *question,
				      const struct ks_consent_words *words)
{
	struct ks_consent *consent = calloc(1, sizeof(*consent));

	if (!consent)
		return NULL;
	consent->consents = consents;
	consent->waiting.next = consent->waiting.previous = &consent->waiting;
	consent->words = *words;
	consent->place = question->place;
	consent->timeout_ms = question->timeout_ms;
	consent->generation = consents->generation;
	consent->uid = question->uid;
	memcpy(consent->spki_hash, question->spki_hash, HASH_SIZE);
	consent->socket = strdup(question->socket);
	consent->program = strdup(question->program);
	consent->server = strdup(question->server);
	if (!consent->socket || !consent->program || !consent->server) {
		consent_free(consent);
		return NULL;
	}
	struct ks_consent **link = &consents->open;
	while (*link)
		link = &(*link)->next;
	*link = consent;
	return consent;
}

static int look_at_room(const struct ks_consents *consents, const struct ks_consent_question *question,
			const struct ks_consent_words *words, char *why)
{
	unsigned n = 0, n_of_socket = 0, n_of_process = 0;

	for (const struct ks_consent *consent = consents->open; consent; consent = consent->next) {
		n++;
		n_of_socket += strcmp(consent->socket, question->socket) == 0;
		n_of_process += consent->words.pid == question->pid && consent->uid == question->uid;
	}
	if (n_of_process >= KS_CONSENTS_PER_PROCESS)
		ks_consent_words_refused(words, KS_CONSENT_PROCESS_IS_FULL, why);
	else if (n_of_socket >= KS_CONSENTS_PER_SOCKET)
		ks_consent_words_refused(words, KS_CONSENT_SOCKET_IS_FULL, why);
	else if (n >= KS_CONSENTS_OPEN)
		ks_consent_words_refused(words, KS_CONSENT_ALL_IS_FULL, why);
	else
		return 0;
	return KS_ERR_QUOTA;
}

/* A dialog that asks the same already, for the same process. Its place is that of who came first. */
static struct ks_consent *find_shared(const struct ks_consents *consents, const struct ks_consent_question *question,
				      const struct ks_consent_words *words)
{
	if (!ks_consent_words_remembers(words))
		return NULL;
	for (struct ks_consent *consent = consents->open; consent; consent = consent->next) {
		if (ks_consent_words_remembers(&consent->words) && consent->words.pid == question->pid &&
		    consent->uid == question->uid && consent->n_waiting < KS_PROMPT_CLIENTS &&
		    memcmp(consent->spki_hash, question->spki_hash, HASH_SIZE) == 0 &&
		    strcmp(consent->socket, question->socket) == 0 && is_server(consent->server, question->server))
			return consent;
	}
	return NULL;
}

/* Finds or makes the consent that this question waits for. */
static int find_consent(struct ks_state *state, const struct ks_consent_question *question, struct ks_consent **ret,
			char *why)
{
	struct ks_consent_words words;

	ks_consent_words_init(&words, question);
	if (!question->may_prompt) {
		ks_consent_words_refused(&words, KS_CONSENT_NOBODY_TO_ASK, why);
		return KS_ERR_NO_PROMPT;
	}
	struct ks_consents *consents = consents_of(state);
	if (!consents)
		return KS_ERR_NO_MEMORY;
	struct ks_consent *consent = find_shared(consents, question, &words);
	if (!consent) {
		int error = look_at_noes(consents, question, &words, why);
		if (error == 0)
			error = look_at_room(consents, question, &words, why);
		if (error < 0)
			return error;
		consent = consent_new(consents, question, &words);
		if (!consent)
			return KS_ERR_NO_MEMORY;
		next_turn(consents);
	}
	*ret = consent;
	return 0;
}

int ks_consent_ask(struct ks_state *state, const struct ks_consent_question *question, struct ks_consenter *consenter,
		   char *why)
{
	struct ks_consent *consent = NULL;

	why[0] = '\0';
	if (consenter->consent)
		return 0;
	int error = find_consent(state, question, &consent, why);
	if (error < 0) {
		if (why[0] == '\0')
			(void)ks_text_print(why, KS_TEXT_MAX, "%s", ks_error_text(error));
		return error;
	}
	ring_append(&consent->waiting, consenter);
	consenter->consent = consent;
	consent->n_waiting++;
	return 0;
}

/* --- ends -------------------------------------------------------------------------------------------------------- */

void ks_consent_forget(struct ks_state *state, bool end_all)
{
	struct ks_consents *consents = state->consents;
	char why[KS_TEXT_MAX];

	if (!consents)
		return;
	consents->generation++;
	for (size_t i = 0; i < KS_CONSENTS_REMEMBERED; i++)
		yes_clear(&consents->yeses[i]);
	for (size_t i = 0; i < KS_CONSENT_NOES; i++)
		no_clear(&consents->noes[i]);
	/* Who is told may ask anew: that is a question of the time after. */
	struct ks_consent *consent = end_all ? consents->open : NULL;
	while (consent && consent->generation < consents->generation) {
		struct ks_consenter ring = { .next = &ring, .previous = &ring };
		ks_consent_words_refused(&consent->words, KS_CONSENT_LOCKED, why);
		consent_end(consent, &ring);
		tell_all(&ring, KS_ERR_CANCELLED, why);
		consent = consents->open;
	}
}

void ks_consent_free_all(struct ks_state *state)
{
	struct ks_consents *consents = state->consents;

	if (!consents)
		return;
	ks_consent_forget(state, false);
	while (consents->open) {
		struct ks_consenter ring = { .next = &ring, .previous = &ring };
		consent_end(consents->open, &ring);
		while (ring.next != &ring)
			ring_remove(ring.next);
	}
	sd_event_source_disable_unref(consents->turn);
	free(consents->last_socket);
	free(consents);
	state->consents = NULL;
}
