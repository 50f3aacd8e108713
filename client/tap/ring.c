/* SPDX-License-Identifier: Apache-2.0 */
/* ring: see ring.h. Runs in: any program that loads the tap. */
#include "client/tap/ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* libssl finishes the handshake hash about six times in a connection; only the last before a signature matters. */
#define ENTRIES 8
#define DIGEST_MAX 64

struct entry {
	uint8_t digest[DIGEST_MAX];
	size_t digest_size; /* 0 = empty */
	uint8_t *stream;    /* owned */
	size_t stream_size;
};

struct ring {
	struct entry at[ENTRIES];
	unsigned next;
};

/* A thread's own, ended with the thread. The tap is linked to stay in memory (-z nodelete), since threads may end after
 * the provider was unloaded. */
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int ready;

static void ring_free(void *pointer)
{
	struct ring *ring = pointer;

	for (size_t i = 0; i < ENTRIES; i++)
		free(ring->at[i].stream);
	free(ring);
}

static void make_key(void)
{
	ready = pthread_key_create(&key, ring_free) == 0;
}

int ks_ring_init(void)
{
	return pthread_once(&once, make_key) == 0 && ready;
}

static struct ring *get_ring(void)
{
	struct ring *ring = pthread_getspecific(key);

	if (ring)
		return ring;
	ring = calloc(1, sizeof(*ring));
	if (ring && pthread_setspecific(key, ring) != 0) {
		free(ring);
		return NULL;
	}
	return ring;
}

void ks_ring_put(const uint8_t *digest, size_t digest_size, uint8_t *stream, size_t stream_size)
{
	struct ring *ring = digest_size > 0 && digest_size <= DIGEST_MAX ? get_ring() : NULL;

	if (!ring) {
		free(stream);
		return;
	}
	struct entry *entry = &ring->at[ring->next];
	ring->next = (ring->next + 1) % ENTRIES;
	free(entry->stream);
	*entry = (struct entry){ .digest_size = digest_size, .stream = stream, .stream_size = stream_size };
	memcpy(entry->digest, digest, digest_size);
}

int ks_ring_find(const uint8_t *digest, size_t digest_size, const uint8_t **ret_stream, size_t *ret_size)
{
	const struct ring *ring = ready ? pthread_getspecific(key) : NULL;

	for (size_t i = 0; ring && i < ENTRIES; i++) {
		const struct entry *entry = &ring->at[i];
		if (entry->digest_size == digest_size && digest_size > 0 &&
		    memcmp(entry->digest, digest, digest_size) == 0) {
			*ret_stream = entry->stream;
			*ret_size = entry->stream_size;
			return 1;
		}
	}
	return 0;
}
