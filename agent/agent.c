/* SPDX-License-Identifier: Apache-2.0 */
/* agent: see agent.h. Runs in: keystay-agent. */
#include "agent/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "agent/desktop.h"
#include "agent/devices.h"
#include "agent/monitor.h"
#include "agent/scout.h"
#include "agent/session.h"
#include "agent/sockets.h"
#include "agent/state.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

struct agent {
	sd_event *event;
	struct ks_state state;
	struct ks_sessions sessions;
	struct ks_sockets *sockets; /* NULL while stopping */
	struct ks_devices *devices;
	struct ks_desktop *desktop;
	sd_event_source *signals[4];
	sd_event_source *drain; /* set while stopping */
	sd_event_source *drain_timer;
};

/* --- sockets ----------------------------------------------------------------------------------------------------- */

static void on_session_gone(void *userdata)
{
	struct agent *agent = userdata;

	ks_sockets_wake(agent->sockets);
}

static void on_reloaded(void *userdata)
{
	struct agent *agent = userdata;

	if (agent->sockets)
		ks_sockets_follow(agent->sockets, agent->state.settings);
}

/* --- signals ----------------------------------------------------------------------------------------------------- */

static int look_whether_drained(sd_event_source *source, void *userdata)
{
	(void)source;
	struct agent *agent = userdata;

	/* Runs after each turn of the loop; nothing is polled. */
	if (!ks_sessions_are_busy(&agent->sessions))
		(void)sd_event_exit(agent->event, 0);
	return 0;
}

static int on_drain_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct agent *agent = userdata;

	ks_log_warning("signatures that were still under way are given up");
	(void)sd_event_exit(agent->event, 0);
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	(void)source;
	struct agent *agent = userdata;

	if (agent->drain) { /* a second signal: no more patience */
		(void)sd_event_exit(agent->event, 0);
		return 0;
	}
	ks_log_info("stopping (signal %u)", info->ssi_signo);
	(void)sd_notify(0, "STOPPING=1");
	ks_monitor_stop(agent->state.monitor);
	ks_sockets_close(KS_STEAL(agent->sockets));
	if (!ks_sessions_are_busy(&agent->sessions) ||
	    sd_event_add_post(agent->event, &agent->drain, look_whether_drained, agent) < 0 ||
	    sd_event_add_time_relative(agent->event, &agent->drain_timer, CLOCK_MONOTONIC, KS_DRAIN_MS * 1000ull, 0,
				       on_drain_deadline, agent) < 0)
		(void)sd_event_exit(agent->event, 0);
	return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	(void)source;
	(void)info;
	struct agent *agent = userdata;
	struct ks_settings_error problem = { .text = "" };

	(void)sd_notify(0, "RELOADING=1");
	if (ks_state_reload(&agent->state, &problem) < 0)
		ks_log_error("the configuration was not reloaded, the old one stays: %s", problem.text);
	else
		ks_log_info("configuration reloaded: %s", agent->state.settings->summary);
	(void)sd_notify(0, "READY=1");
	return 0;
}

static int watch_signals(struct agent *agent)
{
	sigset_t set;
	static const int stops[] = { SIGTERM, SIGINT };

	if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
	    sigaddset(&set, SIGHUP) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return KS_ERR_SYSTEM;
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		if (sd_event_add_signal(agent->event, &agent->signals[i], stops[i], on_stop, agent) < 0)
			return KS_ERR_SYSTEM;
	}
	return sd_event_add_signal(agent->event, &agent->signals[2], SIGHUP, on_reload, agent) < 0 ? KS_ERR_SYSTEM : 0;
}

/* --- the world outside ------------------------------------------------------------------------------------------- */

static void on_device(void *userdata)
{
	struct agent *agent = userdata;

	ks_scout_send(&agent->state, KS_SCOUT_DEVICE, NULL);
}

/* The workers have answered: no token is logged in any more. */
static void on_all_quiet(void *userdata)
{
	struct agent *agent = userdata;

	agent->state.all_quiet = NULL;
	ks_desktop_ready_to_sleep(agent->desktop);
}

static void on_desktop(enum ks_desktop_event event, void *userdata)
{
	static const struct {
		unsigned setting;
		const char *what;
	} events[] = {
		[KS_DESKTOP_SCREEN_LOCKED] = { KS_LOCK_ON_SCREEN_LOCK, "the screen was locked" },
		[KS_DESKTOP_SLEEP] = { KS_LOCK_ON_SLEEP, "the machine goes to sleep" },
		[KS_DESKTOP_INACTIVE] = { KS_LOCK_ON_INACTIVE, "another session is in front" },
	};
	struct agent *agent = userdata;

	if (agent->state.settings->lock_on & events[event].setting) {
		uint32_t n = ks_state_lock_all(&agent->state, true);
		if (n > 0)
			ks_log_notice("%s: %u token%s locked", events[event].what, n, n == 1 ? " is" : "s are");
	}
	if (event != KS_DESKTOP_SLEEP)
		return;
	if (ks_state_is_idle(&agent->state)) {
		ks_desktop_ready_to_sleep(agent->desktop);
		return;
	}
	agent->state.all_quiet = on_all_quiet;
	agent->state.all_quiet_userdata = agent;
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static void tell_ready(int ready_fd)
{
	(void)sd_notify(0, "READY=1");
	if (ready_fd < 0)
		return;
	if (write(ready_fd, "\n", 1) < 0)
		ks_log_warning("nobody reads descriptor %d of --ready-fd", ready_fd);
	(void)close(ready_fd);
}

static int start(struct agent *agent, const struct ks_agent_options *options, struct ks_settings **settings)
{
	size_t n_files = ks_process_raise_files(KS_CONNECTIONS_PER_UID + KS_RESERVED_FILES);
	size_t n_sessions = n_files > 2 * KS_RESERVED_FILES ? n_files - KS_RESERVED_FILES : n_files / 2;

	if (sd_event_new(&agent->event) < 0)
		return KS_ERR_SYSTEM;
	int error = watch_signals(agent);
	if (error == 0)
		error = ks_sockets_open(*settings, &agent->sockets);
	if (error == 0)
		error = ks_state_init(&agent->state, agent->event, options->configuration, KS_STEAL(*settings));
	if (error < 0)
		return error;
	ks_sessions_init(&agent->sessions, &agent->state, n_sessions, on_session_gone, agent);
	error = ks_devices_watch(agent->event, on_device, agent, &agent->devices);
	if (error == 0)
		error = ks_desktop_watch(agent->event, on_desktop, agent, &agent->desktop);
	if (error < 0)
		return error;
	agent->state.reloaded = on_reloaded;
	agent->state.reloaded_userdata = agent;
	return ks_sockets_start(agent->sockets, agent->event, &agent->sessions);
}

/* Workers have been told to end, and die with us: they get a moment to log out, to reset their cards and for C_Finalize,
 * without which some modules leave objects in a TPM. */
static void await_workers(void)
{
	const struct timespec moment = { .tv_nsec = 5000000 };
	uint64_t deadline_ms = ks_clock_monotonic_ms() + KS_WORKER_END_MS;
	siginfo_t info;

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && ks_clock_left_ms(deadline_ms) > 0)
		(void)nanosleep(&moment, NULL);
}

static void stop(struct agent *agent)
{
	ks_sockets_close(KS_STEAL(agent->sockets));
	ks_sessions_deinit(&agent->sessions);
	ks_devices_free(agent->devices);
	ks_state_deinit(&agent->state);
	await_workers();
	ks_desktop_free(agent->desktop);
	for (size_t i = 0; i < sizeof(agent->signals) / sizeof(agent->signals[0]); i++)
		sd_event_source_disable_unref(agent->signals[i]);
	sd_event_source_disable_unref(agent->drain);
	sd_event_source_disable_unref(agent->drain_timer);
	sd_event_unref(agent->event);
}

int ks_agent_run(const struct ks_agent_options *options, struct ks_settings *settings)
{
	struct agent agent = { 0 };
	struct ks_settings *untaken = settings;

	int error = start(&agent, options, &untaken);
	if (error == 0) {
		ks_log_info("started: %s", agent.state.settings->summary);
		tell_ready(options->ready_fd);
		if (sd_event_loop(agent.event) < 0)
			error = KS_ERR_SYSTEM;
	}
	if (error < 0 && error != KS_ERR_BUSY)
		ks_log_error("the agent ends: %s", ks_error_text(error));
	stop(&agent);
	ks_settings_free(untaken);
	return error;
}
