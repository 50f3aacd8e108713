/* SPDX-License-Identifier: Apache-2.0 */
/* certificate_list: see certificate_list.h. Runs in: keystay-agent. Must never allocate: the sender says how many. */
#include "lib/tls/certificate_list.h"

#include "lib/base/der.h"
#include "lib/base/reader.h"

void ks_certificate_list_add(struct ks_certificate_list *list, struct ks_bytes certificate)
{
	if (list->n < KS_PROOF_CERTIFICATES_MAX)
		list->items[list->n] = certificate;
	list->n++;
}

struct ks_bytes ks_certificate_list_leaf(const struct ks_certificate_list *list)
{
	return list->n > 0 ? list->items[0] : KS_BYTES_NONE;
}

bool ks_certificate_list_is_sequence(struct ks_bytes der)
{
	struct ks_reader reader = ks_reader(der);

	(void)ks_der_take(&reader, KS_DER_SEQUENCE);
	return ks_reader_done(&reader);
}
