/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_growth: a module that leaks memory is replaced by a fresh process before it harms anybody.
 *
 * Runs in: keystay-agent. Looked at when nothing is under way and at most once a second: an idle agent does not wake up
 * for it. What leaks faster than that meets a limit of the kernel's and gets no more memory. No limit of addresses:
 * vendors reserve more of those than they ever use.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/worker_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

struct weight {
	uint64_t resident, data; /* bytes; proc(5), statm */
};

static bool weigh(pid_t pid, struct weight *ret_weight)
{
	char path[64], text[256];
	unsigned long long resident, data;
	unsigned long long page = (unsigned long long)sysconf(_SC_PAGESIZE);

	(void)ks_text_print(path, sizeof(path), "/proc/%d/statm", (int)pid);
	KS_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (size <= 0)
		return false; /* hidden, or gone */
	text[size] = '\0';
	if (sscanf(text, "%*u %llu %*u %*u %*u %llu", &resident, &data) != 2)
		return false;
	*ret_weight = (struct weight){ resident * page, data * page };
	return true;
}

void ks_worker_begin_growth(struct ks_worker *worker)
{
	struct weight weight;
	struct rlimit limit;

	worker->resident = 0;
	if (!weigh(worker->pid, &weight))
		return;
	worker->resident = weight.resident;
	worker->weighed_ms = ks_clock_monotonic_ms();
	if (prlimit(worker->pid, RLIMIT_DATA, NULL, &limit) < 0)
		return;
	rlim_t most = (rlim_t)(weight.data + KS_WORKER_DATA_GROWTH);
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > most) {
		limit.rlim_cur = most;
		if (prlimit(worker->pid, RLIMIT_DATA, &limit, NULL) < 0)
			ks_log_debug("module \"%s\": no limit of memory", worker->name);
	}
}

bool ks_worker_has_grown(struct ks_worker *worker)
{
	uint64_t now = ks_clock_monotonic_ms();
	struct weight weight;

	if (worker->resident == 0 || now - worker->weighed_ms < KS_WORKER_WEIGH_MS)
		return false;
	worker->weighed_ms = now;
	if (!weigh(worker->pid, &weight) || weight.resident < worker->resident + KS_WORKER_GROWTH)
		return false;
	ks_log_notice(
		"module \"%s\": its process has grown by %llu MiB since its start, which looks like a leak; tokens "
		"whose PIN is not kept must be unlocked again",
		worker->name, (unsigned long long)((weight.resident - worker->resident) >> 20));
	return true;
}
