/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stepca: the JSON of step-ca's /renew and /rekey.
 *
 * Runs in: keystay-enroll. Pure; stepca.c has the driver, ks_enrol_stepca (driver.h), as well.
 */
#pragma once

#include <stddef.h>

#include "enrol/drivers/driver.h"

/* The body of an answer with status 201. whose: "step-ca https://…". */
int ks_stepca_read_answer(struct ks_bytes body, const char *whose, struct ks_enrol_answer *ret_answer,
			  struct ks_enrol_problem *problem) KS_WARN_UNUSED;
