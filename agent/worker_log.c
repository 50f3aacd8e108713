/* SPDX-License-Identifier: Apache-2.0 */
/* worker_log: see worker_log.h. Runs in: keystay-agent. */
#include "agent/worker_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* How lines of keystay-token begin; a module can say the same, and fools nobody but its owner. */
#define OWN_NAME "keystay-token: "

static void pass_line(struct ks_worker_log *log)
{
	uint64_t second = ks_clock_monotonic_ms() / 1000;

	if (second != log->second) {
		if (log->n_dropped > 0)
			ks_log_warning("module \"%s\": %llu bytes of its output were left out", log->module,
				       (unsigned long long)log->n_dropped);
		log->second = second;
		log->n_bytes = 0;
		log->n_dropped = 0;
	}
	if (log->n_bytes + log->size > KS_WORKER_LOG_BYTES_PER_S) {
		log->n_dropped += log->size;
	} else if (log->size > 0) {
		char text[2 * KS_WORKER_LOG_LINE];
		ks_text_escape(ks_bytes(log->line, log->size), text, sizeof(text));
		ks_log_info("module \"%s\" says: %s", log->module, text);
		if (strncmp(text, OWN_NAME, sizeof(OWN_NAME) - 1) == 0)
			(void)ks_text_print(log->last, sizeof(log->last), "%s", text + sizeof(OWN_NAME) - 1);
		log->n_bytes += log->size;
	}
	log->size = 0;
}

/* Returns false at the end of the pipe or when it is empty. */
static bool pass_some(struct ks_worker_log *log)
{
	char bytes[4096];
	ssize_t n = read(log->fd, bytes, sizeof(bytes));

	if (n <= 0)
		return n < 0 && errno == EINTR;
	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] == '\n' || log->size == sizeof(log->line))
			pass_line(log);
		if (bytes[i] != '\n')
			log->line[log->size++] = bytes[i];
	}
	return true;
}

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)fd;
	struct ks_worker_log *log = userdata;

	bool more = pass_some(log);
	/* Every writer has closed it: no more wake-ups for that. */
	if (!more && (revents & EPOLLHUP))
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

int ks_worker_log_open(struct ks_worker_log *log, sd_event *event, const char *module, int *ret_write_fd)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return KS_ERR_SYSTEM;
	KS_AUTO_CLOSE int read_end = ends[0];
	KS_AUTO_CLOSE int write_end = ends[1];
	/* Ours alone must not block; a vendor's module may not expect EAGAIN from printf. */
	if (fcntl(read_end, F_SETFL, O_NONBLOCK) < 0)
		return KS_ERR_SYSTEM;
	*log = (struct ks_worker_log){ .fd = -1, .module = module };
	if (sd_event_add_io(event, &log->source, read_end, EPOLLIN, on_output, log) < 0)
		return KS_ERR_SYSTEM;
	/* A module that prints without end must not keep the loop from clients. */
	(void)sd_event_source_set_priority(log->source, SD_EVENT_PRIORITY_IDLE);
	log->fd = KS_STEAL_FD(read_end);
	*ret_write_fd = KS_STEAL_FD(write_end);
	return 0;
}

/* A process that ended left at most a pipe full. */
#define DRAIN_READS 32

void ks_worker_log_drain(struct ks_worker_log *log)
{
	for (int i = 0; log->fd >= 0 && i < DRAIN_READS && pass_some(log); i++)
		;
	pass_line(log);
}

void ks_worker_log_close(struct ks_worker_log *log)
{
	log->source = sd_event_source_disable_unref(log->source);
	if (log->fd >= 0)
		(void)close(log->fd);
	log->fd = -1;
	log->size = 0;
}
