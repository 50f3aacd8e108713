/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reports: what a worker says of its tokens, as messages through the real codec into a real inventory. Each returns
 * what ks_inventory_take() says.
 */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>

#include "agent/inventory.h"
#include "tests/unit/agent/certificates.h"

struct test_token {
	uint32_t number;
	const char *label;  /* NULL = "corp" */
	const char *serial; /* NULL = "0001" */
	bool logged_in;
	bool needs_no_pin;
};

struct test_object {
	uint32_t token;
	uint32_t number;
	const char *label; /* NULL = "" */
	const char *id;    /* hex; NULL = none */
	bool hidden;       /* the private half is not seen */
	bool always_authenticate;
};

int report_token(struct ks_inventory *inventory, const struct test_token *token) KS_WARN_UNUSED;
int report_key(struct ks_inventory *inventory, const struct test_object *object, EVP_PKEY *key) KS_WARN_UNUSED;
int report_spki(struct ks_inventory *inventory, const struct test_object *object, struct ks_bytes spki) KS_WARN_UNUSED;
int report_certificate(struct ks_inventory *inventory, const struct test_object *object,
		       const struct test_certificate *certificate) KS_WARN_UNUSED;
int report_der(struct ks_inventory *inventory, const struct test_object *object, struct ks_bytes der) KS_WARN_UNUSED;

/* *ret_complete must become true. */
int report_end(struct ks_inventory *inventory, bool all) KS_WARN_UNUSED;
