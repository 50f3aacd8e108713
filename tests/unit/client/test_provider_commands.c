/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The openssl command of this machine with a key of keystay's: what is no TLS handshake ends with an exit status above
 * 0 and a sentence, never with a signal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/client/software_token.h"

static struct software_token token;
static char folder[] = "/tmp/keystay-test-commands-XXXXXX";

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int start(void **state)
{
	(void)state;
	software_token_start(&token);
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	write_file("openssl.cnf", "openssl_conf = init\n[init]\nproviders = providers\n[providers]\ndefault = on\n"
				  "keystay = keystay\n[on]\nactivate = 1\n[keystay]\nmodule = " KEYSTAY_MODULES
				  "/keystay.so\nactivate = 1\n"
				  "[req]\ndistinguished_name = name\n[name]\n");
	write_file("text", "anything at all\n");
	write_file("digest", "0123456789abcdef0123456789abcdef");
	for (unsigned i = 0; i < SOFTWARE_N_KINDS; i++) {
		char name[64];
		(void)snprintf(name, sizeof(name), "%s.key", token.keys[i].name);
		write_file(name, token.keys[i].reference);
		(void)snprintf(name, sizeof(name), "%s.crt", token.keys[i].name);
		write_file(name, token.keys[i].certificate_pem);
	}
	assert_int_equal(setenv("OPENSSL_CONF", "openssl.cnf", 1), 0);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	char command[128];
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	software_token_stop(&token);
	return 0;
}

/* Runs a command line; its output, both ways, into out. The status as of wait(2). */
static int run(const char *command, char *out, size_t size)
{
	char line[512];
	(void)snprintf(line, sizeof(line), "exec %s 2>&1 </dev/null", command);
	FILE *pipe = popen(line, "r");
	assert_non_null(pipe);
	size_t n = fread(out, 1, size - 1, pipe);
	out[n] = '\0';
	return pclose(pipe);
}

static void expect_failure(const char *command, const char *words)
{
	char out[8192];
	unsigned before = atomic_load(&token.n_signatures);
	int status = run(command, out, sizeof(out));

	if (!WIFEXITED(status) || WEXITSTATUS(status) == 0 || WEXITSTATUS(status) > 125 || !strstr(out, words))
		fail_msg("%s: status %x, \"%s\" expected in:\n%s", command, (unsigned)status, words, out);
	assert_int_equal(atomic_load(&token.n_signatures), before);
}

static void expect_success(const char *command, const char *words)
{
	char out[8192];
	int status = run(command, out, sizeof(out));

	if (status != 0 || !strstr(out, words))
		fail_msg("%s: status %x, \"%s\" expected in:\n%s", command, (unsigned)status, words, out);
}

static const char *const names[] = { "rsa", "rsa-pss", "p256", "p384", "p521", "ed25519" };

static void test_openssl_pkey_shows_the_public_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		char command[256];
		(void)snprintf(command, sizeof(command), "openssl pkey -in %s.key -pubout", names[i]);
		expect_success(command, "-----BEGIN PUBLIC KEY-----");
		(void)snprintf(command, sizeof(command), "openssl pkey -in keystay:%s -pubout", names[i]);
		expect_success(command, "-----BEGIN PUBLIC KEY-----");
		(void)snprintf(command, sizeof(command), "openssl pkey -in %s.key", names[i]);
		expect_failure(command, "");
	}
}

static void test_openssl_req_ends_with_the_agents_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		char command[256];
		(void)snprintf(command, sizeof(command), "openssl req -new -subj /CN=x -key %s.key", names[i]);
		expect_failure(command, SOFTWARE_REFUSAL);
		(void)snprintf(command, sizeof(command), "openssl req -new -subj /CN=x -key keystay:%s", names[i]);
		expect_failure(command, SOFTWARE_REFUSAL);
	}
	expect_failure(
		"openssl req -new -subj /CN=x -key rsa.key -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest",
		SOFTWARE_REFUSAL);
	expect_failure("openssl req -new -x509 -subj /CN=x -key p256.key", SOFTWARE_REFUSAL);
	expect_failure("openssl x509 -in p256.crt -signkey p256.key", SOFTWARE_REFUSAL);
}

static void test_openssl_dgst_ends_with_the_agents_sentence(void **state)
{
	(void)state;
	expect_failure("openssl dgst -sha256 -sign rsa.key text", SOFTWARE_REFUSAL);
	expect_failure("openssl dgst -sha256 -sign p256.key text", SOFTWARE_REFUSAL);
	expect_failure("openssl dgst -sha1 -sign p256.key text", "keystay signs with SHA-256, SHA-384 and SHA-512");
	expect_failure("openssl dgst -sha256 -sign rsa.key -sigopt rsa_padding_mode:x931 text", "padding");
	expect_failure("openssl dgst -sha256 -sign rsa.key /bin/bash", "keystay signs only TLS handshakes");
}

static void test_openssl_cms_ends_with_a_sentence(void **state)
{
	(void)state;
	expect_failure("openssl cms -sign -in text -signer rsa.crt -inkey rsa.key", SOFTWARE_REFUSAL);
	expect_failure("openssl cms -sign -in text -signer p256.crt -inkey p256.key", SOFTWARE_REFUSAL);
	expect_failure("openssl cms -sign -in text -signer p384.crt -inkey p384.key -noattr", "keystay signs only");
	expect_failure("openssl smime -sign -in text -signer rsa.crt -inkey rsa.key", SOFTWARE_REFUSAL);
}

static void test_openssl_pkeyutl_ends_with_a_sentence(void **state)
{
	(void)state;
	expect_failure("openssl pkeyutl -sign -in digest -inkey rsa.key -pkeyopt digest:sha256",
		       "keystay signs only TLS handshakes; this program handed over a digest");
	expect_failure("openssl pkeyutl -sign -in digest -inkey p256.key", "this program handed over a digest");
	expect_failure("openssl pkeyutl -sign -rawin -in text -inkey ed25519.key", SOFTWARE_REFUSAL);
	expect_failure("openssl pkeyutl -decrypt -in digest -inkey rsa.key", "");
	expect_failure("openssl pkeyutl -derive -inkey p256.key -peerkey p256.key", "");
}

static void test_openssl_says_why_a_uri_names_no_key(void **state)
{
	(void)state;
	expect_failure("openssl pkey -in keystay:nobody -pubout", "no key is called \"nobody\"; see: keystay list");
}

static void test_openssl_works_as_ever_beside_us(void **state)
{
	(void)state;
	expect_success("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "BEGIN PRIVATE KEY");
	expect_success("openssl genpkey -algorithm ED25519 -out other.key", "");
	expect_success("openssl req -new -subj /CN=x -key other.key", "BEGIN CERTIFICATE REQUEST");
	expect_success("openssl dgst -sha256 text", "SHA2-256");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_openssl_pkey_shows_the_public_key),
		cmocka_unit_test(test_openssl_req_ends_with_the_agents_sentence),
		cmocka_unit_test(test_openssl_dgst_ends_with_the_agents_sentence),
		cmocka_unit_test(test_openssl_cms_ends_with_a_sentence),
		cmocka_unit_test(test_openssl_pkeyutl_ends_with_a_sentence),
		cmocka_unit_test(test_openssl_says_why_a_uri_names_no_key),
		cmocka_unit_test(test_openssl_works_as_ever_beside_us),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
