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
#include <string.h>

#include "client/tap/tap.h"
#include "lib/protocol/limits.h"

/* 64 spaces, the context string and a zero (RFC 8446 section 4.4.3). */
#define PREFIX_SIZE 98u

/* Beside this very file, by whatever path it was loaded. */
static void *find_tap(void)
{
	char path[PATH_MAX];
	Dl_info here;

	if (dladdr(__extension__(const void *)find_tap, &here) == 0 || !here.dli_fname)
		return NULL;
	const char *slash = strrchr(here.dli_fname, '/');
	int folder = slash ? (int)(slash - here.dli_fname) : 0;
	int size = snprintf(path, sizeof(path), "%.*s%s%s", folder, here.dli_fname, slash ? "/" : "", KS_TAP_FILE);
	if (size < 0 || (size_t)size >= sizeof(path))
		return NULL;
	return dlopen(path, RTLD_NOW | RTLD_NOLOAD | RTLD_LOCAL);
}

struct ks_bytes ks_transcript_find(struct ks_bytes input)
{
	const uint8_t *stream = NULL;
	size_t size = 0;
	ks_tap_find *find;

	if (input.size <= PREFIX_SIZE || input.data[0] != 0x20)
		return KS_BYTES_NONE; /* TLS 1.2: the input is the handshake itself */
	void *tap = find_tap();
	if (!tap)
		return KS_BYTES_NONE;
	void *symbol = dlsym(tap, KS_TAP_FIND);
	memcpy(&find, &symbol, sizeof(find)); /* ISO C has no cast between object and function pointers */
	bool found = symbol && find(input.data + PREFIX_SIZE, input.size - PREFIX_SIZE, &stream, &size);
	(void)dlclose(tap); /* the tap stays in memory for good (-z nodelete); this gives back our count */
	/* An oversized transcript is left out, an oversized input refused by name (DESIGN section 5). */
	return found && size <= KS_SIGN_INPUT_MAX - input.size ? ks_bytes(stream, size) : KS_BYTES_NONE;
}
