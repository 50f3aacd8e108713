/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook: deploy-hook of a profile: a program that tells others of a new certificate (`nginx -s reload`).
 *
 * Runs in: keystay-enroll. By program.h: no shell, a clean environment with KEYSTAY_KEY (short name) and
 * KEYSTAY_CERTIFICATE (path of the PEM file) besides, a time limit. After a kill in between it is run again, so it must
 * be one that may be. Its failure takes nothing back.
 */
#pragma once

#include "enrol/base/problem.h"

/* Waits for its end. */
int ks_hook_run(const char *command, const char *key, const char *certificate, struct ks_enrol_problem *problem)
	KS_WARN_UNUSED;
