/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_variables: the value of environment: NAME=VALUE NAME='VALUE WITH SPACES' …
 *
 * Quotes are single or double, anywhere in a variable, as in a shell; inside the one kind the other kind stands for
 * itself, and nothing else has a meaning.
 *
 * Runs in: keystay-agent. Pure. Decides which variables a module's section may set at all: none that changes how
 * programs load code, or that is ours or systemd's.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/buffer.h"

/* Of a whole value. */
#define KS_SETTINGS_VARIABLES_MAX 1023u

/* Takes the next variable off *cursor, without its quotes. false at the end or, with *ret_why set, at a mistake. */
bool ks_settings_variables_next(const char **cursor, char ret_variable[KS_SETTINGS_VARIABLES_MAX + 1],
				const char **ret_why);

/* At least one, each in order and named once; else *ret_why is a static half sentence. */
bool ks_settings_variables_are_good(const char *value, const char **ret_why);

/* Is a variable of that name among them? variable: "NAME=…". */
bool ks_settings_variables_have(const char *value, const char *variable);

/* One more variable behind those that stand in list, with quotes when it has spaces; it has no quotes in it. */
void ks_settings_variables_put(struct ks_buffer *list, const char *variable);
