/* SPDX-License-Identifier: Apache-2.0 */
/* consent_rig: see consent_rig.h. Runs in: unit tests. */
#include "tests/unit/agent/consent_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/container.h"

#define LONG_MS 30000u
#define DEADLINE_MS 30000u

uint64_t rig_clock_ahead_ms;

/* The linker gives agent/consent.c this one (--wrap). */
uint64_t __real_ks_clock_monotonic_ms(void);
uint64_t __wrap_ks_clock_monotonic_ms(void);
uint64_t __wrap_ks_clock_monotonic_ms(void)
{
	return __real_ks_clock_monotonic_ms() + rig_clock_ahead_ms;
}

static const uint8_t hash[32] = "the hash of a public key, 32 by";

static void on_answered(struct ks_consenter *consenter, int error, const char *text)
{
	struct rig_waiter *waiter = KS_CONTAINER(consenter, struct rig_waiter, consenter);

	assert_int_equal(waiter->order, 0);
	assert_null(consenter->consent);
	waiter->order = ++waiter->rig->n_answered;
	waiter->error = error;
	(void)snprintf(waiter->text, sizeof(waiter->text), "%s", text);
	if (waiter->then)
		waiter->then(waiter);
}

int consent_rig_setup(void **state)
{
	struct consent_rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig_clock_ahead_ms = 0;
	pinentry_folder_make(&rig->folder);
	assert_true(sd_event_new(&rig->state.event) >= 0);
	assert_int_equal(ks_prompts_new(rig->state.event, KEYSTAY_PROMPT, &rig->state.prompts), 0);
	rig->settings.pinentry = (char *)(uintptr_t)FAKE_PINENTRY;
	rig->state.settings = &rig->settings;
	rig->question = (struct ks_consent_question){ .level = KS_CONFIRM_FIRST_USE,
						      .program = "curl",
						      .pid = 4711,
						      .uid = 1000,
						      .socket = "agent",
						      .key = "alice",
						      .token = "corp",
						      .spki_hash = hash,
						      .server = "db.corp.example",
						      .server_proven = true,
						      .unverified = "",
						      .purpose = "TLS 1.3 client authentication",
						      .may_prompt = true,
						      .timeout_ms = LONG_MS };
	for (unsigned i = 0; i < RIG_WAITERS; i++) {
		rig->waiters[i].rig = rig;
		rig->waiters[i].consenter.answered = on_answered;
	}
	*state = rig;
	return 0;
}

int consent_rig_teardown(void **state)
{
	struct consent_rig *rig = *state;

	ks_consent_free_all(&rig->state);
	ks_prompts_free(rig->state.prompts);
	sd_event_unref(rig->state.event);
	pinentry_folder_remove(&rig->folder);
	free(rig);
	return 0;
}

int rig_ask(struct consent_rig *rig, unsigned waiter)
{
	unsigned n = rig->n_answered;

	int error = ks_consent_ask(&rig->state, &rig->question, &rig->waiters[waiter].consenter, rig->why);
	assert_int_equal(rig->n_answered, n);
	assert_int_equal(error == 0, rig->waiters[waiter].consenter.consent != NULL);
	assert_int_equal(error == 0, rig->why[0] == '\0');
	return error;
}

unsigned rig_dialogs(const struct consent_rig *rig)
{
	return pinentry_folder_count(&rig->folder, "DIALOG ");
}

static void turn(struct consent_rig *rig, uint64_t end_ms)
{
	assert_true(__real_ks_clock_monotonic_ms() < end_ms);
	/* What pinentry writes down gives no event here. */
	assert_true(sd_event_run(rig->state.event, 20000) >= 0);
}

void rig_run_answered(struct consent_rig *rig, unsigned n)
{
	uint64_t end_ms = __real_ks_clock_monotonic_ms() + DEADLINE_MS;

	while (rig->n_answered < n)
		turn(rig, end_ms);
	assert_int_equal(rig->n_answered, n);
}

void rig_run_shown(struct consent_rig *rig, unsigned n)
{
	uint64_t end_ms = __real_ks_clock_monotonic_ms() + DEADLINE_MS;

	while (rig_dialogs(rig) < n)
		turn(rig, end_ms);
	assert_int_equal(rig_dialogs(rig), n);
}

bool rig_is_given(const struct consent_rig *rig)
{
	return ks_consent_is_given(&rig->state, rig->question.spki_hash, rig->question.socket, rig->question.server);
}

void rig_expect(const struct consent_rig *rig, unsigned waiter, int error, const char *text)
{
	if (rig->waiters[waiter].order == 0)
		fail_msg("waiter %u was not answered", waiter);
	if (rig->waiters[waiter].error != error || !strstr(rig->waiters[waiter].text, text))
		fail_msg("waiter %u: error %d: \"%s\" does not say \"%s\"", waiter, rig->waiters[waiter].error,
			 rig->waiters[waiter].text, text);
}

void rig_expect_why(const struct consent_rig *rig, const char *text)
{
	if (!strstr(rig->why, text))
		fail_msg("\"%s\" does not say \"%s\"", rig->why, text);
}
