/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: what OpenSSL's error queue of this thread says, for a person.
 *
 * Runs in: keystay-tunnel, keystay-explain, keystay-enroll.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Appends the agent's own sentence where the queue has one, else the first reason in it; empties the queue. */
void ks_report_append(char *why, size_t why_size);

/* The same into out, which is overwritten. True when the sentence is keystay's; then ret_code is its KS_ERR_*, as far as
 * the queue knows it, else DENIED. */
bool ks_report_take(char *out, size_t size, int *ret_code);

/* Puts a sentence of ours into the queue, for who calls ks_report_append() behind libssl. */
void ks_report_raise(const char *sentence);
