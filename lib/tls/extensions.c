/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extensions: see extensions.h. To learn one more extension, add its row to the table of known shapes.
 *
 * Runs in: keystay-agent. Must never refuse a type because it is new.
 */
#include "lib/tls/extensions.h"

#include "lib/tls/refusal.h"

/* --- shapes ------------------------------------------------------------------------------------------------------ */

static void read_nothing(struct ks_reader *body)
{
	(void)body;
}

static void read_anything(struct ks_reader *body)
{
	(void)ks_reader_take(body, ks_reader_left(body));
}

static void read_u8(struct ks_reader *body)
{
	(void)ks_reader_u8(body);
}

static void read_u16(struct ks_reader *body)
{
	(void)ks_reader_u16(body);
}

static void read_vector8(struct ks_reader *body)
{
	(void)ks_reader_vector8(body);
}

static void require(struct ks_reader *body, bool condition)
{
	if (!condition)
		ks_reader_fail(body);
}

/* At least one uint8 under a length of one byte. */
static void read_u8_list(struct ks_reader *body)
{
	require(body, ks_reader_vector8(body).size > 0);
}

/* At least one uint16 under a length of one or two bytes. */
static void read_u16_list8(struct ks_reader *body)
{
	struct ks_bytes list = ks_reader_vector8(body);
	require(body, list.size > 0 && list.size % 2 == 0);
}

static void read_u16_list16(struct ks_reader *body)
{
	struct ks_bytes list = ks_reader_vector16(body);
	require(body, list.size > 0 && list.size % 2 == 0);
}

/* RFC 6066 section 3; a client names one host. What the name is made of is for hello12.c. */
static void read_server_name(struct ks_reader *body)
{
	struct ks_reader list = ks_reader(ks_reader_vector16(body));
	require(body, ks_reader_u8(&list) == 0); /* host_name, the only type there is */
	require(body, ks_reader_vector16(&list).size > 0);
	require(body, ks_reader_done(&list));
}

/* RFC 6066 section 8: OCSPStatusRequest; other status types are opaque. */
static void read_status_request(struct ks_reader *body)
{
	if (ks_reader_u8(body) != 1) {
		read_anything(body);
		return;
	}
	struct ks_reader responders = ks_reader(ks_reader_vector16(body));
	while (ks_reader_left(&responders) > 0)
		require(body, ks_reader_vector16(&responders).size > 0);
	require(body, ks_reader_ok(&responders));
	(void)ks_reader_vector16(body); /* request extensions, DER */
}

/* RFC 6961 section 2.2 */
static void read_status_request_v2(struct ks_reader *body)
{
	struct ks_reader items = ks_reader(ks_reader_vector16(body));
	require(body, ks_reader_left(&items) > 0);
	while (ks_reader_left(&items) > 0) {
		(void)ks_reader_u8(&items);
		(void)ks_reader_vector16(&items);
	}
	require(body, ks_reader_ok(&items));
}

/* RFC 7301 section 3.1 */
static void read_alpn(struct ks_reader *body)
{
	struct ks_reader names = ks_reader(ks_reader_vector16(body));
	require(body, ks_reader_left(&names) > 0);
	while (ks_reader_left(&names) > 0)
		require(body, ks_reader_vector8(&names).size > 0);
	require(body, ks_reader_ok(&names));
}

/* RFC 8446 section 4.2.8: a list that may be empty */
static void read_key_share(struct ks_reader *body)
{
	struct ks_reader shares = ks_reader(ks_reader_vector16(body));
	while (ks_reader_left(&shares) > 0) {
		(void)ks_reader_u16(&shares);
		require(body, ks_reader_vector16(&shares).size > 0);
	}
	require(body, ks_reader_ok(&shares));
}

/* RFC 8446 section 4.2.11 */
static void read_pre_shared_key(struct ks_reader *body)
{
	struct ks_reader identities = ks_reader(ks_reader_vector16(body));
	struct ks_reader binders = ks_reader(ks_reader_vector16(body));
	require(body, ks_reader_left(&identities) > 0 && ks_reader_left(&binders) > 0);
	while (ks_reader_left(&identities) > 0) {
		require(body, ks_reader_vector16(&identities).size > 0);
		(void)ks_reader_u32(&identities);
	}
	while (ks_reader_left(&binders) > 0)
		require(body, ks_reader_vector8(&binders).size >= 32);
	require(body, ks_reader_ok(&identities) && ks_reader_ok(&binders));
}

/* --- the table --------------------------------------------------------------------------------------------------- */

/* NULL: opaque. Servers are known to echo supported_groups and more in shapes of their own, which clients ignore; only
 * what a client must look at has a shape on that side. */
static const struct {
	uint16_t type;
	const char *name;
	void (*read[2])(struct ks_reader *body); /* by enum ks_extensions_sender */
} known[] = {
	{ KS_EXTENSION_SERVER_NAME, "server_name", { read_server_name, NULL } },
	{ 1, "max_fragment_length", { read_u8, read_u8 } },
	{ KS_EXTENSION_STATUS_REQUEST, "status_request", { read_status_request, read_nothing } },
	{ 10, "supported_groups", { read_u16_list16, NULL } },
	{ 11, "ec_point_formats", { read_u8_list, read_u8_list } },
	{ 13, "signature_algorithms", { read_u16_list16, NULL } },
	{ 16, "application_layer_protocol_negotiation", { read_alpn, read_alpn } },
	{ KS_EXTENSION_STATUS_REQUEST_V2, "status_request_v2", { read_status_request_v2, read_nothing } },
	{ 22, "encrypt_then_mac", { read_nothing, read_nothing } },
	{ 23, "extended_master_secret", { read_nothing, read_nothing } },
	{ 27, "compress_certificate", { read_u16_list8, NULL } },
	{ 28, "record_size_limit", { read_u16, read_u16 } },
	{ 35, "session_ticket", { NULL, read_nothing } },
	{ KS_EXTENSION_PRE_SHARED_KEY, "pre_shared_key", { read_pre_shared_key, NULL } },
	{ KS_EXTENSION_SUPPORTED_VERSIONS, "supported_versions", { read_u16_list8, NULL } },
	{ 45, "psk_key_exchange_modes", { read_u8_list, NULL } },
	{ 49, "post_handshake_auth", { read_nothing, NULL } },
	{ 50, "signature_algorithms_cert", { read_u16_list16, NULL } },
	{ KS_EXTENSION_KEY_SHARE, "key_share", { read_key_share, NULL } },
	{ KS_EXTENSION_RENEGOTIATION_INFO, "renegotiation_info", { read_vector8, read_vector8 } },
};

static const char *const hello_names[] = {
	[KS_EXTENSIONS_OF_CLIENT] = "ClientHello",
	[KS_EXTENSIONS_OF_SERVER] = "ServerHello",
};

static int check_shape(uint16_t type, struct ks_bytes body, enum ks_extensions_sender sender,
		       struct ks_signable_refusal *ret_refusal)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].type != type)
			continue;
		if (!known[i].read[sender])
			return 0;
		struct ks_reader reader = ks_reader(body);
		known[i].read[sender](&reader);
		if (ks_reader_done(&reader))
			return 0;
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRUNCATED,
				       "the extension %s in the %s has a wrong length inside", known[i].name,
				       hello_names[sender]);
	}
	return 0;
}

bool ks_extensions_find(const struct ks_extensions *extensions, uint16_t type, struct ks_bytes *ret_body)
{
	for (size_t i = 0; i < extensions->n; i++) {
		if (extensions->items[i].type != type)
			continue;
		if (ret_body)
			*ret_body = extensions->items[i].body;
		return true;
	}
	return false;
}

int ks_extensions_read(struct ks_reader *hello, enum ks_extensions_sender sender, struct ks_extensions *ret_extensions,
		       struct ks_signable_refusal *ret_refusal)
{
	ret_extensions->n = 0;
	if (ks_reader_done(hello))
		return 0;

	struct ks_reader list = ks_reader(ks_reader_vector16(hello));
	while (ks_reader_left(&list) > 0) {
		uint16_t type = ks_reader_u16(&list);
		struct ks_bytes body = ks_reader_vector16(&list);
		if (!ks_reader_ok(&list))
			break;
		if (ret_extensions->n == KS_EXTENSIONS_MAX)
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE, "the %s has more than %u extensions",
					       hello_names[sender], KS_EXTENSIONS_MAX);
		if (ks_extensions_find(ret_extensions, type, NULL))
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE, "the %s has the extension %u twice",
					       hello_names[sender], type);
		int r = check_shape(type, body, sender, ret_refusal);
		if (r < 0)
			return r;
		ret_extensions->items[ret_extensions->n].type = type;
		ret_extensions->items[ret_extensions->n].body = body;
		ret_extensions->n++;
	}
	if (!ks_reader_done(&list) || !ks_reader_done(hello))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRUNCATED,
				       "the extensions of the %s have a wrong length", hello_names[sender]);
	return 0;
}
