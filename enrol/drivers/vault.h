/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault: the JSON of HashiCorp Vault's and OpenBao's `pki/sign/ROLE` (API v1): the request, the answer, the errors.
 *
 * Runs in: keystay-enroll. Pure; vault.c has the driver, ks_enrol_vault (driver.h), as well.
 */
#pragma once

#include <stddef.h>

#include "enrol/drivers/driver.h"

/* {"csr": PEM, "common_name": …, "ttl": …}; common_name is that of the request's subject, and is left out when it has
 * none. */
int ks_vault_put_request(struct ks_buffer *body, const struct ks_enrol_request *request) KS_WARN_UNUSED;

/* The body of an answer with status 200. whose: "Vault server https://…". */
int ks_vault_read_answer(struct ks_bytes body, const char *whose, struct ks_enrol_answer *ret_answer,
			 struct ks_enrol_problem *problem) KS_WARN_UNUSED;
