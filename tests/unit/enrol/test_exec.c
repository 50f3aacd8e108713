/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of program and exec of enrol/: what a program gets, what becomes of what it does, and that it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "enrol/drivers/driver.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/pem.h"

/* Prints the chain that stands beside the script: one certificate, made once. */
#define PRINT "cat \"${0%/*}/chain\""

static struct ks_buffer der;

static int make_certificate(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509 *certificate = X509_new();
	unsigned char *out = NULL;

	(void)state;
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 60));
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_true(X509_sign(certificate, key, NULL) > 0);
	int size = i2d_X509(certificate, &out);
	ks_buffer_put(&der, ks_bytes(out, (size_t)size));
	OPENSSL_free(out);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return 0;
}

static int free_certificate(void **state)
{
	(void)state;
	ks_buffer_deinit(&der);
	return 0;
}

/* One run of the driver on a shell script. */
struct bench {
	char folder[32], script[64];
	char *command;
	struct ks_profile profile;
	struct ks_client_identity key;
	struct ks_enrol_answer answer;
	struct ks_enrol_problem problem;
};

/* Takes text. */
static void write_file(const struct bench *bench, const char *name, char *text)
{
	KS_AUTO_FREE char *path = ks_text_format("%s/%s", bench->folder, name);
	FILE *file = fopen(path, "wxe");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	free(text);
}

static void setup(struct bench *bench, const char *text)
{
	static char name[] = "vpn", origin[] = "/etc/k.conf:7";

	*bench = (struct bench){ .folder = "/tmp/test-exec-XXXXXX" };
	assert_non_null(mkdtemp(bench->folder));
	(void)snprintf(bench->script, sizeof(bench->script), "%s/script", bench->folder);
	write_file(bench, "script", ks_text_format("#!/bin/sh\n%s\n", text));
	struct ks_buffer pem = { 0 };
	assert_int_equal(ks_pem_put(&pem, "CERTIFICATE", ks_buffer_bytes(&der)), 0);
	write_file(bench, "chain", ks_buffer_steal_text(&pem));
	assert_int_equal(chmod(bench->script, 0700), 0);
	bench->command = ks_text_copy(ks_bytes_text(bench->script));
	bench->profile = (struct ks_profile){ .name = name, .origin = origin, .timeout_ms = 10000 };
	bench->key.identity.name = ks_bytes_text("alice");
}

static int run(struct bench *bench)
{
	bench->profile.command = bench->command;
	const struct ks_enrol_request request = { .profile = &bench->profile,
						  .key = &bench->key,
						  .csr = ks_buffer_bytes(&der) };
	return ks_enrol_exec.run(&request, &bench->answer, &bench->problem);
}

static void set_command(struct bench *bench, char *command)
{
	free(bench->command);
	bench->command = command;
}

static void teardown(struct bench *bench)
{
	static const char *const names[] = { "script", "chain", "made" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];
		(void)snprintf(path, sizeof(path), "%s/%s", bench->folder, names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(bench->folder), 0);
	ks_enrol_answer_deinit(&bench->answer);
	free(bench->command);
}

static void assert_said(const struct bench *bench, const char *part)
{
	if (!strstr(bench->problem.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, bench->problem.text);
}

/* Runs text, which fails so; problem has this part. */
static void assert_fails(const char *text, int code, const char *part)
{
	struct bench bench;

	setup(&bench, text);
	assert_int_equal(run(&bench), code);
	assert_int_equal(bench.problem.code, code);
	assert_said(&bench, part);
	assert_null(bench.answer.certificates.data);
	teardown(&bench);
}

/* --- what it gets ---------------------------------------------------------------------------------------------------- */

static void test_exec_takes_a_chain_from_standard_output(void **state)
{
	(void)state;
	struct bench bench;

	setup(&bench, PRINT);
	assert_int_equal(run(&bench), 0);
	assert_int_equal(bench.answer.outcome, KS_ENROL_ISSUED);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&bench.answer.certificates), ks_buffer_bytes(&der)));
	assert_null(bench.answer.anchors.data);
	teardown(&bench);
}

static void test_exec_gives_the_request_on_standard_input_as_often_as_wanted(void **state)
{
	(void)state;
	/* Turned into a certificate by a program that reads it twice, the second time by name. */
	struct bench bench;
	setup(&bench, "a=$(cat); b=$(cat /dev/stdin); [ \"$a\" = \"$b\" ] || exit 9\n"
		      "printf '%s\\n' \"$b\" | sed 's/CERTIFICATE REQUEST/CERTIFICATE/'");
	assert_int_equal(run(&bench), 0);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&bench.answer.certificates), ks_buffer_bytes(&der)));
	teardown(&bench);
	setup(&bench, PRINT); /* reads nothing */
	assert_int_equal(run(&bench), 0);
	teardown(&bench);
}

static void test_exec_gives_a_clean_environment(void **state)
{
	(void)state;
	struct bench bench;

	assert_int_equal(setenv("VAULT_TOKEN", "hvs.secret", 1), 0);
	assert_int_equal(setenv("HOME", "/home/x y", 1), 0);
	setup(&bench, "env | grep -v '^PWD=\\|^_=\\|^SHLVL=\\|^OLDPWD=' | sort | tr '\\n' '|' >&2; exit 1");
	assert_int_equal(run(&bench), KS_ERR_SYSTEM);
	assert_said(&bench, "it said: HOME=/home/x y|KEYSTAY_KEY=alice|KEYSTAY_PROFILE=vpn|PATH=/");
	assert_null(strstr(bench.problem.text, "hvs.secret"));
	teardown(&bench);
}

static void test_exec_splits_its_command_at_spaces_and_knows_no_shell(void **state)
{
	(void)state;
	struct bench bench;

	setup(&bench, "printf '<%s>' \"$@\" >&2; exit 1");
	set_command(&bench, ks_text_format("  %s  a;b $HOME  'c d' `id` ", bench.script));
	assert_int_equal(run(&bench), KS_ERR_SYSTEM);
	assert_said(&bench, "it said: <a;b><$HOME><'c><d'><`id`>");
	teardown(&bench);
}

/* --- what it says ---------------------------------------------------------------------------------------------------- */

static void test_exec_75_means_come_again(void **state)
{
	(void)state;
	struct bench bench;

	setup(&bench, "echo waiting >&2; exit 75");
	assert_int_equal(run(&bench), 0);
	assert_int_equal(bench.answer.outcome, KS_ENROL_PENDING);
	assert_true(bench.answer.pending.size > 0);
	assert_null(bench.answer.certificates.data);
	teardown(&bench);
}

static void test_exec_tells_the_exit_code_and_the_last_lines(void **state)
{
	(void)state;
	assert_fails("exit 3", KS_ERR_SYSTEM,
		     "command of profile \"vpn\" (/etc/k.conf:7) failed with exit code 3 and said nothing");
	assert_fails(PRINT "; printf 'one\\ntwo\\nthree\\nfour\\nf\\033[31mve\\n\\n' >&2; exit 255", KS_ERR_SYSTEM,
		     "failed with exit code 255; it said: two three four f\\x1b[31mve");
	assert_fails("yes no | head -c 99999 >&2; echo last >&2; exit 1", KS_ERR_SYSTEM, "no no no last");
	assert_fails("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", KS_ERR_SYSTEM, "it said: xxx");
}

static void test_exec_with_other_output_is_refused(void **state)
{
	(void)state;
	assert_fails("exit 0", KS_ERR_NO_CERTIFICATE, "ended well, but its standard output has no certificate in it");
	assert_fails("echo 'done: see /etc/x.pem'; echo why >&2", KS_ERR_MALFORMED, "it said: why; it prints the");
	assert_fails("echo '-----BEGIN CERTIFICATE-----'; echo MAMC", KS_ERR_MALFORMED,
		     "ended well, but its standard output is none that certificates come in");
	assert_fails("cat", KS_ERR_NO_CERTIFICATE, "ended well, but its standard output has no certificate in it");
}

/* --- that it ends ---------------------------------------------------------------------------------------------------- */

static void test_exec_that_crashes_is_told(void **state)
{
	(void)state;
	assert_fails(PRINT "; kill -SEGV $$", KS_ERR_SYSTEM, "was ended by signal 11 (Segmentation fault)");
}

static void test_exec_that_prints_without_end_is_stopped(void **state)
{
	(void)state;
	uint64_t begin_ms = ks_clock_monotonic_ms();
	assert_fails(
		"echo begins >&2; exec yes", KS_ERR_TOO_LARGE,
		"was stopped: it printed more than 262144 bytes, and only certificates belong there; it said: begins");
	assert_true(ks_clock_monotonic_ms() - begin_ms < 9000);
}

/* Is there a process of this number? A zombie waits for whoever adopted it, and counts as gone. */
static bool lives(const char *number)
{
	char path[64], stat[512] = "";

	(void)snprintf(path, sizeof(path), "/proc/%.20s/stat", number);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	size_t n = fread(stat, 1, sizeof(stat) - 1, file);
	(void)fclose(file);
	const char *end = strrchr(stat, ')');
	return n > 0 && end && end[2] != 'Z';
}

/* The process whose number the script wrote to "made" ends. */
static void assert_is_killed(const struct bench *bench)
{
	char made[64], number[16] = "";
	uint64_t deadline_ms = ks_clock_monotonic_ms() + 5000;

	(void)snprintf(made, sizeof(made), "%s/made", bench->folder);
	FILE *file = fopen(made, "re");
	assert_non_null(file);
	assert_non_null(fgets(number, sizeof(number), file));
	(void)fclose(file);
	number[strcspn(number, "\n")] = '\0';
	while (lives(number) && ks_clock_left_ms(deadline_ms) > 0)
		(void)usleep(1000);
	assert_false(lives(number));
}

static void test_exec_that_hangs_is_killed_with_its_group(void **state)
{
	(void)state;
	struct bench bench;

	setup(&bench, "trap '' TERM HUP INT; sleep 1000 & echo $! >\"${0%/*}/made\"; echo hangs >&2; wait; sleep 1000");
	bench.profile.timeout_ms = 500;
	uint64_t begin_ms = ks_clock_monotonic_ms();
	assert_int_equal(run(&bench), KS_ERR_TIMEOUT);
	assert_true(ks_clock_monotonic_ms() - begin_ms < 5000);
	assert_said(&bench, "was stopped: it had not ended after 0.5 seconds (timeout =); it said: hangs");
	assert_false(bench.problem.is_final);
	assert_is_killed(&bench);
	teardown(&bench);
}

static void test_exec_that_leaves_somebody_at_the_pipes_is_over_when_it_ends(void **state)
{
	(void)state;
	struct bench bench;

	setup(&bench, PRINT "; sleep 1000 & echo $! >\"${0%/*}/made\"");
	uint64_t begin_ms = ks_clock_monotonic_ms();
	assert_int_equal(run(&bench), 0);
	assert_true(ks_clock_monotonic_ms() - begin_ms < 5000);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&bench.answer.certificates), ks_buffer_bytes(&der)));
	assert_is_killed(&bench);
	teardown(&bench);
}

/* --- which programs -------------------------------------------------------------------------------------------------- */

/* This command is refused for good, and nothing ran. */
static void assert_refused(struct bench *bench, char *command, int code, const char *part)
{
	set_command(bench, command);
	assert_int_equal(run(bench), code);
	assert_true(bench->problem.is_final);
	assert_said(bench, part);
}

static void test_exec_wants_a_program_that_is_there(void **state)
{
	(void)state;
	struct bench bench;

	setup(&bench, "exit 0");
	assert_refused(&bench, NULL, KS_ERR_CONFIG, "names no program; add: command = /");
	assert_refused(&bench, ks_text_format("   "), KS_ERR_CONFIG, "is empty");
	assert_refused(&bench, ks_text_format("certbot --x"), KS_ERR_CONFIG, "begins with \"certbot\"");
	assert_refused(&bench, ks_text_format("%s-not", bench.script), KS_ERR_NOT_FOUND, "there is no such program");
	assert_refused(&bench, ks_text_format("/etc/passwd"), KS_ERR_DENIED, "/etc/passwd cannot be started");
	struct ks_buffer many = { 0 };
	for (size_t i = 0; i <= KS_PROGRAM_WORDS_MAX; i++)
		ks_buffer_printf(&many, "/x ");
	assert_refused(&bench, ks_buffer_steal_text(&many), KS_ERR_CONFIG, "has more than 64 words");
	teardown(&bench);
}

static void test_exec_wants_a_program_that_others_cannot_change(void **state)
{
	(void)state;
	struct bench bench;

	setup(&bench, "exit 0");
	assert_int_equal(chmod(bench.script, 0720), 0);
	assert_refused(&bench, ks_text_copy(ks_bytes_text(bench.script)), KS_ERR_UNTRUSTED_PATH,
		       "is writable by its group");
	assert_int_equal(chmod(bench.script, 0700), 0);
	assert_int_equal(chmod(bench.folder, 0707), 0);
	assert_refused(&bench, ks_text_copy(ks_bytes_text(bench.script)), KS_ERR_UNTRUSTED_PATH, "is not run, because");
	assert_int_equal(chmod(bench.folder, 0700), 0);
	teardown(&bench);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec_takes_a_chain_from_standard_output),
		cmocka_unit_test(test_exec_gives_the_request_on_standard_input_as_often_as_wanted),
		cmocka_unit_test(test_exec_gives_a_clean_environment),
		cmocka_unit_test(test_exec_splits_its_command_at_spaces_and_knows_no_shell),
		cmocka_unit_test(test_exec_75_means_come_again),
		cmocka_unit_test(test_exec_tells_the_exit_code_and_the_last_lines),
		cmocka_unit_test(test_exec_with_other_output_is_refused),
		cmocka_unit_test(test_exec_that_crashes_is_told),
		cmocka_unit_test(test_exec_that_prints_without_end_is_stopped),
		cmocka_unit_test(test_exec_that_hangs_is_killed_with_its_group),
		cmocka_unit_test(test_exec_that_leaves_somebody_at_the_pipes_is_over_when_it_ends),
		cmocka_unit_test(test_exec_wants_a_program_that_is_there),
		cmocka_unit_test(test_exec_wants_a_program_that_others_cannot_change),
	};
	return cmocka_run_group_tests(tests, make_certificate, free_certificate);
}
