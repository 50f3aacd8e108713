/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt: asks a person, through a keystay-prompt process: one dialog at a time, the others wait in a queue.
 *
 * Runs in: keystay-agent. Knows nothing of tokens: it is given words and gives an answer. Each dialog has a deadline,
 * which starts when it is shown; a process that hangs, dies or sends nonsense ends the dialog with an error, and its
 * whole process group (pinentry too) is killed. Never reads a PIN into anything but a struct ks_secret.
 *
 *	QUEUED --its turn--> SHOWN --answer, error, deadline, cancel()--> ended
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "lib/base/error.h"
#include "lib/base/secret.h"
#include "lib/protocol/message.h"

/* Where the person is, as the asking client says. Labels: keystay-prompt takes a terminal only when it is one and
 * belongs to the same user. "" = not said: what the agent itself was started with counts. */
struct ks_prompt_place {
	char tty[257], term[65], display[257], wayland_display[257];
};

struct ks_prompt_question {
	enum ks_prompt_kind kind;
	const char *pinentry;    /* absolute path of a pinentry program */
	const char *title;       /* all texts are borrowed during the call of ks_prompt_start() only */
	const char *description; /* lines */
	const char *problem;     /* of the answer before this one, or "" */
	const char *label;       /* before the entry field, "" = "PIN" */
	const char *ok, *cancel; /* of the buttons, "" = pinentry's own */
	uint32_t timeout_ms;     /* from the moment it is shown */
	struct ks_prompt_place place;
};

/* Called exactly once, from the event loop, unless cancelled before. error 0: answered; pin is given for KS_PROMPT_PIN
 * and NULL else. CANCELLED: the person said no. TIMEOUT: nobody answered. NO_PROMPT: there is no pinentry, or it cannot
 * show itself here; text says why and what to do. Other errors: the dialog failed. text is one sentence, "" with 0. */
typedef void ks_prompt_done(int error, const char *text, struct ks_secret *pin, void *userdata);

struct ks_prompts; /* the queue */
struct ks_prompt;  /* one question in it */

/* program: path of keystay-prompt, borrowed for ever. */
int ks_prompts_new(sd_event *event, const char *program, struct ks_prompts **ret_prompts) KS_WARN_UNUSED;

/* Ends all dialogs without calling anybody. NULL is allowed. */
void ks_prompts_free(struct ks_prompts *prompts);

/* QUOTA when more than KS_PROMPTS_QUEUED wait already. done is never called before this returns. */
int ks_prompt_start(struct ks_prompts *prompts, const struct ks_prompt_question *question, ks_prompt_done *done,
		    void *userdata, struct ks_prompt **ret_prompt) KS_WARN_UNUSED;

/* Closes the dialog, or takes it off the queue; done will not be called. NULL is allowed. */
void ks_prompt_cancel(struct ks_prompt *prompt);
