/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of agent/prove.h, with the real keystay-prove, and with one that hangs, dies and lies (prove_puppet.c).
 */
#include "agent/prove.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/anchor_file.h"
#include "agent/prover_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/path.h"
#include "lib/protocol/limits.h"
#include "tests/unit/tls/server_ca.h"

#define DEADLINE_MS 30000u /* of this test, for anything that has none of its own */
#define NAME "www.corp.example"

struct outcome {
	unsigned n;
	struct ks_proof_result result;
};

struct fixture {
	sd_event *event;
	struct ks_prover *prover;
	struct server_ca_certificate root, leaf;
	struct ks_server_claim claim;
	struct ks_buffer signature;
	char folder[64], root_file[96], other_file[96];
	unsigned n_done;
	struct outcome outcomes[KS_PROOFS_QUEUED + 1];
};

static struct fixture *current; /* done() has to find the counter */

static void done(const struct ks_proof_result *result, void *userdata)
{
	struct outcome *outcome = userdata;

	outcome->n++;
	outcome->result = *result;
	current->n_done++;
}

/* --- the scene --------------------------------------------------------------------------------------------------- */

static void write_anchor(const char *path, const struct server_ca_certificate *certificate)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };

	server_ca_put_pem(&pem, certificate);
	assert_int_equal(ks_path_write_file(path, ks_buffer_bytes(&pem), 0600), 0);
}

/* Keys take their time: one server for all tests. */
static int make_server(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int64_t now = (int64_t)ks_clock_wall_s();
	struct server_ca_plan plan = { .key = "P-256",
				       .common_name = "Corp Root",
				       .from = now - 3600,
				       .until = now + 3600,
				       .extensions = { { "basicConstraints", "critical,CA:TRUE" } } };

	assert_non_null(fixture);
	server_ca_make(&fixture->root, &plan, NULL);
	plan.common_name = "a server";
	plan.extensions[0] = (struct server_ca_extension){ "subjectAltName", "DNS:" NAME };
	server_ca_make(&fixture->leaf, &plan, &fixture->root);
	(void)snprintf(fixture->claim.server_name, sizeof(fixture->claim.server_name), "%s", NAME);
	fixture->claim.is_tls13 = true;
	fixture->claim.certificates[0] = ks_buffer_bytes(&fixture->leaf.der);
	fixture->claim.n_certificates = 1;
	fixture->claim.scheme = 0x0403;
	ks_buffer_printf(&fixture->claim.signed_input, "some handshake");
	server_ca_sign(&fixture->signature, fixture->leaf.key, &(struct server_ca_signature){ .hash = "SHA256" },
		       ks_buffer_bytes(&fixture->claim.signed_input));
	fixture->claim.signature = ks_buffer_bytes(&fixture->signature);
	(void)snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/keystay-prove-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	(void)snprintf(fixture->root_file, sizeof(fixture->root_file), "%s/root.pem", fixture->folder);
	(void)snprintf(fixture->other_file, sizeof(fixture->other_file), "%s/other.pem", fixture->folder);
	write_anchor(fixture->root_file, &fixture->root);
	write_anchor(fixture->other_file, &fixture->leaf);
	*state = current = fixture;
	return 0;
}

static int remove_server(void **state)
{
	struct fixture *fixture = *state;

	server_ca_deinit(&fixture->root);
	server_ca_deinit(&fixture->leaf);
	ks_buffer_deinit(&fixture->claim.signed_input);
	ks_buffer_deinit(&fixture->signature);
	(void)unlink(fixture->root_file);
	(void)unlink(fixture->other_file);
	(void)rmdir(fixture->folder);
	free(fixture);
	return 0;
}

static void use_program(struct fixture *fixture, const char *program, const char *plan)
{
	ks_prover_free(fixture->prover);
	fixture->prover = NULL;
	assert_int_equal(setenv("PROVE_PUPPET", plan, 1), 0);
	assert_int_equal(ks_prover_new(fixture->event, program, &fixture->prover), 0);
}

static void follow(struct fixture *fixture, const char *first, const char *second)
{
	const char *const files[] = { first, second };

	assert_int_equal(ks_prover_follow(fixture->prover, files, second ? 2 : first ? 1 : 0), 0);
}

static int setup(void **state)
{
	struct fixture *fixture = *state;

	fixture->n_done = 0;
	memset(fixture->outcomes, 0, sizeof(fixture->outcomes));
	assert_true(sd_event_new(&fixture->event) >= 0);
	use_program(fixture, KEYSTAY_PROVE, "");
	return 0;
}

/* Nothing is left: no process, no zombie. */
static int teardown(void **state)
{
	struct fixture *fixture = *state;
	uint64_t end_ms = ks_clock_monotonic_ms() + DEADLINE_MS;

	ks_prover_free(fixture->prover);
	fixture->prover = NULL;
	while (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD) {
		assert_true(ks_clock_monotonic_ms() < end_ms);
		assert_true(sd_event_run(fixture->event, 10000) >= 0);
	}
	sd_event_unref(fixture->event);
	return 0;
}

static void run_until_done(struct fixture *fixture, unsigned n)
{
	uint64_t end_ms = ks_clock_monotonic_ms() + DEADLINE_MS;

	while (fixture->n_done < n) {
		assert_true(ks_clock_monotonic_ms() < end_ms);
		assert_true(sd_event_run(fixture->event, 100000) >= 0);
	}
}

static void run_until_state(struct fixture *fixture, enum ks_prover_state state)
{
	uint64_t end_ms = ks_clock_monotonic_ms() + DEADLINE_MS;

	while (fixture->prover->state != state) {
		assert_true(ks_clock_monotonic_ms() < end_ms);
		assert_true(sd_event_run(fixture->event, 100000) >= 0);
	}
}

static struct ks_proof *start(struct fixture *fixture, const char *file, unsigned number)
{
	struct ks_proof *proof = NULL;

	assert_int_equal(ks_proof_start(fixture->prover, (struct ks_proof_share){ 0 }, &fixture->claim, &file,
					file ? 1 : 0, done, &fixture->outcomes[number], &proof),
			 0);
	assert_int_equal(fixture->outcomes[number].n, 0);
	return proof;
}

static const struct ks_proof_result *prove(struct fixture *fixture, const char *file)
{
	unsigned number = fixture->n_done;

	(void)start(fixture, file, number);
	run_until_done(fixture, number + 1);
	assert_int_equal(fixture->outcomes[number].n, 1);
	return &fixture->outcomes[number].result;
}

static void expect_refused(const struct ks_proof_result *result, const char *words)
{
	assert_false(result->proven);
	if (!strstr(result->reason, words))
		fail_msg("\"%s\" does not say \"%s\"", result->reason, words);
}

/* --- proofs ------------------------------------------------------------------------------------------------------ */

static void test_prove_says_yes_with_the_hash_of_the_key(void **state)
{
	struct fixture *fixture = *state;
	static const uint8_t nothing[32];

	follow(fixture, fixture->root_file, NULL);
	const struct ks_proof_result *result = prove(fixture, fixture->root_file);
	assert_string_equal(result->reason, "");
	assert_true(result->proven);
	assert_memory_not_equal(result->spki_hash, nothing, sizeof(nothing));
}

static void test_prove_says_no_with_the_reason(void **state)
{
	struct fixture *fixture = *state;
	char name[256];

	follow(fixture, fixture->root_file, NULL);
	memcpy(name, fixture->claim.server_name, sizeof(name));
	(void)snprintf(fixture->claim.server_name, sizeof(fixture->claim.server_name), "db.corp.example");
	const struct ks_proof_result *result = prove(fixture, fixture->root_file);
	memcpy(fixture->claim.server_name, name, sizeof(name));
	expect_refused(result, "its certificate is for www.corp.example, not for db.corp.example");
}

static void test_prove_without_files_means_the_system(void **state)
{
	struct fixture *fixture = *state;

	expect_refused(prove(fixture, NULL), "no certificate authority that is trusted here");
	assert_int_equal(setenv("SSL_CERT_FILE", fixture->root_file, 1), 0);
	assert_int_equal(setenv("SSL_CERT_DIR", fixture->folder, 1), 0);
	follow(fixture, NULL, NULL);
	bool proven = prove(fixture, NULL)->proven;
	(void)unsetenv("SSL_CERT_FILE");
	(void)unsetenv("SSL_CERT_DIR");
	assert_true(proven);
}

static void test_prove_keeps_sets_of_anchors_apart(void **state)
{
	struct fixture *fixture = *state;
	const char *const both[] = { fixture->root_file, fixture->other_file };
	struct ks_proof *proof = NULL;

	write_anchor(fixture->other_file, &fixture->leaf);
	follow(fixture, fixture->other_file, fixture->root_file);
	assert_true(prove(fixture, fixture->root_file)->proven);
	assert_true(prove(fixture, fixture->other_file)->proven);
	expect_refused(prove(fixture, NULL), "no certificate authority that is trusted here");
	assert_int_equal(ks_proof_start(fixture->prover, (struct ks_proof_share){ 0 }, &fixture->claim, both, 2, done,
					&fixture->outcomes[3], &proof),
			 0);
	run_until_done(fixture, 4);
	assert_true(fixture->outcomes[3].result.proven);
}

static void test_prove_says_what_is_wrong_with_a_file(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(unlink(fixture->other_file), 0);
	follow(fixture, fixture->other_file, NULL);
	expect_refused(prove(fixture, fixture->other_file), "cannot be used: nothing of that name exists");
	assert_int_equal(ks_path_write_file(fixture->other_file, ks_bytes_text("nothing"), 0600), 0);
	follow(fixture, fixture->other_file, NULL);
	expect_refused(prove(fixture, fixture->other_file), "there is no certificate in it");
}

static void test_prove_refuses_files_and_claims_out_of_bounds(void **state)
{
	struct fixture *fixture = *state;
	const char *const three[] = { fixture->root_file, fixture->root_file, fixture->root_file };
	static const uint8_t too_long[KS_SIGNATURE_MAX + 1];
	struct ks_proof *proof = NULL;
	struct ks_server_claim claim = fixture->claim;

	assert_int_equal(
		ks_proof_start(fixture->prover, (struct ks_proof_share){ 0 }, &claim, three, 1, done, NULL, &proof),
		KS_ERR_INVALID);
	follow(fixture, fixture->root_file, NULL);
	assert_int_equal(
		ks_proof_start(fixture->prover, (struct ks_proof_share){ 0 }, &claim, three, 3, done, NULL, &proof),
		KS_ERR_INVALID);
	claim.n_certificates = 0;
	assert_int_equal(
		ks_proof_start(fixture->prover, (struct ks_proof_share){ 0 }, &claim, three, 1, done, NULL, &proof),
		KS_ERR_INVALID);
	claim.n_certificates = KS_PROOF_CERTIFICATES_MAX + 1;
	assert_int_equal(
		ks_proof_start(fixture->prover, (struct ks_proof_share){ 0 }, &claim, three, 1, done, NULL, &proof),
		KS_ERR_INVALID);
	claim = fixture->claim;
	claim.signature = ks_bytes(too_long, sizeof(too_long));
	assert_int_equal(
		ks_proof_start(fixture->prover, (struct ks_proof_share){ 0 }, &claim, three, 1, done, NULL, &proof),
		KS_ERR_INVALID);
	claim = fixture->claim;
	claim.server_name[0] = '\n';
	assert_int_equal(
		ks_proof_start(fixture->prover, (struct ks_proof_share){ 0 }, &claim, three, 1, done, NULL, &proof),
		KS_ERR_INVALID);
	assert_null(proof);
}

static void test_prove_serves_many_and_refuses_too_many(void **state)
{
	struct fixture *fixture = *state;
	struct ks_proof *proof = NULL;

	follow(fixture, fixture->root_file, NULL);
	run_until_state(fixture, KS_PROVER_READY);
	/* Not started again for so many: one that is there does them all. */
	pid_t pid = fixture->prover->pid;
	for (unsigned i = 0; i < KS_PROOFS_QUEUED; i++)
		(void)start(fixture, fixture->root_file, i);
	assert_int_equal(ks_proof_start(fixture->prover, (struct ks_proof_share){ 0 }, &fixture->claim, NULL, 0, done,
					NULL, &proof),
			 KS_ERR_QUOTA);
	run_until_done(fixture, KS_PROOFS_QUEUED);
	for (unsigned i = 0; i < KS_PROOFS_QUEUED; i++) {
		assert_int_equal(fixture->outcomes[i].n, 1);
		/* A machine that is busy with other things may run out of time, and says so. */
		if (!fixture->outcomes[i].result.proven)
			expect_refused(&fixture->outcomes[i].result, "in time");
	}
	assert_true(fixture->outcomes[0].result.proven);
	assert_int_equal(fixture->prover->pid, pid);
}

/* Whoever asks without end waits for those who ask once. */
static void test_prove_lets_processes_take_turns(void **state)
{
	struct fixture *fixture = *state;
	struct ks_proof *proof = NULL;
	unsigned last = KS_PROOFS_QUEUED;

	follow(fixture, fixture->root_file, NULL);
	run_until_state(fixture, KS_PROVER_READY);
	for (unsigned i = 0; i < last; i++)
		(void)start(fixture, fixture->root_file, i);
	assert_int_equal(ks_proof_start(fixture->prover, (struct ks_proof_share){ .socket = 1, .pid = 1 },
					&fixture->claim, &(const char *){ fixture->root_file }, 1, done,
					&fixture->outcomes[last], &proof),
			 0);
	uint64_t end_ms = ks_clock_monotonic_ms() + DEADLINE_MS;
	while (fixture->outcomes[last].n == 0) {
		assert_true(ks_clock_monotonic_ms() < end_ms);
		assert_true(sd_event_run(fixture->event, 100000) >= 0);
	}
	assert_in_range(fixture->n_done, 1, last / 2);
	run_until_done(fixture, last + 1);
}

static void test_prove_drops_what_was_cancelled(void **state)
{
	struct fixture *fixture = *state;

	follow(fixture, fixture->root_file, NULL);
	ks_proof_cancel(start(fixture, fixture->root_file, 0)); /* waits for the process */
	run_until_state(fixture, KS_PROVER_READY);
	struct ks_proof *sent = start(fixture, fixture->root_file, 1);
	assert_int_not_equal(sent->id, 0);
	ks_proof_cancel(sent);
	ks_proof_cancel(NULL);
	/* Its answer comes first, and belongs to nobody. */
	assert_true(prove(fixture, fixture->root_file)->proven);
	assert_int_equal(fixture->n_done, 1);
	assert_int_equal(fixture->outcomes[1].n, 0);
}

/* --- the configuration ------------------------------------------------------------------------------------------- */

static void test_prove_reads_the_files_again(void **state)
{
	struct fixture *fixture = *state;

	write_anchor(fixture->other_file, &fixture->leaf);
	follow(fixture, fixture->other_file, NULL);
	assert_true(prove(fixture, fixture->other_file)->proven);
	struct server_ca_certificate stranger;
	const struct server_ca_plan plan = { .key = "P-256", .common_name = "Stranger", .until = 1 };
	server_ca_make(&stranger, &plan, NULL);
	write_anchor(fixture->other_file, &stranger);
	server_ca_deinit(&stranger);
	assert_true(prove(fixture, fixture->other_file)->proven); /* read once */
	follow(fixture, fixture->other_file, NULL);
	expect_refused(prove(fixture, fixture->other_file), "no certificate authority that is trusted here");
}

static void test_prove_begins_anew_when_the_files_change(void **state)
{
	struct fixture *fixture = *state;

	write_anchor(fixture->other_file, &fixture->leaf);
	follow(fixture, fixture->root_file, NULL);
	run_until_state(fixture, KS_PROVER_READY);
	(void)start(fixture, fixture->root_file, 0);
	follow(fixture, fixture->other_file, fixture->root_file); /* the same file has another number */
	run_until_done(fixture, 1);
	assert_true(fixture->outcomes[0].result.proven);
	(void)start(fixture, fixture->root_file, 1);
	follow(fixture, fixture->other_file, NULL);
	assert_int_equal(fixture->outcomes[1].n, 0);
	run_until_done(fixture, 2);
	expect_refused(&fixture->outcomes[1].result, "taken out of the configuration");
}

static void test_prove_starts_nothing_before_it_is_needed(void **state)
{
	struct fixture *fixture = *state;

	follow(fixture, NULL, NULL);
	assert_int_equal(fixture->prover->pid, 0);
	follow(fixture, fixture->root_file, NULL);
	assert_int_not_equal(fixture->prover->pid, 0);
}

static void test_prove_follows_no_more_files_than_there_may_be(void **state)
{
	struct fixture *fixture = *state;
	const char *files[KS_ANCHOR_FILES_MAX + 1];

	for (size_t i = 0; i <= KS_ANCHOR_FILES_MAX; i++)
		files[i] = fixture->root_file;
	assert_int_equal(ks_prover_follow(fixture->prover, files, KS_ANCHOR_FILES_MAX + 1), KS_ERR_LIMIT);
	assert_int_equal(ks_prover_follow(fixture->prover, files, KS_ANCHOR_FILES_MAX), 0);
	assert_true(prove(fixture, fixture->root_file)->proven);
}

/* --- a process that does what it should not ---------------------------------------------------------------------- */

static void test_prove_outlives_a_process_that_lies(void **state)
{
	struct fixture *fixture = *state;
	static const char *const plans[] = { "die",        "nonsense",           "other-message",
					     "unknown-id", "ready-twice",        "no-hash",
					     "short-hash", "proven-with-reason", "refused-without-reason" };

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		use_program(fixture, PROVE_PUPPET, plans[i]);
		expect_refused(prove(fixture, NULL), "did not live to answer");
		assert_int_equal(fixture->prover->pid, 0);
	}
}

static void test_prove_asks_another_process_after_a_death(void **state)
{
	struct fixture *fixture = *state;

	use_program(fixture, PROVE_PUPPET, "die");
	expect_refused(prove(fixture, NULL), "did not live to answer");
	assert_int_equal(setenv("PROVE_PUPPET", "good", 1), 0);
	assert_true(prove(fixture, NULL)->proven); /* after a pause */
}

static void test_prove_takes_the_first_of_two_answers(void **state)
{
	struct fixture *fixture = *state;

	use_program(fixture, PROVE_PUPPET, "twice");
	expect_refused(prove(fixture, NULL), "no");
	expect_refused(prove(fixture, NULL), "no");
	assert_int_equal(fixture->outcomes[0].n, 1);
}

static void test_prove_believes_nothing_that_was_said_unasked(void **state)
{
	struct fixture *fixture = *state;

	use_program(fixture, PROVE_PUPPET, "answer-before-ready");
	const struct ks_proof_result *result = prove(fixture, NULL);
	assert_false(result->proven);
}

static void test_prove_ends_a_proof_at_its_deadline(void **state)
{
	struct fixture *fixture = *state;

	use_program(fixture, PROVE_PUPPET, "hang");
	expect_refused(prove(fixture, NULL), "it could not be verified in time");
	uint64_t start_ms = ks_clock_monotonic_ms();
	expect_refused(prove(fixture, NULL), "it could not be verified in time");
	assert_true(ks_clock_monotonic_ms() - start_ms >= KS_PROOF_DEADLINE_MS);
	/* It has missed two, and is ended: the next one waits for another. */
	run_until_state(fixture, KS_PROVER_RESTING);
}

static void test_prove_ends_a_process_that_does_not_start(void **state)
{
	struct fixture *fixture = *state;

	use_program(fixture, PROVE_PUPPET, "mute");
	(void)start(fixture, NULL, 0);
	run_until_done(fixture, 1);
	assert_false(fixture->outcomes[0].result.proven);
	run_until_state(fixture, KS_PROVER_RESTING);
}

static void test_prove_does_not_start_a_dying_process_for_ever(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_proof_result *result;

	use_program(fixture, PROVE_PUPPET, "die-at-once");
	do {
		result = prove(fixture, NULL);
		assert_false(result->proven);
		assert_true(fixture->n_done < 10);
	} while (!strstr(result->reason, "again and again"));
	assert_true(fixture->prover->backoff_ms > KS_PROOF_FIRST_DEADLINE_MS);
	/* Whoever changed the configuration may have mended it. */
	assert_int_equal(setenv("PROVE_PUPPET", "good", 1), 0);
	follow(fixture, NULL, NULL);
	assert_true(prove(fixture, NULL)->proven);
}

static void test_prove_lives_without_its_program(void **state)
{
	struct fixture *fixture = *state;

	use_program(fixture, "/nonexistent/keystay-prove", "");
	assert_false(prove(fixture, NULL)->proven);
}

/* --- the real process, disturbed --------------------------------------------------------------------------------- */

/* The children of a process: at most n of them. */
static size_t children_of(pid_t pid, pid_t *children, size_t n)
{
	char path[64];
	size_t found = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (found < n && fscanf(file, "%d", &children[found]) == 1)
		found++;
	(void)fclose(file);
	return found;
}

static void expect_locked_in(pid_t pid)
{
	char path[64], line[256];
	unsigned seccomp = 0, privileges = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		(void)sscanf(line, "Seccomp: %u", &seccomp);
		(void)sscanf(line, "NoNewPrivs: %u", &privileges);
	}
	(void)fclose(file);
	assert_int_equal(seccomp, 2);
	assert_int_equal(privileges, 1);
}

static void test_prove_process_and_its_children_are_locked_in(void **state)
{
	struct fixture *fixture = *state;
	pid_t children[KS_PROOFS_AT_ONCE];

	follow(fixture, fixture->root_file, NULL);
	assert_true(prove(fixture, fixture->root_file)->proven);
	expect_locked_in(fixture->prover->pid);
	size_t n = children_of(fixture->prover->pid, children, KS_PROOFS_AT_ONCE);
	/* From its parent it has the same already; that its own is narrower, tests/unit/base/test_sandbox.c shows. */
	for (size_t i = 0; i < n; i++)
		expect_locked_in(children[i]);
	assert_true(n >= 1);
}

static void test_prove_outlives_the_death_of_its_process(void **state)
{
	struct fixture *fixture = *state;

	follow(fixture, fixture->root_file, NULL);
	assert_true(prove(fixture, fixture->root_file)->proven);
	assert_int_equal(kill(fixture->prover->pid, SIGKILL), 0);
	run_until_state(fixture, KS_PROVER_RESTING);
	assert_true(prove(fixture, fixture->root_file)->proven);
}

static void test_prove_kills_a_child_that_takes_too_long(void **state)
{
	struct fixture *fixture = *state;
	pid_t children[KS_PROOFS_AT_ONCE];

	follow(fixture, fixture->root_file, NULL);
	run_until_state(fixture, KS_PROVER_READY);
	pid_t pid = fixture->prover->pid;
	size_t n = children_of(pid, children, KS_PROOFS_AT_ONCE);
	assert_int_equal(n, KS_PROOFS_READY);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(kill(children[i], SIGSTOP), 0);
	expect_refused(prove(fixture, fixture->root_file), "");
	expect_refused(prove(fixture, fixture->root_file), "");
	assert_true(prove(fixture, fixture->root_file)->proven);
	assert_int_equal(fixture->prover->pid, pid); /* itself it did not hang */
	uint64_t end_ms = ks_clock_monotonic_ms() + DEADLINE_MS;
	for (size_t i = 0; i < n; i++) {
		while (kill(children[i], 0) == 0) {
			assert_true(ks_clock_monotonic_ms() < end_ms);
			assert_true(sd_event_run(fixture->event, 10000) >= 0);
		}
	}
}

static void test_prove_replaces_a_child_that_dies(void **state)
{
	struct fixture *fixture = *state;
	pid_t children[KS_PROOFS_AT_ONCE];

	follow(fixture, fixture->root_file, NULL);
	run_until_state(fixture, KS_PROVER_READY);
	size_t n = children_of(fixture->prover->pid, children, KS_PROOFS_AT_ONCE);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(kill(children[i], SIGKILL), 0);
	/* Whoever died unasked is no reason to refuse anything; the process may or may not see it in time. */
	(void)prove(fixture, fixture->root_file);
	(void)prove(fixture, fixture->root_file);
	assert_true(prove(fixture, fixture->root_file)->proven);
}

/* --- what may be named as server-ca ------------------------------------------------------------------------------ */

static void test_anchor_file_must_be_trusted_and_hold_a_certificate(void **state)
{
	struct fixture *fixture = *state;
	char why[1024];

	assert_int_equal(ks_anchor_file_check(fixture->root_file, why, sizeof(why)), 0);
	assert_int_equal(ks_anchor_file_check("root.pem", why, sizeof(why)), KS_ERR_INVALID);
	assert_non_null(strstr(why, "is no absolute path"));
	assert_int_equal(ks_anchor_file_check("/nonexistent/root.pem", why, sizeof(why)), KS_ERR_NOT_FOUND);
	assert_int_equal(ks_path_write_file(fixture->other_file, ks_bytes_text("nothing"), 0600), 0);
	assert_int_equal(ks_anchor_file_check(fixture->other_file, why, sizeof(why)), KS_ERR_INVALID);
	assert_non_null(strstr(why, "there is no certificate (PEM) in"));
	assert_int_equal(ks_path_write_file(fixture->other_file, ks_bytes_text("nothing"), 0666), 0);
	assert_int_equal(ks_anchor_file_check(fixture->other_file, why, sizeof(why)), KS_ERR_UNTRUSTED_PATH);
	assert_non_null(strstr(why, "writable"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_prove_says_yes_with_the_hash_of_the_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_says_no_with_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_without_files_means_the_system, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_keeps_sets_of_anchors_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_says_what_is_wrong_with_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_refuses_files_and_claims_out_of_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_serves_many_and_refuses_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_lets_processes_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_drops_what_was_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_reads_the_files_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_begins_anew_when_the_files_change, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_starts_nothing_before_it_is_needed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_follows_no_more_files_than_there_may_be, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_outlives_a_process_that_lies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_asks_another_process_after_a_death, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_takes_the_first_of_two_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_believes_nothing_that_was_said_unasked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_ends_a_proof_at_its_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_ends_a_process_that_does_not_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_does_not_start_a_dying_process_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_lives_without_its_program, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_process_and_its_children_are_locked_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_outlives_the_death_of_its_process, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_kills_a_child_that_takes_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prove_replaces_a_child_that_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_anchor_file_must_be_trusted_and_hold_a_certificate, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, make_server, remove_server);
}
