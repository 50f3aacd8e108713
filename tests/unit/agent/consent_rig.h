/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent_rig: questions of agent/consent.h and what became of them, for tests; answers are those of a script
 * (pinentry_folder.h). The clock of agent/consent.c can be moved on.
 *
 * Runs in: unit tests.
 */
#pragma once

#include "agent/consent.h"
#include "tests/unit/agent/pinentry_folder.h"

#define RIG_WAITERS 80u

/* Who waits for one answer. */
struct rig_waiter {
	struct ks_consenter consenter;
	struct consent_rig *rig;
	unsigned order; /* 1 = was answered first; 0 = not yet */
	int error;
	char text[512];
	void (*then)(struct rig_waiter *waiter); /* done within the answer, or NULL */
};

struct consent_rig {
	struct pinentry_folder folder;
	struct ks_settings settings;
	struct ks_state state;
	struct ks_consent_question question; /* the next one; proven, first-use */
	unsigned n_answered;
	struct rig_waiter waiters[RIG_WAITERS];
	char why[4096]; /* of the last one that was not asked */
};

int consent_rig_setup(void **state);
int consent_rig_teardown(void **state);

/* ks_consent_ask() with the rig's question. */
int rig_ask(struct consent_rig *rig, unsigned waiter);

/* Turns the event loop until so many were answered; so many dialogs were shown. */
void rig_run_answered(struct consent_rig *rig, unsigned n);
void rig_run_shown(struct consent_rig *rig, unsigned n);

/* How many dialogs were shown; how many of them said this. */
unsigned rig_dialogs(const struct consent_rig *rig);

bool rig_is_given(const struct consent_rig *rig);

/* What ks_clock_monotonic_ms() is ahead of the real one. */
extern uint64_t rig_clock_ahead_ms;

/* Asserts that it was answered so; text: a part of the sentence. */
void rig_expect(const struct consent_rig *rig, unsigned waiter, int error, const char *text);
void rig_expect_why(const struct consent_rig *rig, const char *text);
