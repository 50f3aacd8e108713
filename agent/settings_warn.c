/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_warn: what is not wrong in a configuration but will not do what somebody thinks it does.
 *
 * Runs in: keystay-agent, at its start and for --check-config. Looks at files, opens them at most, reads none: a PIN file
 * is held against the same rules as when it is needed (agent/pin_file.h).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/pin_file.h"
#include "agent/settings_private.h"
#include "agent/settings_profile.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* "FILE:LINE: " */
static void put_origin(const struct ks_settings_origin *origin, FILE *out)
{
	(void)fprintf(out, "%s:%u: ", origin->file, origin->line);
}

/* --- modules ------------------------------------------------------------------------------------------------------ */

/* The file that a profile looked for and did not find. */
static void put_not_installed(const struct ks_settings_module *module, FILE *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer places = { 0 };
	const char *packages = "";

	put_origin(&module->origin, out);
	if (ks_settings_profile_describe(module->profile, &places, &packages) < 0)
		packages = "its package";
	(void)fprintf(out,
		      "module \"%s\": none of %.*s exists; install %s, or say path = FILE; until then it will not be "
		      "started\n",
		      module->name, (int)places.size, (const char *)places.data, packages);
}

static size_t warn_of_file(const struct ks_settings_module *module, const struct ks_settings_value *path, FILE *out)
{
	KS_AUTO_FREE char *resolved = NULL;
	struct ks_path_problem problem = { 0 };
	char culprit[1024];
	if (!module->path)
		return 0;
	int r = ks_path_check_trusted(module->path, &resolved, &problem);
	if (r == 0)
		return 0;
	if (r == KS_ERR_NOT_FOUND && path->profile) {
		put_not_installed(module, out);
		return 1;
	}
	put_origin(path->profile ? &module->origin : &path->origin, out);
	ks_text_escape(ks_bytes_text(problem.path[0] ? problem.path : module->path), culprit, sizeof(culprit));
	if (r == KS_ERR_NOT_FOUND)
		(void)fprintf(out, "path: %s does not exist; module \"%s\" will not be started\n", module->path,
			      module->name);
	else
		(void)fprintf(out, "path: %s %s; module \"%s\" will not be started\n", culprit,
			      problem.text[0] ? problem.text : ks_error_text(r), module->name);
	return 1;
}

/* softokn refuses to start without parameters, and crashes on a text that is none. */
static size_t warn_of_nss(const struct ks_settings_module *module, const struct ks_settings_value *init_args, FILE *out)
{
	bool is_nss = module->profile && strcmp(module->profile, "nss") == 0;

	if (!is_nss || (module->init_args && strchr(module->init_args, '=')))
		return 0;
	put_origin(module->init_args ? &init_args->origin : &module->origin, out);
	(void)fprintf(
		out,
		"module \"%s\": NSS needs to know its database; say init-args = \"configdir='sql:/home/you/.pki/nssdb' "
		"flags=readOnly\"\n",
		module->name);
	return 1;
}

/* --- tokens ------------------------------------------------------------------------------------------------------- */

static size_t warn_of_token(const struct ks_settings_token *token, FILE *out)
{
	char why[KS_TEXT_MAX];

	if (!token->pin_file && !token->pin_credential && !token->has_touch) {
		put_origin(&token->origin, out);
		(void)fprintf(out, "[token \"%s\"] has neither pin-file, pin-credential nor touch and does nothing\n",
			      token->name);
		return 1;
	}
	if (!token->pin_file && !token->pin_credential)
		return 0;
	/* Only the service has credentials; who checks its configuration from a shell has none. */
	if (token->pin_credential && !getenv("CREDENTIALS_DIRECTORY"))
		return 0;
	if (ks_pin_file_check(token, why, sizeof(why)) == 0)
		return 0;
	put_origin(&token->origin, out);
	(void)fprintf(out, "%s; token \"%s\" will not be unlocked by itself\n", why, token->name);
	return 1;
}

/* --- the rest ----------------------------------------------------------------------------------------------------- */

/* The built-in one is worth no word where nobody is to be asked. */
static size_t warn_of_pinentry(const struct ks_settings *settings, FILE *out)
{
	const struct ks_settings_value *value = &settings->private->agent.values[KS_AGENT_PINENTRY];

	if (!value->text || access(settings->pinentry, X_OK) == 0)
		return 0;
	put_origin(&value->origin, out);
	(void)fprintf(out, "pinentry: %s cannot be run; nobody will be asked for a PIN\n", settings->pinentry);
	return 1;
}

size_t ks_settings_warn(const struct ks_settings *settings, FILE *out)
{
	const struct ks_settings_private *private = settings->private;
	size_t n = 0;

	for (size_t i = 0; i < private->warnings.size; i++)
		n += private->warnings.data[i] == '\n' ? 1 : 0;
	if (n > 0)
		(void)fwrite(private->warnings.data, 1, private->warnings.size, out);
	n += warn_of_pinentry(settings, out);
	for (size_t i = 0; i < settings->n_modules; i++) {
		const struct ks_settings_value *values = private->modules.at[i].values;
		n += warn_of_file(&settings->modules[i], &values[KS_MODULE_PATH], out);
		n += warn_of_nss(&settings->modules[i], &values[KS_MODULE_INIT_ARGS], out);
	}
	for (size_t i = 0; i < settings->n_tokens; i++)
		n += warn_of_token(&settings->tokens[i], out);
	return n;
}
