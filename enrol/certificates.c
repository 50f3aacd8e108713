/* SPDX-License-Identifier: Apache-2.0 */
/* certificates: see certificates.h. Runs in: keystay-enroll. */
#include "enrol/certificates.h"

#include <stdbool.h>

#include "lib/base/der.h"
#include "lib/protocol/limits.h"
#include "lib/tls/pem_blocks.h"

/* One element of DER that fills der. */
static bool is_sequence(struct ks_bytes der)
{
	struct ks_reader reader = ks_reader(der);

	(void)ks_der_take(&reader, KS_DER_SEQUENCE);
	return ks_reader_done(&reader);
}

/* Is it among them; and how many there are. */
static bool has(const struct ks_buffer *certificates, struct ks_bytes der, size_t *ret_n)
{
	struct ks_bytes all = ks_buffer_bytes(certificates);
	struct ks_reader reader = ks_reader(all);
	const uint8_t *begin = all.data;
	bool found = false;

	*ret_n = 0;
	while (ks_reader_left(&reader) > 0) {
		struct ks_bytes contents = ks_der_take(&reader, KS_DER_SEQUENCE);
		if (!ks_reader_ok(&reader))
			break;
		const uint8_t *end = contents.data + contents.size;
		found = found || ks_bytes_equal(ks_bytes(begin, (size_t)(end - begin)), der);
		begin = end;
		++*ret_n;
	}
	return found;
}

static int take(struct ks_bytes der, void *userdata)
{
	struct ks_buffer *certificates = userdata;
	size_t n;

	if (!is_sequence(der))
		return KS_ERR_MALFORMED;
	if (has(certificates, der, &n))
		return 0;
	if (n >= KS_ENROL_CERTIFICATES_MAX)
		return KS_ERR_LIMIT;
	ks_buffer_put(certificates, der);
	return ks_buffer_error(certificates);
}

int ks_certificates_put_pem(struct ks_buffer *certificates, struct ks_bytes pem)
{
	static const char *const labels[] = { "CERTIFICATE", NULL };

	return ks_pem_blocks_read(pem, labels, take, certificates);
}
