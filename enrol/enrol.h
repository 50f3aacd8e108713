/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol: one key's certificate one step further: a first one, the next one, or what an earlier run has begun.
 *
 * Runs in: keystay-enroll.
 *
 *	nothing ──due, or asked for──▶ [second key] ─▶ request ─▶ driver ──▶ issued ──▶ installed ──▶ told ──▶ nothing
 *	                                                 ▲           │          │ (waits until it holds)
 *	                                                 └──pending──┘          └ file, REFRESH, agent shows it, old file away
 *
 * What is between two of them stands in the state (state.h) before the next is begun, so a kill goes back by one at
 * most. Nobody but this decides whether a certificate is good (judge.h), and nothing of the old one is touched before
 * the agent shows the new one.
 */
#pragma once

#include "client/client.h"
#include "enrol/base/problem.h"
#include "enrol/base/profile.h"
#include "enrol/state.h"
#include "lib/base/secret.h"

/* What is asked for; borrowed. */
struct ks_enrol_wish {
	const struct ks_profiles *profiles;
	bool enrol;                          /* a person wants one now (`keystay enroll`); else what is due */
	bool force;                          /* also when it is not due, and what was pending begins anew */
	const char *profile, *subject, *san; /* typed, or NULL */
	const struct ks_secret *secret;      /* typed, or NULL */
	uint64_t lock_ms;                    /* how long to wait for another keystay-enroll */
};

enum ks_enrol_result {
	KS_ENROL_NOTHING, /* it was not due */
	KS_ENROL_DONE,
	KS_ENROL_WAITS, /* for the CA, a token, a person or the time: nothing is wrong */
	KS_ENROL_FAILED,
};

struct ks_enrol_report {
	enum ks_enrol_result result;
	bool for_token; /* WAITS: until a token is unlocked or plugged in */
	uint64_t next;  /* when to come again; 0 = nothing is known of a next time */
	struct ks_enrol_problem problem;
	bool is_old; /* the problem is what it was the last time */
};

/* spki: 64 digits of a key. Says what it does (console.h), and keeps the outcome in the state. */
void ks_enrol_key(const struct ks_enrol_wish *wish, const char *spki, struct ks_enrol_report *ret_report);

/* Which profile holds: keystay.conf's, else the one that was named when it was enrolled (state's). NULL with problem. */
const struct ks_profile *ks_enrol_profile(const struct ks_profiles *profiles, const struct ks_enrol_state *state,
					  const char *typed, struct ks_enrol_problem *problem);

/* Of the certificate that an identity has: when the next one is due; 0 when it has none. Its life counts from when it
 * was installed here: a CA that dates far back, or gives what is nearly over, is not asked again at once, and again. */
uint64_t ks_enrol_due(const struct ks_client_identity *identity, const struct ks_enrol_state *state);
