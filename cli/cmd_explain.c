/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_explain: `keystay explain`: what a server asks for and which keys it takes; `--offline`: what the rules say.
 *
 * A TLS client is none of this program's business: it becomes keystay-explain, which has one (explain/). What the rules
 * say to a key and a server needs no server, only the agent's EXPLAIN, and is said here.
 *
 * Runs in: keystay; after that it is keystay-explain, but with --offline.
 */
#include "cli/commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

#define PROGRAM "keystay-explain"

enum { TRY, KEY, TLS, CA, SERVER_NAME, STARTTLS, INSECURE, JSON, N_FOR_PROGRAM, OFFLINE = N_FOR_PROGRAM, N_OPTIONS };
static const struct ks_option options[N_OPTIONS] = {
	[TRY] = { "try", 0, NULL, "do the handshake, and say what the server answers" },
	[KEY] = { "key", 0, "NAME", "with this key, not the best one" },
	[TLS] = { "tls", 0, "VERSION", "1.2 or 1.3 (default: what the server prefers)" },
	[CA] = { "ca", 0, "FILE", "the CA certificates to verify it with (default: the system's)" },
	[SERVER_NAME] = { "server-name", 0, "NAME", "what its certificate must name instead of the host" },
	[STARTTLS] = { "starttls", 0, "KIND", "begin as the protocol wants it before TLS; KIND is postgres" },
	[INSECURE] = { "insecure", 0, NULL, "go on with --try although the server is not verified" },
	[JSON] = KS_OPTION_JSON,
	[OFFLINE] = { "offline", 0, NULL, "what the rules say to KEY and HOST; nothing is connected to" },
};

/* --- without a server -------------------------------------------------------------------------------------------- */

static const char *word_of(enum ks_verdict verdict)
{
	return verdict == KS_VERDICT_ALLOW ? "allow" : verdict == KS_VERDICT_ASK ? "ask" : "deny";
}

static enum ks_exit print_policy(const struct ks_cli *cli, const struct ks_client_policy *policy, const char *server,
				 bool as_json)
{
	static const char *const answers[] = {
		[KS_VERDICT_ALLOW] = "yes", [KS_VERDICT_ASK] = "yes, after asking you", [KS_VERDICT_DENY] = "no"
	};

	if (as_json) {
		json_t *object = json_object();
		ks_output_json_put(&object, "key", ks_output_json_text(ks_bytes_text(policy->key)));
		ks_output_json_put(&object, "server", ks_output_json_text(ks_bytes_text(server)));
		ks_output_json_put(&object, "verdict", json_string(word_of(policy->verdict)));
		ks_output_json_put(&object, "text", ks_output_json_text(ks_bytes_text(policy->text)));
		ks_output_json_put(&object, "rule", ks_output_json_text(ks_bytes_text(policy->rule)));
		int r = ks_output_json(cli, object);
		if (r < 0)
			return ks_command_fail_code(cli, r, "explain");
	} else {
		KS_AUTO_FREE char *text = ks_output_escape(ks_bytes_text(policy->text));
		KS_AUTO_FREE char *rule = ks_output_escape(ks_bytes_text(policy->rule));
		(void)fprintf(cli->out, "%-13s %s\n", "Would sign", answers[policy->verdict]);
		(void)fprintf(cli->out, "%-13s %s\n", "Why", text ? text : "?");
		if (policy->rule[0])
			(void)fprintf(cli->out, "%-13s %s\n", "Rule", rule ? rule : "?");
	}
	return policy->verdict == KS_VERDICT_DENY ? KS_EXIT_FAILED : KS_EXIT_GOOD;
}

/* A URL is understood where a host is meant: scheme, port and path matter to no rule. */
static void take_host(const char *text, char *out, size_t size)
{
	const char *scheme = strstr(text, "://");
	const char *host = scheme ? scheme + 3 : text;
	const char *inside = host[0] == '[' ? host + 1 : host;
	size_t n = host[0] == '[' ? strcspn(inside, "]") : strcspn(inside, "/?#:");

	/* An IPv6 address without brackets. */
	if (host == inside && strchr(host, ':') != strrchr(host, ':') && !strchr(host, '/'))
		n = strlen(host);
	(void)ks_text_print(out, size, "%.*s", (int)n, inside);
}

static enum ks_exit explain_offline(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_AUTO_FREE struct ks_client_policy *policy = calloc(1, sizeof(*policy));
	struct ks_client_error error;
	char host[257];

	if (arguments->n_operands != 2) {
		ks_output_error(cli, "explain: --offline takes a KEY and a HOST (see: keystay help explain)");
		return KS_EXIT_USAGE;
	}
	for (size_t i = 0; i < N_FOR_PROGRAM; i++) {
		if (i != JSON && ks_arguments_has(arguments, i)) {
			ks_output_error(cli, "explain: --offline connects to nothing, so --%s means nothing with it",
					options[i].name);
			return KS_EXIT_USAGE;
		}
	}
	if (!policy)
		return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, "explain");
	take_host(arguments->operands[1], host, sizeof(host));
	if (ks_client_explain(KS_CLIENT_SIGN, arguments->operands[0], host, false, policy, &error) < 0)
		return ks_command_fail(cli, &error);
	return print_policy(cli, policy, host, ks_arguments_has(arguments, JSON));
}

/* --- with one ---------------------------------------------------------------------------------------------------- */

static enum ks_exit become(const struct ks_cli *cli, char **argv)
{
	KS_AUTO_FREE char *folder = NULL;
	KS_AUTO_FREE char *program = NULL;

	int r = ks_path_own_folder(&folder);
	if (r < 0)
		return ks_command_fail_code(cli, r, "explain");
	program = ks_path_join(folder, PROGRAM);
	if (!program)
		return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, "explain");
	(void)execv(program, argv);
	ks_output_error(cli, "servers are looked at by " PROGRAM ", which cannot be run: %s: %s", program,
			strerror(errno));
	return KS_EXIT_FAILED;
}

static enum ks_exit run_explain(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	static char name[] = PROGRAM, end[] = "--";
	char *argv[N_FOR_PROGRAM + 4] = { name };
	size_t n = 1;

	if (ks_arguments_has(arguments, OFFLINE))
		return explain_offline(cli, arguments);
	if (arguments->n_operands != 1) {
		ks_output_error(cli, "explain: it takes one URL (see: keystay help explain)");
		return KS_EXIT_USAGE;
	}
	for (size_t i = 0; i < N_FOR_PROGRAM; i++) {
		if (!ks_arguments_has(arguments, i))
			continue;
		argv[n] = options[i].argument ? ks_text_format("--%s=%s", options[i].name, arguments->values[i]) :
						ks_text_format("--%s", options[i].name);
		if (!argv[n++])
			return ks_command_fail_code(cli, KS_ERR_NO_MEMORY, "explain");
	}
	size_t n_made = n;
	argv[n++] = end;
	argv[n++] = arguments->operands[0];
	enum ks_exit result = become(cli, argv);
	for (size_t i = 1; i < n_made; i++)
		free(argv[i]);
	return result;
}

const struct ks_command ks_command_explain = {
	.name = "explain",
	.operands = "URL | --offline KEY HOST",
	.summary = "why a server takes a key or not: what it asks for, which keys fit",
	.details = "Connects to the server and says what it asks of its clients (names of CAs,\n"
		   "signatures), of each key whether it fits and why not, which one is the best,\n"
		   "and which certificates would be sent. Nothing is sent unless it is told to:\n"
		   "\n"
		   "  keystay explain www.example.org\n"
		   "  keystay explain --try https://www.example.org/private/\n"
		   "  keystay explain --starttls postgres db.example.org\n"
		   "\n"
		   "With --offline nothing is connected to: it says what the rules of\n"
		   "keystay.conf say to KEY and a server that was proven to be HOST.\n",
	.options = options,
	.n_options = N_OPTIONS,
	.min_operands = 1,
	.max_operands = 2,
	.run = run_explain,
};
