/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hints: see hints.h.
 *
 * Runs in: keystay and, by the plug-ins, any program. Opens nothing: a terminal is looked at only where the host has
 * one already.
 */
#include "client/hints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define LABEL_MAX 256u
#define TERM_LABEL_MAX 64u

/* One that the protocol would refuse is left out: a label must not cost the signature. */
static struct ks_bytes label(const char *text, size_t max)
{
	struct ks_bytes bytes = ks_bytes_text(text);

	return bytes.size <= max && ks_text_valid(bytes) ? bytes : KS_BYTES_NONE;
}

/* The terminal of whoever waits: that of the first standard descriptor which has one. */
static struct ks_bytes find_terminal(char *out, size_t size)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (isatty(fd) && ttyname_r(fd, out, size) == 0)
			return label(out, LABEL_MAX);
	}
	return KS_BYTES_NONE;
}

void ks_hints_collect(struct ks_hints *hints)
{
	const char *prompt = getenv("KEYSTAY_PROMPT");

	hints->wait_ms = prompt && strcmp(prompt, "never") == 0 ? 0 : KS_WAIT_DEFAULT;
	hints->program = label(program_invocation_short_name, LABEL_MAX);
	hints->tty = find_terminal(hints->terminal, sizeof(hints->terminal));
	hints->term = label(getenv("TERM"), TERM_LABEL_MAX);
	hints->display = label(getenv("DISPLAY"), LABEL_MAX);
	hints->wayland_display = label(getenv("WAYLAND_DISPLAY"), LABEL_MAX);
}
