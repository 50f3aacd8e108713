/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_protocols: C7, what a key of this type signs in other protocols, each in its own form: an SSH login, a mail,
 * a Kerberos ticket request, a certificate. One of them signed, and the socket would be a way to be the key's owner
 * everywhere. Runs in: tests.
 */
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "tests/hostile/hostile_list.h"
#include "tests/hostile/transcript_maker.h"

static void add(struct ks_hostile_list *list, struct ks_buffer *input, int expected, int or_else, const char *name)
{
	ks_hostile_list_add(list,
			    &(struct ks_hostile_input){
				    .class = "C7",
				    .input = ks_buffer_bytes(input),
				    .scheme = list->target->scheme12,
				    .expected = expected,
				    .or_else = or_else,
			    },
			    "%s", name);
	ks_buffer_reset(input);
}

static void add_unknown(struct ks_hostile_list *list, struct ks_buffer *input, const char *name)
{
	add(list, input, KS_ERR_INPUT_UNKNOWN, 0, name);
}

static void put_text(struct ks_buffer *out, const char *text)
{
	ks_buffer_put(out, ks_bytes_text(text));
}

static void put_ssh_text(struct ks_buffer *out, const char *text)
{
	ks_buffer_put_string(out, ks_bytes_text(text));
}

static void put_pattern(struct ks_buffer *out, uint8_t first, size_t size)
{
	for (size_t i = 0; i < size; i++)
		ks_buffer_put_u8(out, (uint8_t)(first + 13 * i));
}

/* --- SSH --------------------------------------------------------------------------------------------------------- */

/* RFC 4252 section 7; session identifiers are exchange hashes of 20 to 64 bytes. */
static void add_ssh_login(struct ks_hostile_list *list, size_t session_size, const char *method, const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer session = { 0 };

	put_pattern(&session, 0x31, session_size);
	ks_buffer_put_string(&input, ks_buffer_bytes(&session));
	ks_buffer_put_u8(&input, 50);
	put_ssh_text(&input, "root");
	put_ssh_text(&input, "ssh-connection");
	put_ssh_text(&input, method);
	ks_buffer_put_u8(&input, 1);
	put_ssh_text(&input, "ecdsa-sha2-nistp256");
	ks_buffer_put_string(&input, list->target->spki->der);
	add_unknown(list, &input, name);
}

static void add_ssh(struct ks_hostile_list *list)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	static const char *const namespaces[] = { "file", "git", "email" };

	add_ssh_login(list, 32, "publickey", "an SSH login");
	add_ssh_login(list, 64, "publickey", "an SSH login with a SHA-512 session");
	add_ssh_login(list, 20, "publickey-hostbound-v00@openssh.com", "an SSH login that is bound to a host");
	for (size_t i = 0; i < 3; i++) {
		put_text(&input, "SSHSIG");
		put_ssh_text(&input, namespaces[i]);
		put_ssh_text(&input, "");
		put_ssh_text(&input, "sha512");
		ks_buffer_put_u32(&input, 64);
		put_pattern(&input, 0x44, 64);
		char name[64];
		(void)snprintf(name, sizeof(name), "an SSH signature in the namespace %s", namespaces[i]);
		add_unknown(list, &input, name);
	}
	put_ssh_text(&input, "ssh-ed25519-cert-v01@openssh.com");
	ks_buffer_put_string(&input, list->target->spki->der);
	ks_buffer_put_u64(&input, 1);
	ks_buffer_put_u32(&input, 1);
	put_ssh_text(&input, "root");
	add_unknown(list, &input, "an SSH certificate");
}

/* --- X.509 and CMS ----------------------------------------------------------------------------------------------- */

static void put_oid(struct ks_buffer *out, const char *der, size_t size)
{
	ks_der_put(out, KS_DER_OID, ks_bytes(der, size));
}

/* Attribute ::= SEQUENCE { type, SET { value } }; RFC 5652 section 5.3: signed attributes are signed as a SET. */
static void add_signed_attributes(struct ks_hostile_list *list, const char *content_type, size_t size, const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer oid = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer attributes = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer digest = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };

	put_oid(&oid, content_type, size);
	put_oid(&parts, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03", 9);
	ks_der_put(&parts, KS_DER_SET, ks_buffer_bytes(&oid));
	ks_der_put(&attributes, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
	ks_buffer_reset(&parts);
	put_pattern(&digest, 0x29, 32);
	ks_buffer_reset(&oid);
	ks_der_put(&oid, KS_DER_OCTET_STRING, ks_buffer_bytes(&digest));
	put_oid(&parts, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04", 9);
	ks_der_put(&parts, KS_DER_SET, ks_buffer_bytes(&oid));
	ks_der_put(&attributes, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
	ks_der_put(&input, KS_DER_SET, ks_buffer_bytes(&attributes));
	add_unknown(list, &input, name);
}

/* A SEQUENCE that starts with these elements and goes on with a name, times and the key. */
static void add_sequence(struct ks_hostile_list *list, const char *start, size_t size, const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer contents = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };

	ks_buffer_put(&contents, ks_bytes(start, size));
	put_text(&contents, "\x30\x0e\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x03one");
	ks_buffer_put(&contents, list->target->spki->der);
	ks_der_put(&input, KS_DER_SEQUENCE, ks_buffer_bytes(&contents));
	add_unknown(list, &input, name);
}

static void add_asn1(struct ks_hostile_list *list)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	struct ks_reader certificate = ks_reader(list->target->certificate);
	struct ks_reader parts = ks_reader(ks_der_take(&certificate, KS_DER_SEQUENCE));

	add_signed_attributes(list, "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 9, "signed attributes of a mail");
	add_signed_attributes(list, "\x2b\x06\x01\x05\x02\x03\x01", 7, "signed attributes of a PKINIT request");
	add_signed_attributes(list, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04", 11,
			      "signed attributes of a time stamp");
	add_signed_attributes(list, "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x04", 10, "signed attributes of a program");

	ks_der_put(&input, KS_DER_SEQUENCE, ks_der_take(&parts, KS_DER_SEQUENCE));
	add_unknown(list, &input, "a TBSCertificate");
	ks_buffer_put(&input, list->target->certificate);
	add_unknown(list, &input, "a whole certificate");
	ks_buffer_put(&input, list->target->spki->der);
	add_unknown(list, &input, "a public key");
	add_sequence(list, "\x02\x01\x00", 3, "a certificate request");
	add_sequence(list, "\x02\x01\x01\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", 15, "a revocation list");
	add_sequence(list, "\xa0\x03\x02\x01\x00\xa1\x02\x30\x00", 9, "OCSP ResponseData");
	add_sequence(list, "\x02\x01\x01\x06\x03\x2a\x03\x04", 8, "a time stamp");
	add_sequence(list, "\xa0\x11\x30\x0f\xa0\x05\x02\x03\x01\xe2\x40\xa1\x06\x02\x04\x2f\x1a\x2b\x3c", 19,
		     "a Kerberos AuthPack");
	add_sequence(list, "\x02\x01\x02\xa4\x02\x30\x00\xa4\x02\x30\x00", 11, "a CMP message");
	add_sequence(list,
		     "\x16\x09"
		     "challenge",
		     11, "a SPKAC");
}

/* --- documents of text ------------------------------------------------------------------------------------------- */

static void add_texts(struct ks_hostile_list *list)
{
	static const struct {
		const char *name;
		const char *text;
	} texts[] = {
		{ "a JSON web token",
		  "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZG1pbiIsImV4cCI6OTk5OTk5OTk5OX0" },
		{ "an ACME request", "eyJhbGciOiJFUzI1NiIsIm5vbmNlIjoiYSIsInVybCI6Imh0dHBzOi8vY2EuZXhhbXBsZSJ9.e30" },
		{ "a DPoP proof", "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2In0.eyJodG0iOiJQT1NUIn0" },
		{ "a git commit", "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@b> 0 +0000\n\nm\n" },
		{ "an XML signature",
		  "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"></ds:SignedInfo>" },
		{ "an HTTP message signature",
		  "\"@method\": GET\n\"@authority\": host.example\n\"@signature-params\": ()" },
		{ "a mail's DKIM header", "dkim-signature:v=1; a=rsa-sha256; d=host.example; s=s; b=" },
		{ "a letter", "I owe you one million. Yours, the owner of this key." },
		{ "an AWS Roles Anywhere request",
		  "AWS4-X509-ECDSA-SHA256\n20260101T000000Z\n20260101/eu/rolesanywhere/aws4_request\n0123456789abcd" },
	};
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put_text(&input, texts[i].text);
		add_unknown(list, &input, texts[i].name);
	}
}

/* --- binary protocols -------------------------------------------------------------------------------------------- */

/* RFC 9580 section 5.2.4: the document, then the hashed part of the signature and its trailer. */
static void add_openpgp(struct ks_hostile_list *list, uint8_t type, const char *document, const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };

	put_text(&input, document);
	ks_buffer_put(&input, ks_bytes((uint8_t[]){ 4, type, 19, 8, 0, 6, 5, 2, 0x65, 0, 0, 0 }, 12));
	ks_buffer_put(&input, ks_bytes((uint8_t[]){ 4, 0xff, 0, 0, 0, 12 }, 6));
	add_unknown(list, &input, name);
}

/* RFC 5246 section 7.4.3: client_random, server_random, parameters. The client chooses the first 32 bytes. */
static void add_server_key_exchanges(struct ks_hostile_list *list)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };

	put_pattern(&input, 0xb1, 64);
	ks_buffer_put(&input, ks_bytes("\x03\x00\x1d\x20", 4));
	put_pattern(&input, 0x12, 32);
	add_unknown(list, &input, "a TLS 1.2 ServerKeyExchange");
	/* with a random that is the start of a ClientHello */
	ks_buffer_put(&input, ks_bytes("\x01\x00\x00\x60\x03\x03", 6));
	put_pattern(&input, 0xb1, 58);
	ks_buffer_put(&input, ks_bytes("\x03\x00\x1d\x20", 4));
	put_pattern(&input, 0x12, 32);
	add(list, &input, KS_ERR_INPUT_TRUNCATED, KS_ERR_INPUT_MISSING,
	    "a TLS 1.2 ServerKeyExchange that begins like a ClientHello");
	/* with both randoms and the parameters taken from a transcript */
	struct ks_bytes transcript = list->target->transcript;
	ks_buffer_put(&input, ks_bytes(transcript.data, transcript.size - 5));
	ks_buffer_put(&input, ks_bytes("\x03\x00\x1d\x20", 4));
	put_pattern(&input, 0x12, 32);
	add(list, &input, KS_ERR_INPUT_TRAILING, KS_ERR_INPUT_TRUNCATED,
	    "a TLS 1.2 ServerKeyExchange over most of a transcript");
	/* with a random of spaces, which TLS 1.3 pads against */
	for (int i = 0; i < 64; i++)
		ks_buffer_put_u8(&input, ' ');
	ks_buffer_put(&input, ks_bytes("\x03\x00\x1d\x20", 4));
	put_pattern(&input, 0x12, 32);
	add(list, &input, KS_ERR_INPUT_CONTEXT, 0, "a TLS 1.2 ServerKeyExchange with randoms of spaces");
}

static void add_binaries(struct ks_hostile_list *list)
{
	static const struct {
		const char *name;
		const char *start;
		size_t size;
		size_t n_more;
	} binaries[] = {
		/* type covered, algorithm, labels, TTL, times, key tag, signer (RFC 4034 section 3.1.8.1) */
		{ "a DNSSEC RRSIG",
		  "\x00\x01\x0d\x02\x00\x00\x0e\x10\x70\x00\x00\x00\x60\x00\x00\x00\x12\x34\x07"
		  "example",
		  26, 60 },
		/* SPIs, next payload, version, exchange IKE_SA_INIT (RFC 7296 section 2.15) */
		{ "an IKEv2 AUTH of the initiator",
		  "\x8a\x12\x34\x56\x78\x9a\xbc\xde\x00\x00\x00\x00\x00\x00\x00\x00\x21\x20\x22\x08\x00\x00\x00\x00",
		  24, 300 },
		/* code Response, identifier, length, type TLS or GPSK */
		{ "an EAP response", "\x02\x05\x00\x50\x0d\x80\x00\x00", 8, 72 },
		{ "an EAP request", "\x01\x05\x00\x50\x33\x01\x00\x10", 8, 72 },
		/* authenticatorData: rpIdHash, flags, counter; then the hash of clientDataJSON */
		{ "a WebAuthn assertion", "\x49\x96\x0d\xe5\x88\x0e\x8c\x68", 8, 61 },
		/* Sig_structure (RFC 9052 section 4.4) */
		{ "a COSE Sig_structure",
		  "\x84\x6aSignature1\x43\xa1\x01\x26\x40\x44"
		  "data",
		  22, 0 },
		/* version 1, one input: begins as a ClientHello does */
		{ "a Bitcoin transaction", "\x01\x00\x00\x00\x01\xa1\xb2\xc3", 8, 120 },
		/* SignedCertificateTimestamp (RFC 6962 section 3.2): version, signature_type, time, entry_type */
		{ "a certificate transparency SCT", "\x00\x00\x00\x00\x01\x8b\x00\x00\x00\x00\x00\x00", 12, 90 },
		/* TPMS_ATTEST: TPM_GENERATED_VALUE, TPM_ST_ATTEST_QUOTE */
		{ "a TPM quote", "\xff\x54\x43\x47\x80\x18", 6, 100 },
		/* UTF-16 of a driver catalogue, gzip, ELF: files that people sign whole */
		{ "a program",
		  "\x7f"
		  "ELF\x02\x01\x01\x00",
		  8, 200 },
		{ "zeros", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 10, 0 },
	};
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };

	for (size_t i = 0; i < sizeof(binaries) / sizeof(binaries[0]); i++) {
		bool is_like_hello = binaries[i].start[0] == 1;
		ks_buffer_put(&input, ks_bytes(binaries[i].start, binaries[i].size));
		put_pattern(&input, 0x61, binaries[i].n_more);
		add(list, &input, is_like_hello ? KS_ERR_INPUT_TRUNCATED : KS_ERR_INPUT_UNKNOWN, 0, binaries[i].name);
	}
}

void ks_hostile_protocols_add(struct ks_hostile_list *list)
{
	add_ssh(list);
	add_asn1(list);
	add_texts(list);
	add_openpgp(list, 0x00, "a binary document", "an OpenPGP signature of a file");
	add_openpgp(list, 0x01, "a text with the line ends of the canonical form\r\n",
		    "an OpenPGP signature of a text");
	add_openpgp(list, 0x13, "\x99\x01\x0d\x04", "an OpenPGP certification of a key");
	add_server_key_exchanges(list);
	add_binaries(list);
}
