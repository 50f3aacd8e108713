/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transcript: see transcript.h.
 *
 * Runs in: any program that loads the provider. Looks whether the tap is there and never loads it: that is the
 * configuration's to say. Nothing is remembered, since the tap may come and go between two signatures.
 */
#include "client/openssl/transcript.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tap/tap.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"

/* 64 spaces, the context string and a zero (RFC 8446 section 4.4.3). */
#define PREFIX_SIZE 98u

/* In that folder, else beside this very file, by whatever path it was loaded. */
static void *find_tap(const char *in)
{
	char path[PATH_MAX];
	Dl_info here;

	if (in) {
		int size = snprintf(path, sizeof(path), "%s/%s", in, KS_TAP_FILE);
		return size > 0 && (size_t)size < sizeof(path) ? dlopen(path, RTLD_NOW | RTLD_NOLOAD | RTLD_LOCAL) :
								 NULL;
	}
	if (dladdr(__extension__(const void *) find_tap, &here) == 0 || !here.dli_fname)
		return NULL;
	const char *slash = strrchr(here.dli_fname, '/');
	int folder = slash ? (int)(slash - here.dli_fname) : 0;
	int size = snprintf(path, sizeof(path), "%.*s%s%s", folder, here.dli_fname, slash ? "/" : "", KS_TAP_FILE);
	if (size < 0 || (size_t)size >= sizeof(path))
		return NULL;
	return dlopen(path, RTLD_NOW | RTLD_NOLOAD | RTLD_LOCAL);
}

/* Asked for its size first. 0 also when it went away in between. */
static size_t copy_stream(ks_tap_find *find, struct ks_bytes digest, size_t room, uint8_t **ret_transcript)
{
	size_t size = find(digest.data, digest.size, NULL, 0);

	if (size == 0 || size > room)
		return 0;
	KS_AUTO_FREE uint8_t *transcript = malloc(size);
	if (!transcript || find(digest.data, digest.size, transcript, size) != size)
		return 0;
	*ret_transcript = KS_STEAL(transcript);
	return size;
}

size_t ks_transcript_find(struct ks_bytes input, const char *folder, uint8_t **ret_transcript)
{
	size_t size = 0;
	ks_tap_find *find;

	if (input.size <= PREFIX_SIZE || input.size > KS_SIGN_INPUT_MAX || input.data[0] != 0x20)
		return 0; /* TLS 1.2: the input is the handshake itself */
	void *tap = find_tap(folder);
	if (!tap)
		return 0;
	void *symbol = dlsym(tap, KS_TAP_FIND);
	memcpy(&find, &symbol, sizeof(find)); /* ISO C has no cast between object and function pointers */
	/* An oversized transcript is left out, an oversized input refused by name (DESIGN section 5). */
	if (symbol)
		size = copy_stream(find, ks_bytes(input.data + PREFIX_SIZE, input.size - PREFIX_SIZE),
				   KS_SIGN_INPUT_MAX - input.size, ret_transcript);
	(void)dlclose(tap); /* gives back our count; the tap itself stays in memory (-z nodelete) */
	return size;
}
