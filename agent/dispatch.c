/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch: see dispatch.h. Runs in: keystay-agent. */
#include "agent/dispatch.h"

#include <stddef.h>

#include "agent/catalogue.h"
#include "agent/control.h"
#include "agent/explaining.h"
#include "agent/monitor.h"
#include "agent/profiles.h"
#include "agent/provisioning.h"
#include "agent/signing.h"
#include "agent/token_change.h"
#include "agent/unlocking.h"

static const struct handler {
	uint8_t type;
	enum ks_message_where where;
	void (*handle)(struct ks_request *request);
} handlers[] = {
	{ KS_MSG_LIST, KS_ON_SIGN, ks_catalogue_list },
	{ KS_MSG_GET, KS_ON_SIGN, ks_catalogue_get },
	{ KS_MSG_SIGN, KS_ON_SIGN, ks_signing_begin },
	{ KS_MSG_SIGN_DIGEST, KS_ON_SIGN, ks_signing_begin },
	{ KS_MSG_EXPLAIN, KS_ON_SIGN, ks_explaining_begin },
	{ KS_MSG_STATUS, KS_ON_CONTROL, ks_control_status },
	{ KS_MSG_UNLOCK, KS_ON_CONTROL, ks_unlocking_begin },
	{ KS_MSG_LOCK, KS_ON_CONTROL, ks_control_lock },
	{ KS_MSG_RELOAD, KS_ON_CONTROL, ks_control_reload },
	{ KS_MSG_MONITOR, KS_ON_CONTROL, ks_monitor_begin },
	{ KS_MSG_PROFILES, KS_ON_CONTROL, ks_profiles_tell },
	{ KS_MSG_REFRESH, KS_ON_CONTROL, ks_profiles_refresh },
	{ KS_MSG_SIGN_REQUEST, KS_ON_CONTROL, ks_signing_begin },
	{ KS_MSG_SIGN_FOR_CA, KS_ON_CONTROL, ks_signing_begin },
	{ KS_MSG_SIGN_CMP, KS_ON_CONTROL, ks_signing_begin },
	{ KS_MSG_PROVISION, KS_ON_CONTROL, ks_provisioning_begin },
	{ KS_MSG_TOKEN_KEYGEN, KS_ON_CONTROL, ks_token_change_begin },
	{ KS_MSG_TOKEN_STORE, KS_ON_CONTROL, ks_token_change_begin },
	{ KS_MSG_TOKEN_REMOVE, KS_ON_CONTROL, ks_token_change_begin },
};

static const struct handler *find(uint8_t type)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type == type)
			return &handlers[i];
	}
	return NULL;
}

void ks_dispatch(struct ks_request *request)
{
	const struct handler *handler = find(request->type);
	uint32_t version;

	if (!ks_message_head(request->body, &version, &request->id)) {
		request->id = 0;
		ks_request_fail(request, KS_ERR_MALFORMED, "the message of type %u ends before its id", request->type);
	} else if (version != KS_PROTOCOL_VERSION) {
		ks_request_fail(request, KS_ERR_VERSION, "protocol version %u is not known; this agent speaks %u",
				version, KS_PROTOCOL_VERSION);
	} else if (!handler) {
		ks_request_fail(request, KS_ERR_UNKNOWN_MESSAGE, "a message of type %u is not known", request->type);
	} else if (handler->where != request->where) {
		ks_request_fail(request, KS_ERR_WRONG_SOCKET, "the %s socket does not answer \"%s\"",
				request->where == KS_ON_SIGN ? "sign" : "control",
				ks_message_spec(request->type)->name);
	} else {
		handler->handle(request);
	}
}
