/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: may this request be answered with this key? A pure function (invariants I2, I3, I10, I11).
 *
 * Runs in: keystay-agent, at signing time and again after every wait.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/settings.h"
#include "lib/base/error.h"
#include "lib/tls/signable.h"

enum ks_purpose {
	KS_PURPOSE_TLS_CLIENT = 1,
	KS_PURPOSE_DIGEST, /* of whatever it may be (invariant I3) */
};

struct ks_policy_question {
	const char *key_name;
	const struct ks_settings_key *rules;     /* NULL: no section fits this key */
	const struct ks_settings_socket *socket; /* by which the client came; NULL: it is not configured any more */
	const char *program;                     /* a label, for a refusal's text */
	uid_t uid;
	enum ks_purpose purpose;
	const struct ks_signable *signable;
};

struct ks_policy_answer {
	char text[512]; /* a refusal in one sentence, with the rule and what to do; "" when allowed */
};

/* Do key and socket both say `allow = tls, digest`? */
bool ks_policy_allows_digest(const struct ks_settings_key *rules, const struct ks_settings_socket *socket);

/* 0 = allow; RULE, RULE_UNPROVABLE or INPUT_DIGEST = refuse with ret_answer filled. */
int ks_policy_decide(const struct ks_policy_question *question, struct ks_policy_answer *ret_answer) KS_WARN_UNUSED;
