/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spelling: which known word did a person mean? For "did you mean …" behind an unknown key, section or name.
 *
 *	struct ks_spelling spelling = { .word = "servrs" };
 *	ks_spelling_offer(&spelling, "servers");
 *	if (spelling.best) …
 *
 * Runs in: keystay-agent, keystay. Pure. A guess is only ever shown, never acted upon.
 */
#pragma once

#include <stddef.h>

struct ks_spelling {
	const char *word; /* what was written; borrowed */
	const char *best; /* borrowed from who offered it; NULL while nothing is near enough */
	size_t distance;  /* of best */
};

/* Offers one known word. The first of equally near ones stays. */
void ks_spelling_offer(struct ks_spelling *spelling, const char *candidate);

/* How many letters must be put in, taken out, changed or swapped with their neighbour to make b of a (the optimal
 * string alignment distance). Case counts for nothing. SIZE_MAX when one is longer than 64 bytes. */
size_t ks_spelling_distance(const char *a, const char *b);
