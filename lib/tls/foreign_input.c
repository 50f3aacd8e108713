/* SPDX-License-Identifier: Apache-2.0 */
/* foreign_input: see foreign_input.h. Runs in: keystay-agent. Must never return 0. */
#include "lib/tls/foreign_input.h"

#include <string.h>

#include "lib/base/der.h"
#include "lib/base/reader.h"
#include "lib/tls/refusal.h"

/* --- digests ----------------------------------------------------------------------------------------------------- */

/* MD5, SHA-1, SHA-224, SHA-256, MD5 and SHA-1 together (TLS 1.0 and 1.1), SHA-384, SHA-512 */
static bool is_digest_size(size_t size)
{
	static const size_t sizes[] = { 16, 20, 28, 32, 36, 48, 64 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i] == size)
			return true;
	}
	return false;
}

/* DigestInfo (RFC 8017 section 9.2): what PKCS#11 and OpenSSL callers give to raw RSA. */
static bool is_digest_info(struct ks_bytes input)
{
	struct ks_reader outer = ks_reader(input);
	struct ks_reader inner = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
	struct ks_reader algorithm = ks_reader(ks_der_take(&inner, KS_DER_SEQUENCE));
	struct ks_bytes digest = ks_der_take(&inner, KS_DER_OCTET_STRING);

	(void)ks_der_take(&algorithm, KS_DER_OID);
	return ks_reader_ok(&algorithm) && ks_reader_done(&inner) && ks_reader_done(&outer) &&
	       is_digest_size(digest.size);
}

/* EMSA-PKCS1-v1_5 and EMSA-PSS (RFC 8017 section 9): as long as the modulus, or one byte less. */
static bool is_rsa_block(struct ks_bytes input, const struct ks_spki *spki)
{
	if (spki->modulus.size == 0 || (input.size != spki->modulus.size && input.size + 1 != spki->modulus.size))
		return false;
	bool is_pkcs1 = (input.data[0] == 0 && input.data[1] == 1) || (input.data[0] == 1 && input.data[1] == 0xff);
	bool is_pss = input.data[input.size - 1] == 0xbc;
	return is_pkcs1 || is_pss;
}

bool ks_foreign_input_is_digest(struct ks_bytes input, const struct ks_spki *spki)
{
	return is_digest_size(input.size) || is_digest_info(input) || is_rsa_block(input, spki);
}

/* --- other protocols --------------------------------------------------------------------------------------------- */

static bool begins_with(struct ks_bytes input, const char *text)
{
	size_t size = strlen(text);

	return input.size >= size && memcmp(input.data, text, size) == 0;
}

/* string session identifier, byte SSH_MSG_USERAUTH_REQUEST (RFC 4252 section 7) */
static bool is_ssh_login(struct ks_bytes input)
{
	struct ks_reader reader = ks_reader(input);
	struct ks_bytes session = ks_reader_vector32(&reader);

	return ks_reader_u8(&reader) == 50 && ks_reader_ok(&reader) && is_digest_size(session.size);
}

static bool is_jwt(struct ks_bytes input)
{
	return begins_with(input, "eyJ") && memchr(input.data, '.', input.size) != NULL;
}

/* ContentType and version (RFC 8446 section 5.1) */
static bool is_tls_record(struct ks_bytes input)
{
	return begins_with(input, "\x16\x03");
}

static bool is_der(struct ks_bytes input, uint8_t tag)
{
	struct ks_reader reader = ks_reader(input);

	(void)ks_der_take(&reader, tag);
	return ks_reader_done(&reader);
}

static bool is_sequence(struct ks_bytes input)
{
	return is_der(input, KS_DER_SEQUENCE);
}

static bool is_set(struct ks_bytes input)
{
	return is_der(input, KS_DER_SET);
}

static bool is_sshsig(struct ks_bytes input)
{
	return begins_with(input, "SSHSIG");
}

static const struct {
	bool (*is)(struct ks_bytes input);
	const char *description;
} guesses[] = {
	{ is_sshsig, "an SSH signature of a file" },
	{ is_ssh_login, "an SSH login" },
	{ is_jwt, "a JSON web token" },
	{ is_tls_record, "TLS records rather than the handshake messages in them" },
	{ is_set, "the signed attributes of a CMS message (S/MIME, Kerberos PKINIT, signed code)" },
	{ is_sequence, "a certificate, a certificate request or another ASN.1 document" },
};

/* --- the reason -------------------------------------------------------------------------------------------------- */

int ks_foreign_input_refuse(struct ks_bytes input, const struct ks_spki *spki, struct ks_signable_refusal *ret_refusal)
{
	if (is_digest_size(input.size))
		return ks_refusal_give(
			ret_refusal, KS_ERR_INPUT_DIGEST,
			"the input is %zu bytes long, as a bare digest is; what a digest stands for cannot "
			"be checked, so it is not signed",
			input.size);
	if (is_digest_info(input))
		return ks_refusal_give(
			ret_refusal, KS_ERR_INPUT_DIGEST,
			"the input is a DigestInfo, a digest with its name; what a digest stands for cannot "
			"be checked, so it is not signed");
	if (is_rsa_block(input, spki))
		return ks_refusal_give(
			ret_refusal, KS_ERR_INPUT_DIGEST,
			"the input is a block that is already padded for RSA; what it stands for cannot be "
			"checked, so it is not signed");
	for (size_t i = 0; i < sizeof(guesses) / sizeof(guesses[0]); i++) {
		if (guesses[i].is(input))
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_UNKNOWN, "the input looks like %s",
					       guesses[i].description);
	}
	return ks_refusal_give(ret_refusal, KS_ERR_INPUT_UNKNOWN,
			       "the input (%zu bytes) is not a TLS client CertificateVerify", input.size);
}
