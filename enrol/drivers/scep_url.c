/* SPDX-License-Identifier: Apache-2.0 */
/* scep_url: see scep_url.h. Runs in: keystay-enroll. */
#include "enrol/drivers/scep_url.h"

#include <string.h>

#include "enrol/base/url.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"

static void put_operation(struct ks_buffer *url, const char *base, const char *operation)
{
	ks_buffer_printf(url, "%s%coperation=%s", base, strchr(base, '?') ? '&' : '?', operation);
}

char *ks_scep_url(const char *base, const char *operation, struct ks_bytes message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer url = { 0 };

	put_operation(&url, base, operation);
	if (message.size > 0) {
		ks_buffer_put(&url, ks_bytes_text("&message="));
		ks_url_put(&url, message);
	}
	return ks_buffer_steal_text(&url);
}

char *ks_scep_url_of_message(const char *base, struct ks_bytes message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer url = { 0 };

	put_operation(&url, base, "PKIOperation");
	ks_buffer_put(&url, ks_bytes_text("&message="));
	return ks_url_put_base64(&url, message) < 0 ? NULL : ks_buffer_steal_text(&url);
}
