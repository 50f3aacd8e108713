/* SPDX-License-Identifier: Apache-2.0 */
/* worker: see worker.h: the life of the process. What is asked of it is in worker_calls.c. Runs in: keystay-agent. */
#include "agent/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/environment.h"
#include "agent/reaper.h"
#include "agent/worker_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define CHANNEL_FD 3 /* of the worker */
#define END_DEADLINE_US 500000ull
#define END_PATIENCE_US 1500000ull /* for C_Finalize; keystay-token gives it a second */
#define RENEW_MS 2000u
#define EXIT_NO_SLOT_EVENTS 4 /* of keystay-token: the module's wait for events blocks everything else */

void ks_worker_tell_changed(struct ks_worker *worker)
{
	worker->watcher.changed(worker, worker->watcher.userdata);
}

static void set_state(struct ks_worker *worker, enum ks_module_state state)
{
	worker->state = state;
	if (state == KS_MODULE_READY || state == KS_MODULE_FAILED)
		worker->settled = true;
}

static void set_note(struct ks_worker *worker, const char *note)
{
	(void)ks_text_print(worker->note, sizeof(worker->note), "%s", note);
}

void ks_worker_set_waiting(struct ks_worker *worker)
{
	set_state(worker, KS_MODULE_WAITING);
}

/* --- the end of a process ---------------------------------------------------------------------------------------- */

static void end_process(struct ks_worker *worker, uint64_t patience_us)
{
	if (worker->pid <= 0 || worker->exited)
		return;
	ks_reaper_take(worker->event, worker->pid, worker->pidfd, patience_us);
	worker->pidfd = -1;
}

void ks_worker_forget_process(struct ks_worker *worker, uint64_t patience_us)
{
	worker->pid_source = sd_event_source_disable_unref(worker->pid_source);
	worker->start_timer = sd_event_source_disable_unref(worker->start_timer);
	end_process(worker, patience_us);
	if (worker->has_channel)
		ks_channel_deinit(&worker->channel); /* which a process that lives takes as the end */
	worker->has_channel = false;
	worker->exited = false;
	ks_worker_forget_rescan(worker);
	ks_worker_log_close(&worker->log);
	if (worker->pidfd >= 0)
		(void)close(worker->pidfd);
	worker->pidfd = -1;
	worker->pid = 0;
}

static int on_backoff(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_worker *worker = userdata;

	worker->backoff_timer = sd_event_source_disable_unref(worker->backoff_timer);
	ks_worker_start(worker);
	return 0;
}

static void start_after(struct ks_worker *worker, uint64_t pause_ms)
{
	if (worker->suspended) {
		set_state(worker, KS_MODULE_WAITING); /* worker_suspend.c goes on when its calls have failed */
		return;
	}
	if (worker->provisions) {
		set_state(worker, KS_MODULE_FAILED);
		return;
	}
	if (sd_event_add_time_relative(worker->event, &worker->backoff_timer, CLOCK_MONOTONIC, pause_ms * 1000, 0,
				       on_backoff, worker) < 0)
		set_state(worker, KS_MODULE_FAILED);
	else
		set_state(worker, KS_MODULE_WAITING);
}

/* So many deaths in so short a time that the next start would only be one more. */
static bool trips_breaker(struct ks_worker *worker)
{
	uint64_t now = ks_clock_monotonic_ms();
	uint64_t *oldest = &worker->deaths_ms[worker->n_deaths % KS_WORKER_BREAKER_DEATHS];

	*oldest = now;
	worker->n_deaths++;
	uint64_t first = worker->deaths_ms[worker->n_deaths % KS_WORKER_BREAKER_DEATHS];
	return worker->n_deaths >= KS_WORKER_BREAKER_DEATHS && now - first < KS_WORKER_BREAKER_MS;
}

/* A device that died keeps the keys it told of in sight for some restarts; then they would be a lie. */
#define RESTARTS_BEFORE_KEYS_GO 4u

static void plan_restart(struct ks_worker *worker)
{
	if (ks_clock_monotonic_ms() - worker->started_ms > KS_WORKER_STABLE_MS)
		worker->backoff_ms = 0;
	worker->backoff_ms = worker->backoff_ms == 0 ? KS_WORKER_BACKOFF_FIRST_MS : worker->backoff_ms * 2;
	if (worker->backoff_ms > KS_WORKER_BACKOFF_LAST_MS)
		worker->backoff_ms = KS_WORKER_BACKOFF_LAST_MS;
	worker->restarts++;
	worker->failures++;
	if (trips_breaker(worker)) {
		char note[sizeof(worker->note)];
		memcpy(note, worker->note, sizeof(note));
		(void)ks_text_print(worker->note, sizeof(worker->note),
				    "it ended %u times within %u s and rests for %u s; last: %.300s",
				    KS_WORKER_BREAKER_DEATHS, KS_WORKER_BREAKER_MS / 1000,
				    KS_WORKER_BACKOFF_LAST_MS / 1000, note);
		ks_log_error("module \"%s\": %s", worker->name, worker->note);
		worker->resting = true;
		worker->settled = true;
		worker->backoff_ms = KS_WORKER_BACKOFF_LAST_MS;
	}
	start_after(worker, worker->backoff_ms);
}

/* What was known of its tokens stays in sight; nobody is logged in any more. */
static void log_out_all(struct ks_worker *worker)
{
	for (size_t i = 0; i < worker->inventory.n_tokens; i++)
		worker->inventory.tokens[i].logged_in = false;
}

/* A new process for no fault of the old one: at once, but not more often than RENEW_MS. */
static void renew(struct ks_worker *worker)
{
	uint64_t now = ks_clock_monotonic_ms();
	uint64_t since = worker->renewed_ms ? now - worker->renewed_ms : RENEW_MS;

	ks_log_info("module \"%s\": its keystay-token (pid %d) is replaced by a new one", worker->name,
		    (int)worker->pid);
	ks_worker_forget_process(worker, END_PATIENCE_US);
	ks_inventory_deinit(&worker->incoming);
	worker->incoming = (struct ks_inventory){ 0 };
	worker->renewed_ms = now;
	log_out_all(worker);
	ks_worker_fail_calls(worker, KS_ERR_BUSY, "its process was replaced");
	start_after(worker, since < RENEW_MS ? RENEW_MS - since : 0);
	ks_worker_tell_changed(worker);
}

void ks_worker_kill(struct ks_worker *worker, const char *why)
{
	if (worker->pid == 0 && !worker->has_channel)
		return;
	if (worker->has_channel && worker->channel.busy) {
		/* Its own frame is being read: the channel must not go from under that. on_closed() goes on. */
		(void)ks_text_print(worker->kill_why, sizeof(worker->kill_why), "%s", why);
		ks_channel_break(&worker->channel, KS_ERR_CANCELLED);
		return;
	}
	ks_log_error("module \"%s\": %s; its keystay-token (pid %d) is %s", worker->name, why, (int)worker->pid,
		     worker->provisions ? "ended" : "started again");
	set_note(worker, why);
	ks_worker_forget_process(worker, 0);
	ks_inventory_deinit(&worker->incoming);
	worker->incoming = (struct ks_inventory){ 0 };
	plan_restart(worker);
	if (worker->failures >= RESTARTS_BEFORE_KEYS_GO) {
		ks_inventory_deinit(&worker->inventory);
		worker->inventory = (struct ks_inventory){ 0 };
		worker->settled = true;
	}
	log_out_all(worker);
	ks_worker_fail_calls(worker, KS_ERR_MODULE_FAILED, why);
	ks_worker_tell_changed(worker);
}

/* A card was taken out and the module hangs: no fault that counts, and no pause. */
void ks_worker_kill_after_removal(struct ks_worker *worker)
{
	ks_log_notice("module \"%s\" hangs after a card was taken out; its keystay-token (pid %d) is started again",
		      worker->name, (int)worker->pid);
	ks_worker_forget_process(worker, 0);
	ks_inventory_deinit(&worker->incoming);
	worker->incoming = (struct ks_inventory){ 0 };
	worker->restarts++;
	log_out_all(worker);
	ks_worker_fail_calls(worker, KS_ERR_MODULE_FAILED, "it hung after a card was taken out");
	start_after(worker, 0);
	ks_worker_tell_changed(worker);
}

static int on_exit_of_child(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)revents;
	struct ks_worker *worker = userdata;
	siginfo_t info = { 0 };
	char why[320];

	(void)kill(-worker->pid, SIGKILL); /* its children, before its number may be given to others */
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return 0;
	worker->exited = true;
	if (ks_worker_suspend_ended(worker))
		return 0;
	if (info.si_code == CLD_EXITED && info.si_status == EXIT_NO_SLOT_EVENTS && !worker->no_slot_events) {
		worker->no_slot_events = true;
		ks_worker_log_drain(&worker->log);
		renew(worker);
		return 0;
	}
	ks_worker_log_drain(&worker->log);
	if (info.si_code == CLD_EXITED && info.si_status != 0 && worker->log.last[0] != '\0')
		(void)ks_text_print(why, sizeof(why), "its process ended: %s", worker->log.last);
	else if (info.si_code == CLD_EXITED)
		(void)ks_text_print(why, sizeof(why), "its process ended (exit code %d)", info.si_status);
	else
		(void)ks_text_print(why, sizeof(why), "its process was ended by signal %d (%s)", info.si_status,
				    strsignal(info.si_status));
	ks_worker_kill(worker, why);
	return 0;
}

/* --- what the process says --------------------------------------------------------------------------------------- */

/* An RSA key that decrypts can be made to sign: Bleichenbacher's oracle forges a CertificateVerify (Jager, Schwenk,
 * Somorovsky: "On the Security of TLS 1.3 and QUIC Against Weaknesses in PKCS#1 v1.5 Encryption"). Nothing of ours
 * decrypts, but others may use the same token. Said once in a worker's life. */
static void warn_of_keys_that_decrypt(struct ks_worker *worker)
{
	for (size_t i = 0; i < worker->inventory.n_tokens && !worker->warned; i++) {
		const struct ks_inventory_token *token = &worker->inventory.tokens[i];
		for (size_t k = 0; k < token->n_keys && !worker->warned; k++) {
			if (!token->keys[k].decrypts || token->keys[k].spki.algorithm != KS_KEY_RSA)
				continue;
			ks_log_warning(
				"RSA key \"%s\" on token \"%s\" may also decrypt, which can be abused to forge TLS "
				"signatures; better make keys that only sign",
				token->keys[k].label, token->label);
			worker->warned = true;
		}
	}
}

static int take_inventory(struct ks_worker *worker, const struct ks_frame *frame)
{
	/* A fresh process tells everything before what its predecessor told is forgotten. */
	bool first = worker->state == KS_MODULE_STARTING;
	struct ks_inventory *inventory = first ? &worker->incoming : &worker->inventory;
	bool complete = false;

	int error = ks_inventory_take(inventory, frame->type, frame->body, &complete);
	if (error < 0 || !complete)
		return error;
	if (first) {
		ks_inventory_deinit(&worker->inventory);
		worker->inventory = worker->incoming;
		worker->incoming = (struct ks_inventory){ 0 };
		worker->start_timer = sd_event_source_disable_unref(worker->start_timer);
		worker->failures = 0;
		ks_worker_begin_growth(worker);
		set_note(worker, "");
		set_state(worker, KS_MODULE_READY);
	}
	warn_of_keys_that_decrypt(worker);
	ks_worker_tell_changed(worker);
	if (first)
		ks_worker_begin_calls(worker);
	return 0;
}

/* From outside of its own frame: on_closed() goes on. */
void ks_worker_renew(struct ks_worker *worker)
{
	if (!worker->has_channel)
		return;
	worker->renewing = true;
	ks_channel_break(&worker->channel, KS_ERR_CANCELLED);
}

static int take_event(struct ks_worker *worker, const struct ks_frame *frame)
{
	struct ks_msg_worker_event event;

	int error = ks_message_read(frame->type, frame->body, &event, sizeof(event));
	if (error < 0)
		return error;
	switch (event.kind) {
	case KS_WORKER_EVENT_CHANGED:
		ks_worker_look_again(worker, false, ks_worker_start_deadline_ms(worker));
		return 0;
	case KS_WORKER_EVENT_TOKEN_GONE:
		ks_worker_token_gone(worker, event.token);
		ks_worker_tell_changed(worker);
		return 0;
	case KS_WORKER_EVENT_RENEW:
		ks_worker_renew(worker);
		return 0;
	default:
		return KS_ERR_MALFORMED;
	}
}

static int on_frame(struct ks_channel *channel, const struct ks_frame *frame, void *userdata)
{
	(void)channel;
	struct ks_worker *worker = userdata;

	if (worker->provisions)
		return ks_worker_take_reply(worker, frame);
	switch (frame->type) {
	case KS_MSG_WORKER_TOKEN:
	case KS_MSG_WORKER_KEY:
	case KS_MSG_WORKER_CERTIFICATE:
	case KS_MSG_WORKER_INVENTORY:
		return take_inventory(worker, frame);
	case KS_MSG_WORKER_EVENT:
		return take_event(worker, frame);
	default:
		return ks_worker_take_reply(worker, frame);
	}
}

static int on_end_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	ks_worker_kill(userdata, "its process closed the channel");
	return 0;
}

/* A process that dies closes its channel a moment before it can be asked how it died, and that is worth knowing: so it
 * gets a moment. Nothing is sent meanwhile. */
static void await_end(struct ks_worker *worker)
{
	ks_channel_deinit(&worker->channel);
	worker->has_channel = false;
	worker->start_timer = sd_event_source_disable_unref(worker->start_timer);
	if (sd_event_add_time_relative(worker->event, &worker->start_timer, CLOCK_MONOTONIC, END_DEADLINE_US, 0,
				       on_end_deadline, worker) < 0)
		ks_worker_kill(worker, "its process closed the channel");
}

static void on_moved(struct ks_channel *channel, void *userdata)
{
	(void)channel;
	ks_worker_send_queued(userdata);
}

static void on_closed(struct ks_channel *channel, int error, void *userdata)
{
	(void)channel;
	struct ks_worker *worker = userdata;
	char why[sizeof(worker->kill_why)];

	if (worker->renewing) {
		worker->renewing = false;
		renew(worker);
		return;
	}
	if (worker->kill_why[0]) {
		memcpy(why, worker->kill_why, sizeof(why));
		worker->kill_why[0] = '\0';
		ks_worker_kill(worker, why);
		return;
	}
	if (error == KS_ERR_CLOSED) {
		await_end(userdata);
		return;
	}
	(void)ks_text_print(why, sizeof(why), "its process sent nonsense (%s)", ks_error_text(error));
	ks_worker_kill(userdata, why);
}

static const struct ks_channel_events channel_events = { .frame = on_frame, .moved = on_moved, .closed = on_closed };

static int on_start_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	ks_worker_kill(userdata, "it did not tell its tokens in time");
	return 0;
}

/* --- the start of a process -------------------------------------------------------------------------------------- */

static int spawn(struct ks_worker *worker, int channel_fd, int log_fd)
{
	KS_AUTO_FREE char **argv = ks_worker_words(worker);
	char no_configuration[] = "OPENSSL_CONF=/dev/null"; /* unset still reads the system's */
	/* glibc overwrites what is freed, and hands out zeros: OpenSC prints APDUs, the one with the PIN too, into memory
	 * that it frees as it is, whether anybody reads its log or not. */
	char wipe_freed[] = "GLIBC_TUNABLES=glibc.malloc.perturb=255:glibc.malloc.tcache_count=0";
	char *extra[] = { no_configuration, wipe_freed, NULL };
	KS_AUTO_FREE char **environment = ks_environment_make(worker->environment, extra);
	if (!argv || !environment)
		return KS_ERR_NO_MEMORY;
	const struct ks_process_fd fds[] = { { log_fd, 1 }, { log_fd, 2 }, { channel_fd, CHANNEL_FD } };
	const struct ks_process_spec spec = { .path = worker->program,
					      .argv = argv,
					      .envp = environment,
					      .fds = fds,
					      .n_fds = sizeof(fds) / sizeof(fds[0]) };
	int error = ks_process_spawn(&spec, &worker->pid, &worker->pidfd);
	if (error < 0)
		worker->pid = 0;
	return error;
}

/* A deadline that people set for signatures is a word on the module's speed. */
uint32_t ks_worker_start_deadline_ms(const struct ks_worker *worker)
{
	uint32_t twice = 2 * worker->deadline_ms;

	return worker->deadline_ms > 0 && twice < KS_WORKER_START_DEADLINE_MS ? twice : KS_WORKER_START_DEADLINE_MS;
}

static int launch(struct ks_worker *worker)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return KS_ERR_SYSTEM;
	KS_AUTO_CLOSE int ours = pair[0];
	KS_AUTO_CLOSE int theirs = pair[1];
	KS_AUTO_CLOSE int log_write = -1;
	int error = ks_worker_log_open(&worker->log, worker->event, worker->name, &log_write);
	if (error < 0)
		return error;
	error = spawn(worker, theirs, log_write);
	if (error < 0)
		return error;
	error = ks_channel_init(&worker->channel, worker->event, ours, &channel_events, worker);
	if (error < 0)
		return error;
	ks_channel_keep_secrets(&worker->channel);
	(void)KS_STEAL_FD(ours);
	worker->has_channel = true;
	if (sd_event_add_io(worker->event, &worker->pid_source, worker->pidfd, EPOLLIN, on_exit_of_child, worker) < 0)
		return KS_ERR_SYSTEM;
	if (sd_event_add_time_relative(worker->event, &worker->start_timer, CLOCK_MONOTONIC,
				       ks_worker_start_deadline_ms(worker) * 1000ull, 0, on_start_deadline, worker) < 0)
		return KS_ERR_SYSTEM;
	return 0;
}

/* The file may have come, gone or changed since the configuration was read, so it is looked at before each start. */
static bool may_load(struct ks_worker *worker)
{
	if (worker->p11_kit)
		return true; /* keystay-token resolves the name and looks at the file itself */
	struct ks_path_problem problem;
	KS_AUTO_FREE char *resolved = NULL;
	int error = ks_path_check_trusted(worker->path, &resolved, &problem);
	if (error == 0)
		return true;
	char file[sizeof(worker->note) / 2];
	ks_text_escape(ks_bytes_text(problem.path), file, sizeof(file));
	(void)ks_text_print(worker->note, sizeof(worker->note), "%s %s", file, problem.text);
	ks_log_error("module \"%s\" is not loaded: %s", worker->name, worker->note);
	return false;
}

void ks_worker_start(struct ks_worker *worker)
{
	if (worker->pid != 0 || worker->suspended)
		return;
	worker->backoff_timer = sd_event_source_disable_unref(worker->backoff_timer);
	worker->resting = false;
	worker->looked_ms = ks_clock_monotonic_ms();
	if (!may_load(worker)) {
		set_state(worker, KS_MODULE_FAILED);
		ks_worker_tell_changed(worker);
		return;
	}
	set_state(worker, KS_MODULE_STARTING);
	worker->started_ms = ks_clock_monotonic_ms();
	int error = launch(worker);
	if (error == 0 && worker->provisions) {
		worker->start_timer = sd_event_source_disable_unref(worker->start_timer);
		set_state(worker, KS_MODULE_READY); /* its calls have deadlines */
	}
	if (error == 0)
		return;
	(void)ks_text_print(worker->note, sizeof(worker->note), "%s cannot be started: %s", worker->program,
			    ks_error_text(error));
	ks_log_error("module \"%s\": %s", worker->name, worker->note);
	ks_worker_forget_process(worker, 0);
	plan_restart(worker);
	ks_worker_tell_changed(worker);
}

void ks_worker_wake(struct ks_worker *worker)
{
	if (worker->state == KS_MODULE_FAILED && ks_clock_monotonic_ms() - worker->looked_ms >= KS_WORKER_WAKE_MS)
		ks_worker_start(worker);
}

void ks_worker_watch(struct ks_worker *worker, const struct ks_worker_watcher *watcher)
{
	worker->watcher = *watcher;
}

int ks_worker_new(sd_event *event, const char *program, const struct ks_settings_module *module,
		  const struct ks_worker_watcher *watcher, struct ks_worker **ret_worker)
{
	KS_CLEANUP(ks_worker_freep) struct ks_worker *worker = calloc(1, sizeof(*worker));
	if (!worker)
		return KS_ERR_NO_MEMORY;
	worker->pidfd = -1;
	worker->log.fd = -1;
	worker->event = sd_event_ref(event);
	worker->watcher = *watcher;
	int r = ks_worker_copy_words(worker, program, module);
	if (r < 0)
		return r;
	*ret_worker = KS_STEAL(worker);
	return 0;
}

static void nobody_watches(struct ks_worker *worker, void *userdata)
{
	(void)worker;
	(void)userdata;
}

void ks_worker_free(struct ks_worker *worker)
{
	if (!worker)
		return;
	ks_worker_forget_process(worker, END_PATIENCE_US);
	worker->backoff_timer = sd_event_source_disable_unref(worker->backoff_timer);
	worker->suspended = false; /* what fails now is looked at by nobody */
	ks_worker_suspend_forget(worker);
	worker->watcher = (struct ks_worker_watcher){ .changed = nobody_watches };
	ks_worker_fail_calls(worker, KS_ERR_MODULE_FAILED, "the agent let go of it");
	ks_worker_run_failed(worker);
	worker->deadline_timer = sd_event_source_disable_unref(worker->deadline_timer);
	worker->defer = sd_event_source_disable_unref(worker->defer);
	ks_inventory_deinit(&worker->inventory);
	ks_inventory_deinit(&worker->incoming);
	sd_event_unref(worker->event);
	ks_worker_free_words(worker);
	free(worker);
}

void ks_worker_make_provisioner(struct ks_worker *worker)
{
	worker->provisions = true;
}

bool ks_worker_is_resting(const struct ks_worker *worker)
{
	return worker->resting;
}

enum ks_token_events ks_worker_events(const struct ks_worker *worker)
{
	return worker->inventory.events;
}

const char *ks_worker_name(const struct ks_worker *worker)
{
	return worker->name;
}

const char *ks_worker_path(const struct ks_worker *worker)
{
	return worker->p11_kit ? worker->p11_kit : worker->path;
}

const char *ks_worker_note(const struct ks_worker *worker)
{
	return worker->note;
}

enum ks_module_state ks_worker_state(const struct ks_worker *worker)
{
	return worker->state;
}

pid_t ks_worker_pid(const struct ks_worker *worker)
{
	return worker->pid;
}

unsigned ks_worker_restarts(const struct ks_worker *worker)
{
	return worker->restarts;
}

struct ks_inventory *ks_worker_inventory(struct ks_worker *worker)
{
	return &worker->inventory;
}

bool ks_worker_is_settled(const struct ks_worker *worker)
{
	return worker->settled;
}
