/* SPDX-License-Identifier: Apache-2.0 */
/* places: see places.h. Runs in: keystay-token. */
#include "pkcs11/places.h"

#include <string.h>

#include "lib/base/text.h"

int ks_places_init(struct ks_places *places)
{
	*places = (struct ks_places){ 0 };
	return pthread_mutex_init(&places->mutex, NULL) == 0 ? 0 : KS_ERR_SYSTEM;
}

/* A description has 64 bytes; names of readers are longer at times and are cut then. */
static bool is_reader(const struct ks_place *place, const char *reader)
{
	size_t size = strlen(place->reader);

	return size > 0 && strncmp(place->reader, reader, size) == 0 &&
	       (reader[size] == '\0' || size == KS_PLACE_SIZE - 1);
}

/* With the mutex held. */
static struct ks_place *find(struct ks_places *places, uint32_t token)
{
	for (size_t i = 0; i < places->n; i++) {
		if (places->list[i].token == token)
			return &places->list[i];
	}
	return NULL;
}

void ks_places_put(struct ks_places *places, uint32_t token, const char *reader)
{
	(void)pthread_mutex_lock(&places->mutex);
	struct ks_place *place = find(places, token);
	if (!place && places->n < KS_TOKENS_PER_MODULE)
		place = &places->list[places->n++];
	if (place) {
		place->token = token;
		place->gone = false;
		(void)ks_text_print(place->reader, sizeof(place->reader), "%s", reader);
	}
	(void)pthread_mutex_unlock(&places->mutex);
}

void ks_places_drop(struct ks_places *places, uint32_t token)
{
	(void)pthread_mutex_lock(&places->mutex);
	struct ks_place *place = find(places, token);
	if (place)
		*place = places->list[--places->n];
	(void)pthread_mutex_unlock(&places->mutex);
}

size_t ks_places_remove(struct ks_places *places, const char *reader, uint32_t ret_tokens[KS_TOKENS_PER_MODULE])
{
	size_t n = 0;

	(void)pthread_mutex_lock(&places->mutex);
	for (size_t i = 0; i < places->n; i++) {
		struct ks_place *place = &places->list[i];
		if (place->gone || !is_reader(place, reader))
			continue;
		place->gone = true;
		ret_tokens[n++] = place->token;
	}
	(void)pthread_mutex_unlock(&places->mutex);
	return n;
}

bool ks_places_is_gone(struct ks_places *places, uint32_t token)
{
	(void)pthread_mutex_lock(&places->mutex);
	const struct ks_place *place = find(places, token);
	bool gone = place && place->gone;
	(void)pthread_mutex_unlock(&places->mutex);
	return gone;
}

bool ks_places_is_in(struct ks_places *places, uint32_t token, const char *reader)
{
	(void)pthread_mutex_lock(&places->mutex);
	const struct ks_place *place = find(places, token);
	bool is_in = place && is_reader(place, reader);
	(void)pthread_mutex_unlock(&places->mutex);
	return is_in;
}

bool ks_places_is_used(struct ks_places *places, const char *reader)
{
	bool used = false;

	(void)pthread_mutex_lock(&places->mutex);
	for (size_t i = 0; i < places->n; i++)
		used = used || !reader || is_reader(&places->list[i], reader);
	(void)pthread_mutex_unlock(&places->mutex);
	return used;
}

void ks_places_set_looking(struct ks_places *places, bool looking)
{
	(void)pthread_mutex_lock(&places->mutex);
	places->looking = looking;
	(void)pthread_mutex_unlock(&places->mutex);
}

bool ks_places_is_looking(struct ks_places *places)
{
	(void)pthread_mutex_lock(&places->mutex);
	bool looking = places->looking;
	(void)pthread_mutex_unlock(&places->mutex);
	return looking;
}
