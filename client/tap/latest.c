/* SPDX-License-Identifier: Apache-2.0 */
/* latest: see latest.h. Runs in: any program that loads the tap. */
#include "client/tap/latest.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_MAX 64u

struct latest {
	struct ks_stream stream;
	uint8_t digest[DIGEST_MAX];
	size_t digest_size;
};

static pthread_key_t key;
static bool ready;

static void latest_free(void *pointer)
{
	struct latest *latest = pointer;

	ks_stream_forget(&latest->stream);
	free(latest);
}

bool ks_latest_init(void)
{
	ready = pthread_key_create(&key, latest_free) == 0;
	return ready;
}

static struct latest *get_latest(void)
{
	struct latest *latest = pthread_getspecific(key);

	if (latest)
		return latest;
	latest = calloc(1, sizeof(*latest));
	if (latest && pthread_setspecific(key, latest) != 0) {
		free(latest);
		return NULL;
	}
	return latest;
}

void ks_latest_put(const uint8_t *digest, size_t digest_size, struct ks_stream *stream)
{
	struct latest *latest = digest_size > 0 && digest_size <= DIGEST_MAX ? get_latest() : NULL;

	if (!latest) {
		ks_stream_forget(stream);
		return;
	}
	ks_stream_move(&latest->stream, stream);
	memcpy(latest->digest, digest, digest_size);
	latest->digest_size = digest_size;
}

size_t ks_latest_find(const uint8_t *digest, size_t digest_size, uint8_t *buffer, size_t room)
{
	struct latest *latest = ready ? pthread_getspecific(key) : NULL;

	if (!latest || digest_size == 0 || latest->digest_size != digest_size ||
	    memcmp(latest->digest, digest, digest_size) != 0)
		return 0;
	return ks_stream_read(&latest->stream, buffer, room);
}

void ks_latest_forget(void)
{
	struct latest *latest = pthread_getspecific(key);

	if (latest && pthread_setspecific(key, NULL) == 0)
		latest_free(latest);
}
