/* SPDX-License-Identifier: Apache-2.0 */
/* token_kind: see token_kind.h. */
#include "lib/protocol/token_kind.h"

#include <string.h>

static bool begins_with(struct ks_bytes text, const char *word)
{
	size_t size = strlen(word);

	return text.size >= size && memcmp(text.data, word, size) == 0;
}

bool ks_token_kind_is_piv(struct ks_bytes manufacturer, struct ks_bytes model)
{
	return begins_with(manufacturer, "piv") || begins_with(manufacturer, "PIV") || begins_with(model, "PIV") ||
	       begins_with(model, "YubiKey");
}
