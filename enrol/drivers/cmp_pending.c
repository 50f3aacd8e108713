/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp_pending: an exchange with a CA that has not decided, as bytes; see cmp_session.h.
 *
 * Runs in: keystay-enroll. OpenSSL's client cannot be stopped and gone on with. So the CA's own answers are kept: they are
 * shown again to a new client, which verifies them as it did before, and polls on (cmp_transfer.c). Nothing secret is in
 * them.
 */
#include <openssl/err.h>

#include "enrol/drivers/cmp_session.h"
#include "lib/base/reader.h"

static const char magic[] = "keystay cmp 1";

int ks_cmp_pending_put(struct ks_buffer *out, const struct ks_cmp_pending *pending)
{
	ks_buffer_put_string(out, ks_bytes_text(magic));
	ks_buffer_put_u32(out, pending->type);
	ks_buffer_put(out, ks_bytes(pending->spki_hash, sizeof(pending->spki_hash)));
	ks_buffer_put_string(out, pending->waiting);
	ks_buffer_put_string(out, pending->poll);
	return ks_buffer_error(out);
}

static bool is_message(struct ks_bytes der)
{
	const unsigned char *at = der.data;
	OSSL_CMP_MSG *message = d2i_OSSL_CMP_MSG(NULL, &at, (long)der.size);
	bool is_whole = message && at == der.data + der.size &&
			OSSL_CMP_HDR_get0_recipNonce(OSSL_CMP_MSG_get0_header(message)) &&
			OSSL_CMP_HDR_get0_transactionID(OSSL_CMP_MSG_get0_header(message));

	OSSL_CMP_MSG_free(message);
	ERR_clear_error();
	return is_whole;
}

int ks_cmp_pending_read(struct ks_bytes bytes, struct ks_cmp_pending *ret_pending)
{
	struct ks_reader reader = ks_reader(bytes);
	struct ks_bytes begin = ks_reader_vector32(&reader);
	struct ks_cmp_pending pending = { .type = ks_reader_u32(&reader) };
	struct ks_bytes hash = ks_reader_take(&reader, sizeof(pending.spki_hash));

	pending.waiting = ks_reader_vector32(&reader);
	pending.poll = ks_reader_vector32(&reader);
	if (!ks_reader_done(&reader) || !ks_bytes_equal(begin, ks_bytes_text(magic)) || !is_message(pending.waiting) ||
	    !is_message(pending.poll))
		return KS_ERR_MALFORMED;
	memcpy(pending.spki_hash, hash.data, hash.size);
	*ret_pending = pending;
	return 0;
}
