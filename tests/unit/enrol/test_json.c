/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of json, vault and stepca of enrol/drivers: what JSON of a server becomes, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "client/csr_text.h"
#include "enrol/drivers/json.h"
#include "enrol/drivers/stepca.h"
#include "enrol/drivers/vault.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/pem.h"

/* Two certificates, as DER and as a JSON string has them: PEM with its lines escaped. Made once. */
static struct ks_buffer der[2];
static char *pem[2];

static int make_certificates(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	(void)state;
	for (int i = 0; i < 2; i++) {
		X509 *certificate = X509_new();
		unsigned char *out = NULL;
		assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), i + 1), 1);
		assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
		assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 60));
		assert_int_equal(X509_set_pubkey(certificate, key), 1);
		assert_true(X509_sign(certificate, key, NULL) > 0);
		int size = i2d_X509(certificate, &out);
		ks_buffer_put(&der[i], ks_bytes(out, (size_t)size));
		OPENSSL_free(out);
		X509_free(certificate);

		struct ks_buffer text = { 0 };
		assert_int_equal(ks_pem_put(&text, "CERTIFICATE", ks_buffer_bytes(&der[i])), 0);
		KS_AUTO_FREE char *plain = ks_buffer_steal_text(&text);
		for (const char *at = plain; *at; at++)
			ks_buffer_put(&text, ks_bytes_text(*at == '\n' ? "\\n" : (char[]){ *at, '\0' }));
		pem[i] = ks_buffer_steal_text(&text);
	}
	EVP_PKEY_free(key);
	return 0;
}

static int free_certificates(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		ks_buffer_deinit(&der[i]);
		free(pem[i]);
	}
	return 0;
}

/* Text with the first certificate for each @1, the second for each @2; given. */
static char *fill(const char *text)
{
	struct ks_buffer buffer = { 0 };

	for (const char *at = text; *at; at++) {
		if (*at == '@')
			ks_buffer_put(&buffer, ks_bytes_text(pem[*++at - '1']));
		else
			ks_buffer_put_u8(&buffer, (uint8_t)*at);
	}
	return ks_buffer_steal_text(&buffer);
}

/* wanted: "", "1" or "12". */
static void assert_certificates(const struct ks_buffer *certificates, const char *wanted)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer all = { 0 };

	for (; *wanted; wanted++)
		ks_buffer_put(&all, ks_buffer_bytes(&der[*wanted - '1']));
	assert_true(ks_bytes_equal(ks_buffer_bytes(certificates), ks_buffer_bytes(&all)));
}

/* --- JSON ------------------------------------------------------------------------------------------------------------ */

static int read_text(const char *text)
{
	KS_CLEANUP(json_decrefp) json_t *object = NULL;

	return ks_json_read(ks_bytes_text(text), &object);
}

static void test_json_takes_one_object_and_nothing_behind_it(void **state)
{
	(void)state;
	assert_int_equal(read_text("{\"a\": [1, {\"b\": null}]} \n"), 0);
	static const char *const refused[] = { "",      "[]",          "\"text\"",        "null",
					       "{",     "{} {}",       "{\"a\":1,}",      "{\"a\":\"\\u0000\"}",
					       "{a:1}", "{\"a\":1} x", "{\"a\":\"\xff\"}" };
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(read_text(refused[i]), KS_ERR_MALFORMED);
}

static void test_json_refuses_two_members_of_one_name(void **state)
{
	(void)state;
	assert_int_equal(read_text("{\"crt\": \"a\", \"crt\": \"b\"}"), KS_ERR_MALFORMED);
}

/* {"a":{"a":…{}…}} with this many braces open at once. */
static char *nested(size_t depth)
{
	struct ks_buffer buffer = { 0 };

	for (size_t i = 1; i < depth; i++)
		ks_buffer_put(&buffer, ks_bytes_text("{\"a\":"));
	ks_buffer_put(&buffer, ks_bytes_text("{}"));
	for (size_t i = 1; i < depth; i++)
		ks_buffer_put_u8(&buffer, '}');
	return ks_buffer_steal_text(&buffer);
}

static void test_json_has_a_limit_of_depth(void **state)
{
	(void)state;
	KS_AUTO_FREE char *deepest = nested(KS_ENROL_JSON_DEPTH_MAX);
	KS_AUTO_FREE char *deeper = nested(KS_ENROL_JSON_DEPTH_MAX + 1);
	assert_int_equal(read_text(deepest), 0);
	assert_int_equal(read_text(deeper), KS_ERR_LIMIT);

	/* Brackets in strings are no depth, whatever is escaped before them. */
	assert_int_equal(read_text("{\"a\\\\\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[[[[[[\"}"), 0);
	KS_AUTO_FREE char *brackets = malloc(KS_ENROL_ANSWER_MAX + 1);
	memset(brackets, '[', KS_ENROL_ANSWER_MAX);
	brackets[KS_ENROL_ANSWER_MAX] = '\0';
	assert_int_equal(read_text(brackets), KS_ERR_LIMIT);
}

static void test_json_has_a_limit_of_size(void **state)
{
	(void)state;
	KS_AUTO_FREE char *large = malloc(KS_ENROL_ANSWER_MAX + 2);
	memset(large, ' ', KS_ENROL_ANSWER_MAX + 1);
	large[0] = '{';
	large[1] = '}';
	large[KS_ENROL_ANSWER_MAX] = '\0';
	assert_int_equal(read_text(large), 0);
	large[KS_ENROL_ANSWER_MAX] = ' ';
	large[KS_ENROL_ANSWER_MAX + 1] = '\0';
	assert_int_equal(read_text(large), KS_ERR_TOO_LARGE);
}

static void test_json_prints_what_a_server_says_on_one_line(void **state)
{
	(void)state;
	KS_CLEANUP(json_decrefp) json_t *object = NULL;
	char out[64];

	const char *text =
		"{\"errors\": [\"1 error occurred:\\n\\t* permission denied\\n\\n\", 7, \"\", \"x\\u001b[31m\"]}";
	assert_int_equal(ks_json_read(ks_bytes_text(text), &object), 0);
	ks_json_print_texts(json_object_get(object, "errors"), out, sizeof(out));
	assert_string_equal(out, "1 error occurred: * permission denied; x\\x1b[31m");
	ks_json_print_texts(json_object_get(object, "errors"), out, 20);
	assert_string_equal(out, "1 error occurred...");
	ks_json_print_texts(json_object_get(object, "nothing"), out, sizeof(out));
	assert_string_equal(out, "");
}

/* --- Vault ----------------------------------------------------------------------------------------------------------- */

static int read_vault(const char *text, struct ks_enrol_answer *answer, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *filled = fill(text);

	*answer = (struct ks_enrol_answer){ 0 };
	*problem = (struct ks_enrol_problem){ 0 };
	return ks_vault_read_answer(ks_bytes_text(filled), "Vault server x", answer, problem);
}

static void test_vault_answer_has_leaf_and_authorities(void **state)
{
	(void)state;
	struct ks_enrol_answer answer;
	struct ks_enrol_problem problem;

	assert_int_equal(
		read_vault(
			"{\"lease_id\":\"\",\"data\":{\"certificate\":\"@1\",\"issuing_ca\":\"@2\",\"ca_chain\":[\"@2\"],\"serial_number\":\"39:dd\"},\"warnings\":null}",
			&answer, &problem),
		0);
	assert_int_equal(answer.outcome, KS_ENROL_ISSUED);
	assert_certificates(&answer.certificates, "12");
	assert_certificates(&answer.anchors, "2");
	ks_enrol_answer_deinit(&answer);

	assert_int_equal(read_vault("{\"data\":{\"certificate\":\"@1\",\"ca_chain\":null}}", &answer, &problem), 0);
	assert_certificates(&answer.certificates, "1");
	assert_certificates(&answer.anchors, "");
	ks_enrol_answer_deinit(&answer);
}

static void test_vault_answer_of_other_forms_is_refused(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"{}",
		"{\"data\":null}",
		"{\"data\":[]}",
		"{\"data\":{}}",
		"{\"data\":{\"certificate\":7}}",
		"{\"data\":{\"certificate\":{\"pem\":\"@1\"}}}",
		"{\"data\":{\"certificate\":\"\"}}",
		"{\"data\":{\"certificate\":[]}}",
		"{\"data\":{\"certificate\":\"MAMCAQE=\"}}",
		"{\"data\":{\"certificate\":\"@1\",\"ca_chain\":[7]}}",
		"{\"data\":{\"certificate\":\"@1\",\"ca_chain\":[\"MAA=\"]}}",
		"{\"data\":{\"certificate\":\"@1\",\"issuing_ca\":true}}",
		"{\"data\":\"@1\"}",
		"<html>",
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct ks_enrol_answer answer;
		struct ks_enrol_problem problem;
		assert_true(read_vault(refused[i], &answer, &problem) < 0);
		assert_true(problem.is_final);
		assert_non_null(strstr(problem.text, "/v1/pki/sign/ROLE"));
		assert_null(answer.certificates.data);
		assert_null(answer.anchors.data);
	}
}

static void test_vault_answer_that_is_wrapped_says_so(void **state)
{
	(void)state;
	struct ks_enrol_answer answer;
	struct ks_enrol_problem problem;

	assert_int_equal(read_vault("{\"data\":null,\"wrap_info\":{\"token\":\"hvs.x\"}}", &answer, &problem),
			 KS_ERR_UNSUPPORTED);
	assert_non_null(strstr(problem.text, "wrapped"));
	assert_null(strstr(problem.text, "hvs.x"));
}

/* What a request with this subject becomes; given. */
static char *vault_request(const char *subject_text, char *ttl)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer subject = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	struct ks_profile profile = { .ttl = ttl };
	struct ks_csr_problem problem;

	if (subject_text)
		assert_int_equal(ks_csr_subject_put(&subject, subject_text, &problem), 0);
	struct ks_enrol_request request = { .profile = &profile,
					    .csr = ks_bytes_text("\x30\x03\x02\x01\x01"),
					    .subject = ks_buffer_bytes(&subject) };
	assert_int_equal(ks_vault_put_request(&body, &request), 0);
	return ks_buffer_steal_text(&body);
}

#define CSR "\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\\nMAMCAQE=\\n-----END CERTIFICATE REQUEST-----\\n\""

static void test_vault_request_has_the_common_name_and_ttl(void **state)
{
	(void)state;
	char ttl[] = "24h";
	KS_AUTO_FREE char *whole = vault_request("/O=Example/CN=J\xc3\xb6rg \"x\"", ttl);
	assert_string_equal(whole, "{" CSR ",\"common_name\":\"J\xc3\xb6rg \\\"x\\\"\",\"ttl\":\"24h\"}");
	KS_AUTO_FREE char *nameless = vault_request("/O=Example", NULL);
	assert_string_equal(nameless, "{" CSR "}");
	KS_AUTO_FREE char *empty = vault_request(NULL, NULL);
	assert_string_equal(empty, "{" CSR "}");
}

static void test_vault_errors_are_those_of_its_body(void **state)
{
	(void)state;
	char out[64];

	ks_json_print_member(ks_bytes_text("{\"errors\":[\"a\",\"b\"]}"), "errors", out, sizeof(out));
	assert_string_equal(out, "a; b");
	ks_json_print_member(ks_bytes_text("{\"errors\":{\"a\":\"b\"}}"), "errors", out, sizeof(out));
	assert_string_equal(out, "");
	ks_json_print_member(ks_bytes_text("{\"errors\":[]}"), "errors", out, sizeof(out));
	assert_string_equal(out, "");
	ks_json_print_member(ks_bytes_text("no JSON"), "errors", out, sizeof(out));
	assert_string_equal(out, "");
}

/* --- step-ca --------------------------------------------------------------------------------------------------------- */

static int read_stepca(const char *text, struct ks_enrol_answer *answer, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *filled = fill(text);

	*answer = (struct ks_enrol_answer){ 0 };
	*problem = (struct ks_enrol_problem){ 0 };
	return ks_stepca_read_answer(ks_bytes_text(filled), "step-ca x", answer, problem);
}

static void test_stepca_answer_has_leaf_and_authority(void **state)
{
	(void)state;
	struct ks_enrol_answer answer;
	struct ks_enrol_problem problem;

	assert_int_equal(
		read_stepca(
			"{\"crt\":\"@1\",\"ca\":\"@2\",\"certChain\":[\"@1\",\"@2\"],\"tlsOptions\":{\"minVersion\":1.2}}",
			&answer, &problem),
		0);
	assert_certificates(&answer.certificates, "12");
	assert_certificates(&answer.anchors, "2");
	ks_enrol_answer_deinit(&answer);
	assert_int_equal(read_stepca("{\"crt\":\"@1\",\"ca\":\"\",\"certChain\":[\"@1\"]}", &answer, &problem), 0);
	assert_certificates(&answer.certificates, "1");
	assert_certificates(&answer.anchors, "");
	ks_enrol_answer_deinit(&answer);
}

static void test_stepca_answer_of_other_forms_is_refused(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"{}",
		"{\"crt\":null}",
		"{\"crt\":1,\"ca\":\"@2\"}",
		"{\"ca\":\"@2\"}",
		"{\"crt\":\"@1\",\"ca\":7}",
		"{\"crt\":\"@1\",\"certChain\":[null]}",
		"{\"crt\":\"@1\",\"certChain\":{\"0\":\"@2\"}}",
		"{\"crt\":\"@1\",\"certChain\":[[\"@2\"]]}",
		"{\"crt\":\"@1\",\"crt\":\"@2\"}",
		"[\"@1\"]",
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct ks_enrol_answer answer;
		struct ks_enrol_problem problem;
		assert_true(read_stepca(refused[i], &answer, &problem) < 0);
		assert_true(problem.is_final);
		assert_null(answer.certificates.data);
	}
}

static void test_stepca_error_is_its_message(void **state)
{
	(void)state;
	char out[128];

	ks_json_print_member(ks_bytes_text("{\"status\":400,\"message\":\"missing\\tclient certificate.\"}"), "message",
			     out, sizeof(out));
	assert_string_equal(out, "missing client certificate.");
	ks_json_print_member(ks_bytes_text("{\"status\":400,\"message\":400}"), "message", out, sizeof(out));
	assert_string_equal(out, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_takes_one_object_and_nothing_behind_it),
		cmocka_unit_test(test_json_refuses_two_members_of_one_name),
		cmocka_unit_test(test_json_has_a_limit_of_depth),
		cmocka_unit_test(test_json_has_a_limit_of_size),
		cmocka_unit_test(test_json_prints_what_a_server_says_on_one_line),
		cmocka_unit_test(test_vault_answer_has_leaf_and_authorities),
		cmocka_unit_test(test_vault_answer_of_other_forms_is_refused),
		cmocka_unit_test(test_vault_answer_that_is_wrapped_says_so),
		cmocka_unit_test(test_vault_request_has_the_common_name_and_ttl),
		cmocka_unit_test(test_vault_errors_are_those_of_its_body),
		cmocka_unit_test(test_stepca_answer_has_leaf_and_authority),
		cmocka_unit_test(test_stepca_answer_of_other_forms_is_refused),
		cmocka_unit_test(test_stepca_error_is_its_message),
	};
	return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
