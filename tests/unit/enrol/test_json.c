/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of enrol/json, enrol/vault and enrol/stepca: what JSON of a server becomes, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/csr_text.h"
#include "enrol/certificates.h"
#include "enrol/json.h"
#include "enrol/stepca.h"
#include "enrol/vault.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"

/* Two elements of DER as they would be certificates: nobody looks inside here. */
#define ONE "-----BEGIN CERTIFICATE-----\\nMAMCAQE=\\n-----END CERTIFICATE-----\\n"
#define TWO "-----BEGIN CERTIFICATE-----\\nMAMCAQI=\\n-----END CERTIFICATE-----"
#define ONE_DER "\x30\x03\x02\x01\x01"
#define TWO_DER "\x30\x03\x02\x01\x02"

static int read_text(const char *text)
{
	KS_CLEANUP(json_decrefp) json_t *object = NULL;

	return ks_json_read(ks_bytes_text(text), &object);
}

static struct ks_bytes bytes_of(const struct ks_buffer *buffer)
{
	return ks_buffer_bytes(buffer);
}

static void assert_bytes(const struct ks_buffer *buffer, const char *wanted)
{
	assert_true(ks_bytes_equal(bytes_of(buffer), ks_bytes_text(wanted)));
}

/* --- JSON ------------------------------------------------------------------------------------------------------------ */

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

/* --- certificates ---------------------------------------------------------------------------------------------------- */

static void test_certificates_are_each_once_and_other_blocks_unread(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	static const char text[] = "words\n-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"
				   "-----BEGIN PRIVATE KEY-----\nMAMCAQE=\n-----END PRIVATE KEY-----\n"
				   "-----BEGIN CERTIFICATE-----\nMAMCAQI=\n-----END CERTIFICATE-----\n"
				   "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
	assert_int_equal(ks_certificates_put_pem(&out, ks_bytes_text(text)), 3);
	assert_bytes(&out, ONE_DER TWO_DER);
	assert_int_equal(ks_certificates_put_pem(&out, ks_bytes_text("no PEM")), 0);
	assert_int_equal(ks_certificates_put_pem(&out, KS_BYTES_NONE), 0);
}

static void test_certificates_are_whole_der(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"-----BEGIN CERTIFICATE-----\nMAMCAQ==\n-----END CERTIFICATE-----\n", /* cut off */
		"-----BEGIN CERTIFICATE-----\nMAMCAQEA\n-----END CERTIFICATE-----\n", /* a byte behind it */
		"-----BEGIN CERTIFICATE-----\nBAMCAQE=\n-----END CERTIFICATE-----\n", /* no SEQUENCE */
		"-----BEGIN CERTIFICATE-----\nMAMCAQE=\n",                            /* no end */
		"-----BEGIN CERTIFICATE-----\nMA*CAQE=\n-----END CERTIFICATE-----\n", /* no base64 */
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
		assert_int_equal(ks_certificates_put_pem(&out, ks_bytes_text(refused[i])), KS_ERR_MALFORMED);
		assert_int_equal(bytes_of(&out).size, 0);
	}
}

static void test_certificates_have_a_limit_of_number(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char block[80];

	for (size_t i = 0; i <= KS_ENROL_CERTIFICATES_MAX; i++) {
		(void)snprintf(block, sizeof(block), "-----BEGIN CERTIFICATE-----\nMAE%c\n-----END CERTIFICATE-----\n",
			       digits[i]);
		int r = ks_certificates_put_pem(&out, ks_bytes_text(block));
		assert_int_equal(r, i < KS_ENROL_CERTIFICATES_MAX ? 1 : KS_ERR_LIMIT);
	}
}

/* --- Vault ----------------------------------------------------------------------------------------------------------- */

static int read_vault(const char *text, struct ks_enrol_answer *answer, struct ks_enrol_problem *problem)
{
	*answer = (struct ks_enrol_answer){ 0 };
	*problem = (struct ks_enrol_problem){ 0 };
	return ks_vault_read_answer(ks_bytes_text(text), "Vault server x", answer, problem);
}

static void test_vault_answer_has_leaf_and_authorities(void **state)
{
	(void)state;
	struct ks_enrol_answer answer;
	struct ks_enrol_problem problem;

	assert_int_equal(read_vault("{\"lease_id\":\"\",\"data\":{\"certificate\":\"" ONE "\",\"issuing_ca\":\"" TWO
				    "\",\"ca_chain\":[\"" TWO "\"],\"serial_number\":\"39:dd\"},\"warnings\":null}",
				    &answer, &problem),
			 0);
	assert_int_equal(answer.outcome, KS_ENROL_ISSUED);
	assert_bytes(&answer.certificates, ONE_DER TWO_DER);
	assert_bytes(&answer.anchors, TWO_DER);
	ks_enrol_answer_deinit(&answer);

	assert_int_equal(read_vault("{\"data\":{\"certificate\":\"" ONE "\",\"ca_chain\":null}}", &answer, &problem),
			 0);
	assert_bytes(&answer.certificates, ONE_DER);
	assert_bytes(&answer.anchors, "");
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
		"{\"data\":{\"certificate\":{\"pem\":\"" ONE "\"}}}",
		"{\"data\":{\"certificate\":\"\"}}",
		"{\"data\":{\"certificate\":[]}}",
		"{\"data\":{\"certificate\":\"MAMCAQE=\"}}",
		"{\"data\":{\"certificate\":\"" ONE "\",\"ca_chain\":[7]}}",
		"{\"data\":{\"certificate\":\"" ONE "\",\"ca_chain\":\"\"}}",
		"{\"data\":{\"certificate\":\"" ONE "\",\"issuing_ca\":true}}",
		"{\"data\":\"" ONE "\"}",
		"<html>",
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct ks_enrol_answer answer;
		struct ks_enrol_problem problem;
		assert_int_equal(read_vault(refused[i], &answer, &problem), KS_ERR_MALFORMED);
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

	ks_vault_print_errors(ks_bytes_text("{\"errors\":[\"a\",\"b\"]}"), out, sizeof(out));
	assert_string_equal(out, "a; b");
	ks_vault_print_errors(ks_bytes_text("{\"errors\":{\"a\":\"b\"}}"), out, sizeof(out));
	assert_string_equal(out, "");
	ks_vault_print_errors(ks_bytes_text("{\"errors\":[]}"), out, sizeof(out));
	assert_string_equal(out, "");
	ks_vault_print_errors(ks_bytes_text("no JSON"), out, sizeof(out));
	assert_string_equal(out, "");
}

/* --- step-ca --------------------------------------------------------------------------------------------------------- */

static int read_stepca(const char *text, struct ks_enrol_answer *answer, struct ks_enrol_problem *problem)
{
	*answer = (struct ks_enrol_answer){ 0 };
	*problem = (struct ks_enrol_problem){ 0 };
	return ks_stepca_read_answer(ks_bytes_text(text), "step-ca x", answer, problem);
}

static void test_stepca_answer_has_leaf_and_authority(void **state)
{
	(void)state;
	struct ks_enrol_answer answer;
	struct ks_enrol_problem problem;

	assert_int_equal(read_stepca("{\"crt\":\"" ONE "\",\"ca\":\"" TWO "\",\"certChain\":[\"" ONE "\",\"" TWO
				     "\"],\"tlsOptions\":{\"minVersion\":1.2}}",
				     &answer, &problem),
			 0);
	assert_bytes(&answer.certificates, ONE_DER TWO_DER);
	assert_bytes(&answer.anchors, TWO_DER);
	ks_enrol_answer_deinit(&answer);
	assert_int_equal(read_stepca("{\"crt\":\"" ONE "\"}", &answer, &problem), 0);
	assert_bytes(&answer.certificates, ONE_DER);
	assert_bytes(&answer.anchors, "");
	ks_enrol_answer_deinit(&answer);
}

static void test_stepca_answer_of_other_forms_is_refused(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"{}",
		"{\"crt\":null}",
		"{\"crt\":1,\"ca\":\"" TWO "\"}",
		"{\"ca\":\"" TWO "\"}",
		"{\"crt\":\"" ONE "\",\"ca\":7}",
		"{\"crt\":\"" ONE "\",\"certChain\":[null]}",
		"{\"crt\":\"" ONE "\",\"certChain\":{\"0\":\"" TWO "\"}}",
		"{\"crt\":\"" ONE "\",\"certChain\":[[\"" TWO "\"]]}",
		"{\"crt\":\"" ONE "\",\"crt\":\"" TWO "\"}",
		"[\"" ONE "\"]",
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct ks_enrol_answer answer;
		struct ks_enrol_problem problem;
		assert_int_equal(read_stepca(refused[i], &answer, &problem), KS_ERR_MALFORMED);
		assert_true(problem.is_final);
		assert_null(answer.certificates.data);
	}
}

static void test_stepca_error_is_its_message(void **state)
{
	(void)state;
	char out[128];

	ks_stepca_print_error(ks_bytes_text("{\"status\":400,\"message\":\"missing\\tclient certificate.\"}"), out,
			      sizeof(out));
	assert_string_equal(out, "missing client certificate.");
	ks_stepca_print_error(ks_bytes_text("{\"status\":400,\"message\":400}"), out, sizeof(out));
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
		cmocka_unit_test(test_certificates_are_each_once_and_other_blocks_unread),
		cmocka_unit_test(test_certificates_are_whole_der),
		cmocka_unit_test(test_certificates_have_a_limit_of_number),
		cmocka_unit_test(test_vault_answer_has_leaf_and_authorities),
		cmocka_unit_test(test_vault_answer_of_other_forms_is_refused),
		cmocka_unit_test(test_vault_answer_that_is_wrapped_says_so),
		cmocka_unit_test(test_vault_request_has_the_common_name_and_ttl),
		cmocka_unit_test(test_vault_errors_are_those_of_its_body),
		cmocka_unit_test(test_stepca_answer_has_leaf_and_authority),
		cmocka_unit_test(test_stepca_answer_of_other_forms_is_refused),
		cmocka_unit_test(test_stepca_error_is_its_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
