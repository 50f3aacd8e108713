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
static void read_key_shares(struct ks_reader *body)
{
	struct ks_reader shares = ks_reader(ks_reader_vector16(body));
	while (ks_reader_left(&shares) > 0) {
		(void)ks_reader_u16(&shares);
		require(body, ks_reader_vector16(&shares).size > 0);
	}
	require(body, ks_reader_ok(&shares));
}

/* The one of a ServerHello: a group and a key */
static void read_key_share(struct ks_reader *body)
{
	(void)ks_reader_u16(body);
	require(body, ks_reader_vector16(body).size > 0);
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

/* RFC 8446 section 4.2.2 */
static void read_cookie(struct ks_reader *body)
{
	require(body, ks_reader_vector16(body).size > 0);
}

/* RFC 8446 section 4.2.4: at least one DistinguishedName */
static void read_certificate_authorities(struct ks_reader *body)
{
	struct ks_reader names = ks_reader(ks_reader_vector16(body));
	require(body, ks_reader_left(&names) > 0);
	while (ks_reader_left(&names) > 0)
		require(body, ks_reader_vector16(&names).size > 0);
	require(body, ks_reader_ok(&names));
}

/* RFC 8446 section 4.2.5 */
static void read_oid_filters(struct ks_reader *body)
{
	struct ks_reader filters = ks_reader(ks_reader_vector16(body));
	while (ks_reader_left(&filters) > 0) {
		require(body, ks_reader_vector8(&filters).size > 0);
		(void)ks_reader_vector16(&filters);
	}
	require(body, ks_reader_ok(&filters));
}

/* RFC 8446 section 4.4.2.1: CertificateStatus (RFC 6066 section 8), of which only type ocsp is left */
static void read_certificate_status(struct ks_reader *body)
{
	require(body, ks_reader_u8(body) == 1);
	require(body, ks_reader_vector24(body).size > 0);
}

/* RFC 6962 section 3.3 */
static void read_timestamps(struct ks_reader *body)
{
	struct ks_reader timestamps = ks_reader(ks_reader_vector16(body));
	require(body, ks_reader_left(&timestamps) > 0);
	while (ks_reader_left(&timestamps) > 0)
		require(body, ks_reader_vector16(&timestamps).size > 0);
	require(body, ks_reader_ok(&timestamps));
}

/* --- the table --------------------------------------------------------------------------------------------------- */

#define CH [KS_EXTENSIONS_CLIENT_HELLO]
#define SH12 [KS_EXTENSIONS_SERVER_HELLO12]
#define SH13 [KS_EXTENSIONS_SERVER_HELLO13]
#define HRR [KS_EXTENSIONS_HELLO_RETRY_REQUEST]
#define EE [KS_EXTENSIONS_ENCRYPTED_EXTENSIONS]
#define CR [KS_EXTENSIONS_CERTIFICATE_REQUEST]
#define CT [KS_EXTENSIONS_CERTIFICATE]

/* No shape: in a hello of TLS 1.2 and in a ClientHello opaque, for servers are known to echo supported_groups and more
 * in shapes of their own, which clients ignore; in a message of TLS 1.3 not allowed (RFC 8446 section 4.2). */
static const struct {
	uint16_t type;
	const char *name;
	void (*read[KS_EXTENSIONS_PLACES])(struct ks_reader *body);
} known[] = {
	{ KS_EXTENSION_SERVER_NAME, "server_name", { CH = read_server_name, EE = read_nothing } },
	{ 1, "max_fragment_length", { CH = read_u8, SH12 = read_u8, EE = read_u8 } },
	{ KS_EXTENSION_STATUS_REQUEST,
	  "status_request",
	  { CH = read_status_request, SH12 = read_nothing, CR = read_nothing, CT = read_certificate_status } },
	{ 10, "supported_groups", { CH = read_u16_list16, EE = read_u16_list16 } },
	{ 11, "ec_point_formats", { CH = read_u8_list, SH12 = read_u8_list } },
	{ KS_EXTENSION_SIGNATURE_ALGORITHMS, "signature_algorithms", { CH = read_u16_list16, CR = read_u16_list16 } },
	{ 16, "application_layer_protocol_negotiation", { CH = read_alpn, SH12 = read_alpn, EE = read_alpn } },
	{ KS_EXTENSION_STATUS_REQUEST_V2, "status_request_v2", { CH = read_status_request_v2, SH12 = read_nothing } },
	{ 18, "signed_certificate_timestamp", { CH = read_nothing, CR = read_nothing, CT = read_timestamps } },
	{ KS_EXTENSION_CLIENT_CERTIFICATE_TYPE,
	  "client_certificate_type",
	  { CH = read_u8_list, SH12 = read_u8, EE = read_u8 } },
	{ KS_EXTENSION_SERVER_CERTIFICATE_TYPE,
	  "server_certificate_type",
	  { CH = read_u8_list, SH12 = read_u8, EE = read_u8 } },
	{ 21, "padding", { NULL } },
	{ 22, "encrypt_then_mac", { CH = read_nothing, SH12 = read_nothing } },
	{ KS_EXTENSION_EXTENDED_MASTER_SECRET, "extended_master_secret", { CH = read_nothing, SH12 = read_nothing } },
	{ 27, "compress_certificate", { CH = read_u16_list8, CR = read_u16_list8 } },
	{ 28, "record_size_limit", { CH = read_u16, SH12 = read_u16, EE = read_u16 } },
	{ KS_EXTENSION_DELEGATED_CREDENTIAL, "delegated_credential", { CH = read_u16_list16, CT = read_anything } },
	{ 35, "session_ticket", { SH12 = read_nothing } },
	{ KS_EXTENSION_PRE_SHARED_KEY, "pre_shared_key", { CH = read_pre_shared_key, SH13 = read_u16 } },
	{ KS_EXTENSION_EARLY_DATA, "early_data", { CH = read_nothing, EE = read_nothing } },
	{ KS_EXTENSION_SUPPORTED_VERSIONS,
	  "supported_versions",
	  { CH = read_u16_list8, SH13 = read_u16, HRR = read_u16 } },
	{ KS_EXTENSION_COOKIE, "cookie", { CH = read_cookie, HRR = read_cookie } },
	{ 45, "psk_key_exchange_modes", { CH = read_u8_list } },
	{ 47, "certificate_authorities", { CH = read_certificate_authorities, CR = read_certificate_authorities } },
	{ 48, "oid_filters", { CR = read_oid_filters } },
	{ KS_EXTENSION_POST_HANDSHAKE_AUTH, "post_handshake_auth", { CH = read_nothing } },
	{ 50, "signature_algorithms_cert", { CH = read_u16_list16, CR = read_u16_list16 } },
	{ KS_EXTENSION_KEY_SHARE, "key_share", { CH = read_key_shares, SH13 = read_key_share, HRR = read_u16 } },
	{ KS_EXTENSION_RENEGOTIATION_INFO, "renegotiation_info", { CH = read_vector8, SH12 = read_vector8 } },
};

#undef CH
#undef SH12
#undef SH13
#undef HRR
#undef EE
#undef CR
#undef CT

static const char *const place_names[] = {
	[KS_EXTENSIONS_CLIENT_HELLO] = "ClientHello",
	[KS_EXTENSIONS_SERVER_HELLO12] = "ServerHello",
	[KS_EXTENSIONS_SERVER_HELLO13] = "ServerHello",
	[KS_EXTENSIONS_HELLO_RETRY_REQUEST] = "HelloRetryRequest",
	[KS_EXTENSIONS_ENCRYPTED_EXTENSIONS] = "EncryptedExtensions",
	[KS_EXTENSIONS_CERTIFICATE_REQUEST] = "CertificateRequest",
	[KS_EXTENSIONS_CERTIFICATE] = "Certificate",
};

static int check_shape(uint16_t type, struct ks_bytes body, enum ks_extensions_place place,
		       struct ks_signable_refusal *ret_refusal)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].type != type)
			continue;
		if (!known[i].read[place] && place >= KS_EXTENSIONS_SERVER_HELLO13)
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
					       "the extension %s must not be in the %s of TLS 1.3", known[i].name,
					       place_names[place]);
		if (!known[i].read[place])
			return 0;
		struct ks_reader reader = ks_reader(body);
		known[i].read[place](&reader);
		if (ks_reader_done(&reader))
			return 0;
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRUNCATED,
				       "the extension %s in the %s has a wrong length inside", known[i].name,
				       place_names[place]);
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

bool ks_extensions_has_u16(struct ks_bytes list, uint16_t wanted)
{
	struct ks_reader reader = ks_reader(list);

	while (ks_reader_left(&reader) >= 2) {
		if (ks_reader_u16(&reader) == wanted)
			return true;
	}
	return false;
}

bool ks_extensions_has_scheme(const struct ks_extensions *extensions, uint16_t scheme)
{
	struct ks_bytes body;

	if (!ks_extensions_find(extensions, KS_EXTENSION_SIGNATURE_ALGORITHMS, &body))
		return false;
	struct ks_reader reader = ks_reader(body);
	return ks_extensions_has_u16(ks_reader_vector16(&reader), scheme);
}

int ks_extensions_read_block(struct ks_bytes block, enum ks_extensions_place place,
			     struct ks_extensions *ret_extensions, struct ks_signable_refusal *ret_refusal)
{
	struct ks_reader list = ks_reader(block);

	ret_extensions->n = 0;
	while (ks_reader_left(&list) > 0) {
		uint16_t type = ks_reader_u16(&list);
		struct ks_bytes body = ks_reader_vector16(&list);
		if (!ks_reader_ok(&list))
			break;
		if (ret_extensions->n == KS_EXTENSIONS_MAX)
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE, "the %s has more than %u extensions",
					       place_names[place], KS_EXTENSIONS_MAX);
		if (ks_extensions_find(ret_extensions, type, NULL))
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE, "the %s has the extension %u twice",
					       place_names[place], type);
		int r = check_shape(type, body, place, ret_refusal);
		if (r < 0)
			return r;
		ret_extensions->items[ret_extensions->n].type = type;
		ret_extensions->items[ret_extensions->n].body = body;
		ret_extensions->n++;
	}
	if (!ks_reader_done(&list))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRUNCATED,
				       "the extensions of the %s have a wrong length", place_names[place]);
	return 0;
}

int ks_extensions_read(struct ks_reader *message, enum ks_extensions_place place, struct ks_extensions *ret_extensions,
		       struct ks_signable_refusal *ret_refusal)
{
	ret_extensions->n = 0;
	if (place <= KS_EXTENSIONS_SERVER_HELLO12 && ks_reader_done(message))
		return 0;
	struct ks_bytes block = ks_reader_vector16(message);
	if (!ks_reader_done(message))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRUNCATED,
				       "the extensions of the %s have a wrong length", place_names[place]);
	return ks_extensions_read_block(block, place, ret_extensions, ret_refusal);
}
