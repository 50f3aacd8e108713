/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent: owns everything and knows in which order it starts and stops.
 *
 * Runs in: keystay-agent.
 */
#pragma once

#include "agent/settings.h"
#include "lib/base/error.h"

struct ks_agent_options {
	const char *configuration; /* of --config, or NULL */
	int ready_fd;              /* of --ready-fd, or -1 */
};

/* Runs until SIGTERM or SIGINT. Takes settings. The error was already logged. BUSY: another agent runs. */
int ks_agent_run(const struct ks_agent_options *options, struct ks_settings *settings) KS_WARN_UNUSED;
