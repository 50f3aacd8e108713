/* SPDX-License-Identifier: Apache-2.0 */
/* hook: see hook.h. Runs in: keystay-enroll. */
#include "enrol/hook.h"

#include <stdlib.h>

#include "enrol/base/program.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define VARIABLES_MAX 6

/* What a program needs to speak with its user's manager (systemctl --user); owned but for the array. */
static int put_session(char **variables, size_t *n)
{
	static const char *const names[] = { "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);
		if (!value)
			continue;
		variables[*n] = ks_text_format("%s=%s", names[i], value);
		if (!variables[(*n)++])
			return KS_ERR_NO_MEMORY;
	}
	return 0;
}

static int run(const char *command, const char *const *variables, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_program_result_deinit) struct ks_program_result result = { 0 };
	const struct ks_program program = {
		.what = "deploy-hook",
		.command = command,
		.variables = variables,
		.timeout_ms = KS_ENROL_HOOK_MS,
		.output_max = KS_ENROL_ANSWER_MAX,
	};
	struct ks_enrol_problem fault;

	int r = ks_program_run(&program, &result, &fault);
	if (r < 0)
		return ks_enrol_problem_set(problem, r, "the new certificate is installed, but %s", fault.text);
	if (result.exit_code != 0)
		return ks_enrol_problem_set(
			problem, KS_ERR_SYSTEM,
			"the new certificate is installed, but deploy-hook failed with exit code %d%s%s",
			result.exit_code, result.messages[0] ? ": " : "", result.messages);
	return 0;
}

int ks_hook_run(const char *command, const char *key, const char *certificate, struct ks_enrol_problem *problem)
{
	char *variables[VARIABLES_MAX] = { ks_text_format("KEYSTAY_KEY=%s", key),
					   ks_text_format("KEYSTAY_CERTIFICATE=%s", certificate) };
	size_t n = 2;

	int r = variables[0] && variables[1] ? put_session(variables, &n) : KS_ERR_NO_MEMORY;
	r = r < 0 ? ks_enrol_problem_set(problem, r, "deploy-hook cannot be run: %s", ks_error_text(r)) :
		    run(command, (const char *const *)variables, problem);
	for (size_t i = 0; i < VARIABLES_MAX; i++)
		free(variables[i]);
	return r;
}
