/* SPDX-License-Identifier: Apache-2.0 */
/* hostile_digest: C5, digests that somebody else made of who knows what. Runs in: tests. */
#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "tests/hostile/hostile_list.h"

static void add(struct ks_hostile_list *list, struct ks_bytes input, uint32_t scheme, int expected, const char *name,
		size_t size)
{
	ks_hostile_list_add(list,
			    &(struct ks_hostile_input){
				    .class = "C5",
				    .input = input,
				    .scheme = scheme,
				    .expected = expected,
			    },
			    "%s (%zu bytes)", name, size);
}

static void put_digest(struct ks_buffer *out, uint8_t first, size_t size)
{
	ks_buffer_put_u8(out, first);
	for (size_t i = 1; i < size; i++)
		ks_buffer_put_u8(out, (uint8_t)(first + 11 * i));
}

static const size_t sizes[] = { 16, 20, 28, 32, 36, 48, 64 };

#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* Also with the first bytes of what is signed otherwise. */
static void add_bare(struct ks_hostile_list *list)
{
	static const struct {
		uint8_t first;
		const char *name;
	} firsts[] = {
		{ 0x8e, "a digest" },
		{ 0x01, "a digest that begins like a ClientHello" },
		{ 0x20, "a digest that begins like TLS 1.3 padding" },
		{ 0x30, "a digest that begins like a SEQUENCE" },
	};

	for (size_t i = 0; i < N_SIZES; i++) {
		for (size_t j = 0; j < sizeof(firsts) / sizeof(firsts[0]); j++) {
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
			put_digest(&input, firsts[j].first, sizes[i]);
			add(list, ks_buffer_bytes(&input), list->target->scheme12, KS_ERR_INPUT_DIGEST, firsts[j].name,
			    sizes[i]);
		}
	}
}

/* RFC 8017 section 9.2 */
static void put_digest_info(struct ks_buffer *out, size_t digest_size, bool with_null)
{
	static const uint8_t sha256[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer algorithm = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer digest = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };

	put_digest(&digest, 0x77, digest_size);
	ks_der_put(&algorithm, KS_DER_OID, ks_bytes(sha256, sizeof(sha256)));
	if (with_null)
		ks_der_put(&algorithm, KS_DER_NULL, KS_BYTES_NONE);
	ks_der_put(&parts, KS_DER_SEQUENCE, ks_buffer_bytes(&algorithm));
	ks_der_put(&parts, KS_DER_OCTET_STRING, ks_buffer_bytes(&digest));
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
}

static void add_digest_infos(struct ks_hostile_list *list)
{
	for (size_t i = 0; i < N_SIZES; i++) {
		for (int with_null = 0; with_null <= 1; with_null++) {
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
			put_digest_info(&input, sizes[i], with_null);
			add(list, ks_buffer_bytes(&input), list->target->scheme12, KS_ERR_INPUT_DIGEST,
			    with_null ? "a DigestInfo" : "a DigestInfo without parameters", sizes[i]);
		}
	}
}

/* What a caller of raw RSA sends: it is named only for RSA keys, for others it is just unknown. */
static void add_rsa_blocks(struct ks_hostile_list *list)
{
	size_t modulus_size = list->target->spki->modulus.size;
	bool is_rsa = modulus_size > 0;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pkcs1 = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pss = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
	int expected = is_rsa ? KS_ERR_INPUT_DIGEST : KS_ERR_INPUT_UNKNOWN;

	if (!is_rsa)
		modulus_size = 256;
	put_digest_info(&info, 32, true);
	ks_buffer_put_u16(&pkcs1, 0x0001);
	while (pkcs1.size < modulus_size - info.size - 1)
		ks_buffer_put_u8(&pkcs1, 0xff);
	ks_buffer_put_u8(&pkcs1, 0);
	ks_buffer_put(&pkcs1, ks_buffer_bytes(&info));
	add(list, ks_buffer_bytes(&pkcs1), list->target->scheme12, expected, "an EMSA-PKCS1-v1_5 block", pkcs1.size);
	if (is_rsa) {
		struct ks_bytes shorter = ks_bytes(pkcs1.data + 1, pkcs1.size - 1);
		add(list, shorter, list->target->scheme12, expected, "an EMSA-PKCS1-v1_5 block without its zero byte",
		    shorter.size);
	}

	put_digest(&pss, 0x5a, modulus_size - 1);
	ks_buffer_put_u8(&pss, 0xbc);
	add(list, ks_buffer_bytes(&pss), list->target->scheme13, expected, "an EMSA-PSS block", pss.size);
}

void ks_hostile_digest_add(struct ks_hostile_list *list)
{
	add_bare(list);
	add_digest_infos(list);
	add_rsa_blocks(list);
	ks_hostile_list_add(list,
			    &(struct ks_hostile_input){
				    .class = "C5",
				    .scheme = list->target->scheme13,
				    .expected = KS_ERR_INPUT_UNKNOWN,
			    },
			    "nothing at all");
}
