/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge: is what a CA answered the certificate that was asked for, and would it do? One place, for all protocols alike.
 *
 * Runs in: keystay-enroll. Pure but for the files that a profile names. Answers are read here as what they are: bytes
 * of a server. Every no is a problem in plain words; whoever asks for the same again gets the same, so it is final but
 * where a second try may bring something else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "enrol/base/problem.h"
#include "enrol/base/profile.h"
#include "enrol/drivers/driver.h"
#include "lib/base/buffer.h"
#include "lib/base/bytes.h"

struct ks_judge_case {
	const struct ks_profile *profile;
	struct ks_bytes spki;                  /* of the key that it is for */
	struct ks_bytes certificates, anchors; /* of struct ks_enrol_answer */
	uint64_t
		old_not_after; /* of the certificate that is replaced unattended: it must not end before it; 0 = none */
	struct ks_bytes old;   /* that certificate, DER, or none: the same again is no answer */
	uint64_t now;
};

struct ks_judgement {
	struct ks_buffer chain; /* leaf first, then its issuers without a root; DER one behind the other */
	uint64_t not_before;    /* later than now: it is good from then on */
	uint64_t not_after;
	char subject[256]; /* escaped; cut */
};

void ks_judgement_deinit(struct ks_judgement *judgement);

/* The newest certificate of the key out of the answer; from a CA of issued-by, else of what the protocol vouches for,
 * else (over verified https, or from a program of one's own) with no signature in the answer that contradicts it; for
 * TLS clients; holding now or within KS_ENROL_EARLY_MAX_S. */
int ks_judge(const struct ks_judge_case *judged, struct ks_judgement *ret_judgement, struct ks_enrol_problem *problem)
	KS_WARN_UNUSED;
