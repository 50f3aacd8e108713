/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of agent/prompt.h, with the real keystay-prompt and a pinentry that does what a script says
 * (tests/fakes/fake_pinentry). After each test nothing is left: no process, no zombie, no descriptor.
 */
#include "agent/prompt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/protocol/limits.h"
#include "tests/unit/agent/pinentry_folder.h"

#define LONG_MS 30000u
#define DEADLINE_MS 30000u /* of this test, for anything that has none of its own */

/* What became of one question. */
struct outcome {
	unsigned order; /* 1 = the first that ended; 0 = none yet */
	int error;
	char text[512];
	char pin[300];
	size_t pin_size;
};

struct fixture {
	struct pinentry_folder folder;
	sd_event *event;
	struct ks_prompts *prompts;
	unsigned n_done;
	struct outcome outcomes[KS_PROMPTS_QUEUED + 2];
};

static struct fixture *current; /* done() has to find the counter */

static void done(int error, const char *text, struct ks_secret *pin, void *userdata)
{
	struct outcome *outcome = userdata;

	assert_int_equal(outcome->order, 0);
	outcome->order = ++current->n_done;
	outcome->error = error;
	(void)snprintf(outcome->text, sizeof(outcome->text), "%s", text);
	if (pin) {
		struct ks_bytes bytes = ks_secret_bytes(pin);
		outcome->pin_size = bytes.size;
		memcpy(outcome->pin, bytes.data, bytes.size);
	}
	ks_secret_free(pin);
}

static void use_program(struct fixture *fixture, const char *program)
{
	ks_prompts_free(fixture->prompts);
	fixture->prompts = NULL;
	assert_int_equal(ks_prompts_new(fixture->event, program, &fixture->prompts), 0);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	current = fixture;
	pinentry_folder_make(&fixture->folder);
	assert_true(sd_event_new(&fixture->event) >= 0);
	use_program(fixture, KEYSTAY_PROMPT);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ks_prompts_free(fixture->prompts);
	sd_event_unref(fixture->event);
	pinentry_folder_remove(&fixture->folder);
	free(fixture);
	return 0;
}

static struct ks_prompt_question question_of(enum ks_prompt_kind kind, uint32_t timeout_ms)
{
	return (struct ks_prompt_question){ .kind = kind,
					    .pinentry = FAKE_PINENTRY,
					    .title = "keystay",
					    .description = "Please enter the PIN of token “corp”.\n\n100 % sure?",
					    .problem = "",
					    .label = "",
					    .ok = "",
					    .cancel = "",
					    .timeout_ms = timeout_ms };
}

static struct ks_prompt *start(struct fixture *fixture, const struct ks_prompt_question *question, unsigned number)
{
	struct ks_prompt *prompt = NULL;

	assert_int_equal(ks_prompt_start(fixture->prompts, question, done, &fixture->outcomes[number], &prompt), 0);
	assert_int_equal(fixture->outcomes[number].order, 0);
	return prompt;
}

static void run_until(struct fixture *fixture, bool (*is_so)(const struct fixture *fixture, unsigned n), unsigned n)
{
	uint64_t end_ms = ks_clock_monotonic_ms() + DEADLINE_MS;

	while (!is_so(fixture, n)) {
		assert_true(ks_clock_monotonic_ms() < end_ms);
		/* What pinentry writes down gives no event here. */
		assert_true(sd_event_run(fixture->event, 20000) >= 0);
	}
}

static bool are_done(const struct fixture *fixture, unsigned n)
{
	return fixture->n_done >= n;
}

static bool are_shown(const struct fixture *fixture, unsigned n)
{
	return pinentry_folder_count(&fixture->folder, "DIALOG ") >= n;
}

static const struct outcome *ask(struct fixture *fixture, const struct ks_prompt_question *question)
{
	(void)start(fixture, question, 0);
	run_until(fixture, are_done, 1);
	return &fixture->outcomes[0];
}

static void expect_text(const struct outcome *outcome, const char *part)
{
	if (!strstr(outcome->text, part))
		fail_msg("\"%s\" does not say \"%s\"", outcome->text, part);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static void test_prompt_gives_what_was_typed(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	pinentry_folder_script(&fixture->folder, "pin 12%2534");
	const struct outcome *outcome = ask(fixture, &question);
	assert_int_equal(outcome->error, 0);
	assert_string_equal(outcome->text, "");
	assert_string_equal(outcome->pin, "12%34");
}

static void test_prompt_joins_a_pin_of_two_lines(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	pinentry_folder_script(&fixture->folder, "split 123456");
	assert_string_equal(ask(fixture, &question)->pin, "123456");
}

static void test_prompt_says_what_it_was_given(void **state)
{
	struct fixture *fixture = *state;
	struct ks_prompt_question question = question_of(KS_PROMPT_PIN, 61500);
	static const char *const lines[] = { "> SETTITLE keystay\n",
					     "> SETDESC Please enter the PIN of token “corp”.%0A%0A100 %25 sure?\n",
					     "> SETERROR wrong PIN, try again\n",
					     "> SETPROMPT Code:\n",
					     "> SETOK Use it\n",
					     "> SETCANCEL Leave it\n",
					     "> SETTIMEOUT 62\n",
					     "> SETKEYINFO --clear\n",
					     "> OPTION grab\n",
					     "> GETPIN\n" };

	question.problem = "wrong PIN, try again";
	question.label = "Code";
	question.ok = "Use it";
	question.cancel = "Leave it";
	pinentry_folder_script(&fixture->folder, "pin 271828");
	(void)ask(fixture, &question);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (pinentry_folder_count(&fixture->folder, lines[i]) != 1)
			fail_msg("not said once: %s", lines[i]);
	}
	assert_int_equal(pinentry_folder_count(&fixture->folder, "> OPTION allow-external"), 0);
}

static void test_prompt_confirms_and_shows(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question confirm = question_of(KS_PROMPT_CONFIRM, LONG_MS);
	const struct ks_prompt_question show = question_of(KS_PROMPT_SHOW, LONG_MS);

	pinentry_folder_script(&fixture->folder, "ok\nno\nok\n");
	(void)start(fixture, &confirm, 0);
	(void)start(fixture, &confirm, 1);
	(void)start(fixture, &show, 2);
	run_until(fixture, are_done, 3);
	assert_int_equal(fixture->outcomes[0].error, 0);
	assert_int_equal(fixture->outcomes[0].pin_size, 0);
	assert_int_equal(fixture->outcomes[1].error, KS_ERR_CANCELLED);
	/* Its one button cancels. */
	assert_int_equal(fixture->outcomes[2].error, KS_ERR_CANCELLED);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "> SETOK Cancel\n"), 1);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "> MESSAGE\n"), 1);
}

/* Somebody was typing when the dialog came up. */
static void test_prompt_asks_again_after_a_yes_that_nobody_can_mean(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question confirm = question_of(KS_PROMPT_CONFIRM, LONG_MS);

	pinentry_folder_script(&fixture->folder, "hasty\nok\n");
	assert_int_equal(ask(fixture, &confirm)->error, 0);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "> CONFIRM\n"), 2);
	assert_int_equal(pinentry_folder_count(&fixture->folder,
					       "> SETDESC That was quicker than anybody reads. Please read, then "
					       "answer.%0A%0APlease enter the PIN of token"),
			 1);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "START"), 1);
	/* What is typed stays where it was typed. */
	assert_int_equal(pinentry_folder_count(&fixture->folder, "> OPTION no-grab\n"), 1);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "> OPTION grab\n"), 0);
}

static void test_prompt_takes_many_quick_answers_for_a_no(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question confirm = question_of(KS_PROMPT_CONFIRM, LONG_MS);

	pinentry_folder_script(&fixture->folder, "hasty\n");
	const struct outcome *outcome = ask(fixture, &confirm);
	assert_int_equal(outcome->error, KS_ERR_CANCELLED);
	expect_text(outcome, "answered 3 times before anybody can have read it");
	assert_int_equal(pinentry_folder_count(&fixture->folder, "> CONFIRM\n"), KS_CONFIRM_HASTES);
}

static void test_prompt_takes_a_quick_no(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question confirm = question_of(KS_PROMPT_CONFIRM, LONG_MS);

	pinentry_folder_script(&fixture->folder, "cancel\n");
	assert_int_equal(ask(fixture, &confirm)->error, KS_ERR_CANCELLED);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "> CONFIRM\n"), 1);
}

static void test_prompt_leaves_no_trace_of_the_pin(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);
	struct masked_pin pin;

	if (!masked_pin_can_search())
		skip();
	masked_pin_make(&pin);
	masked_pin_script(&pin, &fixture->folder);
	const struct outcome *outcome = ask(fixture, &question);
	assert_true(masked_pin_is(&pin, outcome->pin, outcome->pin_size));
	/* This test's own copy, which shows that the search finds one. */
	assert_int_equal(masked_pin_traces(&pin), 1);
	ks_secret_wipe(fixture->outcomes[0].pin, sizeof(fixture->outcomes[0].pin));
	assert_int_equal(masked_pin_traces(&pin), 0);
}

/* --- what goes wrong --------------------------------------------------------------------------------------------- */

static void test_prompt_gives_one_sentence_for_each_end(void **state)
{
	static const struct {
		const char *script;
		int error;
		const char *text;
	} ends[] = {
		{ "cancel", KS_ERR_CANCELLED, "the dialog was cancelled" },
		{ "cancel-fully", KS_ERR_CANCELLED, "the dialog was cancelled" },
		{ "timeout", KS_ERR_TIMEOUT, "nobody answered the dialog within 30 seconds" },
		{ "error 83918950", KS_ERR_NO_PROMPT, "can use neither a display nor a terminal" }, /* ENOTTY */
		{ "error 83886166", KS_ERR_NO_PROMPT, "can use neither a display nor a terminal" }, /* NO_PIN_ENTRY */
		{ "error 83886081", KS_ERR_SYSTEM, "failed with error 83886081" },
		{ "error junk", KS_ERR_SYSTEM, "failed with error 1" },
		{ "exit", KS_ERR_NO_PROMPT, "ended at its start" },
		{ "babble", KS_ERR_MALFORMED, "does not answer as a pinentry does" },
		{ "die", KS_ERR_CLOSED, "ended before the dialog was answered" },
		{ "half", KS_ERR_CLOSED, "ended before the dialog was answered" },
		{ "garbage", KS_ERR_MALFORMED, "does not answer as a pinentry does" },
		{ "endless", KS_ERR_MALFORMED, "does not answer as a pinentry does" },
		{ "nul", KS_ERR_MALFORMED, "does not answer as a pinentry does" },
		{ "percent", KS_ERR_MALFORMED, "does not answer as a pinentry does" },
		{ "inquire", KS_ERR_MALFORMED, "does not answer as a pinentry does" },
		{ "long", KS_ERR_PIN_LENGTH, "longer than 256 bytes" },
		{ "ok", KS_ERR_PIN_LENGTH, "no PIN was typed" },
	};
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		pinentry_folder_script(&fixture->folder, ends[i].script);
		(void)start(fixture, &question, i);
		run_until(fixture, are_done, i + 1);
		if (fixture->outcomes[i].error != ends[i].error)
			fail_msg("%s: error %d: %s", ends[i].script, fixture->outcomes[i].error,
				 fixture->outcomes[i].text);
		expect_text(&fixture->outcomes[i], ends[i].text);
		assert_int_equal(fixture->outcomes[i].pin_size, 0);
	}
}

static void test_prompt_says_that_there_is_no_pinentry(void **state)
{
	struct fixture *fixture = *state;
	struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);
	char text[128];

	question.pinentry = "/no/such/pinentry";
	expect_text(ask(fixture, &question),
		    "there is no /no/such/pinentry; install a pinentry, or name one in keystay.conf");
	assert_int_equal(fixture->outcomes[0].error, KS_ERR_NO_PROMPT);
	(void)snprintf(text, sizeof(text), "%s/script", fixture->folder.path);
	question.pinentry = text;
	(void)start(fixture, &question, 1);
	run_until(fixture, are_done, 2);
	assert_int_equal(fixture->outcomes[1].error, KS_ERR_NO_PROMPT);
	expect_text(&fixture->outcomes[1], "must not be executed");
}

static void test_prompt_ends_a_pinentry_that_hangs(void **state)
{
	static const char *const scripts[] = { "hang", "stubborn", "deaf" };
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, 300);

	for (unsigned i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		pinentry_folder_script(&fixture->folder, scripts[i]);
		uint64_t start_ms = ks_clock_monotonic_ms();
		(void)start(fixture, &question, i);
		run_until(fixture, are_done, i + 1);
		assert_int_equal(fixture->outcomes[i].error, KS_ERR_TIMEOUT);
		assert_true(ks_clock_monotonic_ms() - start_ms >= 300);
		/* keystay-prompt says so itself: the agent need not kill it, and the terminal is put back. */
		expect_text(&fixture->outcomes[i], "nobody answered the dialog within 1 seconds");
	}
}

static void test_prompt_fails_at_once_where_nothing_can_be_shown(void **state)
{
	struct fixture *fixture = *state;
	struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	assert_int_equal(unsetenv("DISPLAY"), 0);
	(void)snprintf(question.place.tty, sizeof(question.place.tty), "/dev/null");
	const struct outcome *outcome = ask(fixture, &question);
	assert_int_equal(outcome->error, KS_ERR_NO_PROMPT);
	expect_text(outcome, "no dialog can be shown: there is no display and no terminal");
	assert_int_equal(pinentry_folder_count(&fixture->folder, "START"), 0);
}

/* --- keystay-prompt itself goes wrong ---------------------------------------------------------------------------- */

static void use_script(struct fixture *fixture, const char *text)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/log", fixture->folder.path); /* is removed with the folder */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	use_program(fixture, path);
}

static void test_prompt_survives_its_own_helper(void **state)
{
	static const struct {
		const char *script;
		int error;
	} helpers[] = {
		{ "#!/bin/sh\nexit 0\n", KS_ERR_CLOSED },
		{ "#!/bin/sh\nkill -9 $$\n", KS_ERR_CLOSED },
		{ "#!/bin/sh\nprintf '\\377\\377\\377\\377x' >&3; sleep 3600\n", KS_ERR_TOO_LARGE },
		{ "#!/bin/sh\nprintf '\\0\\0\\0\\1x' >&3; sleep 3600\n", KS_ERR_UNKNOWN_MESSAGE },
		{ "#!/bin/sh\nprintf '\\0\\0\\0\\3\\142aa' >&3; sleep 3600\n", KS_ERR_MALFORMED },
		{ "#!/bin/sh\nprintf '\\0\\0\\0\\20\\142\\0\\0' >&3\n", KS_ERR_CLOSED },
		{ "#!/bin/sh\ntrap '' TERM; sleep 3600 & exec sleep 3600\n", KS_ERR_TIMEOUT },
	};
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, 100);

	for (unsigned i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		use_script(fixture, helpers[i].script);
		(void)start(fixture, &question, i);
		run_until(fixture, are_done, i + 1);
		if (fixture->outcomes[i].error != helpers[i].error)
			fail_msg("%s: error %d: %s", helpers[i].script, fixture->outcomes[i].error,
				 fixture->outcomes[i].text);
	}
}

static void test_prompt_cancelled_kills_a_helper_that_does_not_care(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, 100);

	use_script(fixture, "#!/bin/sh\ntrap '' TERM; sleep 3600 & exec sleep 3600\n");
	struct ks_prompt *prompt = start(fixture, &question, 0);
	assert_true(sd_event_run(fixture->event, 0) >= 0); /* its turn */
	ks_prompt_cancel(prompt);
	/* The next one's turn comes only when the first is dead. */
	(void)start(fixture, &question, 1);
	run_until(fixture, are_done, 1);
	assert_int_equal(fixture->outcomes[1].error, KS_ERR_TIMEOUT);
}

static void test_prompt_says_that_its_helper_is_missing(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	use_program(fixture, "/no/such/keystay-prompt");
	assert_int_equal(ask(fixture, &question)->error, KS_ERR_NO_PROMPT);
	expect_text(&fixture->outcomes[0], "/no/such/keystay-prompt cannot be started");
}

/* --- the queue --------------------------------------------------------------------------------------------------- */

static void test_prompt_shows_one_at_a_time_in_order(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	pinentry_folder_script(&fixture->folder, "hold pin first\npin second\npin third\n");
	for (unsigned i = 0; i < 3; i++)
		(void)start(fixture, &question, i);
	run_until(fixture, are_shown, 1);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "START"), 1);
	pinentry_folder_release(&fixture->folder);
	run_until(fixture, are_done, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(fixture->outcomes[i].order, i + 1);
	assert_string_equal(fixture->outcomes[0].pin, "first");
	assert_string_equal(fixture->outcomes[1].pin, "second");
	assert_string_equal(fixture->outcomes[2].pin, "third");
}

static void test_prompt_shows_the_next_one_after_each_end(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, 300);
	const struct ks_prompt_question patient = question_of(KS_PROMPT_PIN, LONG_MS);

	pinentry_folder_script(&fixture->folder, "die\nhang\ngarbage\npin last\n");
	for (unsigned i = 0; i < 3; i++)
		(void)start(fixture, &question, i);
	(void)start(fixture, &patient, 3);
	run_until(fixture, are_done, 4);
	assert_string_equal(fixture->outcomes[3].pin, "last");
}

static void test_prompt_cancelled_in_the_queue_is_never_shown(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	pinentry_folder_script(&fixture->folder, "hold pin first\npin third\n");
	(void)start(fixture, &question, 0);
	struct ks_prompt *second = start(fixture, &question, 1);
	(void)start(fixture, &question, 2);
	run_until(fixture, are_shown, 1);
	ks_prompt_cancel(second);
	pinentry_folder_release(&fixture->folder);
	run_until(fixture, are_done, 2);
	assert_int_equal(fixture->outcomes[1].order, 0);
	assert_string_equal(fixture->outcomes[2].pin, "third");
	assert_int_equal(pinentry_folder_count(&fixture->folder, "DIALOG "), 2);
}

static void test_prompt_cancelled_on_the_screen_is_closed(void **state)
{
	static const char *const scripts[] = { "hold pin 1\npin next\n", "stubborn\npin next\n", "hang\npin next\n" };
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	for (unsigned i = 0; i < 3; i++) {
		unsigned n_shown = pinentry_folder_count(&fixture->folder, "DIALOG ");
		char script[64];
		(void)snprintf(script, sizeof(script), "%.*s%s\npin next\n", (int)(10 * i), "used\nused\nused\nused\n",
			       scripts[i]);
		pinentry_folder_script(&fixture->folder, script);
		struct ks_prompt *prompt = start(fixture, &question, 2 * i);
		(void)start(fixture, &question, 2 * i + 1);
		run_until(fixture, are_shown, n_shown + 1);
		ks_prompt_cancel(prompt);
		run_until(fixture, are_done, i + 1);
		assert_int_equal(fixture->outcomes[2 * i].order, 0);
		assert_string_equal(fixture->outcomes[2 * i + 1].pin, "next");
	}
}

static void test_prompt_cancel_takes_nothing(void **state)
{
	(void)state;
	ks_prompt_cancel(NULL);
	ks_prompts_free(NULL);
}

static void test_prompt_freed_with_a_dialog_open_leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	pinentry_folder_script(&fixture->folder, "stubborn");
	(void)start(fixture, &question, 0);
	(void)start(fixture, &question, 1);
	run_until(fixture, are_shown, 1);
	ks_prompts_free(fixture->prompts);
	fixture->prompts = NULL;
	assert_int_equal(fixture->n_done, 0);
}

static void test_prompt_refuses_more_than_may_wait(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);
	struct ks_prompt *prompt = NULL;

	for (unsigned i = 0; i < KS_PROMPTS_QUEUED; i++)
		(void)start(fixture, &question, i);
	assert_int_equal(
		ks_prompt_start(fixture->prompts, &question, done, &fixture->outcomes[KS_PROMPTS_QUEUED], &prompt),
		KS_ERR_QUOTA);
	assert_null(prompt);
}

static void test_prompt_refuses_what_cannot_be_said(void **state)
{
	struct fixture *fixture = *state;
	struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);
	struct ks_prompt *prompt = NULL;

	question.title = "two\nlines";
	assert_true(ks_prompt_start(fixture->prompts, &question, done, &fixture->outcomes[0], &prompt) < 0);
	assert_null(prompt);
}

/* --- where ------------------------------------------------------------------------------------------------------- */

static void test_prompt_goes_where_the_client_is(void **state)
{
	struct fixture *fixture = *state;
	struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	assert_int_equal(setenv("WAYLAND_DISPLAY", "wayland-agent", 1), 0);
	(void)snprintf(question.place.display, sizeof(question.place.display), ":7");
	(void)ask(fixture, &question);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "START --display :7\n"), 1);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "ENV DISPLAY=:7\n"), 1);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "ENV WAYLAND_DISPLAY"), 0);
}

static void test_prompt_stays_with_the_agent_when_the_client_says_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	(void)snprintf(question.place.tty, sizeof(question.place.tty), "/dev/zero"); /* is no terminal, so nothing */
	assert_int_equal(setenv("WAYLAND_DISPLAY", "wayland-agent", 1), 0);
	(void)ask(fixture, &question);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "ENV DISPLAY=:keystay-test\n"), 1);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "ENV WAYLAND_DISPLAY=wayland-agent\n"), 1);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "> OPTION ttyname"), 0);
}

static void test_prompt_goes_to_a_terminal_of_our_own(void **state)
{
	struct fixture *fixture = *state;
	struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);
	int ours = -1, theirs = -1;
	char name[64], line[128];

	assert_int_equal(openpty(&ours, &theirs, name, NULL, NULL), 0);
	assert_int_equal(setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/no/bus", 1), 0);
	(void)snprintf(question.place.tty, sizeof(question.place.tty), "%s", name);
	(void)snprintf(question.place.term, sizeof(question.place.term), "screen");
	(void)ask(fixture, &question);
	(void)snprintf(line, sizeof(line), "> OPTION ttyname=%s\n", name);
	assert_int_equal(pinentry_folder_count(&fixture->folder, line), 1);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "> OPTION ttytype=screen\n"), 1);
	/* The desktop that the agent was started on is somewhere else. */
	assert_int_equal(pinentry_folder_count(&fixture->folder, "ENV DISPLAY"), 0);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "ENV DBUS_SESSION_BUS_ADDRESS"), 0);
	(void)close(ours);
	(void)close(theirs);
}

static void test_prompt_ignores_a_terminal_of_another_user(void **state)
{
	struct fixture *fixture = *state;
	struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);
	int ours = -1, theirs = -1;

	if (geteuid() != 0)
		skip(); /* only root can give one away */
	assert_int_equal(unsetenv("DISPLAY"), 0);
	assert_int_equal(openpty(&ours, &theirs, question.place.tty, NULL, NULL), 0);
	assert_int_equal(chown(question.place.tty, 65533, (gid_t)-1), 0);
	assert_int_equal(ask(fixture, &question)->error, KS_ERR_NO_PROMPT);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "START"), 0);
	(void)close(ours);
	(void)close(theirs);
}

static void test_prompt_keeps_what_loads_code_from_pinentry(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_prompt_question question = question_of(KS_PROMPT_PIN, LONG_MS);

	assert_int_equal(setenv("OPENSSL_CONF", "/no/such/openssl.cnf", 1), 0);
	assert_int_equal(setenv("LISTEN_FDS", "2", 1), 0);
	(void)ask(fixture, &question);
	assert_int_equal(unsetenv("OPENSSL_CONF"), 0);
	assert_int_equal(unsetenv("LISTEN_FDS"), 0);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "START"), 1);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "ENV OPENSSL_CONF"), 0);
	assert_int_equal(pinentry_folder_count(&fixture->folder, "ENV LISTEN_FDS"), 0);
}

#define PROMPT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROMPT_TEST(test_prompt_gives_what_was_typed),
		PROMPT_TEST(test_prompt_joins_a_pin_of_two_lines),
		PROMPT_TEST(test_prompt_says_what_it_was_given),
		PROMPT_TEST(test_prompt_confirms_and_shows),
		PROMPT_TEST(test_prompt_asks_again_after_a_yes_that_nobody_can_mean),
		PROMPT_TEST(test_prompt_takes_many_quick_answers_for_a_no),
		PROMPT_TEST(test_prompt_takes_a_quick_no),
		PROMPT_TEST(test_prompt_leaves_no_trace_of_the_pin),
		PROMPT_TEST(test_prompt_gives_one_sentence_for_each_end),
		PROMPT_TEST(test_prompt_says_that_there_is_no_pinentry),
		PROMPT_TEST(test_prompt_ends_a_pinentry_that_hangs),
		PROMPT_TEST(test_prompt_fails_at_once_where_nothing_can_be_shown),
		PROMPT_TEST(test_prompt_survives_its_own_helper),
		PROMPT_TEST(test_prompt_cancelled_kills_a_helper_that_does_not_care),
		PROMPT_TEST(test_prompt_says_that_its_helper_is_missing),
		PROMPT_TEST(test_prompt_shows_one_at_a_time_in_order),
		PROMPT_TEST(test_prompt_shows_the_next_one_after_each_end),
		PROMPT_TEST(test_prompt_cancelled_in_the_queue_is_never_shown),
		PROMPT_TEST(test_prompt_cancelled_on_the_screen_is_closed),
		PROMPT_TEST(test_prompt_cancel_takes_nothing),
		PROMPT_TEST(test_prompt_freed_with_a_dialog_open_leaves_nothing),
		PROMPT_TEST(test_prompt_refuses_more_than_may_wait),
		PROMPT_TEST(test_prompt_refuses_what_cannot_be_said),
		PROMPT_TEST(test_prompt_goes_where_the_client_is),
		PROMPT_TEST(test_prompt_stays_with_the_agent_when_the_client_says_nothing),
		PROMPT_TEST(test_prompt_goes_to_a_terminal_of_our_own),
		PROMPT_TEST(test_prompt_ignores_a_terminal_of_another_user),
		PROMPT_TEST(test_prompt_keeps_what_loads_code_from_pinentry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
