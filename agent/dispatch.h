/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch: which message may come by which socket, and who answers it.
 *
 * Runs in: keystay-agent.
 */
#pragma once

#include "agent/request.h"

/* request->type, where and body are set. Whatever is wrong with it is answered with an error. */
void ks_dispatch(struct ks_request *request);
