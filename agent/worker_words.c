/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_words: the words of the configuration that a worker was made from: copied, compared, put on its command line.
 *
 * Runs in: keystay-agent.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/worker_private.h"
#include "lib/base/text.h"

#define WORDS_MAX 20

static int copy_text(const char *text, char **ret_copy)
{
	*ret_copy = text ? strdup(text) : NULL;
	return text && !*ret_copy ? KS_ERR_NO_MEMORY : 0;
}

static int copy_environment(char *const *from, char ***ret_copy)
{
	size_t n = 0;
	while (from && from[n])
		n++;
	char **copy = calloc(n + 1, sizeof(*copy));
	*ret_copy = copy;
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(from[i]);
		if (!copy[i])
			return KS_ERR_NO_MEMORY;
	}
	return copy ? 0 : KS_ERR_NO_MEMORY;
}

int ks_worker_copy_words(struct ks_worker *worker, const char *program, const struct ks_settings_module *module)
{
	worker->sessions = module->sessions ? module->sessions : KS_WORKER_SESSIONS;
	worker->deadline_ms = (uint32_t)module->deadline_ms;
	int r = copy_text(program, &worker->program);
	if (r == 0)
		r = copy_text(module->name, &worker->name);
	if (r == 0)
		r = copy_text(module->path, &worker->path);
	if (r == 0)
		r = copy_text(module->p11_kit, &worker->p11_kit);
	if (r == 0)
		r = copy_text(module->init_args, &worker->init_args);
	if (r == 0)
		r = copy_text(module->slots, &worker->slots);
	if (r == 0)
		r = copy_text(module->sandbox, &worker->sandbox);
	if (r == 0)
		r = copy_text(module->profile, &worker->profile);
	return r == 0 ? copy_environment(module->environment, &worker->environment) : r;
}

void ks_worker_free_words(struct ks_worker *worker)
{
	free(worker->program);
	free(worker->name);
	free(worker->path);
	free(worker->p11_kit);
	free(worker->init_args);
	free(worker->slots);
	free(worker->sandbox);
	free(worker->profile);
	for (size_t i = 0; worker->environment && worker->environment[i]; i++)
		free(worker->environment[i]);
	free(worker->environment);
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_same_environment(char *const *a, char *const *b)
{
	while (*a && *b && strcmp(*a, *b) == 0) {
		a++;
		b++;
	}
	return !*a && !*b;
}

bool ks_worker_is_for(const struct ks_worker *worker, const struct ks_settings_module *module)
{
	unsigned sessions = module->sessions ? module->sessions : KS_WORKER_SESSIONS;

	return strcmp(worker->name, module->name) == 0 && sessions == worker->sessions &&
	       is_same_text(worker->path, module->path) && is_same_text(worker->p11_kit, module->p11_kit) &&
	       is_same_text(worker->init_args, module->init_args) && is_same_text(worker->slots, module->slots) &&
	       is_same_text(worker->sandbox, module->sandbox) && is_same_text(worker->profile, module->profile) &&
	       worker->deadline_ms == module->deadline_ms &&
	       is_same_environment(worker->environment, module->environment);
}

char **ks_worker_words(struct ks_worker *worker)
{
	static char module[] = "--module", path[] = "--path", p11_kit[] = "--p11-kit", sessions[] = "--sessions";
	static char init_args[] = "--init-args", slots[] = "--slots";
	static char sandbox[] = "--sandbox", profile[] = "--profile";
	static char no_slot_events[] = "--no-slot-events", provision[] = "--provision";
	char **words = calloc(WORDS_MAX, sizeof(*words));
	size_t n = 0;

	if (!words)
		return NULL;
	(void)ks_text_print(worker->sessions_word, sizeof(worker->sessions_word), "%u", worker->sessions);
	words[n++] = worker->program;
	words[n++] = module;
	words[n++] = worker->name;
	words[n++] = worker->p11_kit ? p11_kit : path;
	words[n++] = worker->p11_kit ? worker->p11_kit : worker->path;
	words[n++] = sessions;
	words[n++] = worker->sessions_word;
	if (worker->init_args) {
		words[n++] = init_args;
		words[n++] = worker->init_args;
	}
	if (worker->slots) {
		words[n++] = slots;
		words[n++] = worker->slots;
	}
	if (worker->sandbox) {
		words[n++] = sandbox;
		words[n++] = worker->sandbox;
	}
	if (worker->profile) {
		words[n++] = profile;
		words[n++] = worker->profile;
	}
	if (worker->no_slot_events)
		words[n++] = no_slot_events;
	if (worker->provisions)
		words[n++] = provision;
	return words;
}
