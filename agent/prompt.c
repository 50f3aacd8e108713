/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt: see prompt.h.
 *
 * A dialog's process (dialog.h) outlives its question for a moment: it takes pinentry from the screen and gives the
 * terminal back as it was. So the next dialog waits for the end of that process.
 *
 * Runs in: keystay-agent.
 */
#include "agent/prompt.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/channel.h"
#include "agent/dialog.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define GRACE_MS 2000u /* in which keystay-prompt itself tells that nobody answered */
#define N_TEXTS 11

struct ks_prompt {
	struct ks_prompt *next;
	struct ks_prompts *prompts;
	struct ks_msg_prompt question; /* its bytes stand in texts */
	char *texts[N_TEXTS];
	size_t n_texts;
	ks_prompt_done *done;
	void *userdata;

	bool has_channel; /* and so: SHOWN */
	struct ks_channel channel;
	sd_event_source *deadline;

	bool answered;
	int error;
	struct ks_secret *pin;
	char why[KS_TEXT_MAX];
};

struct ks_prompts {
	sd_event *event;
	const char *program;
	struct ks_prompt *queue; /* the first is the oldest */
	struct ks_prompt *shown;
	struct ks_dialog *dialog; /* of shown, or of the one before */
	sd_event_source *turn;    /* enabled: somebody's turn may have come */
};

static void next_turn(struct ks_prompts *prompts)
{
	if (prompts->queue && !prompts->shown && !prompts->dialog)
		(void)sd_event_source_set_enabled(prompts->turn, SD_EVENT_ONESHOT);
}

/* --- the life of a question -------------------------------------------------------------------------------------- */

static void prompt_free(struct ks_prompt *prompt)
{
	if (prompt->has_channel)
		ks_channel_deinit(&prompt->channel);
	sd_event_source_disable_unref(prompt->deadline);
	ks_secret_free(prompt->pin);
	for (size_t i = 0; i < prompt->n_texts; i++)
		free(prompt->texts[i]);
	free(prompt);
}

/* Takes it off the queue, or the screen. */
static void withdraw(struct ks_prompt *prompt, bool at_once)
{
	struct ks_prompts *prompts = prompt->prompts;
	struct ks_prompt **link = &prompts->queue;

	while (*link && *link != prompt)
		link = &(*link)->next;
	if (*link)
		*link = prompt->next;
	if (prompts->shown == prompt) {
		prompts->shown = NULL;
		if (prompts->dialog)
			ks_dialog_dismiss(prompts->dialog, at_once);
	}
}

static void finish(struct ks_prompt *prompt, int error, const char *text, bool at_once)
{
	struct ks_prompts *prompts = prompt->prompts;
	ks_prompt_done *done = prompt->done;
	void *userdata = prompt->userdata;
	struct ks_secret *pin = error == 0 ? KS_STEAL(prompt->pin) : NULL;
	char copy[KS_TEXT_MAX];

	(void)ks_text_print(copy, sizeof(copy), "%s", text);
	withdraw(prompt, at_once);
	prompt_free(prompt);
	next_turn(prompts);
	done(error, copy, pin, userdata);
}

/* --- what its process says --------------------------------------------------------------------------------------- */

/* The PIN leaves the channel's buffer at once. Casting const away is right here alone: the buffer is our own. */
static int take_reply(struct ks_prompt *prompt, const struct ks_frame *frame)
{
	struct ks_msg_prompt_reply reply;

	int error = ks_message_read(frame->type, frame->body, &reply, sizeof(reply));
	if (error < 0)
		return error;
	if (prompt->question.kind == KS_PROMPT_PIN) {
		error = ks_secret_new(&prompt->pin);
		if (error == 0)
			error = ks_secret_take(prompt->pin, (uint8_t *)(uintptr_t)reply.pin.data, reply.pin.size);
		if (error < 0)
			return error;
	}
	prompt->answered = true;
	return 0;
}

static int take_error(struct ks_prompt *prompt, const struct ks_frame *frame)
{
	struct ks_msg_error message;

	int error = ks_message_read(frame->type, frame->body, &message, sizeof(message));
	if (error < 0)
		return error;
	if (message.code == 0 || message.code > INT32_MAX)
		return KS_ERR_MALFORMED;
	ks_text_escape(message.text, prompt->why, sizeof(prompt->why));
	prompt->error = -(int)message.code;
	prompt->answered = true;
	return 0;
}

static int on_frame(struct ks_channel *channel, const struct ks_frame *frame, void *userdata)
{
	(void)channel;
	struct ks_prompt *prompt = userdata;
	int error;

	if (frame->type == KS_MSG_PROMPT_REPLY)
		error = take_reply(prompt, frame);
	else if (frame->type == KS_MSG_ERROR)
		error = take_error(prompt, frame);
	else
		error = KS_ERR_UNKNOWN_MESSAGE;
	/* One answer is all there is: the channel ends, and on_closed() goes on. */
	return error < 0 ? error : KS_ERR_CLOSED;
}

static void on_closed(struct ks_channel *channel, int error, void *userdata)
{
	(void)channel;
	struct ks_prompt *prompt = userdata;

	if (prompt->answered)
		finish(prompt, prompt->error, prompt->why, false);
	else if (error == KS_ERR_CLOSED)
		finish(prompt, error, "the dialog's process (keystay-prompt) ended without an answer", true);
	else
		finish(prompt, error, "the dialog's process (keystay-prompt) sent nonsense", true);
}

static const struct ks_channel_events channel_events = { .frame = on_frame, .closed = on_closed };

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	finish(userdata, KS_ERR_TIMEOUT, "nobody answered the dialog in time", true);
	return 0;
}

static void on_dialog_ended(void *userdata)
{
	struct ks_prompts *prompts = userdata;

	prompts->dialog = NULL;
	next_turn(prompts);
}

/* --- its turn ---------------------------------------------------------------------------------------------------- */

static int launch(struct ks_prompts *prompts, struct ks_prompt *prompt)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return KS_ERR_SYSTEM;
	KS_AUTO_CLOSE int ours = pair[0];
	KS_AUTO_CLOSE int theirs = pair[1];
	int error = ks_channel_init(&prompt->channel, prompts->event, ours, &channel_events, prompt);
	if (error < 0)
		return error;
	ks_channel_keep_secrets(&prompt->channel);
	prompt->has_channel = true;
	(void)KS_STEAL_FD(ours);
	uint64_t deadline_us = (prompt->question.timeout_ms + (uint64_t)GRACE_MS) * 1000;
	if (sd_event_add_time_relative(prompts->event, &prompt->deadline, CLOCK_MONOTONIC, deadline_us, 0, on_deadline,
				       prompt) < 0)
		return KS_ERR_SYSTEM;
	return ks_dialog_start(prompts->event, prompts->program, theirs, on_dialog_ended, prompts, &prompts->dialog);
}

static int on_turn(sd_event_source *source, void *userdata)
{
	(void)source;
	struct ks_prompts *prompts = userdata;
	struct ks_prompt *prompt = prompts->queue;
	char why[KS_TEXT_MAX];

	if (!prompt || prompts->shown || prompts->dialog)
		return 0;
	prompts->queue = prompt->next;
	prompt->next = NULL;
	prompts->shown = prompt;
	int error = launch(prompts, prompt);
	if (error == 0) {
		/* The question may have ended, and be gone, when this returns. */
		ks_channel_send(&prompt->channel, KS_MSG_PROMPT, &prompt->question);
		return 0;
	}
	(void)ks_text_print(why, sizeof(why), "no dialog can be shown: %s cannot be started: %s", prompts->program,
			    ks_error_text(error));
	ks_log_error("%s", why);
	finish(prompt, KS_ERR_NO_PROMPT, why, true);
	return 0;
}

/* --- the queue --------------------------------------------------------------------------------------------------- */

/* bytes of a copy of its own. */
static bool keep(struct ks_prompt *prompt, const char *text, struct ks_bytes *ret_bytes)
{
	char *copy = strdup(text ? text : "");

	if (!copy)
		return false;
	prompt->texts[prompt->n_texts++] = copy;
	*ret_bytes = ks_bytes_text(copy);
	return true;
}

static int copy_question(struct ks_prompt *prompt, const struct ks_prompt_question *from)
{
	struct ks_msg_prompt *to = &prompt->question;

	*to = (struct ks_msg_prompt){ KS_MESSAGE_HEAD(1), .kind = from->kind, .timeout_ms = from->timeout_ms };
	bool kept = keep(prompt, from->pinentry, &to->pinentry) && keep(prompt, from->title, &to->title) &&
		    keep(prompt, from->description, &to->description) && keep(prompt, from->problem, &to->problem) &&
		    keep(prompt, from->label, &to->label) && keep(prompt, from->ok, &to->ok) &&
		    keep(prompt, from->cancel, &to->cancel) && keep(prompt, from->place.term, &to->term) &&
		    keep(prompt, from->place.tty, &to->tty) && keep(prompt, from->place.display, &to->display) &&
		    keep(prompt, from->place.wayland_display, &to->wayland_display);
	if (!kept)
		return KS_ERR_NO_MEMORY;
	/* What cannot be said is refused here, and not when its turn has come. */
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer trial = { 0 };
	ks_message_write(&trial, KS_MSG_PROMPT, to);
	return ks_buffer_error(&trial);
}

int ks_prompt_start(struct ks_prompts *prompts, const struct ks_prompt_question *question, ks_prompt_done *done,
		    void *userdata, struct ks_prompt **ret_prompt)
{
	struct ks_prompt **link = &prompts->queue;
	size_t n = 0;

	for (; *link; link = &(*link)->next)
		n++;
	if (n >= KS_PROMPTS_QUEUED)
		return KS_ERR_QUOTA;
	struct ks_prompt *prompt = calloc(1, sizeof(*prompt));
	if (!prompt)
		return KS_ERR_NO_MEMORY;
	prompt->prompts = prompts;
	prompt->done = done;
	prompt->userdata = userdata;
	int error = copy_question(prompt, question);
	if (error < 0) {
		prompt_free(prompt);
		return error;
	}
	*link = prompt;
	next_turn(prompts);
	*ret_prompt = prompt;
	return 0;
}

void ks_prompt_cancel(struct ks_prompt *prompt)
{
	if (!prompt)
		return;
	struct ks_prompts *prompts = prompt->prompts;
	withdraw(prompt, false);
	prompt_free(prompt);
	next_turn(prompts);
}

int ks_prompts_new(sd_event *event, const char *program, struct ks_prompts **ret_prompts)
{
	struct ks_prompts *prompts = calloc(1, sizeof(*prompts));

	if (!prompts)
		return KS_ERR_NO_MEMORY;
	prompts->program = program;
	if (sd_event_add_defer(event, &prompts->turn, on_turn, prompts) < 0 ||
	    sd_event_source_set_enabled(prompts->turn, SD_EVENT_OFF) < 0) {
		sd_event_source_disable_unref(prompts->turn);
		free(prompts);
		return KS_ERR_SYSTEM;
	}
	prompts->event = sd_event_ref(event);
	*ret_prompts = prompts;
	return 0;
}

/* The loop has ended, so nothing is kept from anything by waiting: a terminal gets its echo back. */
void ks_prompts_free(struct ks_prompts *prompts)
{
	if (!prompts)
		return;
	while (prompts->queue)
		ks_prompt_cancel(prompts->queue);
	ks_prompt_cancel(prompts->shown);
	if (prompts->dialog)
		ks_dialog_free(prompts->dialog);
	sd_event_source_disable_unref(prompts->turn);
	sd_event_unref(prompts->event);
	free(prompts);
}
