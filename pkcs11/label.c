/* SPDX-License-Identifier: Apache-2.0 */
/* label: see label.h. Runs in: keystay-token. */
#include "pkcs11/label.h"

#include <string.h>

#include "lib/base/text.h"

void ks_label_read(struct ks_bytes raw, char *out, size_t size)
{
	while (raw.size > 0 && (raw.data[raw.size - 1] == ' ' || raw.data[raw.size - 1] == '\0'))
		raw.size--;
	if (raw.size == 0) {
		out[0] = '\0';
		return;
	}
	if (raw.size >= size || !ks_text_valid(raw)) {
		ks_text_escape(raw, out, size);
		return;
	}
	memcpy(out, raw.data, raw.size);
	out[raw.size] = '\0';
}
