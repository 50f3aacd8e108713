/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main: the life of keystay-token, and the walls around what it is about to load.
 *
 * Runs in: keystay-token, one process for each PKCS#11 module, started by keystay-agent, which expects nothing good of
 * it (invariant I4), and in another life (--provision) for a moment, to initialise a token or to set its PIN. Its channel is descriptor 3; standard output and standard error are the log, also for what the
 * module prints. It ends by _exit(2) alone: exit handlers of modules crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/peer.h"
#include "lib/base/process.h"
#include "pkcs11/command_line.h"
#include "pkcs11/confine.h"
#include "pkcs11/module_name.h"
#include "pkcs11/module_places.h"
#include "pkcs11/opensc_conf.h"
#include "pkcs11/provision.h"
#include "pkcs11/serve.h"

#define CHANNEL_FD 3
#define FINALIZE_SECONDS 1

/* And KS_SLOT_EVENTS_EXIT (slot_events.h). */
enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* --- walls ------------------------------------------------------------------------------------------------------- */

static int replace_stdin(void)
{
	KS_AUTO_CLOSE int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return null >= 0 && dup2(null, STDIN_FILENO) == STDIN_FILENO ? 0 : KS_ERR_SYSTEM;
}

/* The agent made the channel, so its other end says who our parent has to be. */
static int bind_to_agent(void)
{
	struct ks_peer peer;

	int r = ks_peer_get(CHANNEL_FD, &peer);
	if (r < 0) {
		ks_log_error("descriptor %d is no channel to an agent; keystay-token is started by keystay-agent",
			     CHANNEL_FD);
		return r;
	}
	r = ks_process_die_with_parent(peer.pid);
	if (r < 0)
		ks_log_error("the agent that started this process has gone");
	return r;
}

/* The module gets a process with nothing in it: no descriptor but three and the channel, no OpenSSL configuration. One
 * that names keystay's provider would lead back to the agent that waits for us; one that is unset reads the system's. */
static int build_walls(void)
{
	if (replace_stdin() < 0 || fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC) < 0) {
		ks_log_error("the process cannot be prepared: %s", strerror(errno));
		return KS_ERR_SYSTEM;
	}
	int r = bind_to_agent();
	if (r < 0)
		return r;
	ks_process_close_from(CHANNEL_FD + 1);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || setenv("OPENSSL_CONF", "/dev/null", 0) < 0 ||
	    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
		return KS_ERR_SYSTEM;
	/* A module's words reach the log line by line, not all at once at an end that never flushes. */
	(void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	return 0;
}

/* --- life -------------------------------------------------------------------------------------------------------- */

/* From here on there is foreign code in this process. */
static int confine(const struct ks_command_line *command_line, const char *path, struct ks_problem *problem)
{
	KS_CLEANUP(ks_module_places_deinit) struct ks_module_places places = { .n = 0 };

	int r = ks_module_places_find(command_line->profile, path, command_line->init_args, &places);
	if (r == 0)
		r = ks_confine_enter(command_line->sandbox, places.at, places.n);
	if (r == KS_ERR_UNSUPPORTED) {
		ks_log_warning("module \"%s\": this system has no seccomp, so the module may make every system call",
			       command_line->module);
		return 0;
	}
	return r < 0 ? ks_problem_set(problem, r, "its sandbox cannot be made: %s", ks_error_text(r)) : 0;
}

static int load(const struct ks_command_line *command_line, struct ks_module *ret_module)
{
	KS_AUTO_FREE char *path = NULL;
	struct ks_problem problem = { 0 };
	int r = 0;

	if (command_line->p11_kit)
		r = ks_module_name_resolve(command_line->p11_kit, &path, &problem);
	/* For any module: OpenSC may come by another name, or behind p11-kit's proxy. */
	if (r == 0 && ks_opensc_conf_use(command_line->provision) < 0)
		r = ks_problem_set(&problem, KS_ERR_SYSTEM, "OpenSC's PIN cache cannot be switched off");
	if (r == 0)
		r = confine(command_line, path ? path : command_line->path, &problem);
	if (r == 0)
		r = ks_module_load(path ? path : command_line->path, command_line->init_args, ret_module, &problem);
	if (r < 0)
		ks_log_error("module \"%s\" cannot be used: %s", command_line->module, problem.text);
	return r;
}

static void *end_in_time(void *userdata)
{
	(void)userdata;
	struct timespec left = { .tv_sec = FINALIZE_SECONDS };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	_exit(EXIT_GOOD);
}

/* C_Finalize matters (tpm2-pkcs11 leaves objects in the TPM without it), but it may hang, as may a signature that is
 * still under way. Without a watchdog it is better left out. serve: NULL in the other life. */
static void finalize(struct ks_serve *serve, const struct ks_module *module)
{
	pthread_t watchdog;

	if (pthread_create(&watchdog, NULL, end_in_time, NULL) != 0)
		return;
	if (serve)
		ks_serve_quiesce(serve);
	ks_module_finalize(module);
}

/* The channel is broken or the agent has gone, which is the usual end. */
static int end(const struct ks_command_line *command_line, int r, struct ks_serve *serve,
	       const struct ks_module *module)
{
	if (r != KS_ERR_CLOSED && r != KS_ERR_MODULE_FAILED)
		ks_log_error("module \"%s\": the channel to the agent is broken: %s", command_line->module,
			     ks_error_text(r));
	finalize(serve, module);
	return r == KS_ERR_CLOSED ? EXIT_GOOD : EXIT_FAILED;
}

static int provision(const struct ks_command_line *command_line, const struct ks_module *module)
{
	const struct ks_provision_options options = {
		.fd = CHANNEL_FD,
		.slots = command_line->slots,
		.init_args = command_line->init_args,
	};

	return end(command_line, ks_provision_run(module, &options), NULL, module);
}

static int run(const struct ks_command_line *command_line)
{
	struct ks_module module;
	struct ks_serve *serve;
	const struct ks_serve_options options = {
		.fd = CHANNEL_FD,
		.n_sessions = command_line->n_sessions,
		.slots = command_line->slots,
		.slot_events = !command_line->no_slot_events,
	};

	if (build_walls() < 0 || load(command_line, &module) < 0)
		return EXIT_FAILED;
	if (command_line->provision)
		return provision(command_line, &module);
	int r = ks_serve_new(&module, &options, &serve);
	if (r < 0) {
		ks_log_error("module \"%s\" cannot be served: %s", command_line->module, ks_error_text(r));
		return EXIT_FAILED;
	}
	return end(command_line, ks_serve_run(serve), serve, &module);
}

int main(int argc, char **argv)
{
	struct ks_command_line command_line;
	int code = EXIT_USAGE;

	if (ks_process_harden() < 0 || ks_process_open_standard() < 0) {
		(void)fprintf(stderr, "keystay-token: the system refuses to protect this process; it does not start\n");
		_exit(EXIT_FAILED);
	}
	ks_log_init("keystay-token", KS_LOG_INFO);
	if (ks_command_line_read(argc, argv, &command_line)) {
		if (command_line.print) {
			(void)fputs(command_line.print, stdout);
			code = EXIT_GOOD;
		} else {
			code = run(&command_line);
		}
	}
	(void)fflush(stdout);
	_exit(code);
}
