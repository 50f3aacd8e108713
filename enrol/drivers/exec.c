/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec: a program brings the request to a CA: PEM request on its standard input, PEM chain on its standard output, for
 * protocols that this house does not speak (certbot --csr, vcert, az keyvault, cepces).
 *
 * Exit code 0: issued. 75 (EX_TEMPFAIL of sysexits.h): the CA has not decided, come again. Anything else: it failed, and
 * the end of its standard error says why.
 *
 * Runs in: keystay-enroll.
 */
#include <stdio.h>
#include <sysexits.h>

#include "enrol/base/bundle.h"
#include "enrol/base/program.h"
#include "enrol/drivers/driver.h"
#include "lib/base/text.h"
#include "lib/protocol/pem.h"

/* PENDING needs some word, for none means that there is nothing to go on with. */
#define PENDING_WORD "exec"

static int issued(const char *what, const struct ks_program_result *result, struct ks_enrol_answer *ret_answer,
		  struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_enrol_answer_deinit) struct ks_enrol_answer answer = { .outcome = KS_ENROL_ISSUED };
	struct ks_enrol_problem fault;

	int r = ks_bundle_read(ks_buffer_bytes(&result->output), "its standard output", &answer.certificates, &fault);
	if (r < 0)
		return ks_enrol_problem_set(problem, r,
					    "%s ended well, but %s%s%s; it prints the certificate and those of its "
					    "CAs there, as PEM, and nothing else",
					    what, fault.text, result->messages[0] ? "; it said: " : "",
					    result->messages);
	*ret_answer = answer;
	answer = (struct ks_enrol_answer){ 0 };
	return 0;
}

static int pending(struct ks_enrol_answer *ret_answer, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_enrol_answer_deinit) struct ks_enrol_answer answer = { .outcome = KS_ENROL_PENDING };

	ks_buffer_put(&answer.pending, ks_bytes_text(PENDING_WORD));
	if (ks_buffer_error(&answer.pending) < 0)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	*ret_answer = answer;
	answer = (struct ks_enrol_answer){ 0 };
	return 0;
}

static int judge(const char *what, const struct ks_program_result *result, struct ks_enrol_answer *ret_answer,
		 struct ks_enrol_problem *problem)
{
	if (result->exit_code == EX_OK)
		return issued(what, result, ret_answer, problem);
	if (result->exit_code == EX_TEMPFAIL)
		return pending(ret_answer, problem);
	return ks_enrol_problem_set(problem, KS_ERR_SYSTEM, "%s failed with exit code %d%s%s", what, result->exit_code,
				    result->messages[0] ? "; it said: " : " and said nothing on standard error",
				    result->messages);
}

static int run(const struct ks_enrol_request *request, struct ks_enrol_answer *ret_answer,
	       struct ks_enrol_problem *problem)
{
	const struct ks_profile *profile = request->profile;
	KS_CLEANUP(ks_program_result_deinit) struct ks_program_result result = { .messages = "" };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
	struct ks_bytes short_name = request->key->identity.name;
	KS_AUTO_FREE char *key =
		ks_text_format("KEYSTAY_KEY=%.*s", (int)short_name.size, (const char *)short_name.data);
	KS_AUTO_FREE char *name = ks_text_format("KEYSTAY_PROFILE=%s", profile->name);
	const char *const variables[] = { key, name, NULL };
	char what[300];

	(void)ks_text_print(what, sizeof(what), "command of profile \"%s\" (%s)", profile->name, profile->origin);
	if (!profile->command)
		return ks_enrol_problem_final(problem, KS_ERR_CONFIG,
					      "profile \"%s\" (%s) names no program; add: command = /…", profile->name,
					      profile->origin);
	if (!key || !name || ks_pem_put(&pem, "CERTIFICATE REQUEST", request->csr) < 0)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	const struct ks_program program = {
		.what = what,
		.command = profile->command,
		.input = ks_buffer_bytes(&pem),
		.variables = variables,
		.timeout_ms = profile->timeout_ms,
		.output_max = KS_ENROL_ANSWER_MAX,
	};
	int r = ks_program_run(&program, &result, problem);
	return r < 0 ? r : judge(what, &result, ret_answer, problem);
}

const struct ks_enrol_driver ks_enrol_exec = {
	.protocol = "exec",
	.run = run,
};
