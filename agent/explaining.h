/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explaining: EXPLAIN, what the rules would say to a signature, without making one.
 *
 * Runs in: keystay-agent. Asks the same function as signing.c, with a server that is taken for proven.
 */
#pragma once

#include "agent/request.h"

void ks_explaining_begin(struct ks_request *request);
