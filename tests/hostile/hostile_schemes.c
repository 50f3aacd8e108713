/* SPDX-License-Identifier: Apache-2.0 */
/* hostile_schemes: C8, good inputs with schemes that do not fit the key, TLS 1.3, or anybody. Runs in: tests. */
#include "lib/base/cleanup.h"
#include "lib/protocol/scheme.h"
#include "tests/hostile/hostile_list.h"

static void add(struct ks_hostile_list *list, struct ks_bytes input, uint32_t scheme, int expected, const char *name)
{
	ks_hostile_list_add(list,
			    &(struct ks_hostile_input){
				    .class = "C8",
				    .input = input,
				    .scheme = scheme,
				    .expected = expected,
			    },
			    "%s, scheme 0x%04x (%d)", name, (unsigned)scheme, list->n);
}

/* Each scheme that exists, with a key that cannot make it. */
static void add_mismatches(struct ks_hostile_list *list, struct ks_bytes good12, struct ks_bytes good13)
{
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);

	for (size_t i = 0; i < n; i++) {
		if (!ks_scheme_fits(&schemes[i], list->target->spki, false))
			add(list, good12, schemes[i].code, KS_ERR_INPUT_KEY_TYPE, "TLS 1.2");
		if (!schemes[i].tls13)
			add(list, good13, schemes[i].code, KS_ERR_INPUT_SCHEME, "TLS 1.3");
		else if (!ks_scheme_fits(&schemes[i], list->target->spki, true))
			add(list, good13, schemes[i].code, KS_ERR_INPUT_KEY_TYPE, "TLS 1.3");
	}
}

static void add_unknown(struct ks_hostile_list *list, struct ks_bytes good12, struct ks_bytes good13)
{
	static const struct {
		uint32_t code;
		const char *name;
	} unknown[] = {
		{ 0x0101, "rsa_md5" },
		{ 0x0103, "ecdsa_md5" },
		{ 0x0201, "rsa_pkcs1_sha1" },
		{ 0x0202, "dsa_sha1" },
		{ 0x0203, "ecdsa_sha1" },
		{ 0x0301, "rsa_sha224" },
		{ 0x0303, "ecdsa_sha224" },
		{ 0x0402, "dsa_sha256" },
		{ 0x0400, "anonymous with SHA-256" },
		{ 0x0808, "ed448" },
		{ 0x081a, "ecdsa_brainpoolP256r1tls13_sha256" },
		{ 0x0708, "sm2sig_sm3" },
		{ 0x0a0a, "GREASE" },
		{ 0xfe00, "private use" },
		{ 0x0000, "none" },
		{ 0xffff, "all ones" },
		{ 0xffffffff, "more than 16 bits" },
		{ 0x00010403, "a good one and a bit more" },
		/* C10: mechanisms of a PKCS#11 oracle in place of a scheme */
		{ 0x0001, "CKM_RSA_PKCS" },
		{ 0x0003, "CKM_RSA_X_509" },
		{ 0x0009, "CKM_RSA_PKCS_OAEP" },
		{ 0x000d, "CKM_RSA_PKCS_PSS" },
		{ 0x1041, "CKM_ECDSA" },
		{ 0x1050, "CKM_ECDH1_DERIVE" },
		{ 0x1057, "CKM_EDDSA" },
	};

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		add(list, good12, unknown[i].code, KS_ERR_INPUT_SCHEME, unknown[i].name);
		add(list, good13, unknown[i].code, KS_ERR_INPUT_SCHEME, unknown[i].name);
	}
}

void ks_hostile_schemes_add(struct ks_hostile_list *list)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer good12 = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer good13 = { 0 };

	ks_hostile_put_good12(&good12, list->target->certificate);
	ks_hostile_put_good13(&good13);
	add_mismatches(list, ks_buffer_bytes(&good12), ks_buffer_bytes(&good13));
	add_unknown(list, ks_buffer_bytes(&good12), ks_buffer_bytes(&good13));
}
