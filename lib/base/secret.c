/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret: see secret.h.
 *
 * The arena is made on first use and stays for the life of the process:
 *
 *	| no access | alive, slot, slot, … (locked, not dumped, wiped in a forked child) | no access |
 *
 * Which slots are taken stands outside of it, so that a forked child, where the arena reads as zeros, does not give a
 * slot to two owners. Locks are not inherited by fork(2): "alive", wiped with the rest, tells the child that it must
 * lock again before anything may be written.
 *
 * Runs in: keystay-agent, keystay-token, keystay. Must never copy contents to other memory, nor print them.
 */
#include "lib/base/secret.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N_SLOTS 31
#define ARENA_SIZE_MAX ((size_t)8192) /* two pages: RLIMIT_MEMLOCK may be as low as 64 KiB, whatever else is locked */

struct ks_secret {
	uint16_t size;
	uint8_t data[KS_SECRET_MAX +
		     1]; /* one more, to see that an input is too long, or its newline; zero behind size */
};

struct arena {
	uint32_t alive;
	struct ks_secret slots[N_SLOTS];
};

_Static_assert(sizeof(struct arena) <= ARENA_SIZE_MAX, "the arena must stay lockable under a small RLIMIT_MEMLOCK");

/* Process-wide on purpose: locked pages are few and belong to the process. */
static struct {
	struct arena *arena; /* NULL before the first secret */
	size_t size;
	bool taken[N_SLOTS];
} state;

void ks_secret_wipe(void *memory, size_t size)
{
	if (size > 0)
		explicit_bzero(memory, size);
}

/* mlock2(2) without flags is mlock(2); but that one a sanitizer's library replaces by nothing at all. */
static int lock(void *pages, size_t size)
{
	return mlock2(pages, size, 0);
}

/* Everything the arena promises, or nothing: where one of these fails, no PIN is taken. */
static bool protect(void *pages, size_t size)
{
	return mprotect(pages, size, PROT_READ | PROT_WRITE) == 0 && madvise(pages, size, MADV_DONTDUMP) == 0 &&
	       madvise(pages, size, MADV_WIPEONFORK) == 0 && lock(pages, size) == 0;
}

static int create_arena(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (sizeof(struct arena) + page - 1) / page * page;
	uint8_t *whole = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (whole == MAP_FAILED)
		return KS_ERR_NO_MEMORY;
	if (!protect(whole + page, size)) {
		(void)munmap(whole, size + 2 * page);
		return KS_ERR_NO_MEMORY;
	}
	state.arena = (struct arena *)(void *)(whole + page);
	state.size = size;
	state.arena->alive = 1;
	return 0;
}

/* Before anything is written: the arena is there, and locked in this very process. */
static int ensure_arena(void)
{
	if (!state.arena)
		return create_arena();
	if (state.arena->alive)
		return 0;
	if (lock(state.arena, state.size) < 0)
		return KS_ERR_NO_MEMORY;
	state.arena->alive = 1;
	return 0;
}

int ks_secret_new(struct ks_secret **ret_secret)
{
	int r = ensure_arena();
	if (r < 0)
		return r;
	for (size_t i = 0; i < N_SLOTS; i++) {
		if (state.taken[i])
			continue;
		state.taken[i] = true;
		*ret_secret = &state.arena->slots[i];
		return 0;
	}
	return KS_ERR_LIMIT;
}

static void clear(struct ks_secret *secret)
{
	ks_secret_wipe(secret, sizeof(*secret));
}

void ks_secret_free(struct ks_secret *secret)
{
	if (!secret)
		return;
	clear(secret);
	state.taken[secret - state.arena->slots] = false;
}

int ks_secret_take(struct ks_secret *secret, uint8_t *source, size_t size)
{
	int r = ensure_arena();
	if (r == 0 && size > KS_SECRET_MAX)
		r = KS_ERR_TOO_LARGE;
	if (r == 0) {
		clear(secret);
		if (size > 0)
			memcpy(secret->data, source, size);
		secret->size = (uint16_t)size;
	}
	/* Refused or not, the caller's copy is gone. */
	ks_secret_wipe(source, size);
	return r;
}

/* read(2) that waits where the descriptor does not. */
static ssize_t read_some(int fd, uint8_t *data, size_t size)
{
	for (;;) {
		ssize_t n = read(fd, data, size);
		if (n >= 0)
			return n;
		if (errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLIN };
			if (poll(&wait, 1, -1) < 0 && errno != EINTR)
				return -1;
		} else if (errno != EINTR) {
			return -1;
		}
	}
}

static int fill(struct ks_secret *secret, int fd, bool stop_at_newline)
{
	size_t used = 0;
	while (used <= KS_SECRET_MAX) {
		/* Byte by byte up to a newline: what stands after it is not ours, and stays in the descriptor. */
		size_t wanted = stop_at_newline ? 1 : sizeof(secret->data) - used;
		ssize_t n = read_some(fd, secret->data + used, wanted);
		if (n < 0)
			return KS_ERR_SYSTEM;
		bool newline = stop_at_newline && n == 1 && secret->data[used] == '\n';
		if (n == 0 || newline) {
			secret->data[used] = 0;
			secret->size = (uint16_t)used;
			return 0;
		}
		used += (size_t)n;
	}
	return KS_ERR_TOO_LARGE;
}

int ks_secret_read(struct ks_secret *secret, int fd, bool stop_at_newline)
{
	int r = ensure_arena();
	if (r < 0)
		return r;
	clear(secret);
	r = fill(secret, fd, stop_at_newline);
	if (r < 0)
		clear(secret);
	return r;
}

int ks_secret_copy(const struct ks_secret *secret, struct ks_secret **ret_copy)
{
	struct ks_secret *copy = NULL;

	int r = ks_secret_new(&copy);
	if (r < 0)
		return r;
	memcpy(copy->data, secret->data, secret->size);
	copy->size = secret->size;
	*ret_copy = copy;
	return 0;
}

struct ks_bytes ks_secret_bytes(const struct ks_secret *secret)
{
	return ks_bytes(secret->data, secret->size);
}

const char *ks_secret_text(const struct ks_secret *secret)
{
	return memchr(secret->data, 0, secret->size) ? NULL : (const char *)secret->data;
}

void ks_secret_arena(const void **ret_start, size_t *ret_size)
{
	*ret_start = state.arena;
	*ret_size = state.size;
}
