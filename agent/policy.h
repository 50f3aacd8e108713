/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: may this request be answered with this key? A pure function (invariants I2, I3, I10, I11).
 *
 * Runs in: keystay-agent, at signing time and again after every wait. The rules of the key and those of the socket by
 * which the client came must both agree. What no rule of the key names is refused.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/settings.h"
#include "lib/base/error.h"
#include "lib/protocol/message.h"
#include "lib/tls/signable.h"

enum ks_purpose {
	KS_PURPOSE_TLS_CLIENT = 1,
	KS_PURPOSE_DIGEST, /* of whatever it may be (invariant I3) */
	KS_PURPOSE_REQUEST, /* a certificate request or a message of CMP, over the control socket alone; no rule of servers
			     * or max-rate is for it */
};

/* What is known of the server that the signature is for. */
enum ks_server_knowledge {
	KS_SERVER_NOT_LOOKED_AT = 0, /* a proof may still be made */
	KS_SERVER_UNPROVEN,
	KS_SERVER_PROVEN,
};

struct ks_policy_server {
	enum ks_server_knowledge knowledge;
	const char *name;         /* PROVEN: its host name */
	const uint8_t *spki_hash; /* PROVEN: SHA-256 of its public key; NULL: any (EXPLAIN) */
	const char *why;          /* UNPROVEN: one clause */
};

struct ks_policy_question {
	const char *key_name;
	const struct ks_settings_key *rules;     /* NULL: no section fits this key */
	const struct ks_settings_socket *socket; /* by which the client came; NULL: it is not configured any more */
	const char *program;                     /* a label, for a refusal's text */
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* the others that it is in */
	size_t n_groups;
	enum ks_purpose purpose;
	const struct ks_signable *signable;
	struct ks_policy_server server;
	unsigned day, minute; /* local time: 0 = Monday; of the day */
	bool key_is_spent;    /* max-rate of the key leaves nothing now */
	bool socket_is_spent;
	bool consented; /* a person has said yes to this, as `confirm` asks for it */
};

struct ks_policy_answer {
	enum ks_verdict verdict;
	int error;               /* DENY: RULE, RULE_UNPROVABLE or INPUT_DIGEST; else 0 */
	char text[768];          /* DENY: one sentence, with what to do; else "" */
	char rule[384];          /* the rule that decides: `[key "web"] servers = *.example (FILE:LINE)`, or "" */
	enum ks_confirm confirm; /* ASK: how long a yes holds */
};

/* Do key and socket both say `allow = tls, digest`? */
bool ks_policy_allows_digest(const struct ks_settings_key *rules, const struct ks_settings_socket *socket);

/* Does any rule want to know the server? Then it is proven before a person is asked and before the token signs. */
bool ks_policy_wants_a_server(const struct ks_settings_key *rules, const struct ks_settings_socket *socket);

/* Is there more to be had for a client that hands over its handshake? */
bool ks_policy_looks_at_servers(const struct ks_settings_key *rules, const struct ks_settings_socket *socket);

/* The first rule that refuses; else PROVE while a rule wants a server that was not looked at; else ASK; else ALLOW. */
void ks_policy_decide(const struct ks_policy_question *question, struct ks_policy_answer *ret_answer);
