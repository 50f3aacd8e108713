/* SPDX-License-Identifier: Apache-2.0 */
/* audit_writer: see audit_writer.h. Runs in: keystay-agent. */
#include "agent/audit_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/channel.h"
#include "agent/environment.h"
#include "agent/reaper.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "lib/protocol/audit_line.h"
#include "lib/protocol/limits.h"

#define CHANNEL_FD 3                /* of keystay-audit */
#define END_WAIT_MS 1000u           /* at the end of the agent */
#define END_PATIENCE_US 10000000ull /* for what it was sent; a disk may be slow */

struct ks_audit_writer {
	sd_event *event;
	const char *program;
	const struct ks_audit_writer_events *events;
	void *userdata;
	bool is_running;
	struct ks_channel channel;
	pid_t pid;
	int pidfd;
	uint32_t id; /* of the last record */
};

/* --- what it says ------------------------------------------------------------------------------------------------ */

static int on_frame(struct ks_channel *channel, const struct ks_frame *frame, void *userdata)
{
	(void)channel;
	struct ks_audit_writer *writer = userdata;
	struct ks_msg_audit_reply reply;
	char text[513];

	if (frame->type != KS_MSG_AUDIT_REPLY)
		return KS_ERR_UNKNOWN_MESSAGE;
	int error = ks_message_read(frame->type, frame->body, &reply, sizeof(reply));
	if (error == 0 && (reply.id != writer->id || reply.error > INT32_MAX))
		error = KS_ERR_MALFORMED;
	if (error < 0)
		return error;
	(void)ks_text_print(text, sizeof(text), "%.*s", (int)reply.text.size, (const char *)reply.text.data);
	writer->events->answered(-(int)reply.error, text, writer->userdata);
	return 0;
}

static void forget_process(struct ks_audit_writer *writer, uint64_t patience_us)
{
	if (!writer->is_running)
		return;
	writer->is_running = false;
	ks_channel_deinit(&writer->channel);
	ks_reaper_take(writer->event, writer->pid, writer->pidfd, patience_us);
}

static void on_closed(struct ks_channel *channel, int error, void *userdata)
{
	(void)channel;
	struct ks_audit_writer *writer = userdata;

	ks_log_error("keystay-audit (pid %d) %s; it is started again", (int)writer->pid,
		     error == KS_ERR_CLOSED ? "ended" : "sent nonsense");
	forget_process(writer, 0);
	writer->events->ended(writer->userdata);
}

static const struct ks_channel_events channel_events = { .frame = on_frame, .closed = on_closed };

/* --- its life ---------------------------------------------------------------------------------------------------- */

static int spawn(struct ks_audit_writer *writer, const struct ks_settings *settings, const char *folder, int channel_fd)
{
	char size[24], keep[12], to[32], name[] = "keystay-audit", *nothing[] = { NULL };
	char size_option[] = "--max-size", keep_option[] = "--keep", to_option[] = "--to", end[] = "--";
	KS_AUTO_FREE char **environment = ks_environment_make(nothing, nothing);
	KS_AUTO_FREE char *folder_word = ks_text_copy(ks_bytes_text(folder));

	(void)ks_text_print(size, sizeof(size), "%" PRIu64, settings->audit_max_size);
	(void)ks_text_print(keep, sizeof(keep), "%u", settings->audit_keep);
	(void)ks_text_print(to, sizeof(to), "%s%s%s", settings->audit_to & KS_AUDIT_TO_FILE ? "file," : "",
			    settings->audit_to & KS_AUDIT_TO_JOURNAL ? "journal," : "",
			    settings->audit_to & KS_AUDIT_TO_SYSLOG ? "syslog," : "");
	char *argv[] = { name, size_option, size, keep_option, keep, to_option, to, end, folder_word, NULL };
	const struct ks_process_fd fds[] = { { STDERR_FILENO, STDERR_FILENO }, { channel_fd, CHANNEL_FD } };
	const struct ks_process_spec spec = {
		.path = writer->program, .argv = argv, .envp = environment, .fds = fds, .n_fds = 2
	};

	if (!environment || !folder_word)
		return KS_ERR_NO_MEMORY;
	return ks_process_spawn(&spec, &writer->pid, &writer->pidfd);
}

int ks_audit_writer_start(struct ks_audit_writer *writer, const struct ks_settings *settings)
{
	KS_AUTO_FREE char *state = NULL;
	int pair[2];

	int error = ks_path_state_home(&state);
	if (error < 0)
		return error;
	KS_AUTO_FREE char *folder = ks_path_join(state, KS_AUDIT_FOLDER);
	if (!folder)
		return KS_ERR_NO_MEMORY;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return KS_ERR_SYSTEM;
	KS_AUTO_CLOSE int ours = pair[0];
	KS_AUTO_CLOSE int theirs = pair[1];
	error = spawn(writer, settings, folder, theirs);
	if (error < 0)
		return error;
	error = ks_channel_init(&writer->channel, writer->event, ours, &channel_events, writer);
	if (error < 0) {
		ks_reaper_take(writer->event, writer->pid, writer->pidfd, 0);
		return error;
	}
	(void)KS_STEAL_FD(ours);
	writer->is_running = true;
	return 0;
}

bool ks_audit_writer_is_running(const struct ks_audit_writer *writer)
{
	return writer->is_running;
}

void ks_audit_writer_send(struct ks_audit_writer *writer, struct ks_msg_audit *record, bool more)
{
	record->version = KS_PROTOCOL_VERSION;
	record->id = ++writer->id;
	record->more = more;
	ks_channel_send(&writer->channel, KS_MSG_AUDIT, record);
}

void ks_audit_writer_stop(struct ks_audit_writer *writer)
{
	forget_process(writer, END_PATIENCE_US);
}

void ks_audit_writer_kill(struct ks_audit_writer *writer)
{
	if (writer->is_running)
		ks_log_error("keystay-audit (pid %d) hangs and is killed", (int)writer->pid);
	forget_process(writer, 0);
}

void ks_audit_writer_flush(struct ks_audit_writer *writer)
{
	uint64_t deadline_ms = ks_clock_monotonic_ms() + KS_AUDIT_DEADLINE_MS;
	struct ks_buffer *out = &writer->channel.out;
	struct pollfd socket = { .fd = writer->channel.fd, .events = POLLOUT };

	while (writer->is_running && out->size > 0 && ks_clock_left_ms(deadline_ms) > 0) {
		if (poll(&socket, 1, ks_clock_left_ms(deadline_ms)) < 0 && errno != EINTR)
			return;
		ssize_t n = send(socket.fd, out->data, out->size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			ks_buffer_consume(out, (size_t)n);
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			return;
	}
}

int ks_audit_writer_new(sd_event *event, const char *program, const struct ks_audit_writer_events *events,
			void *userdata, struct ks_audit_writer **ret_writer)
{
	struct ks_audit_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return KS_ERR_NO_MEMORY;
	writer->event = sd_event_ref(event);
	writer->program = program;
	writer->events = events;
	writer->userdata = userdata;
	*ret_writer = writer;
	return 0;
}

/* The loop has ended, so nothing is kept from anything by waiting, and the reaper's place in it is gone. A disk that is
 * too slow does not hold up the agent's end: the process ends by itself when it has written. */
static void await_end(struct ks_audit_writer *writer)
{
	struct pollfd end = { .fd = writer->pidfd, .events = POLLIN };
	uint64_t deadline_ms = ks_clock_monotonic_ms() + END_WAIT_MS;
	siginfo_t info;

	ks_channel_deinit(&writer->channel);
	while (poll(&end, 1, ks_clock_left_ms(deadline_ms)) < 0 && errno == EINTR)
		;
	(void)waitid(P_PIDFD, (id_t)writer->pidfd, &info, WEXITED | WNOHANG);
	(void)close(writer->pidfd);
}

void ks_audit_writer_free(struct ks_audit_writer *writer)
{
	if (!writer)
		return;
	if (writer->is_running)
		await_end(writer);
	sd_event_unref(writer->event);
	free(writer);
}
