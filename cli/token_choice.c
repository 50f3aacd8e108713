/* SPDX-License-Identifier: Apache-2.0 */
/* token_choice: see token_choice.h. Runs in: keystay unlock. */
#include "cli/token_choice.h"

#include <string.h>

#include "cli/shell.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/uri.h"

static struct ks_uri subject_of(const struct ks_msg_token_status *token)
{
	struct ks_uri uri = { 0 };

	uri.present[KS_URI_TOKEN] = true;
	uri.value[KS_URI_TOKEN] = token->label;
	uri.present[KS_URI_MANUFACTURER] = true;
	uri.value[KS_URI_MANUFACTURER] = token->manufacturer;
	uri.present[KS_URI_MODEL] = true;
	uri.value[KS_URI_MODEL] = token->model;
	uri.present[KS_URI_SERIAL] = true;
	uri.value[KS_URI_SERIAL] = token->serial;
	return uri;
}

bool ks_token_choice_fits(struct ks_bytes name, const struct ks_msg_token_status *token)
{
	KS_CLEANUP(ks_uri_deinit) struct ks_uri pattern = { 0 };
	const char *why;

	if (!ks_uri_is_one(name))
		return ks_bytes_equal(name, token->label);
	if (ks_uri_read(name, &pattern, &why) < 0)
		return false;
	ks_uri_keep_token(&pattern);
	struct ks_uri subject = subject_of(token);
	return ks_uri_matches(&pattern, &subject);
}

static void copy(struct ks_bytes text, char *out, size_t size)
{
	(void)ks_text_print(out, size, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
}

static void choose(const struct ks_msg_token_status *token, struct ks_token_choice *ret_choice)
{
	*ret_choice = (struct ks_token_choice){ .state = token->state,
						.pin_flags = token->pin_flags,
						.submissions = token->submissions,
						.unlocked_for_s = token->unlocked_for_s,
						.n_keys = token->n_keys };
	copy(token->label, ret_choice->label, sizeof(ret_choice->label));
	copy(token->module, ret_choice->module, sizeof(ret_choice->module));
	copy(token->uri, ret_choice->uri, sizeof(ret_choice->uri));
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

struct search {
	struct ks_token_choice best;
	size_t n_best;
	bool by_name;
	struct ks_buffer commands; /* one line for each token that could be meant */
	char last_uri[1025];
	bool has_twins; /* tokens of the same URI */
};

static void search_deinit(struct search *search)
{
	ks_buffer_deinit(&search->commands);
}

/* With the URI: labels are not unique where a choice has to be offered. */
static void offer(struct search *search, const struct ks_msg_token_status *token)
{
	KS_AUTO_FREE char *uri = ks_text_copy(token->uri);
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer word = { 0 };

	if (!uri)
		return;
	if (strcmp(uri, search->last_uri) == 0) {
		search->has_twins = true;
		return;
	}
	copy(token->uri, search->last_uri, sizeof(search->last_uri));
	ks_shell_quote(&word, KS_SHELL_SH, uri);
	ks_buffer_put(&search->commands, ks_bytes_text("\n  keystay unlock "));
	ks_buffer_put(&search->commands, ks_buffer_bytes(&word));
}

static void look_at(struct search *search, const struct ks_msg_token_status *token)
{
	bool is_locked = token->state == KS_TOKEN_LOCKED;
	bool best_is_locked = search->n_best > 0 && search->best.state == KS_TOKEN_LOCKED;

	if (!search->by_name && best_is_locked && !is_locked)
		return;
	if (!search->by_name && is_locked && !best_is_locked)
		search->n_best = 0;
	if (search->n_best == 0) {
		choose(token, &search->best);
		ks_buffer_reset(&search->commands);
		search->last_uri[0] = '\0';
		search->has_twins = false;
	}
	search->n_best++;
	offer(search, token);
}

static int fail_ambiguous(const struct search *search, struct ks_bytes name,
			  struct ks_token_choice_problem *ret_problem)
{
	char shown[256];

	ks_text_escape(name, shown, sizeof(shown));
	(void)ks_text_print(ret_problem->text, sizeof(ret_problem->text), "%s%s%s; name one%s:%.*s",
			    search->by_name ? "more than one token is called \"" : "more than one token is locked",
			    shown, search->by_name ? "\"" : "",
			    search->has_twins ? ", by a key of it (keystay list) where several have one URI" : "",
			    (int)search->commands.size,
			    search->commands.size ? (const char *)search->commands.data : "");
	return KS_ERR_AMBIGUOUS;
}

int ks_token_choice_find(struct ks_bytes tokens, struct ks_bytes name, struct ks_token_choice *ret_choice,
			 struct ks_token_choice_problem *ret_problem)
{
	KS_CLEANUP(search_deinit) struct search search = { .by_name = name.size > 0 };
	struct ks_reader reader = ks_reader(tokens);
	struct ks_msg_token_status token;
	size_t n = 0;

	while (ks_record_read(&reader, KS_RECORD(token_status), &token, sizeof(token)) == 1) {
		n++;
		if (!search.by_name || ks_token_choice_fits(name, &token))
			look_at(&search, &token);
	}
	if (n == 0) {
		(void)ks_text_print(ret_problem->text, sizeof(ret_problem->text),
				    "no token is there; is the card in its reader? See: keystay status");
		return KS_ERR_TOKEN_ABSENT;
	}
	if (search.n_best == 0)
		return KS_ERR_NOT_FOUND;
	/* Several that need nothing are no question: the first stands for all. */
	if (search.n_best > 1 && (search.by_name || search.best.state == KS_TOKEN_LOCKED))
		return fail_ambiguous(&search, name, ret_problem);
	*ret_choice = search.best;
	return 0;
}

/* --- by a key ---------------------------------------------------------------------------------------------------- */

static bool may_hold(const struct ks_msg_token_status *token, const struct ks_msg_identity *key)
{
	return ks_bytes_equal(token->label, key->token) && ks_bytes_equal(token->module, key->module);
}

int ks_token_choice_of_key(struct ks_bytes tokens, const struct ks_msg_identity *key,
			   struct ks_token_choice *ret_choice)
{
	struct ks_reader reader = ks_reader(tokens);
	struct ks_msg_token_status token;
	struct ks_token_choice choice = { 0 };
	size_t n = 0;

	while (ks_record_read(&reader, KS_RECORD(token_status), &token, sizeof(token)) == 1) {
		if (!may_hold(&token, key))
			continue;
		uint32_t flags = choice.pin_flags | token.pin_flags;
		uint32_t submissions = token.submissions > choice.submissions ? token.submissions : choice.submissions;
		choose(&token, &choice);
		choice.pin_flags = flags;
		choice.submissions = submissions;
		n++;
	}
	if (n == 0)
		return KS_ERR_NOT_FOUND;
	if (n > 1) {
		/* Which of them it is knows the agent, by the key. */
		copy(key->name, choice.uri, sizeof(choice.uri));
		choice.state = key->state;
		choice.unlocked_for_s = 0;
		choice.n_keys = 1;
	}
	*ret_choice = choice;
	return 0;
}
