/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: EXPLAIN (client.h): what the rules say to a key and a server, without a signature.
 *
 * Runs in: keystay, keystay-tunnel, keystay-explain and, by the plug-ins, any program.
 */
#include "client/client.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

int ks_client_explain(enum ks_client_socket socket, const char *name, const char *server, bool digest,
		      struct ks_client_policy *ret_policy, struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	int r = ks_client_open(socket, &client, ret_error);
	if (r < 0)
		return r;
	struct ks_msg_explain request = { .name = ks_bytes_text(name),
					  .server = ks_bytes_text(server),
					  .digest = digest };
	struct ks_msg_explain_reply reply;
	r = ks_client_call(&client, KS_MSG_EXPLAIN, &request, KS_MSG_EXPLAIN_REPLY, &reply, sizeof(reply), NULL,
			   ret_error);
	if (r < 0)
		return r;
	/* What is not known counts as a refusal. */
	ret_policy->verdict = reply.verdict == KS_VERDICT_ALLOW || reply.verdict == KS_VERDICT_ASK ?
				      (enum ks_verdict)reply.verdict :
				      KS_VERDICT_DENY;
	(void)ks_text_print(ret_policy->text, sizeof(ret_policy->text), "%.*s", (int)reply.text.size,
			    (const char *)reply.text.data);
	(void)ks_text_print(ret_policy->rule, sizeof(ret_policy->rule), "%.*s", (int)reply.rule.size,
			    (const char *)reply.rule.data);
	(void)ks_text_print(ret_policy->key, sizeof(ret_policy->key), "%.*s", (int)reply.key.size,
			    (const char *)reply.key.data);
	return 0;
}
