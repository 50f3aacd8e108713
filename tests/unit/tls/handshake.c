/* SPDX-License-Identifier: Apache-2.0 */
/* handshake: see handshake.h. Runs in: unit tests. */
#include "tests/unit/tls/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"

enum {
	CLIENT_HELLO = 1,
	SERVER_HELLO = 2,
	NEW_SESSION_TICKET = 4,
	CERTIFICATE_REQUEST = 13,
	CERTIFICATE_VERIFY = 15,
	FINISHED = 20,
};

KS_DEFINE_CLEANUP(SSL_CTX *, SSL_CTX_free)
KS_DEFINE_CLEANUP(SSL *, SSL_free)
KS_DEFINE_CLEANUP(X509 *, X509_free)

/* --- keys and certificates --------------------------------------------------------------------------------------- */

static EVP_PKEY *make_pss_key(void)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);

	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_true(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) > 0);
	assert_int_equal(EVP_PKEY_generate(context, &key), 1);
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *make_key(const char *type)
{
	if (strcmp(type, "RSA-2048") == 0)
		return EVP_RSA_gen(2048);
	if (strcmp(type, "RSA-3072") == 0)
		return EVP_RSA_gen(3072);
	if (strcmp(type, "RSA-PSS-2048") == 0)
		return make_pss_key();
	if (strcmp(type, "Ed25519") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return EVP_EC_gen(type);
}

EVP_PKEY *ks_handshake_key(const char *type)
{
	static struct {
		char type[16];
		EVP_PKEY *key;
	} keys[8];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!keys[i].key) {
			keys[i].key = make_key(type);
			assert_non_null(keys[i].key);
			(void)strncpy(keys[i].type, type, sizeof(keys[i].type) - 1);
		}
		if (strcmp(keys[i].type, type) == 0)
			return keys[i].key;
	}
	fail_msg("more key types than there is room for");
	return NULL;
}

X509 *ks_handshake_certificate(const char *type, const char *common_name)
{
	EVP_PKEY *key = ks_handshake_key(type);
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);

	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 4711), 1);
	assert_int_equal(
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0),
		1);
	assert_int_equal(X509_set_issuer_name(certificate, name), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -60));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_true(X509_sign(certificate, key, strcmp(type, "Ed25519") == 0 ? NULL : EVP_sha256()) > 0);
	return certificate;
}

void ks_handshake_put_spki(struct ks_buffer *buffer, const char *type)
{
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(ks_handshake_key(type), &der);

	assert_true(size > 0);
	ks_buffer_put(buffer, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	assert_int_equal(ks_buffer_error(buffer), 0);
}

void ks_handshake_put_certificate(struct ks_buffer *buffer, X509 *certificate)
{
	unsigned char *der = NULL;
	int size = i2d_X509(certificate, &der);

	assert_true(size > 0);
	ks_buffer_put(buffer, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	assert_int_equal(ks_buffer_error(buffer), 0);
}

/* --- what the client sends and receives -------------------------------------------------------------------------- */

struct recording {
	struct ks_buffer messages;
	struct ks_buffer certificate_verify; /* the last one that the client sent */
	size_t signed_size;                  /* of the messages before it */
	size_t first_hello_size;             /* of the ClientHello that a HelloRetryRequest answered */
	size_t handshake_size;               /* TLS 1.3: up to the client's Finished */
	bool finished;                       /* the client has sent its Finished */
};

/* RFC 8446 section 4.4.1: message_hash stands for the first ClientHello. */
static void put_hashed(const struct recording *recording, const EVP_MD *hash, struct ks_buffer *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	const uint8_t *all = recording->messages.data;
	size_t first = recording->first_hello_size;

	if (first > 0) {
		assert_int_equal(EVP_Digest(all, first, digest, &size, hash, NULL), 1);
		ks_buffer_put_u8(out, 254);
		ks_buffer_put_u24(out, size);
		ks_buffer_put(out, ks_bytes(digest, size));
	}
	ks_buffer_put(out, ks_bytes(all + first, recording->signed_size - first));
}

static bool is_hello_retry(struct ks_bytes message)
{
	static const uint8_t start_of_random[] = { 0xcf, 0x21, 0xad, 0x74 };

	return message.data[0] == SERVER_HELLO && memcmp(message.data + 6, start_of_random, 4) == 0;
}

static void see_message(int is_sent, int version, int content_type, const void *data, size_t size, SSL *ssl, void *arg)
{
	struct recording *recording = arg;
	struct ks_bytes message = ks_bytes(data, size);

	(void)version;
	if (content_type != SSL3_RT_HANDSHAKE)
		return;
	uint8_t type = message.data[0];
	if (type == NEW_SESSION_TICKET || type == 0) /* HelloRequest */
		return;
	if (type == CERTIFICATE_VERIFY && is_sent) {
		ks_buffer_reset(&recording->certificate_verify);
		ks_buffer_put(&recording->certificate_verify, message);
		recording->signed_size = recording->messages.size;
	}
	if (type == CLIENT_HELLO && recording->finished)
		ks_buffer_reset(&recording->messages); /* a renegotiation is a transcript of its own */
	if (type == CERTIFICATE_REQUEST && recording->finished && SSL_version(ssl) == TLS1_3_VERSION)
		recording->messages.size = recording->handshake_size; /* and each request after a handshake */
	if (is_hello_retry(message))
		recording->first_hello_size = recording->messages.size;
	ks_buffer_put(&recording->messages, message);
	if (type == FINISHED && is_sent && !recording->finished) {
		recording->finished = true;
		recording->handshake_size = recording->messages.size;
	}
}

/* --- both ends --------------------------------------------------------------------------------------------------- */

static int accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static int staple(SSL *ssl, void *arg)
{
	static const char response[] = "an OCSP response, which nobody reads here";
	unsigned char *copy = OPENSSL_memdup(response, sizeof(response));

	(void)arg;
	return SSL_set_tlsext_status_ocsp_resp(ssl, copy, sizeof(response)) == 1 ? SSL_TLSEXT_ERR_OK :
										   SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
			   unsigned in_size, void *arg)
{
	(void)ssl;
	(void)arg;
	(void)in_size;
	*out = in + 1;
	*out_size = in[0];
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(const struct ks_handshake_setup *setup, bool is_server)
{
	const char *type = is_server ? setup->server_key : setup->client_key;
	SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	KS_CLEANUP(X509_freep) X509 *certificate = ks_handshake_certificate(type, is_server ? "server" : "client");

	assert_non_null(context);
	assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, ks_handshake_key(type)), 1);
	if (is_server || setup->only_version)
		assert_int_equal(SSL_CTX_set_max_proto_version(context, setup->version), 1);
	if (is_server)
		assert_int_equal(SSL_CTX_set_dh_auto(context, 1), 1);
	if (setup->suites)
		assert_int_equal(SSL_CTX_set_cipher_list(context, setup->suites), 1);
	if (setup->suites13)
		assert_int_equal(SSL_CTX_set_ciphersuites(context, setup->suites13), 1);
	if (setup->without_extended_master_secret)
		(void)SSL_CTX_set_options(context, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (setup->without_tickets)
		(void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	return context;
}

static void set_up_server(const struct ks_handshake_setup *setup, SSL_CTX *context)
{
	if (setup->groups)
		assert_int_equal(SSL_CTX_set1_groups_list(context, setup->groups), 1);
	if (setup->schemes)
		assert_int_equal(SSL_CTX_set1_client_sigalgs_list(context, setup->schemes), 1);
	if (setup->with_staple)
		assert_int_equal(SSL_CTX_set_tlsext_status_cb(context, staple), 1);
	if (setup->with_alpn)
		SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	if (setup->with_ca_names) {
		KS_CLEANUP(X509_freep) X509 *first = ks_handshake_certificate(setup->client_key, "one CA");
		KS_CLEANUP(X509_freep) X509 *second = ks_handshake_certificate(setup->client_key, "another CA");
		assert_int_equal(SSL_CTX_add_client_CA(context, first), 1);
		assert_int_equal(SSL_CTX_add_client_CA(context, second), 1);
	}
	for (int i = 0; i < setup->n_server_issuers; i++)
		assert_int_equal(SSL_CTX_add_extra_chain_cert(context, ks_handshake_certificate("P-384", "an issuer")),
				 1);
	int mode = setup->asks_later && !setup->asks_always ? SSL_VERIFY_NONE :
							      SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(context, mode, accept_any);
	/* A renegotiation must be a whole handshake: a resumed session has no CertificateVerify. */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(context, SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
	assert_int_equal(SSL_CTX_set_session_id_context(context, (const unsigned char *)"test", 4), 1);
}

static void set_up_client(const struct ks_handshake_setup *setup, SSL_CTX *context)
{
	static const unsigned char protocols[] = "\x02h2\x08http/1.1";

	if (setup->with_staple)
		assert_int_equal(SSL_CTX_set_tlsext_status_type(context, TLSEXT_STATUSTYPE_ocsp), 1);
	if (setup->with_alpn)
		assert_int_equal(SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols) - 1), 0);
	if (setup->with_chain)
		assert_int_equal(SSL_CTX_add_extra_chain_cert(context, ks_handshake_certificate("P-384", "an issuer")),
				 1);
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_post_handshake_auth(context, setup->asks_later);
}

/* One turn of one end: whatever it has to say or to hear. */
static void turn(SSL *ssl)
{
	char byte;
	int r = SSL_is_init_finished(ssl) ? SSL_read(ssl, &byte, 1) : SSL_do_handshake(ssl);
	int reason = SSL_get_error(ssl, r);

	if (r <= 0 && reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
		ERR_print_errors_fp(stderr);
		fail_msg("the handshake failed");
	}
}

static void take_turns(SSL *client, SSL *server)
{
	for (int i = 0; i < 12; i++) {
		turn(client);
		turn(server);
	}
}

static void connect_ends(SSL *client, SSL *server)
{
	BIO *client_bio;
	BIO *server_bio;

	assert_int_equal(BIO_new_bio_pair(&client_bio, 0, &server_bio, 0), 1);
	SSL_set_bio(client, client_bio, client_bio);
	SSL_set_bio(server, server_bio, server_bio);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
}

static void ask_now(SSL *server)
{
	SSL_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
	if (SSL_version(server) == TLS1_3_VERSION) {
		assert_int_equal(SSL_verify_client_post_handshake(server), 1);
		assert_int_equal(SSL_do_handshake(server), 1);
	} else {
		assert_int_equal(SSL_renegotiate(server), 1);
		(void)SSL_do_handshake(server);
	}
}

/* A session of a connection of its own, in which nobody asks for a certificate. Given. */
static SSL_SESSION *make_session(const struct ks_handshake_setup *setup, SSL_CTX *client_context,
				 SSL_CTX *server_context)
{
	KS_CLEANUP(SSL_freep) SSL *client = SSL_new(client_context);
	KS_CLEANUP(SSL_freep) SSL *server = SSL_new(server_context);

	if (setup->server_name)
		assert_int_equal(SSL_set_tlsext_host_name(client, setup->server_name), 1);
	connect_ends(client, server);
	take_turns(client, server);
	assert_true(SSL_SESSION_is_resumable(SSL_get0_session(client)));
	/* A connection that ends without a word takes its session with it. */
	SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	return SSL_get1_session(client);
}

/* --- what was signed --------------------------------------------------------------------------------------------- */

static void finish(struct recording *recording, SSL *client, struct ks_handshake *handshake)
{
	const EVP_MD *hash = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(client));
	struct ks_bytes verify = ks_buffer_bytes(&recording->certificate_verify);

	assert_true(verify.size > 8);
	handshake->scheme = (uint16_t)(verify.data[4] << 8 | verify.data[5]);
	ks_buffer_put(&handshake->signature, ks_bytes(verify.data + 8, verify.size - 8));
	if (SSL_version(client) != TLS1_3_VERSION) {
		ks_buffer_put(&handshake->input, ks_bytes(recording->messages.data, recording->signed_size));
		return;
	}
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	put_hashed(recording, hash, &handshake->hashed);
	ks_buffer_put(&handshake->messages, ks_bytes(recording->messages.data, recording->signed_size));
	struct ks_bytes hashed = ks_buffer_bytes(&handshake->hashed);
	assert_int_equal(EVP_Digest(hashed.data, hashed.size, digest, &size, hash, NULL), 1);
	for (int i = 0; i < 64; i++)
		ks_buffer_put_u8(&handshake->input, ' ');
	ks_buffer_put(&handshake->input, ks_bytes("TLS 1.3, client CertificateVerify", 34));
	ks_buffer_put(&handshake->input, ks_bytes(digest, size));
}

void ks_handshake_run(const struct ks_handshake_setup *setup, struct ks_handshake *ret_handshake)
{
	KS_CLEANUP(SSL_CTX_freep) SSL_CTX *client_context = make_context(setup, false);
	KS_CLEANUP(SSL_CTX_freep) SSL_CTX *server_context = make_context(setup, true);
	set_up_client(setup, client_context);
	set_up_server(setup, server_context);
	KS_CLEANUP(SSL_freep) SSL *client = SSL_new(client_context);
	KS_CLEANUP(SSL_freep) SSL *server = SSL_new(server_context);
	struct recording recording = { 0 };
	struct ks_handshake handshake = { 0 };

	if (setup->server_name)
		assert_int_equal(SSL_set_tlsext_host_name(client, setup->server_name), 1);
	if (setup->resumes) {
		SSL_SESSION *session = make_session(setup, client_context, server_context);
		assert_int_equal(SSL_set_session(client, session), 1);
		SSL_SESSION_free(session);
	}
	SSL_set_msg_callback(client, see_message);
	SSL_set_msg_callback_arg(client, &recording);
	connect_ends(client, server);
	take_turns(client, server);
	for (int i = 0; i < (setup->asks_twice ? 2 : setup->asks_later ? 1 : 0); i++) {
		assert_true(i > 0 || setup->asks_always || recording.certificate_verify.size == 0);
		ask_now(server);
		take_turns(client, server);
	}
	assert_int_equal(SSL_session_reused(client), setup->resumes);
	assert_true(SSL_is_init_finished(client) && SSL_is_init_finished(server));
	assert_int_equal(SSL_version(client), setup->version);
	finish(&recording, client, &handshake);
	handshake.suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(client));
	ks_handshake_put_spki(&handshake.spki, setup->client_key);
	assert_int_equal(ks_buffer_error(&handshake.input), 0);
	ks_buffer_deinit(&recording.messages);
	ks_buffer_deinit(&recording.certificate_verify);
	*ret_handshake = handshake;
}

void ks_handshake_deinit(struct ks_handshake *handshake)
{
	ks_buffer_deinit(&handshake->input);
	ks_buffer_deinit(&handshake->messages);
	ks_buffer_deinit(&handshake->hashed);
	ks_buffer_deinit(&handshake->signature);
	ks_buffer_deinit(&handshake->spki);
}
