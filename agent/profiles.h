/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profiles: what keystay-enroll asks: how certificates are enrolled (PROFILES), and to look at them again (REFRESH).
 *
 * Runs in: keystay-agent, which itself never talks to a CA.
 */
#pragma once

#include "agent/request.h"

void ks_profiles_tell(struct ks_request *request);
void ks_profiles_refresh(struct ks_request *request);
