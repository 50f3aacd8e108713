/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unlocking: `keystay unlock`: a PIN that a person has given, or the wish to be asked for it.
 *
 * Runs in: keystay-agent.
 */
#pragma once

#include "agent/request.h"

/* Handler of KS_MSG_UNLOCK. Answers now or later. */
void ks_unlocking_begin(struct ks_request *request);
