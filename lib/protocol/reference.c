/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference: see reference.h.
 *
 * Runs in: keystay (which writes references) and every plug-in (which reads them). Never holds anything secret: a
 * reference may be read by anybody.
 */
#include "lib/protocol/reference.h"

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"

#define MAGIC "keystay key 1"
#define NAME_MAX_SIZE 256u

int ks_reference_read(struct ks_bytes der, struct ks_reference *ret_reference)
{
	if (der.size > KS_REFERENCE_MAX)
		return KS_ERR_REFERENCE;
	struct ks_reader outer = ks_reader(der);
	struct ks_reader parts = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	struct ks_bytes magic = ks_der_take(&parts, KS_DER_UTF8_STRING);
	struct ks_reference reference = { .name = ks_der_take(&parts, KS_DER_UTF8_STRING) };
	struct ks_bytes spki = ks_der_take_any(&parts, NULL);
	if (!ks_reader_done(&outer) || !ks_reader_done(&parts) || !ks_bytes_equal(magic, ks_bytes_text(MAGIC)))
		return KS_ERR_REFERENCE;
	if (reference.name.size > NAME_MAX_SIZE || !ks_text_valid(reference.name))
		return KS_ERR_REFERENCE;
	int r = ks_spki_read(spki, &reference.spki);
	if (r < 0)
		return r == KS_ERR_UNSUPPORTED ? r : KS_ERR_REFERENCE;
	*ret_reference = reference;
	return 0;
}

int ks_reference_put(struct ks_buffer *buffer, struct ks_bytes name, struct ks_bytes spki)
{
	if (name.size > NAME_MAX_SIZE || !ks_text_valid(name))
		return KS_ERR_INVALID;
	struct ks_spki checked;
	int r = ks_spki_read(spki, &checked);
	if (r < 0)
		return r;

	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };
	ks_der_put(&parts, KS_DER_UTF8_STRING, ks_bytes_text(MAGIC));
	ks_der_put(&parts, KS_DER_UTF8_STRING, name);
	ks_buffer_put(&parts, spki);
	r = ks_buffer_error(&parts);
	if (r < 0)
		return r;
	ks_der_put(buffer, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
	return ks_buffer_error(buffer);
}
