/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialog: a keystay-prompt process, from its start until it was waited for.
 *
 * Runs in: keystay-agent. It leads a session of its own, and what is killed is always the whole of it, pinentry
 * included. Knows nothing of questions and answers: those go over the channel (prompt.c).
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "lib/base/error.h"

struct ks_dialog;

/* From the event loop, once: it has ended and was waited for; the dialog is gone when this is called. */
typedef void ks_dialog_ended(void *userdata);

/* program: path of keystay-prompt; channel_fd: its end of the channel, which stays the caller's. */
int ks_dialog_start(sd_event *event, const char *program, int channel_fd, ks_dialog_ended *ended, void *userdata,
		    struct ks_dialog **ret_dialog) KS_WARN_UNUSED;

/* Nobody needs it any more. A closed channel tells it so, and it gets a moment to put a terminal back; at_once: it does
 * not. ended() is still called. */
void ks_dialog_dismiss(struct ks_dialog *dialog, bool at_once);

/* Waits for its end without the loop, for the same moment; ended() is not called. */
void ks_dialog_free(struct ks_dialog *dialog);
