/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main: keystay-enroll: certificates for keys on tokens, and the next ones in time.
 *
 * Runs in: keystay-enroll, which `keystay enroll`, `keystay renew` and `keystay cert --keep-fresh` become.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "client/client.h"
#include "enrol/console.h"
#include "enrol/drivers/driver.h"
#include "enrol/keep_fresh.h"
#include "enrol/keys.h"
#include "enrol/listing.h"
#include "enrol/options.h"
#include "enrol/order.h"
#include "enrol/renew.h"
#include "enrol/status/status_run.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/process.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

static enum ks_enroll_exit fail(const struct ks_enrol_problem *problem)
{
	ks_console_warn("%s", problem->text);
	return problem->code == KS_ERR_NO_AGENT ? KS_ENROLL_NO_AGENT : KS_ENROLL_FAILED;
}

static enum ks_enroll_exit fail_client(const struct ks_client_error *error)
{
	ks_console_warn("%s", error->text);
	return error->code == KS_ERR_NO_AGENT ? KS_ENROLL_NO_AGENT : KS_ENROLL_FAILED;
}

static enum ks_enroll_exit sum_up(const struct ks_renew_sum *sum)
{
	return sum->n_failed > 0 ? KS_ENROLL_FAILED : sum->n_waiting > 0 ? KS_ENROLL_WAITING : KS_ENROLL_GOOD;
}

/* --- enroll ------------------------------------------------------------------------------------------------------ */

static int read_secret(int fd, struct ks_secret **ret_secret)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *secret = NULL;

	*ret_secret = NULL;
	if (fd < 0)
		return 0;
	/* As a call of the system that failed, it would say nothing to whoever mistyped a number. */
	if (fcntl(fd, F_GETFD) < 0) {
		ks_console_warn("the secret cannot be read: descriptor %d is not open; for one that is: --secret-fd 3 "
				"3<FILE",
				fd);
		return KS_ERR_INVALID;
	}
	int r = ks_secret_new(&secret);
	if (r == 0)
		r = ks_secret_read(secret, fd, true);
	if (r < 0) {
		ks_console_warn("the secret cannot be read from descriptor %d: %s", fd, ks_error_text(r));
		return r;
	}
	*ret_secret = KS_STEAL(secret);
	return 0;
}

static enum ks_enroll_exit revoke_key(const struct ks_enrol_wish *wish, struct ks_client_identity *key,
				      const char *spki, const char *word)
{
	struct ks_order order = { .wish = wish, .key = key, .now = ks_clock_wall_s() };
	struct ks_enrol_problem problem;
	unsigned reason = 0;

	int r = word ? ks_enroll_reason(word, &reason) : 0;
	if (r == 0)
		r = ks_enrol_state_load(wish->profiles->folder, spki, &order.state, &problem);
	if (r < 0)
		return fail(&problem);
	order.profile = ks_enrol_profile(wish->profiles, &order.state, wish->profile, &problem);
	order.driver = order.profile ? ks_enrol_driver_of(order.profile->protocol) : NULL;
	if (order.profile && !order.driver)
		r = ks_enrol_problem_final(&problem, KS_ERR_UNSUPPORTED,
					   "this keystay-enroll does not speak protocol %s", order.profile->protocol);
	else
		r = order.profile ? ks_order_revoke(&order, reason, &problem) : problem.code;
	ks_enrol_state_deinit(&order.state);
	if (r < 0)
		return fail(&problem);
	ks_console_tell("the CA has revoked the certificate; keystay renew fetches what it says of it");
	return KS_ENROLL_GOOD;
}

static enum ks_enroll_exit enrol_key(const struct ks_enroll_options *options, const struct ks_enrol_wish *wish)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_enrol_report report;
	struct ks_client_error error;
	char spki[KS_STATE_HASH_TEXT];

	if (ks_client_get(options->name, &found, &error) < 0)
		return fail_client(&error);
	ks_text_hex(found->identity.spki_hash, spki);
	if (options->revoke)
		return revoke_key(wish, found, spki, options->reason);
	if (ks_cared_keys_owner(wish->profiles, spki, &report.problem) < 0)
		return fail(&report.problem);
	ks_enrol_key(wish, spki, &report);
	if (report.problem.code < 0)
		ks_console_warn("%s", report.problem.text);
	return report.result == KS_ENROL_FAILED ? KS_ENROLL_FAILED :
	       report.result == KS_ENROL_WAITS  ? KS_ENROLL_WAITING :
						  KS_ENROLL_GOOD;
}

static enum ks_enroll_exit run_enroll(const struct ks_enroll_options *options)
{
	KS_CLEANUP(ks_profiles_deinit) struct ks_profiles profiles = { 0 };
	KS_CLEANUP(ks_secret_freep) struct ks_secret *secret = NULL;
	struct ks_enrol_problem problem;

	if (read_secret(options->secret_fd, &secret) < 0)
		return KS_ENROLL_FAILED;
	if (ks_profiles_get(&profiles, &problem) < 0)
		return fail(&problem);
	const struct ks_enrol_wish wish = {
		.profiles = &profiles,
		.enrol = true,
		.force = options->force,
		.profile = options->profile,
		.subject = options->subject,
		.san = options->san,
		.secret = secret,
		.lock_ms = KS_ENROL_LOCK_MS,
	};
	return enrol_key(options, &wish);
}

/* --- renew, keep ------------------------------------------------------------------------------------------------- */

static enum ks_enroll_exit run_list(const struct ks_enroll_options *options)
{
	KS_CLEANUP(ks_profiles_deinit) struct ks_profiles profiles = { 0 };
	struct ks_enrol_problem problem;

	if (ks_profiles_get(&profiles, &problem) < 0 ||
	    ks_listing_print(&profiles, options->json, stdout, &problem) < 0)
		return fail(&problem);
	return fflush(stdout) == 0 ? KS_ENROLL_GOOD : KS_ENROLL_FAILED;
}

static void tell_status(const struct ks_enrol_problem *problem, void *userdata)
{
	(void)userdata;
	ks_console_warn("%s", problem->text);
}

/* What CAs say of revocation, whether it is due or not. */
static enum ks_enroll_exit run_status(const struct ks_enroll_options *options)
{
	KS_CLEANUP(ks_profiles_deinit) struct ks_profiles profiles = { 0 };
	struct ks_enrol_problem problem;
	struct ks_status_sum sum;

	if (ks_profiles_get(&profiles, &problem) < 0 ||
	    ks_status_run(profiles.folder, options->name, true, tell_status, NULL, &sum, &problem) < 0)
		return fail(&problem);
	return sum.n_failed > 0 ? KS_ENROLL_FAILED : KS_ENROLL_GOOD;
}

static enum ks_enroll_exit run_renew(const struct ks_enroll_options *options)
{
	struct ks_enrol_problem problem;
	struct ks_renew_sum sum;

	if (options->quiet)
		ks_console_be_quiet();
	if (options->list)
		return run_list(options);
	if (options->status_only)
		return run_status(options);
	if (options->watch)
		return ks_renew_watch(options);
	return ks_renew_run(options, &sum, &problem) < 0 ? fail(&problem) : sum_up(&sum);
}

static enum ks_enroll_exit run_keep(const struct ks_enroll_options *options)
{
	KS_CLEANUP(ks_profiles_deinit) struct ks_profiles profiles = { 0 };
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_enrol_problem problem;
	struct ks_client_error error;

	if (ks_profiles_get(&profiles, &problem) < 0)
		return fail(&problem);
	if (ks_client_get(options->name, &found, &error) < 0)
		return fail_client(&error);
	/* The name that the key has, not what was typed for it: after a rekey another key has it. */
	KS_AUTO_FREE char *name = ks_text_copy(found->identity.name);
	if (!name || ks_keep_fresh_add(profiles.folder, name, options->output, options->no_key, &problem) < 0)
		return fail(&problem);
	return KS_ENROLL_GOOD;
}

static enum ks_enroll_exit run(const struct ks_enroll_options *options)
{
	switch (options->command) {
	case KS_ENROLL_ENROLL:
		return run_enroll(options);
	case KS_ENROLL_RENEW:
		return run_renew(options);
	case KS_ENROLL_KEEP:
		return run_keep(options);
	}
	return KS_ENROLL_USAGE;
}

int main(int argc, char **argv)
{
	struct ks_enroll_options options;
	enum ks_enroll_exit code;

	/* Secrets of enrolment are in here. Not all of ks_process_harden(): a deploy-hook may be `sudo nginx -s
	 * reload`. */
	if (ks_process_open_standard() < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return KS_ENROLL_FAILED;
	(void)signal(SIGPIPE, SIG_IGN);
	if (ks_enroll_options_read(argc, argv, &options, &code))
		code = run(&options);
	return (int)code;
}
