/* SPDX-License-Identifier: Apache-2.0 */
/* url: see url.h. Runs in: keystay-enroll. */
#include "enrol/base/url.h"

#include "lib/base/base64.h"
#include "lib/base/cleanup.h"

/* RFC 3986 section 2.3. */
static bool is_unreserved(uint8_t byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
	       byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

static void put_byte(struct ks_buffer *url, uint8_t byte)
{
	if (is_unreserved(byte))
		ks_buffer_put_u8(url, byte);
	else
		ks_buffer_printf(url, "%%%02X", byte);
}

void ks_url_put(struct ks_buffer *url, struct ks_bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		put_byte(url, text.data[i]);
}

int ks_url_put_base64(struct ks_buffer *url, struct ks_bytes bytes)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer lines = { 0 };

	int r = ks_base64_put(&lines, bytes);
	for (size_t i = 0; r == 0 && i < lines.size; i++) {
		if (lines.data[i] != '\n')
			put_byte(url, lines.data[i]);
	}
	return r < 0 ? r : ks_buffer_error(url);
}
