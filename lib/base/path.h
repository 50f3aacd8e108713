/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path: where keystay's files are, and whether a file may be trusted.
 *
 * Follows the XDG base directory specification. All paths returned are given (free()).
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

/* $XDG_RUNTIME_DIR/keystay, else /run/user/UID/keystay when /run/user/UID exists. NOT_FOUND otherwise. */
int ks_path_runtime(char **ret_path) KS_WARN_UNUSED;

/* $XDG_CONFIG_HOME/keystay, else ~/.config/keystay (home from $HOME, else the user database). */
int ks_path_config_home(char **ret_path) KS_WARN_UNUSED;

/* $XDG_STATE_HOME/keystay, else ~/.local/state/keystay. */
int ks_path_state_home(char **ret_path) KS_WARN_UNUSED;

/* Those of the system's agent (keystay-agent --system): the first folder of systemd's $RUNTIME_DIRECTORY, else
 * KS_PATH_SYSTEM_RUNTIME; of $STATE_DIRECTORY, else /var/lib/keystay. */
#define KS_PATH_SYSTEM_RUNTIME "/run/keystay"
int ks_path_system_runtime(char **ret_path) KS_WARN_UNUSED;
int ks_path_system_state(char **ret_path) KS_WARN_UNUSED;

/* The sign socket: $KEYSTAY_SOCK when set and absolute, else <runtime>/sign/agent.sock. */
int ks_path_sign_socket(char **ret_path) KS_WARN_UNUSED;

/* The PKCS#11 module's: $KEYSTAY_SOCK when set and absolute, else <runtime>/sign/module.sock. */
int ks_path_module_socket(char **ret_path) KS_WARN_UNUSED;

/* The control socket: $KEYSTAY_CONTROL_SOCK when set and absolute, else <runtime>/control/control.sock. */
int ks_path_control_socket(char **ret_path) KS_WARN_UNUSED;

/* The folder of the running program (/proc/self/exe without its last part). */
int ks_path_own_folder(char **ret_path) KS_WARN_UNUSED;

char *ks_path_join(const char *folder, const char *name); /* NULL when memory runs out */

/* Creates folder (not its ancestors) with mode 0700, or accepts an existing one that is a real directory, owned by
 * this user and closed to others; UNTRUSTED_PATH otherwise. No symbolic link is followed at the last step. */
int ks_path_make_private(const char *folder) KS_WARN_UNUSED;

/* As mkdir -p with mode 0700 for what is missing; the last one checked like ks_path_make_private(). */
int ks_path_make_private_all(const char *folder) KS_WARN_UNUSED;

/* Why ks_path_check_trusted() said no. */
struct ks_path_problem {
	char path[512]; /* the file, link or folder that is at fault, as it is: to be escaped before it is shown */
	char text[160]; /* what is wrong with it: "is writable by its group", "belongs to uid 1000" */
};

/* Is path (absolute) a regular file that only root or this user can change? The file, every folder and every symbolic
 * link on the way to it must be owned by root or by this user, file and folders be writable by nobody else; a sticky
 * folder (as /tmp) is good as long as what is below it is owned so. Each is opened once and checked by descriptor.
 * 0 and the resolved path (given), or UNTRUSTED_PATH, NOT_FOUND, DENIED, INVALID with ret_problem filled. */
int ks_path_check_trusted(const char *path, char **ret_resolved, struct ks_path_problem *ret_problem) KS_WARN_UNUSED;

/* The whole of a regular file of at most limit bytes (given, NUL-terminated for convenience). TOO_LARGE past it,
 * INVALID for what is no regular file. */
int ks_path_read_file(const char *path, size_t limit, char **ret_text, size_t *ret_size) KS_WARN_UNUSED;

/* Writes content to path atomically: temporary file beside it (path, KS_PATH_INFIX and six letters or digits), fsync,
 * rename. A link at path is replaced. The mode is as said, whatever the umask. */
#define KS_PATH_INFIX ".keystay-"
int ks_path_write_file(const char *path, struct ks_bytes content, mode_t mode) KS_WARN_UNUSED;

/* The same with mode and owner of status: a file of root's for a server that reads it as somebody else. */
int ks_path_write_file_as(const char *path, struct ks_bytes content, const struct stat *status) KS_WARN_UNUSED;

/* All of it, to a descriptor that blocks. */
int ks_path_write_all(int fd, struct ks_bytes content) KS_WARN_UNUSED;
