/* SPDX-License-Identifier: Apache-2.0 */
/* messages13: see messages13.h. Runs in: keystay-agent. Must never allocate. */
#include "lib/tls/messages13.h"

#include "lib/base/reader.h"
#include "lib/tls/hello13.h"
#include "lib/tls/refusal.h"

enum { CERTIFICATE_TYPE_X509 = 0 }; /* RFC 7250 section 3 */

static int refuse_length(const char *message, struct ks_signable_refusal *ret_refusal)
{
	return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRUNCATED, "the %s has a wrong length inside", message);
}

/* --- EncryptedExtensions ----------------------------------------------------------------------------------------- */

/* RFC 7250: what follows would be bare public keys, which no name and no CA stands for. */
static int check_certificate_type(const struct ks_extensions *extensions, uint16_t type, const char *owner,
				  struct ks_signable_refusal *refusal)
{
	struct ks_bytes body;

	if (!ks_extensions_find(extensions, type, &body) || body.data[0] == CERTIFICATE_TYPE_X509)
		return 0;
	return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
			       "the %s shows something else than X.509 certificates (type %u)", owner, body.data[0]);
}

int ks_messages13_read_encrypted_extensions(struct ks_bytes body, const struct ks_extensions *client_hello,
					    struct ks_signable_refusal *ret_refusal)
{
	struct ks_extensions extensions;
	struct ks_reader reader = ks_reader(body);
	int r = ks_extensions_read(&reader, KS_EXTENSIONS_ENCRYPTED_EXTENSIONS, &extensions, ret_refusal);
	if (r == 0)
		r = ks_hello13_check_answers(client_hello, &extensions, "EncryptedExtensions", ret_refusal);
	if (r == 0)
		r = check_certificate_type(&extensions, KS_EXTENSION_SERVER_CERTIFICATE_TYPE, "server", ret_refusal);
	if (r == 0)
		r = check_certificate_type(&extensions, KS_EXTENSION_CLIENT_CERTIFICATE_TYPE, "client", ret_refusal);
	if (r < 0)
		return r;
	if (ks_extensions_find(&extensions, KS_EXTENSION_EARLY_DATA, NULL))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the server took early data in a handshake that resumes no session");
	return 0;
}

/* --- CertificateRequest ------------------------------------------------------------------------------------------ */

int ks_messages13_read_certificate_request(struct ks_bytes body, bool is_post_handshake,
					   struct ks_messages13_request *ret_request,
					   struct ks_signable_refusal *ret_refusal)
{
	struct ks_reader reader = ks_reader(body);

	ret_request->context = ks_reader_vector8(&reader);
	if (!ks_reader_ok(&reader))
		return refuse_length("CertificateRequest", ret_refusal);
	if (is_post_handshake != (ret_request->context.size > 0))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       is_post_handshake ? "the CertificateRequest after the handshake has no context" :
							   "the CertificateRequest in the handshake has a context");
	int r = ks_extensions_read(&reader, KS_EXTENSIONS_CERTIFICATE_REQUEST, &ret_request->extensions, ret_refusal);
	if (r < 0)
		return r;
	if (!ks_extensions_find(&ret_request->extensions, KS_EXTENSION_SIGNATURE_ALGORITHMS, NULL))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the CertificateRequest does not say which signatures the server takes");
	return 0;
}

/* --- Certificate ------------------------------------------------------------------------------------------------- */

static struct ks_bytes ocsp_response_of(const struct ks_extensions *extensions)
{
	struct ks_bytes body;

	if (!ks_extensions_find(extensions, KS_EXTENSION_STATUS_REQUEST, &body))
		return KS_BYTES_NONE;
	struct ks_reader reader = ks_reader(body);
	(void)ks_reader_u8(&reader); /* ocsp; extensions.c has looked */
	return ks_reader_vector24(&reader);
}

/* One CertificateEntry; the reader fails when a length is wrong. */
static int read_entry(struct ks_reader *list, const char *owner, const struct ks_extensions *questions,
		      struct ks_messages13_certificate *certificate, struct ks_signable_refusal *refusal)
{
	struct ks_extensions extensions;
	struct ks_bytes der = ks_reader_vector24(list);
	struct ks_bytes block = ks_reader_vector16(list);

	if (!ks_reader_ok(list))
		return ks_refusal_give(refusal, KS_ERR_INPUT_TRUNCATED,
				       "the %s's Certificate has a wrong length inside", owner);
	if (certificate->list.n == KS_PROOF_CERTIFICATES_MAX)
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE, "the %s shows more than %u certificates", owner,
				       KS_PROOF_CERTIFICATES_MAX);
	if (!ks_certificate_list_is_sequence(der))
		return ks_refusal_give(refusal, KS_ERR_INPUT_MESSAGE,
				       "the %s's Certificate has an element that is not a certificate", owner);
	int r = ks_extensions_read_block(block, KS_EXTENSIONS_CERTIFICATE, &extensions, refusal);
	if (r == 0)
		r = ks_hello13_check_answers(questions, &extensions, "Certificate", refusal);
	if (r < 0)
		return r;
	/* RFC 9345: then a key signs that no certificate names. */
	if (ks_extensions_find(&extensions, KS_EXTENSION_DELEGATED_CREDENTIAL, NULL))
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
				       "the %s signs with a delegated credential, not with its certificate's key",
				       owner);
	if (certificate->list.n == 0)
		certificate->ocsp_response = ocsp_response_of(&extensions);
	ks_certificate_list_add(&certificate->list, der);
	return 0;
}

int ks_messages13_read_certificate(struct ks_bytes body, const char *owner, struct ks_bytes context,
				   const struct ks_extensions *questions,
				   struct ks_messages13_certificate *ret_certificate,
				   struct ks_signable_refusal *ret_refusal)
{
	struct ks_messages13_certificate certificate = { 0 };
	struct ks_reader reader = ks_reader(body);
	struct ks_bytes repeated = ks_reader_vector8(&reader);
	struct ks_reader list = ks_reader(ks_reader_vector24(&reader));

	if (!ks_reader_done(&reader))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRUNCATED,
				       "the %s's Certificate has a wrong length inside", owner);
	if (!ks_bytes_equal(repeated, context))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the %s's Certificate has another context than what it answers", owner);
	while (ks_reader_left(&list) > 0) {
		int r = read_entry(&list, owner, questions, &certificate, ret_refusal);
		if (r < 0)
			return r;
	}
	*ret_certificate = certificate;
	return 0;
}

/* --- CertificateVerify ------------------------------------------------------------------------------------------- */

int ks_messages13_read_certificate_verify(struct ks_bytes body, struct ks_messages13_verify *ret_verify,
					  struct ks_signable_refusal *ret_refusal)
{
	struct ks_messages13_verify verify;
	struct ks_reader reader = ks_reader(body);

	verify.scheme = ks_reader_u16(&reader);
	verify.signature = ks_reader_vector16(&reader);
	if (!ks_reader_done(&reader) || verify.signature.size == 0)
		return refuse_length("CertificateVerify", ret_refusal);
	*ret_verify = verify;
	return 0;
}
