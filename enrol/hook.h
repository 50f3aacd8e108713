/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook: deploy-hook of a profile: a program that tells others of a new certificate (`nginx -s reload`).
 *
 * Runs in: keystay-enroll. No shell: the command's words are those between its spaces. It gets the environment of
 * keystay-enroll with KEYSTAY_KEY (short name) and KEYSTAY_CERTIFICATE (path of the PEM file) besides; what it writes goes to
 * standard error. After a kill in between it is run again, so it must be one that may be. Its failure takes nothing back.
 */
#pragma once

#include <stdint.h>

#include "enrol/problem.h"

/* Waits for its end; after timeout_ms it is killed, with what it started. */
int ks_hook_run(const char *command, const char *key, const char *certificate, uint64_t timeout_ms,
		struct ks_enrol_problem *problem) KS_WARN_UNUSED;
