/* SPDX-License-Identifier: Apache-2.0 */
/* sockets: see sockets.h. Runs in: keystay-agent. */
#include "agent/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define CONTROL "control"

struct entry {
	struct ks_listener listener; /* its fd is -1 while the entry is free */
	char *path;                  /* owned; of the configuration as it was when this was opened */
	bool for_others;             /* likewise */
};

struct ks_sockets {
	struct entry entries[KS_SOCKETS_MAX + 1]; /* they do not move: the event loop knows them */
	sd_event *event;
	struct ks_sessions *sessions;
};

/* --- places ------------------------------------------------------------------------------------------------------ */

/* For the system's agent: a folder for each socket, which other users can enter and containers be given, and which
 * outlives the agent. */
static int system_path(const char *name, char **ret_path)
{
	KS_AUTO_FREE char *runtime = NULL;

	int error = ks_path_system_runtime(&runtime);
	if (error < 0)
		return error;
	*ret_path = ks_text_format("%s/%s/%s.sock", runtime, name, strcmp(name, CONTROL) == 0 ? CONTROL : "agent");
	return *ret_path ? 0 : KS_ERR_NO_MEMORY;
}

/* A user's socket without a path of its own lies beside the agent's. */
static int standard_path(const char *name, char **ret_path)
{
	KS_AUTO_FREE char *runtime = NULL;

	if (strcmp(name, CONTROL) == 0)
		return ks_path_control_socket(ret_path);
	if (strcmp(name, "agent") == 0)
		return ks_path_sign_socket(ret_path);
	if (strcmp(name, "module") == 0)
		return ks_path_module_socket(ret_path);
	int error = ks_path_runtime(&runtime);
	if (error < 0)
		return error;
	*ret_path = ks_text_format("%s/sign/%s.sock", runtime, name);
	return *ret_path ? 0 : KS_ERR_NO_MEMORY;
}

/* socket NULL: the control socket. */
static int path_of(const struct ks_settings *settings, const struct ks_settings_socket *socket, char **ret_path)
{
	const char *name = socket ? socket->name : CONTROL;

	if (!socket || !socket->path)
		return settings->is_system ? system_path(name, ret_path) : standard_path(name, ret_path);
	*ret_path = strdup(socket->path);
	return *ret_path ? 0 : KS_ERR_NO_MEMORY;
}

static bool is_for_others(const struct ks_settings_socket *socket)
{
	return socket && socket->n_users + socket->n_groups > 0;
}

static struct entry *find_entry(struct ks_sockets *sockets, const char *name)
{
	for (size_t i = 0; i < KS_SOCKETS_MAX + 1; i++) {
		struct entry *entry = &sockets->entries[i];
		if (entry->listener.fd >= 0 && strcmp(entry->listener.name, name) == 0)
			return entry;
	}
	return NULL;
}

static struct entry *find_path(struct ks_sockets *sockets, const char *path)
{
	for (size_t i = 0; i < KS_SOCKETS_MAX + 1; i++) {
		struct entry *entry = &sockets->entries[i];
		if (entry->listener.fd >= 0 && entry->path && strcmp(entry->path, path) == 0)
			return entry;
	}
	return NULL;
}

static struct entry *free_entry(struct ks_sockets *sockets)
{
	for (size_t i = 0; i < KS_SOCKETS_MAX + 1; i++) {
		if (sockets->entries[i].listener.fd < 0)
			return &sockets->entries[i];
	}
	return NULL;
}

static void close_entry(struct entry *entry)
{
	ks_listener_deinit(&entry->listener);
	free(entry->path);
	entry->path = NULL;
}

/* --- what systemd hands over ------------------------------------------------------------------------------------- */

static bool has_path(const struct ks_settings *settings, int fd, const struct ks_settings_socket *socket)
{
	struct sockaddr_un address = { .sun_path = "" };
	socklen_t size = sizeof(address);
	KS_AUTO_FREE char *path = NULL;

	return path_of(settings, socket, &path) == 0 && getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
	       address.sun_family == AF_UNIX && strncmp(path, address.sun_path, sizeof(address.sun_path)) == 0;
}

/* Which of our sockets is this: by the name that systemd gives it, else by its path. NULL: none. */
static const char *which_socket(const struct ks_settings *settings, int fd, const char *name)
{
	if (strcmp(name, CONTROL) == 0)
		return CONTROL;
	if (strcmp(name, "sign") == 0)
		return "agent";
	if (ks_settings_socket_of(settings, name))
		return name;
	for (size_t i = 0; i < settings->n_sockets; i++) {
		if (has_path(settings, fd, &settings->sockets[i]))
			return settings->sockets[i].name;
	}
	return has_path(settings, fd, NULL) ? CONTROL : NULL;
}

static int adopt(struct ks_sockets *sockets, const struct ks_settings *settings, int fd, const char *given,
		 struct ks_binding_error *ret_error)
{
	const char *name = which_socket(settings, fd, given);
	struct entry *entry = free_entry(sockets);

	if (!name || !entry || find_entry(sockets, name)) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "systemd handed over a socket named \"%s\" that is neither the sign socket nor the "
				    "control socket nor one of the configuration; give it that path, or the "
				    "FileDescriptorName \"sign\", \"control\" or the name of its [socket] section",
				    given);
		return KS_ERR_INVALID;
	}
	int error = path_of(settings, ks_settings_socket_of(settings, name), &entry->path);
	if (error == 0)
		error = ks_listener_adopt(&entry->listener, fd, strcmp(name, CONTROL) == 0 ? KS_ON_CONTROL : KS_ON_SIGN,
					  name, ret_error);
	return error;
}

static int adopt_all(struct ks_sockets *sockets, const struct ks_settings *settings, struct ks_binding_error *ret_error)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);
	int error = n < 0 ? KS_ERR_SYSTEM : 0;

	for (int i = 0; i < n && error == 0; i++)
		error = adopt(sockets, settings, SD_LISTEN_FDS_START + i, names[i], ret_error);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return error;
}

/* --- binding ----------------------------------------------------------------------------------------------------- */

/* The folders above a system's socket, made for all to enter where they are missing; the last one of a private socket is
 * left to the listener. */
static int make_system_folders(const char *path, bool is_private, struct ks_binding_error *ret_error)
{
	KS_AUTO_FREE char *folder = strdup(path);

	for (char *slash = folder ? strchr(folder + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
		if (is_private && !strchr(slash + 1, '/'))
			break;
		*slash = '\0';
		/* The umask must not count; of a folder that is there already the mode is its owner's affair. */
		if (mkdir(folder, 0700) == 0 ? chmod(folder, 0755) < 0 : errno != EEXIST) {
			(void)ks_text_print(
				ret_error->text, sizeof(ret_error->text),
				"the folder %s of a socket cannot be made: %s; make it first, for the user of "
				"keystay-agent",
				folder, strerror(errno));
			return ks_error_from_errno(errno);
		}
		*slash = '/';
	}
	return folder ? 0 : KS_ERR_NO_MEMORY;
}

static int bind_one(struct ks_sockets *sockets, const struct ks_settings *settings,
		    const struct ks_settings_socket *socket, struct ks_binding_error *ret_error)
{
	const char *name = socket ? socket->name : CONTROL;
	KS_AUTO_FREE char *path = NULL;
	struct entry *entry = free_entry(sockets);

	if (find_entry(sockets, name))
		return 0;
	int error = entry ? path_of(settings, socket, &path) : KS_ERR_LIMIT;
	if (error == KS_ERR_NOT_FOUND)
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "there is no folder for sockets: set XDG_RUNTIME_DIR, or log in so that "
				    "/run/user/%u exists",
				    (unsigned)geteuid());
	if (error < 0)
		return error;
	if (find_path(sockets, path) && !(socket && socket->path))
		return 0; /* KEYSTAY_SOCK says that one socket serves them both */
	if (find_path(sockets, path)) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "socket \"%s\": another socket of this agent is at %s; give it a path of its own",
				    name, path);
		return KS_ERR_INVALID;
	}
	entry->for_others = is_for_others(socket);
	bool is_private = !socket || (!socket->path && !settings->is_system);
	if (settings->is_system && (!socket || !socket->path))
		error = make_system_folders(path, is_private, ret_error);
	if (error < 0)
		return error;
	if (!is_private)
		error = ks_listener_bind_named(&entry->listener, path, name, entry->for_others, ret_error);
	else
		error = ks_listener_bind(&entry->listener, path, socket ? KS_ON_SIGN : KS_ON_CONTROL, name, ret_error);
	if (error < 0)
		return error;
	ks_log_info("listening on %s", path);
	entry->path = KS_STEAL(path);
	return 0;
}

static void say_failure(const struct ks_binding_error *problem, int error)
{
	ks_log_error("%s", problem->text[0] ? problem->text : ks_error_text(error));
}

int ks_sockets_open(const struct ks_settings *settings, struct ks_sockets **ret_sockets)
{
	struct ks_binding_error problem = { .text = "" };
	struct ks_sockets *sockets = calloc(1, sizeof(*sockets));

	if (!sockets)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i < KS_SOCKETS_MAX + 1; i++)
		sockets->entries[i].listener = (struct ks_listener){ .fd = -1, .binding.lock_fd = -1 };
	int error = adopt_all(sockets, settings, &problem);
	/* The control socket first: who cannot have that one must not touch the others. */
	if (error == 0)
		error = bind_one(sockets, settings, NULL, &problem);
	for (size_t i = 0; i < settings->n_sockets && error == 0; i++)
		error = bind_one(sockets, settings, &settings->sockets[i], &problem);
	if (error < 0) {
		say_failure(&problem, error);
		ks_sockets_close(sockets);
		return error;
	}
	*ret_sockets = sockets;
	return 0;
}

static int start(struct ks_sockets *sockets, struct entry *entry)
{
	return entry->listener.source ? 0 : ks_listener_start(&entry->listener, sockets->event, sockets->sessions);
}

int ks_sockets_start(struct ks_sockets *sockets, sd_event *event, struct ks_sessions *sessions)
{
	int error = 0;

	sockets->event = event;
	sockets->sessions = sessions;
	for (size_t i = 0; i < KS_SOCKETS_MAX + 1 && error == 0; i++) {
		if (sockets->entries[i].listener.fd >= 0)
			error = start(sockets, &sockets->entries[i]);
	}
	return error;
}

/* --- later ------------------------------------------------------------------------------------------------------- */

static bool has_moved(const struct entry *entry, const struct ks_settings *settings,
		      const struct ks_settings_socket *socket)
{
	KS_AUTO_FREE char *path = NULL;
	int error = path_of(settings, socket, &path);

	return error < 0 || !entry->path || strcmp(path, entry->path) != 0;
}

/* Has its section gone, or got another path, or other users? */
static bool is_obsolete(const struct entry *entry, const struct ks_settings *settings)
{
	const struct ks_settings_socket *socket = ks_settings_socket_of(settings, entry->listener.name);

	if (strcmp(entry->listener.name, CONTROL) == 0)
		return false;
	return !socket || has_moved(entry, settings, socket) ||
	       (entry->listener.binding.path && is_for_others(socket) != entry->for_others);
}

void ks_sockets_follow(struct ks_sockets *sockets, const struct ks_settings *settings)
{
	for (size_t i = 0; i < KS_SOCKETS_MAX + 1; i++) {
		struct entry *entry = &sockets->entries[i];
		if (entry->listener.fd >= 0 && is_obsolete(entry, settings)) {
			ks_log_info("not listening on %s any more", entry->path ? entry->path : entry->listener.name);
			close_entry(entry);
		}
	}
	for (size_t i = 0; i < settings->n_sockets; i++) {
		struct ks_binding_error problem = { .text = "" };
		int error = bind_one(sockets, settings, &settings->sockets[i], &problem);
		struct entry *entry = find_entry(sockets, settings->sockets[i].name);
		if (error == 0 && entry)
			error = start(sockets, entry);
		if (error < 0)
			say_failure(&problem, error);
	}
}

void ks_sockets_wake(struct ks_sockets *sockets)
{
	for (size_t i = 0; sockets && i < KS_SOCKETS_MAX + 1; i++) {
		if (sockets->entries[i].listener.fd >= 0)
			ks_listener_wake(&sockets->entries[i].listener);
	}
}

void ks_sockets_close(struct ks_sockets *sockets)
{
	if (!sockets)
		return;
	for (size_t i = 0; i < KS_SOCKETS_MAX + 1; i++)
		close_entry(&sockets->entries[i]);
	free(sockets);
}
