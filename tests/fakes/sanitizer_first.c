/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sanitizer_first: has AddressSanitizer start before any other library does, in programs that it is preloaded into.
 *
 * It starts at the first malloc(3), which in curl comes from inside newlocale(3), called by p11-kit's constructor. It then
 * asks for an error text, for which the C library takes the lock that newlocale(3) holds, and curl hangs in its next
 * setlocale(3). This library is marked to be initialised before all others (-z initfirst) and allocates there.
 *
 * Runs in: clients of the stories, of a build with AddressSanitizer only.
 */
#include <stdlib.h>

__attribute__((constructor)) static void allocate(void)
{
	void *volatile memory = malloc(1);

	free(memory);
}
