/* SPDX-License-Identifier: Apache-2.0 */
/* pem: see pem.h. */
#include "lib/protocol/pem.h"

#include "lib/base/cleanup.h"
#include "lib/protocol/reference.h"

/* RFC 7468 section 2: lines of 64 characters, that is 48 bytes. */
#define LINE_BYTES ((size_t)48)
#define LINE_CHARACTERS 64

/* RFC 4648 section 4. line has room for LINE_CHARACTERS. Returns how many characters it got. */
static size_t encode(struct ks_bytes in, uint8_t *line)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;

	for (size_t i = 0; i < in.size; i += 3) {
		size_t left = in.size - i;
		uint32_t bits = (uint32_t)in.data[i] << 16;
		if (left > 1)
			bits |= (uint32_t)in.data[i + 1] << 8;
		if (left > 2)
			bits |= in.data[i + 2];
		line[n++] = (uint8_t)digits[bits >> 18];
		line[n++] = (uint8_t)digits[bits >> 12 & 63];
		line[n++] = left > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=';
		line[n++] = left > 2 ? (uint8_t)digits[bits & 63] : '=';
	}
	return n;
}

int ks_pem_put(struct ks_buffer *buffer, const char *label, struct ks_bytes der)
{
	uint8_t line[LINE_CHARACTERS];

	ks_buffer_printf(buffer, "-----BEGIN %s-----\n", label);
	for (size_t done = 0; done < der.size; done += LINE_BYTES) {
		size_t size = der.size - done < LINE_BYTES ? der.size - done : LINE_BYTES;
		ks_buffer_put(buffer, ks_bytes(line, encode(ks_bytes(der.data + done, size), line)));
		ks_buffer_put_u8(buffer, '\n');
	}
	ks_buffer_printf(buffer, "-----END %s-----\n", label);
	return ks_buffer_error(buffer);
}

static int put_reference(struct ks_buffer *buffer, const struct ks_msg_identity *identity)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };

	int r = ks_reference_put(&der, identity->name, identity->spki);
	return r < 0 ? r : ks_pem_put(buffer, KS_REFERENCE_LABEL, ks_buffer_bytes(&der));
}

int ks_pem_put_identity(struct ks_buffer *buffer, const struct ks_msg_identity *identity, struct ks_bytes chain,
			bool with_key)
{
	struct ks_reader reader = ks_reader(chain);
	struct ks_msg_certificate certificate;
	size_t n = 0;
	int r;

	while ((r = ks_record_read(&reader, KS_RECORD(certificate), &certificate, sizeof(certificate))) == 1) {
		r = ks_pem_put(buffer, "CERTIFICATE", certificate.der);
		if (r < 0)
			return r;
		n++;
	}
	if (r < 0)
		return r;
	if (n == 0)
		return KS_ERR_NO_CERTIFICATE;
	return with_key ? put_reference(buffer, identity) : 0;
}
