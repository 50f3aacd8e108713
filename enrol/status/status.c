/* SPDX-License-Identifier: Apache-2.0 */
/* status: see status.h. Runs in: keystay-enroll. */
#include "enrol/status/status.h"

#include <stdlib.h>

#include "enrol/status/status_fetch.h"
#include "enrol/status/status_folder.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/tls/revocation.h"
#include "lib/tls/status_sources.h"

#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400

KS_DEFINE_CLEANUP(struct ks_certificate *, ks_certificate_unref)
KS_DEFINE_CLEANUP(struct ks_revocation *, ks_revocation_free)

/* What is done for one certificate. */
struct job {
	struct ks_status_question question;
	const struct ks_status_sources *sources;
	char *folder; /* owned */
	bool force;
	int64_t now_s;
	bool has_answer; /* fresh, or revoked */
	int64_t due_s;   /* HAS_ANSWER: when to ask again */
	int64_t until_s; /* HAS_ANSWER: how long it holds */
	bool *changed;
	struct ks_enrol_problem *problem;
};

/* --- when -------------------------------------------------------------------------------------------------------- */

static int64_t clamp(int64_t value, int64_t from, int64_t to)
{
	return value < from ? from : value > to ? to : value;
}

/* Half of the time that was left when it was fetched; a clock that was set back makes it due. */
static void note_answer(struct job *job, int64_t asked_s, int64_t until_s)
{
	int64_t due_s = asked_s + clamp((until_s - asked_s) / 2, MINUTE_S, DAY_S);

	if (asked_s > job->now_s + KS_PROOF_OCSP_SKEW_S)
		due_s = job->now_s;
	if (job->has_answer && job->until_s >= until_s)
		return;
	job->has_answer = true;
	job->due_s = due_s;
	job->until_s = until_s;
}

/* After a failure: soon enough for what is at hand to be replaced before it ends. */
static int64_t retry_s(const struct job *job)
{
	int64_t left_s = job->has_answer ? job->until_s - job->now_s : 4 * 5 * MINUTE_S;

	return clamp(left_s / 4, MINUTE_S, HOUR_S);
}

/* --- OCSP -------------------------------------------------------------------------------------------------------- */

/* What is on the disk, verified anew. false: nothing that counts. */
static bool read_answer(const struct job *job, const char *name, struct ks_own_status *ret_status, int64_t *ret_asked_s)
{
	KS_AUTO_FREE char *content = NULL;
	char why[KS_OWN_STATUS_WHY_MAX];
	size_t size = 0;

	return ks_status_folder_read(job->folder, name, KS_OCSP_ANSWER_MAX, &content, &size, ret_asked_s) == 0 &&
	       ks_own_status_read(ks_bytes(content, size), job->question.leaf, job->question.issuer, job->now_s,
				  ret_status, why) == 0;
}

static bool is_final(const struct ks_own_status *status)
{
	return status->word == KS_OWN_STATUS_REVOKED && status->reason != KS_OWN_STATUS_ON_HOLD;
}

static bool counts(const struct ks_own_status *status)
{
	return status->fresh || is_final(status);
}

/* A final answer is asked about again each day: CAs err, too. */
static int64_t end_of(const struct job *job, const struct ks_own_status *status)
{
	return is_final(status) && status->until_s < job->now_s + 2 * DAY_S ? job->now_s + 2 * DAY_S : status->until_s;
}

/* Does what is on the disk stay? Of one second only "revoked" comes in its place. */
static bool stays(int64_t old_s, bool old_revoked, int64_t new_s, bool new_revoked)
{
	return old_s != new_s ? old_s > new_s : old_revoked || !new_revoked;
}

static int store(const struct job *job, const char *name, struct ks_bytes content)
{
	int r = ks_status_folder_write(job->folder, name, content, job->changed);

	if (r == 0)
		r = ks_status_folder_keep(job->folder, name, ks_certificate_not_after(job->question.leaf), job->now_s);
	return r < 0 ? ks_enrol_problem_set(job->problem, r,
					    "what the CA says of revocation cannot be stored in %s: %s", job->folder,
					    ks_error_text(r)) :
		       0;
}

static int ask_responder(struct job *job, const char *url, const char *name, const struct ks_own_status *old)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer response = { 0 };
	struct ks_own_status status;

	int r = ks_status_fetch_answer(&job->question, url, &response, &status, job->problem);
	if (r < 0)
		return r;
	if (old && counts(old) &&
	    stays(old->said_s, old->word == KS_OWN_STATUS_REVOKED, status.said_s,
		  status.word == KS_OWN_STATUS_REVOKED)) {
		ks_status_folder_touch(job->folder, name); /* what is there is newer, and holds */
		status = *old;
	} else {
		r = store(job, name, ks_buffer_bytes(&response));
	}
	if (r == 0)
		note_answer(job, job->now_s, end_of(job, &status));
	return r;
}

/* 0: there is an answer that counts, of now or of before; NOT_FOUND: nobody is named. */
static int ask_responders(struct job *job)
{
	char name[KS_STATUS_NAME_MAX];
	struct ks_own_status old;
	int64_t asked_s = 0;

	int r = ks_status_folder_name(ks_certificate_der(job->question.leaf), ".ocsp", name);
	if (r < 0)
		return ks_enrol_problem_set(job->problem, r, "no name for a file could be made");
	bool has_old = read_answer(job, name, &old, &asked_s);
	if (has_old && counts(&old))
		note_answer(job, asked_s, end_of(job, &old));
	if (job->has_answer && !job->force && job->now_s < job->due_s)
		return 0;
	r = KS_ERR_NOT_FOUND;
	for (size_t i = 0; i < job->sources->n_responders; i++) {
		r = ask_responder(job, job->sources->responders[i], name, has_old ? &old : NULL);
		if (r == 0)
			return 0;
	}
	return r;
}

/* --- lists ------------------------------------------------------------------------------------------------------- */

/* What the list on the disk says; without its DER. */
static bool read_list(const struct job *job, const char *name, struct ks_status_list *ret_list, int64_t *ret_asked_s)
{
	KS_AUTO_FREE char *content = NULL;
	KS_CLEANUP(ks_revocation_freep) struct ks_revocation *list = NULL;
	struct ks_status_list read = { 0 };
	size_t size = 0;
	int64_t when_s;

	if (ks_status_folder_read(job->folder, name, KS_REVOCATION_FILE_MAX, &content, &size, ret_asked_s) < 0 ||
	    ks_revocation_new(ks_bytes(content, size), &list) < 0 ||
	    !ks_revocation_signed_by(list, job->question.issuer) ||
	    !ks_revocation_times(list, &read.said_s, &read.until_s))
		return false;
	read.is_named = ks_revocation_names(list, job->question.leaf, &when_s);
	*ret_list = read;
	return true;
}

static int ask_list(struct job *job, const char *url)
{
	struct ks_status_list list, old;
	char name[KS_STATUS_NAME_MAX];
	int64_t asked_s = 0;

	int r = ks_status_folder_name(ks_bytes_text(url), ".crl", name);
	if (r < 0)
		return ks_enrol_problem_set(job->problem, r, "no name for a file could be made");
	bool has_old = read_list(job, name, &old, &asked_s);
	if (has_old && old.until_s >= job->now_s)
		note_answer(job, asked_s, old.until_s);
	if (job->has_answer && !job->force && job->now_s < job->due_s)
		return 0;
	r = ks_status_fetch_list(&job->question, url, &list, job->problem);
	if (r < 0)
		return r;
	if (has_old && stays(old.said_s, old.is_named, list.said_s, list.is_named))
		ks_status_folder_touch(job->folder, name);
	else
		r = store(job, name, ks_buffer_bytes(&list.der));
	if (r == 0)
		note_answer(job, job->now_s, list.is_named ? job->now_s + 2 * DAY_S : list.until_s);
	ks_buffer_deinit(&list.der);
	return r;
}

static int ask_lists(struct job *job)
{
	int r = KS_ERR_NOT_FOUND;

	for (size_t i = 0; i < job->sources->n_lists; i++) {
		r = ask_list(job, job->sources->lists[i]);
		if (r == 0)
			return 0;
	}
	return r;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

static int ask(struct job *job, uint64_t *ret_next_ms)
{
	const struct ks_status_sources *sources = job->sources;
	int r = KS_ERR_NOT_FOUND;

	if (sources->n_responders > 0)
		r = ask_responders(job);
	if (r < 0 && sources->n_lists > 0)
		r = ask_lists(job);
	int64_t next_s = r < 0 ? retry_s(job) : job->due_s - job->now_s;
	*ret_next_ms = (uint64_t)clamp(next_s, MINUTE_S, DAY_S) * 1000;
	return r;
}

static int look(const char *state_folder, const char *key_name, const struct ks_certificate *leaf,
		const struct ks_certificate *issuer, bool force, uint64_t *ret_next_ms, bool *ret_changed,
		struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_status_sources_deinit) struct ks_status_sources sources = { 0 };
	KS_AUTO_FREE char *folder = ks_path_join(state_folder, "status");
	char ca[256];

	if (!folder || ks_status_sources_read(leaf, &sources) < 0)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	if (sources.n_responders == 0 && sources.n_lists == 0)
		return 0;
	if (!issuer) {
		ks_text_escape(ks_bytes_text(ks_certificate_issuer(leaf)), ca, sizeof(ca));
		return ks_enrol_problem_final(
			problem, KS_ERR_NOT_FOUND,
			"key \"%s\": whether its certificate was revoked cannot be asked: the certificate "
			"of its CA (%s) is not known; put it into certs/ beside keystay.conf, then "
			"run: keystay reload",
			key_name, ca);
	}
	struct job job = { .question = { .key = key_name, .leaf = leaf, .issuer = issuer },
			   .sources = &sources,
			   .folder = folder,
			   .force = force,
			   .now_s = (int64_t)ks_clock_wall_s(),
			   .changed = ret_changed,
			   .problem = problem };
	return ask(&job, ret_next_ms);
}

/* NULL for what is none: then nothing can be asked. */
static struct ks_certificate *read_certificate(struct ks_bytes der)
{
	struct ks_certificate *certificate = NULL;

	return ks_certificate_new(der, &certificate) == 0 ? certificate : NULL;
}

int ks_status_refresh_chain(const char *state_folder, const char *key_name, const struct ks_bytes *chain,
			    size_t n_chain, bool force, uint64_t *ret_next_ms, bool *ret_changed,
			    struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *leaf = n_chain > 0 ? read_certificate(chain[0]) : NULL;
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *issuer = n_chain > 1 ? read_certificate(chain[1]) : NULL;

	*ret_next_ms = (uint64_t)DAY_S * 1000;
	if (!leaf || ks_certificate_is_self_signed(leaf) || ks_certificate_not_after(leaf) < (int64_t)ks_clock_wall_s())
		return 0; /* nobody can revoke it, or it is over */
	if (issuer && !ks_certificate_issued_by(leaf, issuer))
		return ks_enrol_problem_set(problem, KS_ERR_INTERNAL,
					    "key \"%s\": its certificate was not issued by the next one of its chain",
					    key_name);
	return look(state_folder, key_name, leaf, issuer, force, ret_next_ms, ret_changed, problem);
}

int ks_status_refresh(const char *state_folder, const struct ks_client_identity *key, bool force, uint64_t *ret_next_ms,
		      bool *ret_changed, struct ks_enrol_problem *problem)
{
	struct ks_reader reader = ks_reader(key->chain);
	struct ks_msg_certificate record;
	struct ks_bytes chain[2];
	size_t n = 0;
	char name[257];

	while (n < 2 && ks_record_read(&reader, KS_RECORD(certificate), &record, sizeof(record)) == 1)
		chain[n++] = record.der;
	if (n == 1 && key->issuer.size > 0)
		chain[n++] = key->issuer;
	ks_text_escape(key->identity.name, name, sizeof(name));
	return ks_status_refresh_chain(state_folder, name, chain, n, force, ret_next_ms, ret_changed, problem);
}
