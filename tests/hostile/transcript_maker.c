/* SPDX-License-Identifier: Apache-2.0 */
/* transcript_maker: see transcript_maker.h. Runs in: tests. */
#include "tests/hostile/transcript_maker.h"

#include "lib/base/cleanup.h"
#include "lib/base/der.h"

/* All that a server may ask for, the weak ones too: they must be refused although they were offered. */
static const uint8_t all_schemes[] = {
	0x04, 0x03, 0x05, 0x03, 0x06, 0x03, 0x08, 0x07, 0x08, 0x08, 0x08, 0x04, 0x08, 0x05,
	0x08, 0x06, 0x08, 0x09, 0x08, 0x0a, 0x08, 0x0b, 0x04, 0x01, 0x05, 0x01, 0x06, 0x01,
	0x03, 0x03, 0x03, 0x01, 0x02, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01,
};

static const uint8_t hello_retry_random[32] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

#define TEXT(text) ks_bytes(text, sizeof(text) - 1)

void ks_transcript_maker_put_vector(struct ks_buffer *out, unsigned width, struct ks_bytes contents)
{
	for (unsigned i = width; i-- > 0;)
		ks_buffer_put_u8(out, (uint8_t)(contents.size >> (8 * i)));
	ks_buffer_put(out, contents);
}

static void put_message(struct ks_buffer *out, uint8_t type, const struct ks_buffer *body)
{
	ks_buffer_put_u8(out, type);
	ks_transcript_maker_put_vector(out, 3, ks_buffer_bytes(body));
}

static void put_pattern(struct ks_buffer *out, uint8_t first, size_t size)
{
	for (size_t i = 0; i < size; i++)
		ks_buffer_put_u8(out, (uint8_t)(first + 7 * i));
}

static void put_extension(struct ks_buffer *out, uint16_t type, struct ks_bytes body)
{
	ks_buffer_put_u16(out, type);
	ks_transcript_maker_put_vector(out, 2, body);
}

static uint16_t chosen_suite(const struct ks_transcript_plan *plan)
{
	static const uint16_t suites[] = {
		[KS_PLAN_ECDHE] = 0xc02b,
		[KS_PLAN_DHE] = 0x009f,
		[KS_PLAN_STATIC_RSA] = 0x009c,
	};

	return plan->chosen_suite ? plan->chosen_suite : suites[plan->exchange];
}

/* --- hellos ------------------------------------------------------------------------------------------------------ */

static void put_client_extensions(const struct ks_transcript_plan *plan, struct ks_buffer *out)
{
	if (plan->with_grease) {
		put_extension(out, 0x3a3a, KS_BYTES_NONE);
		put_extension(out, 43, TEXT("\x06\x0a\x0a\x03\x04\x03\x03"));
		put_extension(out, 51,
			      TEXT("\x00\x0c\x4a\x4a\x00\x01\x00\x00\x17\x00\x03"
				   "abc"));
		put_extension(out, 45, TEXT("\x01\x01"));
		put_extension(out, 27, TEXT("\x02\x00\x02"));
	}
	put_extension(out, 0,
		      plan->server_name.data ? plan->server_name :
					       TEXT("\x00\x0f\x00\x00\x0c"
						    "host.example"));
	put_extension(out, 10, TEXT("\x00\x04\x00\x1d\x00\x17"));
	put_extension(out, 11, TEXT("\x01\x00"));
	put_extension(out, 13, TEXT("\x00\x06\x04\x03\x08\x04\x04\x01"));
	put_extension(out, 16, TEXT("\x00\x0c\x02h2\x08http/1.1"));
	put_extension(out, 35, KS_BYTES_NONE);
	if (plan->with_staple)
		put_extension(out, 5, TEXT("\x01\x00\x00\x00\x00"));
	if (!plan->without_extended_master_secret)
		put_extension(out, 23, KS_BYTES_NONE);
	if (!plan->without_renegotiation_info)
		put_extension(out, 0xff01, TEXT("\x00"));
	ks_buffer_put(out, plan->client_extension);
	if (plan->with_grease) {
		put_extension(out, 0xdada, TEXT("\x00"));
		put_extension(out, 21, TEXT("\x00\x00\x00\x00\x00\x00\x00\x00"));
	}
}

static void put_client_hello(const struct ks_transcript_plan *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer suites = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer extensions = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer session_id = { 0 };
	struct ks_bytes compressions = plan->offers_no_null_compression ? TEXT("\x01") : TEXT("\x00");

	if (plan->offers_no_compression)
		compressions = KS_BYTES_NONE;
	if (plan->with_grease)
		ks_buffer_put(&suites, TEXT("\xaa\xaa\x13\x01\x13\x02"));
	ks_buffer_put_u16(&suites, 0xc030);
	ks_buffer_put_u16(&suites, plan->offered_suite ? plan->offered_suite : chosen_suite(plan));
	ks_buffer_put_u16(&suites, 0x00ff);
	if (plan->has_half_suite)
		ks_buffer_put_u8(&suites, 0xc0);
	if (plan->with_session_id)
		put_pattern(&session_id, 0x51, 32);
	ks_buffer_put(&session_id, plan->client_session_id);

	ks_buffer_put_u16(&body, plan->client_version ? plan->client_version : 0x0303);
	put_pattern(&body, 0xc1, 32);
	ks_transcript_maker_put_vector(&body, 1, ks_buffer_bytes(&session_id));
	ks_transcript_maker_put_vector(&body, 2, ks_buffer_bytes(&suites));
	ks_transcript_maker_put_vector(&body, 1, compressions);
	if (!plan->without_extensions) {
		put_client_extensions(plan, &extensions);
		ks_transcript_maker_put_vector(&body, 2, ks_buffer_bytes(&extensions));
	}
	put_message(out, 1, &body);
}

static void put_server_hello(const struct ks_transcript_plan *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer extensions = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer session_id = { 0 };

	if (plan->with_session_id)
		put_pattern(&session_id, 0x61, 32);
	ks_buffer_put(&session_id, plan->server_session_id);
	if (!plan->without_renegotiation_info)
		put_extension(&extensions, 0xff01, TEXT("\x00"));
	put_extension(&extensions, 11, TEXT("\x03\x00\x01\x02"));
	if (!plan->without_extended_master_secret)
		put_extension(&extensions, 23, KS_BYTES_NONE);
	put_extension(&extensions, 16, TEXT("\x00\x03\x02h2"));
	if (plan->with_staple)
		put_extension(&extensions, 5, KS_BYTES_NONE);
	ks_buffer_put(&extensions, plan->server_extension);

	ks_buffer_put_u16(&body, plan->server_version ? plan->server_version : 0x0303);
	if (plan->is_hello_retry)
		ks_buffer_put(&body, ks_bytes(hello_retry_random, sizeof(hello_retry_random)));
	else
		put_pattern(&body, 0x5e, 32);
	ks_transcript_maker_put_vector(&body, 1, ks_buffer_bytes(&session_id));
	ks_buffer_put_u16(&body, chosen_suite(plan));
	ks_buffer_put_u8(&body, plan->chosen_compression);
	if (!plan->without_extensions)
		ks_transcript_maker_put_vector(&body, 2, ks_buffer_bytes(&extensions));
	put_message(out, 2, &body);
}

/* --- certificates ------------------------------------------------------------------------------------------------ */

/* A SEQUENCE that is as much of a certificate as the reader of somebody else's needs. */
static void put_some_certificate(struct ks_buffer *out, uint8_t first)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer contents = { 0 };

	put_pattern(&contents, first, 300);
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&contents));
}

static void put_certificate(struct ks_buffer *out, struct ks_bytes leaf, bool with_issuer, struct ks_bytes list)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer certificates = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer other = { 0 };

	put_some_certificate(&other, 0x0c);
	if (leaf.data)
		ks_transcript_maker_put_vector(&certificates, 3, leaf);
	if (with_issuer)
		ks_transcript_maker_put_vector(&certificates, 3, ks_buffer_bytes(&other));
	ks_transcript_maker_put_vector(&body, 3, ks_buffer_bytes(&certificates));
	if (list.data) {
		ks_buffer_reset(&body);
		ks_buffer_put(&body, list);
	}
	put_message(out, 11, &body);
}

static void put_server_certificate(const struct ks_transcript_plan *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer leaf = { 0 };

	put_some_certificate(&leaf, 0x5c);
	put_certificate(out, ks_buffer_bytes(&leaf), true, plan->server_list);
}

static void put_certificate_status(const struct ks_transcript_plan *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };

	if (plan->status.data)
		ks_buffer_put(&body, plan->status);
	else if (plan->with_staple)
		ks_buffer_put(&body, TEXT("\x01\x00\x00\x05"
					  "\x30\x03\x0a\x01\x00"));
	else
		return;
	put_message(out, 22, &body);
}

static void put_certificate_request(const struct ks_transcript_plan *plan, struct ks_buffer *out)
{
	static const uint8_t names[] = "\x00\x10\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x03one"
				       "\x00\x0e\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x";
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	struct ks_bytes types = plan->certificate_types.data ? plan->certificate_types : TEXT("\x01\x02\x40");
	struct ks_bytes schemes = plan->schemes.data ? plan->schemes : ks_bytes(all_schemes, sizeof(all_schemes));
	struct ks_bytes ca_names = plan->with_ca_names ? ks_bytes(names, sizeof(names) - 1) : plan->ca_names;

	if (plan->has_no_certificate_types)
		types = KS_BYTES_NONE;
	ks_transcript_maker_put_vector(&body, 1, types);
	ks_transcript_maker_put_vector(&body, 2, schemes);
	ks_transcript_maker_put_vector(&body, 2, ca_names);
	put_message(out, 13, &body);
}

/* --- key exchange ------------------------------------------------------------------------------------------------ */

static void put_server_key_exchange(const struct ks_transcript_plan *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer value = { 0 };

	if (plan->exchange == KS_PLAN_STATIC_RSA && !plan->has_server_key_exchange)
		return;
	put_pattern(&value, 0x77, 256);
	struct ks_bytes number = ks_buffer_bytes(&value);
	if (plan->server_key_exchange.data) {
		ks_buffer_put(&body, plan->server_key_exchange);
	} else if (plan->exchange == KS_PLAN_DHE) {
		ks_transcript_maker_put_vector(&body, 2, number);
		ks_transcript_maker_put_vector(&body, 2, TEXT("\x02"));
		ks_transcript_maker_put_vector(&body, 2, number);
	} else {
		ks_buffer_put(&body, TEXT("\x03\x00\x1d"));
		ks_transcript_maker_put_vector(&body, 1, ks_bytes(number.data, 32));
	}
	if (!plan->server_key_exchange.data) {
		ks_buffer_put_u16(&body, 0x0804);
		ks_transcript_maker_put_vector(&body, 2, number);
	}
	put_message(out, 12, &body);
}

static void put_client_key_exchange(const struct ks_transcript_plan *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer value = { 0 };

	put_pattern(&value, 0x99, 256);
	struct ks_bytes number = ks_buffer_bytes(&value);
	if (plan->client_key_exchange.data)
		ks_buffer_put(&body, plan->client_key_exchange);
	else if (plan->exchange == KS_PLAN_ECDHE)
		ks_transcript_maker_put_vector(&body, 1, ks_bytes(number.data, 32));
	else
		ks_transcript_maker_put_vector(&body, 2, number);
	put_message(out, 16, &body);
}

void ks_transcript_maker_write(const struct ks_transcript_plan *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer nothing = { 0 };

	put_client_hello(plan, out);
	put_server_hello(plan, out);
	put_server_certificate(plan, out);
	put_certificate_status(plan, out);
	put_server_key_exchange(plan, out);
	put_certificate_request(plan, out);
	put_message(out, 14, &nothing);
	put_certificate(out, plan->client_certificate, plan->with_chain, plan->client_list);
	put_client_key_exchange(plan, out);
}
