/* SPDX-License-Identifier: Apache-2.0 */
/* status_run: see status_run.h. Runs in: keystay-enroll. */
#include "enrol/status/status_run.h"

#include <stdlib.h>

#include "client/client.h"
#include "enrol/status/status.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define DAY_MS ((uint64_t)24 * 60 * 60 * 1000)

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

struct run {
	const char *folder;
	bool force;
	void (*told)(const struct ks_enrol_problem *problem, void *userdata);
	void *userdata;
	struct ks_status_sum sum;
	bool changed;
	char **names; /* owned */
	size_t n_names;
};

static void run_deinit(struct run *run)
{
	for (size_t i = 0; i < run->n_names; i++)
		free(run->names[i]);
	free(run->names);
}

static void refresh_one(struct run *run, const struct ks_client_identity *key)
{
	struct ks_enrol_problem problem = { .code = 0 };
	uint64_t next_ms = DAY_MS;

	run->sum.n_asked++;
	if (ks_status_refresh(run->folder, key, run->force, &next_ms, &run->changed, &problem) < 0) {
		run->sum.n_failed++;
		run->told(&problem, run->userdata);
	}
	run->sum.next_ms = next_ms < run->sum.next_ms ? next_ms : run->sum.next_ms;
}

static int refresh_named(struct run *run, const char *name, struct ks_client_error *error)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *key = NULL;

	int r = ks_client_get(name, &key, error);
	if (r == 0 && key->identity.n_certificates > 0)
		refresh_one(run, key);
	return r;
}

/* Names first: while one CA is asked the list would wait. */
static int on_identity(const struct ks_msg_identity *identity, void *userdata)
{
	struct run *run = userdata;

	if (identity->n_certificates == 0)
		return 0;
	void *grown = reallocarray(run->names, run->n_names + 1, sizeof(*run->names));
	if (!grown)
		return KS_ERR_NO_MEMORY;
	run->names = grown;
	run->names[run->n_names] = ks_text_copy(identity->name);
	return run->names[run->n_names++] ? 0 : KS_ERR_NO_MEMORY;
}

static int refresh_all(struct run *run, struct ks_client_error *error)
{
	struct ks_client_error one;

	int r = ks_client_list(on_identity, run, error);
	/* A key that is gone meanwhile is nobody's trouble. */
	for (size_t i = 0; r == 0 && i < run->n_names; i++) {
		if (refresh_named(run, run->names[i], &one) < 0 && one.code == KS_ERR_NO_AGENT) {
			*error = one;
			r = one.code;
		}
	}
	return r;
}

int ks_status_run(const char *state_folder, const char *name, bool force,
		  void (*told)(const struct ks_enrol_problem *problem, void *userdata), void *userdata,
		  struct ks_status_sum *ret_sum, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(run_deinit)
	struct run run = {
		.folder = state_folder, .force = force, .told = told, .userdata = userdata, .sum.next_ms = DAY_MS
	};
	struct ks_client_error error = { .code = 0 };

	int r = name ? refresh_named(&run, name, &error) : refresh_all(&run, &error);
	/* What was stored before it went wrong counts. */
	if (run.changed && (r == 0 || error.code != KS_ERR_NO_AGENT)) {
		int told_agent = ks_client_refresh(&error);
		r = r < 0 ? r : told_agent;
	}
	if (r < 0)
		return error.code < 0 ? ks_enrol_problem_client(problem, &error) : ks_enrol_problem_code(problem, r);
	*ret_sum = run.sum;
	return 0;
}
