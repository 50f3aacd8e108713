/* SPDX-License-Identifier: Apache-2.0 */
/* attempt: see attempt.h. Runs in: keystay-explain. */
#include "explain/attempt.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "client/tls/credentials.h"
#include "client/tls/report.h"

struct choice {
	const struct ks_openssl *openssl;
	const struct ks_explain_options *options;
	struct ks_explain_keys *keys;
	struct ks_attempt *attempt;
};

/* Without a key that fits the handshake goes on without a certificate: what the server says to that is of interest. */
static int give_key(struct ks_link *link, void *userdata)
{
	KS_CLEANUP(ks_credentials_deinit) struct ks_credentials credentials = { NULL, NULL, NULL };
	struct choice *choice = userdata;
	struct ks_client_error error;
	char why[512];

	if (ks_explain_keys_judge(choice->keys, &link->asked.best, choice->options->server_name, &error) < 0) {
		ks_report_raise(error.text);
		return 0;
	}
	const struct ks_explain_key *key = ks_explain_keys_chosen(choice->keys);
	if (!key)
		return 1;
	int r = ks_credentials_make(choice->openssl->context, key->identity, &credentials, why, sizeof(why));
	if (r < 0 || ks_credentials_use(&credentials, link->ssl) < 0) {
		ks_report_raise(r < 0 ? why : "OpenSSL does not take this key with its certificate");
		return 0;
	}
	(void)ks_text_print(choice->attempt->key, sizeof(choice->attempt->key), "%s", key->best.name);
	return 1;
}

/* "HTTP/1.1 200 OK": 200; 0 when it is no status line (RFC 9112 section 4). */
static int http_status(const char *line)
{
	if (strncmp(line, "HTTP/", 5) != 0)
		return 0;
	const char *space = strchr(line, ' ');
	return space ? atoi(space + 1) : 0;
}

void ks_attempt_run(const struct ks_openssl *openssl, const struct ks_explain_options *options,
		    struct ks_explain_keys *keys, struct ks_attempt *attempt)
{
	struct choice choice = { openssl, options, keys, attempt };

	attempt->done = true;
	if (ks_link_open(openssl, options, !options->insecure, &attempt->link, attempt->why, sizeof(attempt->why)) < 0)
		return;
	int r = ks_link_shake(&attempt->link, give_key, &choice, attempt->why, sizeof(attempt->why));
	if (r == 0)
		r = ks_link_talk(&attempt->link, attempt->status, attempt->why, sizeof(attempt->why));
	if (r < 0)
		return;
	attempt->http_status = http_status(attempt->status);
	attempt->good = !options->path[0] || (attempt->http_status >= 100 && attempt->http_status < 400);
	if (!attempt->good)
		(void)ks_text_print(attempt->why, sizeof(attempt->why), "the server answers %s",
				    attempt->status[0] ? attempt->status : "nothing");
}

void ks_attempt_deinit(struct ks_attempt *attempt)
{
	if (attempt->done)
		ks_link_close(&attempt->link);
}
