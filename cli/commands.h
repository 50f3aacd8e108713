/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands: the rows of main.c's table, and what their tests look at.
 *
 * Runs in: keystay.
 */
#pragma once

#include "cli/command.h"

extern const struct ks_command ks_command_status; /* cmd_status.c */
extern const struct ks_command ks_command_list;   /* cmd_keys.c */
extern const struct ks_command ks_command_show;
extern const struct ks_command ks_command_cert;
extern const struct ks_command ks_command_csr;    /* cmd_csr.c */
extern const struct ks_command ks_command_enroll; /* cmd_enroll.c */
extern const struct ks_command ks_command_renew;
extern const struct ks_command ks_command_token;  /* cmd_token.c */
extern const struct ks_command ks_command_unlock; /* cmd_unlock.c */
extern const struct ks_command ks_command_lock;
extern const struct ks_command ks_command_run; /* cmd_run.c */
extern const struct ks_command ks_command_env;
extern const struct ks_command ks_command_tunnel;  /* cmd_tunnel.c */
extern const struct ks_command ks_command_explain; /* cmd_explain.c */
extern const struct ks_command ks_command_config;  /* cmd_config.c */
extern const struct ks_command ks_command_reload;
extern const struct ks_command ks_command_log;     /* cmd_log.c */
extern const struct ks_command ks_command_monitor; /* cmd_monitor.c */

/* `keystay cert --keep-fresh`: becomes keystay-enroll (cmd_enroll.c). */
enum ks_exit ks_enroll_keep_fresh(const struct ks_cli *cli, const char *name, const char *file, bool no_key);

/* What `keystay status` prints of a reply. */
enum ks_exit ks_status_print(const struct ks_cli *cli, const struct ks_msg_status_reply *status, bool as_json);
