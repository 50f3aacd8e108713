/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof_scene: a server that is all right: root, intermediate, leaf, a signature; so that a test changes the one thing
 * that it is about. The clock stands still.
 *
 * Runs in: unit tests.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/tls/server_proof.h"
#include "tests/unit/tls/server_ca.h"

#define SCENE_NOW 1800000000 /* 2027-01-15 */
#define SCENE_DAY 86400
#define SCENE_NAME "www.corp.example"

struct scene {
	/* Change these, then scene_make(). */
	struct server_ca_plan root_plan, middle_plan, leaf_plan;
	bool without_middle; /* the root issues the leaf */
	bool self_signed;    /* nobody issues the leaf */

	struct server_ca_certificate root, middle, leaf;

	/* Change these, then scene_prove(). */
	struct ks_server_claim claim;
	struct ks_buffer signature, staple;
	struct ks_server_trust *trust[KS_PROOF_ANCHORS_MAX];
	size_t n_trust;
	int64_t now;

	/* What came of it. */
	uint8_t hash[32];
	char reason[256];
};

/* The plans of P-256 and TLS 1.3. */
void scene_init(struct scene *scene);
void scene_deinit(struct scene *scene);

/* Replaces the value of an extension of a plan; NULL takes it out. One that is not there is added. */
void scene_set(struct server_ca_plan *plan, const char *name, const char *value);

/* Makes the certificates; the claim shows leaf and intermediate; the root is trusted; the signature is good. */
void scene_make(struct scene *scene);

/* A set with just this one; replaces what was trusted. */
void scene_trust(struct scene *scene, const struct server_ca_certificate *anchor);
void scene_trust_too(struct scene *scene, const struct server_ca_certificate *anchor);

/* Signs with the leaf's key and says that it is this scheme. */
void scene_sign(struct scene *scene, uint32_t scheme, const struct server_ca_signature *how);

int scene_prove(struct scene *scene);
void scene_expect_proven(struct scene *scene);
void scene_expect_refused(struct scene *scene, const char *words);
