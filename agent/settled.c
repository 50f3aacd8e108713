/* SPDX-License-Identifier: Apache-2.0 */
/* settled: see settled.h. Runs in: keystay-agent. */
#include "agent/settled.h"

#include <stdlib.h>

#include "agent/state.h"

struct waiting {
	struct ks_waiter waiter; /* first, so that the waiter is the waiting */
	struct ks_request *request;
	void (*answer)(struct ks_request *request);
};

static void on_drop(struct ks_request *request)
{
	struct waiting *waiting = request->pending;

	ks_state_wait_no_more(&waiting->waiter);
	free(waiting);
}

static void on_news(struct ks_waiter *waiter)
{
	struct waiting *waiting = (struct waiting *)waiter;
	struct ks_request *request = waiting->request;
	void (*answer)(struct ks_request *) = waiting->answer;

	if (!ks_state_is_settled(request->state))
		return;
	on_drop(request);
	answer(request);
}

void ks_settled_then(struct ks_request *request, void (*answer)(struct ks_request *request))
{
	if (ks_state_is_settled(request->state)) {
		answer(request);
		return;
	}
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	if (!waiting) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	*waiting = (struct waiting){ .waiter.changed = on_news, .request = request, .answer = answer };
	request->pending = waiting;
	request->drop = on_drop;
	ks_state_wait(request->state, &waiting->waiter);
}
