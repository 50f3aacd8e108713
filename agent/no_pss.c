/* SPDX-License-Identifier: Apache-2.0 */
/* no_pss: see no_pss.h. Runs in: keystay-agent. */
#include "agent/no_pss.h"

#include <string.h>

static uint8_t *find(const struct ks_no_pss *no_pss, const uint8_t spki_hash[32])
{
	size_t n = no_pss->n < KS_NO_PSS_MAX ? no_pss->n : KS_NO_PSS_MAX;

	for (size_t i = 0; i < n; i++) {
		if (memcmp(no_pss->spki_hashes[i], spki_hash, 32) == 0)
			return (uint8_t *)(uintptr_t)no_pss->spki_hashes[i];
	}
	return NULL;
}

void ks_no_pss_note(struct ks_no_pss *no_pss, const uint8_t spki_hash[32], bool is_impossible)
{
	uint8_t *known = find(no_pss, spki_hash);

	if (known && !is_impossible)
		memset(known, 0, 32); /* of no key */
	else if (!known && is_impossible)
		memcpy(no_pss->spki_hashes[no_pss->n++ % KS_NO_PSS_MAX], spki_hash, 32);
}

bool ks_no_pss_has(const struct ks_no_pss *no_pss, const uint8_t spki_hash[32])
{
	return find(no_pss, spki_hash) != NULL;
}
