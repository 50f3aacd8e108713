/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign: C_SignInit to C_SignFinal: what is to be signed is gathered, then goes to the agent in one request.
 *
 * Runs in: any program, in all of its threads.
 */
#pragma once

/* One signature from C_SignInit on. */
struct ks_operation;

/* NULL is fine. */
void ks_operation_free(struct ks_operation *operation);
