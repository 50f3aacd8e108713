/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places: which token is in which reader: what the thread that watches the readers knows of tokens.
 *
 * Runs in: keystay-token. The main thread writes down where it found the tokens, the watcher looks them up when a card
 * is taken out, also while the main thread hangs in the module. So nothing here calls anything else with the mutex held.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/protocol/limits.h"

#define KS_PLACE_SIZE 65u /* CK_SLOT_INFO.slotDescription and a NUL */

struct ks_place {
	uint32_t token;
	char reader[KS_PLACE_SIZE]; /* as the slot describes itself */
	bool gone;                  /* its card was taken out, which the main thread does not know yet */
};

struct ks_places {
	pthread_mutex_t mutex;
	struct ks_place list[KS_TOKENS_PER_MODULE];
	size_t n;
	bool looking; /* the main thread is about to find out where tokens are */
};

int ks_places_init(struct ks_places *places) KS_WARN_UNUSED;

/* token was found in a slot of this description. */
void ks_places_put(struct ks_places *places, uint32_t token, const char *reader);

/* token is not there any more. */
void ks_places_drop(struct ks_places *places, uint32_t token);

/* The card in reader was taken out: which tokens were on it? They are marked, and not told twice. */
size_t ks_places_remove(struct ks_places *places, const char *reader, uint32_t ret_tokens[KS_TOKENS_PER_MODULE]);

/* Was it marked since it was put? */
bool ks_places_is_gone(struct ks_places *places, uint32_t token);

void ks_places_set_looking(struct ks_places *places, bool looking);
bool ks_places_is_looking(struct ks_places *places);

/* Is any token in this reader? NULL: anywhere. */
bool ks_places_is_used(struct ks_places *places, const char *reader);

/* Is token in this reader? */
bool ks_places_is_in(struct ks_places *places, uint32_t token, const char *reader);
