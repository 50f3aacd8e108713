/* SPDX-License-Identifier: Apache-2.0 */
/* say: see say.h. Runs in: any program that loads the engine. */
#include "client/engine/say.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"

/* A process meets a handful. For the rest of one that meets more there is a reason that names keystay alone, and the
 * sentence is attached to it, where curl does not look. */
#define SENTENCES_MAX 64
#define REASON_REST (SENTENCES_MAX + 1)
#define SENTENCE_SIZE 512

/* OpenSSL keeps reasons per process as well: this is its table, and it has to outlive every error in a queue. */
static struct {
	pthread_mutex_t mutex;
	int library;
	size_t n;
	char texts[SENTENCES_MAX][SENTENCE_SIZE];
	ERR_STRING_DATA rows[SENTENCES_MAX][2];
	char name[8], rest[32];
	ERR_STRING_DATA names[3];
} state = { .mutex = PTHREAD_MUTEX_INITIALIZER, .name = "keystay", .rest = "see the agent's log" };

void ks_say_init(void)
{
	(void)pthread_mutex_lock(&state.mutex);
	if (state.library == 0) {
		state.library = ERR_get_next_error_library();
		state.names[0] = (ERR_STRING_DATA){ ERR_PACK(state.library, 0, 0), state.name };
		state.names[1] = (ERR_STRING_DATA){ ERR_PACK(state.library, 0, REASON_REST), state.rest };
		(void)ERR_load_strings(state.library, state.names);
	}
	(void)pthread_mutex_unlock(&state.mutex);
}

void ks_say_deinit(void)
{
	(void)pthread_mutex_lock(&state.mutex);
	for (size_t i = 0; i < state.n; i++)
		(void)ERR_unload_strings(state.library, state.rows[i]);
	if (state.library != 0)
		(void)ERR_unload_strings(state.library, state.names);
	state.n = 0;
	state.library = 0;
	(void)pthread_mutex_unlock(&state.mutex);
}

/* The number of a sentence; REASON_REST when there is no room left. */
static int reason_of(const char *sentence)
{
	for (size_t i = 0; i < state.n; i++) {
		if (strcmp(state.texts[i], sentence) == 0)
			return (int)i + 1;
	}
	if (state.n == SENTENCES_MAX)
		return REASON_REST;
	size_t i = state.n++;
	(void)ks_text_print(state.texts[i], SENTENCE_SIZE, "%s", sentence);
	state.rows[i][0] = (ERR_STRING_DATA){ ERR_PACK(0, 0, (unsigned long)i + 1), state.texts[i] };
	state.rows[i][1] = (ERR_STRING_DATA){ 0, NULL };
	(void)ERR_load_strings(state.library, state.rows[i]);
	return (int)i + 1;
}

int ks_say(int code, const char *sentence)
{
	char cut[SENTENCE_SIZE];

	(void)ks_text_print(cut, sizeof(cut), "%s", sentence);
	(void)pthread_mutex_lock(&state.mutex);
	int library = state.library;
	int reason = library != 0 ? reason_of(cut) : 0;
	(void)pthread_mutex_unlock(&state.mutex);
	if (library == 0)
		return 0;
	ERR_new();
	ERR_set_debug("keystay", 0, "keystay");
	ERR_set_error(library, reason, "%s", reason == REASON_REST ? cut : ks_error_word(code));
	return 0;
}

int ks_say_fail(int code, const char *format, ...)
{
	char sentence[SENTENCE_SIZE];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	return ks_say(code, sentence);
}
