/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_cmp: what keys sign in CMP (lib/tls/cmp_part.h), well-formed and for this very key. By SIGN none of it may be
 * signed: over a sign socket nobody enrols. Runs in: tests.
 */
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "tests/hostile/hostile_list.h"

#define IN(number) (uint8_t)(KS_DER_CONTEXT_0 + (number))

static void add(struct ks_hostile_list *list, struct ks_buffer *input, const char *name)
{
	const struct ks_hostile_input found = {
		.class = "C11",
		.input = ks_buffer_bytes(input),
		.scheme = list->target->scheme12,
		.expected = KS_ERR_INPUT_UNKNOWN,
	};

	ks_hostile_list_add(list, &found, "%s", name);
	ks_buffer_reset(input);
}

/* [number] { SEQUENCE { contents } } */
static void put_tagged(struct ks_buffer *out, unsigned number, uint8_t tag, struct ks_bytes contents)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer inner = { 0 };

	ks_der_put(&inner, tag, contents);
	ks_der_put(out, IN(number), ks_buffer_bytes(&inner));
}

/* SEQUENCE { header, [number] { SEQUENCE { SEQUENCE { only } } } }, protected by ecdsa-with-SHA256 */
static void put_part(struct ks_buffer *out, unsigned number, struct ks_bytes only)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer header = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	static const uint8_t nonce[16] = { 7 };

	ks_der_put(&header, KS_DER_INTEGER, ks_bytes("\x02", 1));
	put_tagged(&header, 4, KS_DER_SEQUENCE, KS_BYTES_NONE);
	put_tagged(&header, 4, KS_DER_SEQUENCE, KS_BYTES_NONE);
	put_tagged(&header, 1, KS_DER_SEQUENCE, ks_bytes("\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", 10));
	put_tagged(&header, 4, KS_DER_OCTET_STRING, ks_bytes(nonce, sizeof(nonce)));
	put_tagged(&header, 5, KS_DER_OCTET_STRING, ks_bytes(nonce, sizeof(nonce)));
	ks_der_put(&parts, KS_DER_SEQUENCE, ks_buffer_bytes(&header));
	ks_der_put(&body, KS_DER_SEQUENCE, only);
	put_tagged(&parts, number, KS_DER_SEQUENCE, ks_buffer_bytes(&body));
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
}

/* CertRequest ::= SEQUENCE { 0, SEQUENCE { [6] key } } */
static void put_request(struct ks_buffer *out, const struct ks_spki *spki)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer template = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };
	struct ks_reader key = ks_reader(spki->der);

	ks_der_put(&template, IN(6), ks_der_take(&key, KS_DER_SEQUENCE));
	ks_der_put_unsigned(&parts, KS_BYTES_NONE);
	ks_der_put(&parts, KS_DER_SEQUENCE, ks_buffer_bytes(&template));
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
}

void ks_hostile_cmp_add(struct ks_hostile_list *list)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer only = { 0 };
	static const uint8_t proof[] = { 0xa1, 0x10, 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48,
					 0xce, 0x3d, 0x04, 0x03, 0x02, 0x03, 0x02, 0x00, 0x55 };
	static const uint8_t revoked[] = { 0x30, 0x08, 0x81, 0x02, 0x47, 0x11, 0xa3, 0x02, 0x30, 0x00 };
	static const uint8_t hash[32] = { 9 };

	put_request(&input, list->target->spki);
	add(list, &input, "a CertRequest of CRMF");
	put_request(&only, list->target->spki);
	ks_buffer_put(&only, ks_bytes(proof, sizeof(proof)));
	put_part(&input, 7, ks_buffer_bytes(&only));
	add(list, &input, "a key update (kur) of CMP");
	put_part(&input, 11, ks_bytes(revoked, sizeof(revoked)));
	add(list, &input, "a revocation (rr) of CMP");
	ks_buffer_reset(&only);
	ks_der_put(&only, KS_DER_OCTET_STRING, ks_bytes(hash, sizeof(hash)));
	ks_der_put_unsigned(&only, KS_BYTES_NONE);
	put_part(&input, 24, ks_buffer_bytes(&only));
	add(list, &input, "a confirmation (certConf) of CMP");
	put_part(&input, 25, ks_bytes("\x02\x01\x00", 3));
	add(list, &input, "a poll (pollReq) of CMP");
}
