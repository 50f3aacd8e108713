/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch: see dispatch.h. Runs in: keystay-agent. */
#include "agent/dispatch.h"

#include <stddef.h>

#include "agent/catalogue.h"
#include "agent/control.h"
#include "agent/explaining.h"
#include "agent/monitor.h"
#include "agent/signing.h"
#include "agent/unlocking.h"

static const struct handler {
	uint8_t type;
	enum ks_message_where where;
	void (*handle)(struct ks_request *request);
} handlers[] = { { KS_MSG_MONITOR, KS_ON_CONTROL, ks_monitor_begin },
