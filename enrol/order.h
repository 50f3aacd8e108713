/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order: a certificate is asked for at the CA: request, driver, judgement. Ends with the judged chain in the state.
 *
 * Runs in: keystay-enroll.
 */
#pragma once

#include "enrol/enrol.h"

/* One key while it is worked at; owned but for what is said to be borrowed. */
struct ks_order {
	const struct ks_enrol_wish *wish; /* borrowed */
	struct ks_enrol_state state;
	struct ks_client_identity *key;       /* whose state it is, as the agent shows it */
	const struct ks_profile *profile;     /* borrowed from wish */
	const struct ks_enrol_driver *driver; /* borrowed */
	uint64_t now;
};

/* Does key's certificate hold now? Only then it can speak for a renewal. */
bool ks_order_has_certificate(const struct ks_order *order);

/* state.issued is filled in and saved, 0; or the CA said "come again": state.pending is, 1, with *ret_wait_s. */
int ks_order_place(struct ks_order *order, uint64_t *ret_wait_s, struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* Asks the CA to revoke the certificate of order->key. */
int ks_order_revoke(struct ks_order *order, unsigned reason, struct ks_enrol_problem *problem) KS_WARN_UNUSED;
