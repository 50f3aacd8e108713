/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cleanup: owning locals clean up after themselves; KS_STEAL hands ownership on.
 *
 *	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
 *	KS_AUTO_FREE char *path = NULL;
 *	KS_AUTO_CLOSE int fd = -1;
 */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define KS_CLEANUP(function) __attribute__((cleanup(function)))
#define KS_AUTO_FREE KS_CLEANUP(ks_cleanup_free)
#define KS_AUTO_CLOSE KS_CLEANUP(ks_cleanup_close)

/* Yields the pointer and leaves NULL behind. */
#define KS_STEAL(pointer)                                                                                              \
	({                                                                                                             \
		__typeof__(pointer) ks_stolen_ = (pointer);                                                            \
		(pointer) = NULL;                                                                                      \
		ks_stolen_;                                                                                            \
	})

/* Yields the descriptor and leaves -1 behind. */
#define KS_STEAL_FD(fd)                                                                                                \
	({                                                                                                             \
		int ks_stolen_fd_ = (fd);                                                                              \
		(fd) = -1;                                                                                             \
		ks_stolen_fd_;                                                                                         \
	})

/* Defines NAME##p, a cleanup function for "type *" locals that end with free_function. */
#define KS_DEFINE_CLEANUP(type, free_function)                                                                         \
	static inline void free_function##p(type *pointer)                                                             \
	{                                                                                                              \
		free_function(*pointer);                                                                               \
	}

static inline void ks_cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void ks_cleanup_close(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}
