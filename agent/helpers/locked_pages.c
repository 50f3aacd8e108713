/* SPDX-License-Identifier: Apache-2.0 */
/* locked_pages: see locked_pages.h. Runs in: keystay-prompt. */
#include "agent/helpers/locked_pages.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/secret.h"

/* A context of libassuan has 4.5 KiB. Together with the arena of lib/base/secret.c this stays within the smallest usual
 * RLIMIT_MEMLOCK, 64 KiB. */
#define PAGES_SIZE ((size_t)32 * 1024)
#define ALIGNMENT alignof(max_align_t)

/* Before each block. */
struct head {
	alignas(max_align_t) size_t size;
};

/* Process-wide on purpose: hooks of libassuan have no argument of ours. */
static struct {
	uint8_t *pages; /* NULL before init */
	size_t used;
} state;

int ks_locked_pages_init(void)
{
	if (state.pages)
		return 0;
	void *pages = mmap(NULL, PAGES_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return KS_ERR_NO_MEMORY;
	/* mlock2(2), since a sanitizer's library replaces mlock(2) by nothing at all. */
	if (madvise(pages, PAGES_SIZE, MADV_DONTDUMP) < 0 || madvise(pages, PAGES_SIZE, MADV_WIPEONFORK) < 0 ||
	    mlock2(pages, PAGES_SIZE, 0) < 0) {
		(void)munmap(pages, PAGES_SIZE);
		return KS_ERR_NO_MEMORY;
	}
	state.pages = pages;
	state.used = 0;
	return 0;
}

void ks_locked_pages_deinit(void)
{
	if (!state.pages)
		return;
	ks_secret_wipe(state.pages, PAGES_SIZE);
	(void)munmap(state.pages, PAGES_SIZE);
	state.pages = NULL;
}

void *ks_locked_pages_new(size_t size)
{
	size_t free_size = state.pages ? PAGES_SIZE - state.used : 0;

	if (size > PAGES_SIZE || size + sizeof(struct head) + ALIGNMENT > free_size) {
		errno = ENOMEM;
		return NULL;
	}
	struct head *head = (struct head *)(void *)(state.pages + state.used);
	head->size = size;
	state.used += sizeof(*head) + (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return head + 1;
}

static struct head *head_of(void *memory)
{
	return (struct head *)memory - 1;
}

void *ks_locked_pages_resize(void *memory, size_t size)
{
	void *larger = ks_locked_pages_new(size);

	if (!memory || !larger)
		return larger;
	size_t old_size = head_of(memory)->size;
	memcpy(larger, memory, old_size < size ? old_size : size);
	ks_locked_pages_free(memory);
	return larger;
}

void ks_locked_pages_free(void *memory)
{
	if (memory)
		ks_secret_wipe(memory, head_of(memory)->size);
}
