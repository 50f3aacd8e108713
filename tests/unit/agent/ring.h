/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring: a keyring for tests: what up to three modules ("m0", "m1", "m2") have reported, certificates in certs/, and a
 * configuration. Anything that goes wrong ends the program.
 */
#pragma once

#include "agent/keyring.h"
#include "agent/settings_private.h"
#include "tests/unit/agent/reports.h"

#define RING_MODULES 3

struct ring {
	struct ks_inventory inventories[RING_MODULES];
	struct ks_certificate *overlay[1024];
	size_t n_overlay;
	struct ks_overlay_list lists[8]; /* the test's own */
	size_t n_lists;
	struct ks_overlay_answer answers[4]; /* the test's own */
	size_t n_answers;
	struct ks_settings *settings;
	struct ks_keyring *keyring;
};

void ring_init(struct ring *ring);
void ring_deinit(struct ring *ring);

/* Ends what was reported and builds the keyring. configuration: the text of [key] sections, or NULL; the three modules
 * are configured already. May be called again after more was reported. */
void ring_build(struct ring *ring, const char *configuration);

/* As above, with [enforce] of the administrator's. */
void ring_build_enforced(struct ring *ring, const char *enforce, const char *configuration);

/* Report to module; as in reports.h. */
void ring_token(struct ring *ring, size_t module, const struct test_token *token);
void ring_key(struct ring *ring, size_t module, const struct test_object *object, EVP_PKEY *key);
void ring_certificate(struct ring *ring, size_t module, const struct test_object *object,
		      const struct test_certificate *certificate);

/* Into certs/. */
void ring_file(struct ring *ring, const struct test_certificate *certificate);

/* The names of all identities, in order, with spaces; valid until the next call. */
const char *ring_names(struct ring *ring);

/* By name, which must be there. */
struct ks_identity *ring_find(struct ring *ring, const char *name);

/* The identity of this public key in the form that key says. NULL when there is none. */
struct ks_identity *ring_of(struct ring *ring, EVP_PKEY *key);
