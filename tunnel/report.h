/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: what OpenSSL's error queue of this thread says, for a person.
 *
 * Runs in: keystay-tunnel, keystay-explain.
 */
#pragma once

#include <stddef.h>

/* Appends the agent's own sentence where the queue has one, else the first reason in it; empties the queue. */
void ks_report_append(char *why, size_t why_size);

/* Puts a sentence of ours into the queue, for who calls ks_report_append() behind libssl. */
void ks_report_raise(const char *sentence);
