/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main: keystay-explain: looks at a server, asks the agent about its keys, says what goes together.
 *
 * Runs in: keystay-explain, which `keystay explain` becomes. Holds no secret; signs nothing unless it is told --try.
 */
#include <signal.h>
#include <stdio.h>

#include "explain/explanation.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/process.h"
#include "lib/base/text.h"

static void say(const char *text)
{
	(void)fprintf(stderr, "keystay: %s\n", text);
}

/* What the server asks is all that is wanted of the first connection: no certificate is sent, none is refused. */
static int stop(struct ks_link *link, void *userdata)
{
	(void)link;
	(void)userdata;
	return -1;
}

static int look(const struct ks_openssl *openssl, struct ks_explanation *explanation)
{
	const struct ks_target *target = &explanation->options->target;
	char why[1024], shown[1280];

	int r = ks_link_open(openssl, explanation->options, false, &explanation->link, why, sizeof(why));
	if (r == 0)
		r = ks_link_shake(&explanation->link, stop, NULL, why, sizeof(why));
	ks_link_hang_up(&explanation->link);
	if (r == 0)
		return 0;
	(void)ks_text_print(shown, sizeof(shown), "%s port %s: %s", target->host, target->port, why);
	say(shown);
	return r;
}

/* Nothing asked: what is known of the server is its name. */
static void judge(struct ks_explanation *explanation)
{
	const struct ks_explain_options *options = explanation->options;
	struct ks_best_asked nothing = { .now_s = ks_clock_wall_s() };
	const struct ks_link *asker = ks_explanation_asker(explanation);

	int r = ks_explain_keys_gather(options->key, &explanation->keys, &explanation->error);
	if (r == 0)
		r = ks_explain_keys_judge(&explanation->keys, asker ? &asker->asked.best : &nothing,
					  options->server_name, &explanation->error);
	explanation->has_keys = r == 0;
}

static void try_it(const struct ks_openssl *openssl, struct ks_explanation *explanation)
{
	const struct ks_explain_options *options = explanation->options;
	bool verified = ks_explanation_is_verified(explanation);

	if (!options->attempt || !explanation->has_keys)
		return;
	if (!verified && !options->insecure) {
		say("the server is not verified, so nothing was tried; --insecure tries all the same");
		return;
	}
	if (!verified)
		say("the server is NOT verified (--insecure); whoever it is gets to see your certificate");
	if (explanation->link.n_requests > 0 && !ks_explain_keys_chosen(&explanation->keys))
		return; /* the table says why */
	ks_attempt_run(openssl, options, &explanation->keys, &explanation->attempt);
}

static enum ks_explain_exit result_of(const struct ks_explanation *explanation)
{
	const struct ks_explain_key *chosen;

	if (!explanation->has_keys) {
		say(explanation->error.text);
		return explanation->error.code == KS_ERR_NO_AGENT ? KS_EXPLAIN_NO_AGENT : KS_EXPLAIN_FAILED;
	}
	if (!ks_explanation_is_verified(explanation) && !explanation->options->insecure)
		return KS_EXPLAIN_FAILED;
	if (explanation->attempt.done)
		return explanation->attempt.good ? KS_EXPLAIN_GOOD : KS_EXPLAIN_FAILED;
	if (!ks_explanation_asker(explanation))
		return KS_EXPLAIN_GOOD;
	chosen = ks_explain_keys_chosen(&explanation->keys);
	return chosen && ks_explain_key_is_good(chosen) ? KS_EXPLAIN_GOOD : KS_EXPLAIN_FAILED;
}

static enum ks_explain_exit run(const struct ks_openssl *openssl, const struct ks_explain_options *options)
{
	struct ks_explanation explanation = { .options = options, .link = { .fd = -1 } };
	int r = 0;

	if (look(openssl, &explanation) < 0)
		return KS_EXPLAIN_FAILED;
	judge(&explanation);
	try_it(openssl, &explanation);
	if (options->json)
		r = ks_explanation_print_json(&explanation, stdout);
	else
		ks_explanation_print(&explanation, stdout);
	(void)fflush(stdout);
	enum ks_explain_exit code = r == 0 ? result_of(&explanation) : KS_EXPLAIN_FAILED;
	ks_attempt_deinit(&explanation.attempt);
	ks_explain_keys_deinit(&explanation.keys);
	ks_link_close(&explanation.link);
	return code;
}

int main(int argc, char **argv)
{
	struct ks_explain_options options;
	struct ks_openssl openssl;
	enum ks_explain_exit code;
	char why[1024];

	if (ks_process_open_standard() < 0)
		return KS_EXPLAIN_FAILED;
	(void)signal(SIGPIPE, SIG_IGN);
	if (!ks_explain_options_read(argc, argv, &options, &code))
		return (int)code;
	if (ks_openssl_load(&openssl, why, sizeof(why)) < 0) {
		say(why);
		return KS_EXPLAIN_FAILED;
	}
	code = run(&openssl, &options);
	ks_openssl_unload(&openssl);
	return (int)code;
}
