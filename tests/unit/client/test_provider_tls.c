/* SPDX-License-Identifier: Apache-2.0 */
/* Real handshakes of libssl with itself, the client's key being one of keystay's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/unit/client/provider_rig.h"
#include "tests/unit/client/software_token.h"

static struct software_token token;
static struct provider_rig rig;

static int start(void **state)
{
	(void)state;
	software_token_start(&token);
	provider_rig_start(&rig);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	provider_rig_stop(&rig);
	software_token_stop(&token);
	return 0;
}

/* --- a handshake ------------------------------------------------------------------------------------------------- */

struct handshake {
	enum software_key_kind kind;
	int version;
	const char *suite;   /* TLS 1.3 cipher suite, or NULL */
	const char *sigalgs; /* that the server asks for, or NULL */
};

/* A server that wants a certificate of this one client; its own key is in software. */
static SSL_CTX *make_server(const struct handshake *handshake)
{
	const struct software_key *client = &token.keys[handshake->kind];
	const struct software_key *server = &token.keys[SOFTWARE_P256];
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_use_certificate(ctx, server->certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, server->pkey), 1);
	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), client->certificate), 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, handshake->version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, handshake->version), 1);
	if (handshake->sigalgs) {
		char list[64]; /* the macro casts const away */
		(void)snprintf(list, sizeof(list), "%s", handshake->sigalgs);
		assert_int_equal(SSL_CTX_set1_client_sigalgs_list(ctx, list), 1);
	}
	if (handshake->suite)
		assert_int_equal(SSL_CTX_set_ciphersuites(ctx, handshake->suite), 1);
	return ctx;
}

static SSL_CTX *make_client(const struct handshake *handshake, EVP_PKEY *pkey)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(rig.libctx, NULL, TLS_client_method());

	assert_non_null(ctx);
	assert_int_equal(SSL_CTX_use_certificate(ctx, token.keys[handshake->kind].certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, pkey), 1);
	assert_int_equal(SSL_CTX_check_private_key(ctx), 1);
	return ctx;
}

/* Lets both sides talk over memory until neither has anything to say. 1 when both are content. */
static int talk(SSL *client, SSL *server)
{
	BIO *to_server = NULL;
	BIO *to_client = NULL;
	bool client_done = false;
	bool server_done = false;

	assert_int_equal(BIO_new_bio_pair(&to_server, 0, &to_client, 0), 1);
	SSL_set_bio(client, to_server, to_server);
	SSL_set_bio(server, to_client, to_client);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (int i = 0; i < 100 && !(client_done && server_done); i++) {
		int r = client_done ? 1 : SSL_do_handshake(client);
		if (r != 1 && SSL_get_error(client, r) != SSL_ERROR_WANT_READ &&
		    SSL_get_error(client, r) != SSL_ERROR_WANT_WRITE)
			return 0;
		client_done = r == 1;
		r = server_done ? 1 : SSL_do_handshake(server);
		if (r != 1 && SSL_get_error(server, r) != SSL_ERROR_WANT_READ &&
		    SSL_get_error(server, r) != SSL_ERROR_WANT_WRITE)
			return 0;
		server_done = r == 1;
	}
	return client_done && server_done;
}

static int shake_hands(const struct handshake *handshake, SSL_CTX *client_ctx, SSL_CTX *server_ctx)
{
	SSL *client = SSL_new(client_ctx);
	SSL *server = SSL_new(server_ctx);

	assert_non_null(client);
	assert_non_null(server);
	int r = talk(client, server);
	if (r == 1) {
		X509 *seen = SSL_get1_peer_certificate(server);
		assert_non_null(seen);
		assert_int_equal(X509_cmp(seen, token.keys[handshake->kind].certificate), 0);
		X509_free(seen);
	}
	SSL_free(client);
	SSL_free(server);
	return r;
}

static int run(const struct handshake *handshake)
{
	EVP_PKEY *pkey = provider_rig_read(&rig, token.keys[handshake->kind].reference);
	assert_non_null(pkey);
	SSL_CTX *client = make_client(handshake, pkey);
	SSL_CTX *server = make_server(handshake);
	EVP_PKEY_free(pkey);
	int r = shake_hands(handshake, client, server);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
	return r;
}

static void must_run(const struct handshake *handshake, uint32_t scheme)
{
	unsigned before = atomic_load(&token.n_signatures);

	if (run(handshake) != 1) {
		ERR_print_errors_fp(stderr);
		fail_msg("%s with version %x, %s failed", token.keys[handshake->kind].name, handshake->version,
			 handshake->sigalgs ? handshake->sigalgs : "any algorithm");
	}
	assert_int_equal(atomic_load(&token.n_signatures), before + 1);
	assert_int_equal(token.last_scheme, scheme);
}

/* --- every kind of key ------------------------------------------------------------------------------------------- */

static void test_provider_signs_tls13_with_every_kind_of_key(void **state)
{
	(void)state;
	static const uint32_t schemes[] = { 0x0804, 0x0809, 0x0403, 0x0503, 0x0603, 0x0807 };
	static const char context[] = "TLS 1.3, client CertificateVerify";

	for (unsigned i = 0; i < SOFTWARE_N_KINDS; i++) {
		struct handshake handshake = { (enum software_key_kind)i, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256",
					       NULL };
		must_run(&handshake, schemes[i]);
		assert_int_equal(token.last_input_size, 130);
		handshake.suite = "TLS_AES_256_GCM_SHA384";
		must_run(&handshake, schemes[i]);
		assert_int_equal(token.last_input_size, 146);
		assert_int_equal(token.last_input[63], ' ');
		assert_memory_equal(token.last_input + 64, context, sizeof(context));
	}
}

static void test_provider_signs_tls13_with_every_digest(void **state)
{
	(void)state;
	static const struct {
		enum software_key_kind kind;
		const char *sigalgs;
		uint32_t scheme;
	} rows[] = {
		{ SOFTWARE_RSA, "rsa_pss_rsae_sha256", 0x0804 },    { SOFTWARE_RSA, "rsa_pss_rsae_sha384", 0x0805 },
		{ SOFTWARE_RSA, "rsa_pss_rsae_sha512", 0x0806 },    { SOFTWARE_RSA_PSS, "rsa_pss_pss_sha256", 0x0809 },
		{ SOFTWARE_RSA_PSS, "rsa_pss_pss_sha384", 0x080a }, { SOFTWARE_RSA_PSS, "rsa_pss_pss_sha512", 0x080b },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct handshake handshake = { rows[i].kind, TLS1_3_VERSION, NULL, rows[i].sigalgs };
		must_run(&handshake, rows[i].scheme);
	}
}

/* The whole transcript arrives: it begins with ClientHello, and is as long as that with the server's messages. */
static void test_provider_signs_tls12_with_every_kind_of_key(void **state)
{
	(void)state;
	static const struct {
		enum software_key_kind kind;
		const char *sigalgs;
		uint32_t scheme;
	} rows[] = {
		{ SOFTWARE_RSA, "RSA+SHA256", 0x0401 },
		{ SOFTWARE_RSA, "RSA+SHA384", 0x0501 },
		{ SOFTWARE_RSA, "RSA+SHA512", 0x0601 },
		{ SOFTWARE_RSA, "rsa_pss_rsae_sha256", 0x0804 },
		{ SOFTWARE_RSA_PSS, "rsa_pss_pss_sha256", 0x0809 },
		{ SOFTWARE_RSA_PSS, "rsa_pss_pss_sha512", 0x080b },
		{ SOFTWARE_P256, "ECDSA+SHA256", 0x0403 },
		{ SOFTWARE_P256, "ECDSA+SHA512", 0x0603 },
		{ SOFTWARE_P384, "ECDSA+SHA256", 0x0403 }, /* the code point says only the hash in TLS 1.2 */
		{ SOFTWARE_P384, "ECDSA+SHA384", 0x0503 },
		{ SOFTWARE_P521, "ECDSA+SHA512", 0x0603 },
		{ SOFTWARE_ED25519, "ed25519", 0x0807 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct handshake handshake = { rows[i].kind, TLS1_2_VERSION, NULL, rows[i].sigalgs };
		must_run(&handshake, rows[i].scheme);
		assert_int_equal(token.last_input[0], 1);
		assert_true(token.last_input_size > 1000);
	}
}

/* --- what must fail ---------------------------------------------------------------------------------------------- */

static void test_provider_key_of_another_certificate_is_refused_at_load(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SOFTWARE_N_KINDS; i++) {
		const struct software_key *other = &token.keys[(i + 1) % SOFTWARE_N_KINDS];
		SSL_CTX *ctx = SSL_CTX_new_ex(rig.libctx, NULL, TLS_client_method());
		EVP_PKEY *pkey = provider_rig_read(&rig, other->reference);
		assert_int_equal(SSL_CTX_use_certificate(ctx, token.keys[i].certificate), 1);
		bool refused = SSL_CTX_use_PrivateKey(ctx, pkey) != 1 || SSL_CTX_check_private_key(ctx) != 1;
		assert_true(refused);
		EVP_PKEY_free(pkey);
		SSL_CTX_free(ctx);
	}
	ERR_clear_error();
}

static void test_provider_puts_the_agents_sentence_first_in_the_error_queue(void **state)
{
	(void)state;
	struct handshake handshake = { SOFTWARE_RSA, TLS1_3_VERSION, NULL, NULL };
	static const char sentence[] = "token \"corp\" is locked; run: keystay unlock corp";

	token.refuse_with = sentence;
	ERR_clear_error();
	assert_int_equal(run(&handshake), 0);
	/* What curl prints: the reason of the first error. */
	assert_string_equal(ERR_reason_error_string(ERR_peek_error()), sentence);
	token.refuse_with = NULL;
	ERR_clear_error();
	must_run(&handshake, 0x0804); /* the process recovers */
}

static void test_provider_says_how_to_start_an_agent_and_recovers(void **state)
{
	(void)state;
	struct handshake handshake = { SOFTWARE_P256, TLS1_2_VERSION, NULL, NULL };
	char errors[4096];

	(void)setenv("KEYSTAY_SOCK", "/nonexistent/agent.sock", 1);
	ERR_clear_error();
	assert_int_equal(run(&handshake), 0);
	provider_rig_errors(errors, sizeof(errors));
	assert_non_null(
		strstr(errors, "keystay-agent is not running (no listener at /nonexistent/agent.sock); start it: "));
	(void)setenv("KEYSTAY_SOCK", token.agent.path, 1);
	assert_int_equal(run(&handshake), 1);
}

/* --- threads and children ---------------------------------------------------------------------------------------- */

#define N_THREADS 16
#define N_EACH 8

struct worker {
	pthread_t thread;
	const struct handshake *handshake;
	SSL_CTX *client;
	SSL_CTX *server;
	unsigned n_good;
};

static void *work(void *argument)
{
	struct worker *worker = argument;

	for (int i = 0; i < N_EACH; i++)
		worker->n_good += shake_hands(worker->handshake, worker->client, worker->server) == 1;
	return NULL;
}

static void test_provider_key_serves_16_threads(void **state)
{
	(void)state;
	struct handshake handshake = { SOFTWARE_P256, TLS1_3_VERSION, NULL, NULL };
	struct worker workers[N_THREADS];
	EVP_PKEY *pkey = provider_rig_read(&rig, token.keys[handshake.kind].reference);
	SSL_CTX *client = make_client(&handshake, pkey);
	SSL_CTX *server = make_server(&handshake);
	unsigned before = atomic_load(&token.n_signatures);

	EVP_PKEY_free(pkey);
	SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_OFF);
	for (int i = 0; i < N_THREADS; i++) {
		workers[i] = (struct worker){ .handshake = &handshake, .client = client, .server = server };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < N_THREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].n_good, N_EACH);
	}
	assert_int_equal(atomic_load(&token.n_signatures), before + N_THREADS * N_EACH);
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}

static void test_provider_key_works_in_children_and_in_the_parent(void **state)
{
	(void)state;
	struct handshake handshake = { SOFTWARE_P256, TLS1_3_VERSION, NULL, NULL };
	EVP_PKEY *pkey = provider_rig_read(&rig, token.keys[handshake.kind].reference);
	SSL_CTX *client = make_client(&handshake, pkey);
	SSL_CTX *server = make_server(&handshake);
	pid_t children[4];

	EVP_PKEY_free(pkey);
	for (int i = 0; i < 4; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			bool good = shake_hands(&handshake, client, server) == 1 &&
				    shake_hands(&handshake, client, server) == 1;
			_exit(good ? 0 : 1);
		}
	}
	assert_int_equal(shake_hands(&handshake, client, server), 1);
	for (int i = 0; i < 4; i++) {
		int status;
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_provider_signs_tls13_with_every_kind_of_key),
		cmocka_unit_test(test_provider_signs_tls13_with_every_digest),
		cmocka_unit_test(test_provider_signs_tls12_with_every_kind_of_key),
		cmocka_unit_test(test_provider_key_of_another_certificate_is_refused_at_load),
		cmocka_unit_test(test_provider_puts_the_agents_sentence_first_in_the_error_queue),
		cmocka_unit_test(test_provider_says_how_to_start_an_agent_and_recovers),
		cmocka_unit_test(test_provider_key_serves_16_threads),
		cmocka_unit_test(test_provider_key_works_in_children_and_in_the_parent),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
