/* SPDX-License-Identifier: Apache-2.0 */
/* server_signature: see server_signature.h. Runs in: keystay-prove's children; keystay-agent. */
#include "lib/tls/server_signature.h"

#include "lib/base/text.h"
#include "lib/tls/pss_key.h"

#define REASON_SIZE 256

static int refuse(char *reason, const char *words)
{
	(void)ks_text_print(reason, REASON_SIZE, "%s", words);
	return KS_ERR_RULE_UNPROVABLE;
}

int ks_server_signature_check(const struct ks_server_claim *claim, const struct ks_spki *spki,
			      struct ks_public_key *key, char *reason)
{
	const struct ks_scheme *scheme = ks_scheme_find(claim->scheme);
	char type[32];

	if (!scheme) {
		(void)ks_text_print(reason, REASON_SIZE, "it signed with a scheme that is unknown or too weak (0x%04x)",
				    claim->scheme);
		return KS_ERR_RULE_UNPROVABLE;
	}
	ks_spki_type_name(spki, type, sizeof(type));
	if (!ks_scheme_fits(scheme, spki, claim->is_tls13) || !ks_pss_key_allows(spki, scheme)) {
		(void)ks_text_print(reason, REASON_SIZE,
				    "it signed with %s, which does not fit its key (%s) in TLS 1.%d", scheme->name,
				    type, claim->is_tls13 ? 3 : 2);
		return KS_ERR_RULE_UNPROVABLE;
	}
	if (ks_public_key_verify(key, scheme, ks_buffer_bytes(&claim->signed_input), claim->signature) < 0)
		return refuse(reason, "the signature in its handshake was not made with the key of its certificate");
	return 0;
}
