/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue: which keys there are: LIST in pages, GET one with its chain.
 *
 * Runs in: keystay-agent.
 */
#pragma once

#include "agent/request.h"

void ks_catalogue_list(struct ks_request *request);
void ks_catalogue_get(struct ks_request *request);
