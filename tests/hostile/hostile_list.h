/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_list: what the makers of hostile inputs (hostile_*.c) have in common. Only hostile.c puts them together.
 */
#pragma once

#include "tests/hostile/hostile.h"

struct ks_hostile_list {
	const struct ks_hostile_target *target;
	int (*each)(const struct ks_hostile_input *input, void *userdata);
	void *userdata;
	int n;     /* so far */
	int error; /* the first negative return of each; nothing is given to it afterwards */
};

/* Gives one input; the name is formatted. */
void ks_hostile_list_add(struct ks_hostile_list *list, const struct ks_hostile_input *input, const char *name, ...)
	KS_PRINTF(3, 4);

/* C1 to C4 */
void ks_hostile_tls13_add(struct ks_hostile_list *list);
/* C5 */
void ks_hostile_digest_add(struct ks_hostile_list *list);
/* C6: faults of lengths and order; faults of contents */
void ks_hostile_tls12_add(struct ks_hostile_list *list);
void ks_hostile_contents12_add(struct ks_hostile_list *list);
/* C7 */
void ks_hostile_protocols_add(struct ks_hostile_list *list);
/* C11 */
void ks_hostile_cmp_add(struct ks_hostile_list *list);
/* C8 */
void ks_hostile_schemes_add(struct ks_hostile_list *list);
