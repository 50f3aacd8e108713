/* SPDX-License-Identifier: Apache-2.0 */
/* pem: see pem.h. */
#include "lib/protocol/pem.h"

#include "lib/base/base64.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/reference.h"

int ks_pem_put(struct ks_buffer *buffer, const char *label, struct ks_bytes der)
{
	ks_buffer_printf(buffer, "-----BEGIN %s-----\n", label);
	int r = ks_base64_put(buffer, der);
	if (r < 0)
		return r;
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
