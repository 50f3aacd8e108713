/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pinentry: one dialog: what is said to a pinentry program over the Assuan protocol, and what its answer means.
 *
 * Runs in: keystay-prompt. Speaks as gpg-agent does, except that nothing may be cached outside: no key is named, and
 * external password caches are not allowed. Pinentry is given this process's environment as it is.
 */
#pragma once

#include <stdint.h>

#include "agent/helpers/terminal.h"
#include "lib/base/error.h"
#include "lib/base/secret.h"
#include "lib/protocol/message.h"

struct ks_pinentry_question {
	enum ks_prompt_kind kind;
	const char *program; /* absolute path; all of these are borrowed, none is NULL */
	const char *title;
	const char *description;
	const char *problem;       /* "" = none */
	const char *label;         /* "" = "PIN" */
	const char *ok, *cancel;   /* "" = pinentry's own words */
	const char *terminal_name; /* "" = none */
	const char *terminal_type;
	const char *display;
	const struct ks_terminal *terminal; /* of that name; NULL = none */
	uint32_t timeout_ms;
	int agent_fd;  /* readable = the agent does not want the dialog any more */
	int signal_fd; /* readable = this process is to end; -1 = none */
};

/* 0: answered; the PIN of a KS_PROMPT_PIN stands in pin. Otherwise one sentence in why (KS_TEXT_MAX bytes) and
 * CANCELLED, TIMEOUT, NO_PROMPT (there is no pinentry, or it cannot show itself here), PIN_LENGTH (nothing was typed,
 * or too much), CLOSED (it died), MALFORMED (nonsense), NO_MEMORY, SYSTEM. A KS_PROMPT_SHOW has one button, which
 * cancels: it never gives 0. When this returns pinentry has gone. */
int ks_pinentry_ask(const struct ks_pinentry_question *question, struct ks_secret *pin, char *why) KS_WARN_UNUSED;
