/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listing: `keystay renew --list`: what is due when, what waits, what went wrong last.
 *
 * Runs in: keystay-enroll.
 */
#pragma once

#include <stdio.h>

#include "enrol/base/problem.h"
#include "enrol/base/profile.h"

/* A table for people, or an array of objects (man keystay-enroll says which keys). */
int ks_listing_print(const struct ks_profiles *profiles, bool as_json, FILE *out, struct ks_enrol_problem *problem)
	KS_WARN_UNUSED;
