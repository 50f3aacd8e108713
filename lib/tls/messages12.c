/* SPDX-License-Identifier: Apache-2.0 */
/* messages12: see messages12.h. Runs in: keystay-agent. */
#include "lib/tls/messages12.h"

#include <stdbool.h>

#include "lib/base/reader.h"
#include "lib/tls/refusal.h"

enum { STATUS_OCSP = 1, STATUS_OCSP_MULTI = 2 }; /* CertificateStatusType */
enum { CURVE_NAMED = 3 };                        /* ECCurveType (RFC 8422 section 5.4) */

static int refuse_length(const char *message, struct ks_signable_refusal *ret_refusal)
{
	return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRUNCATED, "the %s has a wrong length inside", message);
}

int ks_messages12_read_certificate(struct ks_bytes body, const char *owner, struct ks_certificate_list *ret_list,
				   struct ks_signable_refusal *ret_refusal)
{
	struct ks_certificate_list found = { 0 };
	struct ks_reader reader = ks_reader(body);
	struct ks_reader list = ks_reader(ks_reader_vector24(&reader));
	bool is_der = true;

	while (ks_reader_left(&list) > 0) {
		struct ks_bytes certificate = ks_reader_vector24(&list);
		ks_certificate_list_add(&found, certificate);
		is_der = is_der && ks_certificate_list_is_sequence(certificate);
	}
	if (!ks_reader_done(&list) || !ks_reader_done(&reader))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRUNCATED,
				       "the %s's Certificate has a wrong length inside", owner);
	if (found.n == 0)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE, "the %s's Certificate is empty", owner);
	if (!is_der)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the %s's Certificate has an element that is not a certificate", owner);
	*ret_list = found;
	return 0;
}

int ks_messages12_read_certificate_status(struct ks_bytes body, struct ks_bytes *ret_response,
					  struct ks_signable_refusal *ret_refusal)
{
	struct ks_bytes response = KS_BYTES_NONE;
	struct ks_reader reader = ks_reader(body);
	uint8_t type = ks_reader_u8(&reader);

	if (type == STATUS_OCSP) {
		response = ks_reader_vector24(&reader);
		if (response.size == 0)
			ks_reader_fail(&reader);
	} else if (type == STATUS_OCSP_MULTI) {
		/* One response for each certificate of the chain, the leaf's first; those not known are empty. */
		struct ks_reader responses = ks_reader(ks_reader_vector24(&reader));
		if (ks_reader_left(&responses) > 0)
			response = ks_reader_vector24(&responses);
		while (ks_reader_left(&responses) > 0)
			(void)ks_reader_vector24(&responses);
		if (!ks_reader_ok(&responses))
			ks_reader_fail(&reader);
	} else {
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the CertificateStatus is of the unknown type %u", type);
	}
	if (!ks_reader_done(&reader))
		return refuse_length("CertificateStatus", ret_refusal);
	*ret_response = response;
	return 0;
}

int ks_messages12_read_server_key_exchange(struct ks_bytes body, enum ks_key_exchange key_exchange,
					   struct ks_messages12_key_exchange *ret_exchange,
					   struct ks_signable_refusal *ret_refusal)
{
	struct ks_messages12_key_exchange exchange;
	struct ks_reader reader = ks_reader(body);
	bool has_values = true;

	if (key_exchange == KS_KEY_EXCHANGE_ECDHE) {
		uint8_t curve_type = ks_reader_u8(&reader);
		if (ks_reader_ok(&reader) && curve_type != CURVE_NAMED)
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
					       "the ServerKeyExchange has a curve of type %u, not a named one",
					       curve_type);
		(void)ks_reader_u16(&reader); /* which one; the client has agreed to it */
		has_values = ks_reader_vector8(&reader).size > 0;
	} else {
		/* p, g and the server's public value */
		for (int i = 0; i < 3; i++)
			has_values = ks_reader_vector16(&reader).size > 0 && has_values;
	}
	exchange.params = ks_bytes(body.data, body.size - ks_reader_left(&reader));
	exchange.scheme =
		ks_reader_u16(&reader); /* its strength is the client's choice, as long as nobody asks for proof */
	exchange.signature = ks_reader_vector16(&reader);
	if (!ks_reader_done(&reader) || !has_values || exchange.signature.size == 0)
		return refuse_length("ServerKeyExchange", ret_refusal);
	*ret_exchange = exchange;
	return 0;
}

int ks_messages12_read_certificate_request(struct ks_bytes body, struct ks_bytes *ret_schemes,
					   struct ks_signable_refusal *ret_refusal)
{
	struct ks_reader reader = ks_reader(body);
	struct ks_bytes types = ks_reader_vector8(&reader);
	struct ks_bytes schemes = ks_reader_vector16(&reader);
	struct ks_reader names = ks_reader(ks_reader_vector16(&reader));
	bool is_der = true;

	/* Which certificate types are asked for is not held against the key: servers list them carelessly, clients
	 * (OpenSSL among them) look at the schemes alone, and so does RFC 8446. */
	while (ks_reader_left(&names) > 0)
		is_der = ks_certificate_list_is_sequence(ks_reader_vector16(&names)) && is_der;
	if (!ks_reader_done(&names) || !ks_reader_done(&reader) || types.size == 0 || schemes.size == 0 ||
	    schemes.size % 2 != 0)
		return refuse_length("CertificateRequest", ret_refusal);
	if (!is_der)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the CertificateRequest has a CA name that is not one");
	*ret_schemes = schemes;
	return 0;
}

int ks_messages12_read_client_key_exchange(struct ks_bytes body, enum ks_key_exchange key_exchange,
					   struct ks_signable_refusal *ret_refusal)
{
	struct ks_reader reader = ks_reader(body);
	struct ks_bytes value = KS_BYTES_NONE;

	switch (key_exchange) {
	case KS_KEY_EXCHANGE_RSA: /* the encrypted premaster secret */
	case KS_KEY_EXCHANGE_DH:
	case KS_KEY_EXCHANGE_DHE:
		value = ks_reader_vector16(&reader);
		break;
	case KS_KEY_EXCHANGE_ECDH:
	case KS_KEY_EXCHANGE_ECDHE:
		value = ks_reader_vector8(&reader);
		break;
	case KS_KEY_EXCHANGE_NONE:
		break;
	}
	/* An empty public value would be one that is in the client's certificate; such a key does not sign. */
	return ks_reader_done(&reader) && value.size > 0 ? 0 : refuse_length("ClientKeyExchange", ret_refusal);
}
