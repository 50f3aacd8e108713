/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper: waits for the end of a process that nobody needs any more, and helps it along.
 *
 * Runs in: keystay-agent. A process that hangs inside the kernel (a bad reader) may take its time to die, and nothing
 * else may wait for that.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/* Takes pidfd. pid leads a session of its own, all of which is killed: modules fork. patience_us 0: at once, else when it
 * has not ended by itself until then. Must not have been waited for: its number may be another's by now. */
void ks_reaper_take(sd_event *event, pid_t pid, int pidfd, uint64_t patience_us);
