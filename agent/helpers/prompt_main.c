/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt_main: keystay-prompt: one question on descriptor 3, one dialog, one answer on descriptor 3.
 *
 * Runs in: keystay-prompt, started by keystay-agent for each dialog, so that the agent need neither wait nor know how
 * pinentry is spoken to. Ends when it has answered, when its time is over, or when the agent closes the channel.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/helpers/pinentry.h"
#include "agent/helpers/terminal.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/peer.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "lib/protocol/frame.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"

#define CHANNEL_FD 3

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage_text[] = "Usage: keystay-prompt\n"
				 "Shows one dialog for keystay-agent, which starts it; not for people to start.\n"
				 "\n"
				 "  --version  print the version\n"
				 "  --help     print this\n"
				 "\n"
				 "Talks to the agent on descriptor 3. See man keystay-prompt.\n";

/* --- the channel ------------------------------------------------------------------------------------------------- */

/* Waits for one whole frame; it stands in buffer. */
static int receive(struct ks_buffer *buffer, struct ks_frame *ret_frame)
{
	for (;;) {
		enum ks_frame_state state;
		size_t whole = 0;
		int r = ks_frame_read(ks_buffer_bytes(buffer), &state, ret_frame, &whole);
		if (r < 0 || state == KS_FRAME_WHOLE)
			return r;
		uint8_t *room = ks_buffer_reserve(buffer, whole - buffer->size);
		if (!room)
			return ks_buffer_error(buffer);
		ssize_t n = recv(CHANNEL_FD, room, whole - buffer->size, 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			return KS_ERR_CLOSED;
		if (n > 0)
			ks_buffer_grow(buffer, (size_t)n);
	}
}

static int respond(uint8_t type, const void *message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .secret = true };

	ks_message_write(&buffer, type, message);
	struct ks_bytes bytes = ks_buffer_bytes(&buffer);
	int r = ks_buffer_error(&buffer);
	while (r == 0 && bytes.size > 0) {
		ssize_t n = send(CHANNEL_FD, bytes.data, bytes.size, MSG_NOSIGNAL);
		if (n > 0)
			bytes = ks_bytes(bytes.data + n, bytes.size - (size_t)n);
		else if (errno != EINTR)
			r = KS_ERR_CLOSED;
	}
	return r;
}

static int respond_error(uint32_t id, int error, const char *why)
{
	char text[KS_TEXT_MAX];

	/* The paths in it are of the configuration, which may hold anything. */
	ks_text_escape(ks_bytes_text(why[0] ? why : ks_error_text(error)), text, sizeof(text));
	const struct ks_msg_error message = { KS_MESSAGE_HEAD(id), .code = (uint32_t)-error,
					      .text = ks_bytes_text(text) };
	return respond(KS_MSG_ERROR, &message);
}

/* --- where the person is ----------------------------------------------------------------------------------------- */

struct place {
	struct ks_terminal terminal;
	char terminal_name[257], terminal_type[65], display[257];
};

/* NULL or "" : pinentry shall not find it. */
static int set_variable(const char *name, const char *value)
{
	int r = value && value[0] ? setenv(name, value, 1) : unsetenv(name);

	return r < 0 ? KS_ERR_NO_MEMORY : 0;
}

static void copy_text(char *out, size_t size, struct ks_bytes text)
{
	(void)ks_text_print(out, size, "%.*s", (int)text.size, text.data ? (const char *)text.data : "");
}

/* What a client names is the whole of its place: a person who is logged in from elsewhere has no use for a dialog on
 * the desktop that the agent was started on. That desktop's bus goes too, or pinentry-gnome3 would use it. */
static int move_to(const struct ks_msg_prompt *message, const char *terminal_name)
{
	char display[257], wayland[257];

	copy_text(display, sizeof(display), message->display);
	copy_text(wayland, sizeof(wayland), message->wayland_display);
	int r = set_variable("DISPLAY", display);
	if (r == 0)
		r = set_variable("WAYLAND_DISPLAY", wayland);
	if (r == 0)
		r = set_variable("GPG_TTY", terminal_name);
	if (r == 0 && display[0] == '\0' && wayland[0] == '\0')
		r = set_variable("DBUS_SESSION_BUS_ADDRESS", NULL);
	return r;
}

static bool try_terminal(const char *name, struct place *place)
{
	char why[KS_TEXT_MAX];

	if (name[0] == '\0')
		return false;
	if (ks_terminal_open(name, &place->terminal, why, sizeof(why)) < 0) {
		ks_log_notice("no dialog there: %s", why);
		return false;
	}
	(void)ks_text_print(place->terminal_name, sizeof(place->terminal_name), "%s", name);
	return true;
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

/* Environment and terminal, as the client says, or as the agent was started. NO_PROMPT when there is no place at all. */
static int find_place(const struct ks_msg_prompt *message, struct place *place)
{
	char name[257], term[65];
	int r = 0;

	copy_text(name, sizeof(name), message->tty);
	copy_text(term, sizeof(term), message->term);
	bool has_terminal = try_terminal(name, place);
	if (has_terminal || message->display.size > 0 || message->wayland_display.size > 0)
		r = move_to(message, place->terminal_name);
	else
		(void)try_terminal(variable("GPG_TTY"), place);
	if (r == 0 && has_terminal && term[0])
		r = set_variable("TERM", term);
	if (r < 0)
		return r;
	(void)ks_text_print(place->terminal_type, sizeof(place->terminal_type), "%s", variable("TERM"));
	(void)ks_text_print(place->display, sizeof(place->display), "%s", variable("DISPLAY"));
	if (place->terminal.fd < 0 && place->display[0] == '\0' && variable("WAYLAND_DISPLAY")[0] == '\0')
		return KS_ERR_NO_PROMPT;
	return 0;
}

/* --- one question ------------------------------------------------------------------------------------------------ */

struct texts {
	char program[1025], title[257], description[2049], problem[513], label[65], ok[65], cancel[65];
};

static void copy_texts(const struct ks_msg_prompt *message, struct texts *texts)
{
	copy_text(texts->program, sizeof(texts->program), message->pinentry);
	copy_text(texts->title, sizeof(texts->title), message->title);
	copy_text(texts->description, sizeof(texts->description), message->description);
	copy_text(texts->problem, sizeof(texts->problem), message->problem);
	copy_text(texts->label, sizeof(texts->label), message->label);
	copy_text(texts->ok, sizeof(texts->ok), message->ok);
	copy_text(texts->cancel, sizeof(texts->cancel), message->cancel);
}

static int show(const struct ks_msg_prompt *message, int signal_fd, struct ks_secret *pin, char *why)
{
	struct texts texts;
	struct place place = { .terminal.fd = -1 };

	int r = find_place(message, &place);
	if (r == KS_ERR_NO_PROMPT)
		(void)ks_text_print(why, KS_TEXT_MAX, "no dialog can be shown: there is no display and no terminal");
	if (r < 0)
		return r;
	copy_texts(message, &texts);
	const struct ks_pinentry_question question = {
		.kind = message->kind,
		.program = texts.program,
		.title = texts.title,
		.description = texts.description,
		.problem = texts.problem,
		.label = texts.label,
		.ok = texts.ok,
		.cancel = texts.cancel,
		.terminal_name = place.terminal_name,
		.terminal_type = place.terminal_type,
		.display = place.display,
		.terminal = place.terminal.fd >= 0 ? &place.terminal : NULL,
		.timeout_ms = message->timeout_ms,
		.agent_fd = CHANNEL_FD,
		.signal_fd = signal_fd,
	};
	r = ks_pinentry_ask(&question, pin, why);
	ks_terminal_close(&place.terminal);
	return r;
}

static int answer(int signal_fd)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	KS_CLEANUP(ks_secret_freep) struct ks_secret *pin = NULL;
	struct ks_msg_prompt message;
	struct ks_frame frame;
	char why[KS_TEXT_MAX] = "";

	ks_buffer_init(&buffer, KS_FRAME_MAX + KS_FRAME_HEADER);
	int r = receive(&buffer, &frame);
	if (r == 0 && frame.type != KS_MSG_PROMPT)
		r = KS_ERR_UNKNOWN_MESSAGE;
	if (r == 0)
		r = ks_message_read(frame.type, frame.body, &message, sizeof(message));
	if (r == 0 && (message.kind < KS_PROMPT_PIN || message.kind > KS_PROMPT_SHOW))
		r = KS_ERR_MALFORMED;
	if (r < 0)
		return r;
	r = ks_secret_new(&pin);
	if (r == 0)
		r = show(&message, signal_fd, pin, why);
	if (r < 0)
		return respond_error(message.id, r, why);
	const struct ks_msg_prompt_reply reply = { KS_MESSAGE_HEAD(message.id), .pin = ks_secret_bytes(pin) };
	return respond(KS_MSG_PROMPT_REPLY, &reply);
}

/* --- the process ------------------------------------------------------------------------------------------------- */

/* The agent made the channel, so its other end says who our parent has to be. When it dies we are told by SIGTERM and
 * not by SIGKILL, since there may be a terminal to put back. */
static int prepare(int *ret_signal_fd)
{
	struct ks_peer peer;
	sigset_t signals;

	int r = ks_peer_get(CHANNEL_FD, &peer);
	if (r < 0) {
		ks_log_error("descriptor %d is no channel to an agent; keystay-prompt is started by keystay-agent",
			     CHANNEL_FD);
		return r;
	}
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return KS_ERR_SYSTEM;
	*ret_signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (*ret_signal_fd < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
		return KS_ERR_SYSTEM;
	return getppid() == peer.pid ? 0 : KS_ERR_CLOSED;
}

static int run(void)
{
	int signal_fd = -1;

	int r = prepare(&signal_fd);
	if (r == 0)
		r = answer(signal_fd);
	if (r < 0 && r != KS_ERR_CLOSED)
		ks_log_error("the dialog failed: %s", ks_error_text(r));
	return r < 0 ? EXIT_FAILED : EXIT_GOOD;
}

static int read_command_line(int argc, char **argv)
{
	enum { VERSION = 256, HELP };
	static const struct option options[] = {
		{ "version", no_argument, NULL, VERSION },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};

	switch (getopt_long(argc, argv, "h", options, NULL)) {
	case -1:
		if (optind == argc)
			return run();
		(void)fprintf(stderr, "keystay-prompt: \"%s\" is not an option\n", argv[optind]);
		break;
	case VERSION:
		(void)puts("keystay-prompt " KEYSTAY_VERSION);
		return EXIT_GOOD;
	case HELP:
	case 'h':
		(void)fputs(usage_text, stdout);
		return EXIT_GOOD;
	default:
		break;
	}
	(void)fprintf(stderr, "See: keystay-prompt --help\n");
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	if (ks_process_harden() < 0 || ks_process_open_standard() < 0) {
		(void)fprintf(stderr,
			      "keystay-prompt: the system refuses to protect this process; it does not start\n");
		return EXIT_FAILED;
	}
	ks_log_init("keystay-prompt", KS_LOG_INFO);
	return read_command_line(argc, argv);
}
