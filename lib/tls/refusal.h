/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal: how the readers of this room say no: a code for programs and a sentence for a person.
 *
 * The sentence says what was seen and what was expected, in numbers and in words of ours; bytes of the input are never
 * copied into it.
 */
#pragma once

#include "lib/base/error.h"
#include "lib/tls/signable.h"

/* Writes the sentence and returns error, so that a reader says "return ks_refusal_give(…)". */
int ks_refusal_give(struct ks_signable_refusal *refusal, int error, const char *format, ...)
	KS_PRINTF(3, 4) KS_WARN_UNUSED;
