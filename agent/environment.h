/* SPDX-License-Identifier: Apache-2.0 */
/*
 * environment: the environment that the agent's helper processes get: its own, without what changes how programs load
 * code or lead back to the agent.
 *
 * Runs in: keystay-agent. Must never change the agent's own environment.
 */
#pragma once

/* own: NULL-terminated, "NAME=value"; these replace what the agent has of the same name. extra: more of them,
 * NULL-terminated. The array is given (free()), the strings are borrowed. NULL when memory runs out. */
char **ks_environment_make(char *const *own, char *const *extra);
