/* SPDX-License-Identifier: Apache-2.0 */
/* scep_url: see scep_url.h. Runs in: keystay-enroll. */
#include "enrol/drivers/scep_url.h"

#include <stdbool.h>

#include <openssl/evp.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"

/* RFC 3986 section 2.3. */
static bool is_unreserved(uint8_t byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
	       byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

char *ks_scep_url(const char *base, const char *operation, struct ks_bytes message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };

	ks_buffer_printf(&out, "%s%coperation=%s", base, strchr(base, '?') ? '&' : '?', operation);
	if (message.size)
		ks_buffer_put(&out, ks_bytes_text("&message="));
	for (size_t i = 0; i < message.size; i++) {
		if (is_unreserved(message.data[i]))
			ks_buffer_put_u8(&out, message.data[i]);
		else
			ks_buffer_printf(&out, "%%%02X", message.data[i]);
	}
	return ks_buffer_steal_text(&out);
}

char *ks_scep_url_of_message(const char *base, struct ks_bytes message)
{
	KS_AUTO_FREE unsigned char *text = malloc((message.size + 2) / 3 * 4 + 1);

	if (!text)
		return NULL;
	int size = EVP_EncodeBlock(text, message.data, (int)message.size);
	return ks_scep_url(base, "PKIOperation", ks_bytes(text, (size_t)size));
}
