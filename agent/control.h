/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control: what the owner may ask on the control socket: status, unlock, lock, reload.
 *
 * Runs in: keystay-agent.
 */
#pragma once

#include "agent/request.h"

void ks_control_status(struct ks_request *request);
void ks_control_lock(struct ks_request *request);
void ks_control_reload(struct ks_request *request);
