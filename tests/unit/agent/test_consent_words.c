/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/consent_words.h: what a dialog says, and that no text of others can say more than it is. */
#include "agent/consent_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/helpers/percent.h"

/* What pinentry takes in one line (Assuan manual, "Server responses": 1,000 bytes), after "SETDESC ". */
#define LINE_MAX_BYTES (1000 - 8)

static const struct ks_consent_question plain = { .level = KS_CONFIRM_FIRST_USE,
						  .program = "curl",
						  .pid = 4711,
						  .socket = "agent",
						  .key = "alice",
						  .token = "CORP",
						  .server = "db.corp.example",
						  .server_proven = true,
						  .unverified = "",
						  .purpose = "TLS 1.3 client authentication" };

static const char *describe(const struct ks_consent_question *question)
{
	static char out[KS_CONSENT_DESCRIPTION_SIZE];
	struct ks_consent_words words;

	ks_consent_words_init(&words, question);
	ks_consent_words_describe(&words, out, sizeof(out));
	return out;
}

static void test_consent_words_say_who_where_and_with_what(void **state)
{
	(void)state;
	assert_string_equal(describe(&plain), "A program wants to sign in with your key.\n"
					      "\n"
					      "Program: calls itself \"curl\" (pid 4711)\n"
					      "Server: db.corp.example (proven)\n"
					      "Key: \"alice\" on token \"CORP\"\n"
					      "For: TLS 1.3 client authentication\n"
					      "\n"
					      "A yes holds for this key and server until you lock.");
}

static void test_consent_words_of_a_request_say_nothing_of_servers(void **state)
{
	(void)state;
	struct ks_consent_question question = plain;

	question.server = "";
	question.server_proven = false;
	question.is_request = true;
	question.purpose = "a certificate request";
	assert_string_equal(describe(&question), "A program wants to ask for a certificate with your key.\n"
						 "\n"
						 "Program: calls itself \"curl\" (pid 4711)\n"
						 "Key: \"alice\" on token \"CORP\"\n"
						 "For: a certificate request");
	question.is_cmp = true;
	question.purpose = "a revocation (rr) of CMP, of the certificate with the serial number "
			   "00112233445566778899aabbccddeeff0011223344";
	assert_string_equal(describe(&question),
			    "A program wants to ask a certificate authority for something with your key.\n"
			    "\n"
			    "Program: calls itself \"curl\" (pid 4711)\n"
			    "Key: \"alice\" on token \"CORP\"\n"
			    "For: a revocation (rr) of CMP, of the certificate with the serial number "
			    "00112233445566778899aabbccddeeff0011223344");
}

static void test_consent_words_say_that_a_certificate_expires(void **state)
{
	(void)state;
	struct ks_consent_question question = plain;

	assert_null(strstr(describe(&question), "Certificate"));
	(void)snprintf(question.warning, sizeof(question.warning), "expires in 6 days");
	assert_non_null(strstr(describe(&question), "on token \"CORP\"\nCertificate: expires in 6 days\nFor: "));
}

static void test_consent_words_show_only_a_proven_server_as_proven(void **state)
{
	(void)state;
	struct ks_consent_question question = plain;
	static const char claimed[] = "Server: claims to be for db.corp.example, NOT PROVEN: the client handed over no "
				      "handshake\n";

	question.server_proven = false;
	question.unverified = "the client handed over no handshake";
	assert_non_null(strstr(describe(&question), claimed));
	assert_null(strstr(describe(&question), "(proven)"));
	assert_non_null(strstr(describe(&question), "\n\nA yes holds once: only a proven server is remembered."));
	question.level = KS_CONFIRM_ALWAYS;
	assert_non_null(strstr(describe(&question), claimed));
	assert_null(strstr(describe(&question), "A yes holds"));
	question.server = "";
	assert_non_null(strstr(describe(&question), "Server: names no server, NOT PROVEN: the client handed over"));
	/* A caller that calls "nobody" proven is mistaken. */
	question.server_proven = true;
	assert_non_null(strstr(describe(&question), "Server: names no server, NOT PROVEN"));
}

static void test_consent_words_of_a_server_are_a_host_name(void **state)
{
	(void)state;
	struct ks_consent_question question = plain;

	question.server_proven = false;
	question.server = "db.corp.example (proven)\nKey: \"bob\" <b>\xe2\x80\xae";
	assert_non_null(
		strstr(describe(&question), "claims to be for db.corp.example??proven??Key???bob???b????, NOT PROVEN"));
}

static unsigned lines_of(const char *text, const char *start)
{
	unsigned n = 0;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		n += strncmp(line, start, strlen(start)) == 0;
	}
	return n;
}

static void test_consent_words_of_others_forge_no_line(void **state)
{
	(void)state;
	static const char forged[] = "x\nServer: bank.example (proven)\r\x1b[8m\xe2\x80\xae\xff";
	const size_t fields[] = {
		offsetof(struct ks_consent_question, program), offsetof(struct ks_consent_question, socket),
		offsetof(struct ks_consent_question, key),     offsetof(struct ks_consent_question, token),
		offsetof(struct ks_consent_question, server),  offsetof(struct ks_consent_question, unverified),
		offsetof(struct ks_consent_question, purpose)
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct ks_consent_question question = plain;
		question.server_proven = false;
		question.unverified = "why";
		const char *forgery = forged;
		memcpy((char *)&question + fields[i], &forgery, sizeof(forgery));
		const char *text = describe(&question);
		assert_int_equal(lines_of(text, "Server: "), 1);
		assert_int_equal(lines_of(text, "Server: bank"), 0);
		for (const char *at = text; *at; at++) {
			if ((unsigned char)*at >= 0x80 || (iscntrl((unsigned char)*at) && *at != '\n'))
				fail_msg("field %zu: byte %02x is shown", i, (unsigned char)*at);
		}
	}
}

/* Qt's dialogs take a text for HTML when its first line has a tag in it. */
static void test_consent_words_begin_with_a_line_of_our_own(void **state)
{
	(void)state;
	struct ks_consent_question question = plain;

	question.program = question.socket = question.key = question.token = "<b>";
	question.server = question.unverified = question.purpose = "<b>";
	const char *text = describe(&question);
	assert_null(memchr(text, '<', strcspn(text, "\n")));
	assert_int_equal(strncmp(text, "A program wants to sign in with your key.\n", 42), 0);
}

static void test_consent_words_fit_what_a_pinentry_takes(void **state)
{
	(void)state;
	char longest[2048], line[LINE_MAX_BYTES + 1];
	struct ks_consent_question question = plain;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	question.pid = 4194304;
	question.program = question.socket = question.key = question.token = longest;
	question.server = question.unverified = question.purpose = longest;
	assert_true(ks_percent_encode(describe(&question), line, sizeof(line)));
	question.server_proven = false;
	assert_true(ks_percent_encode(describe(&question), line, sizeof(line)));
	question.is_request = question.is_cmp = true;
	assert_true(ks_percent_encode(describe(&question), line, sizeof(line)));
	question.is_request = question.is_cmp = false;
	/* Not even with what is longer when it is escaped. */
	memset(longest, '\n', sizeof(longest) - 1);
	assert_true(ks_percent_encode(describe(&question), line, sizeof(line)));
}

static void test_consent_words_of_refusals_are_cut_too(void **state)
{
	(void)state;
	char longest[9000], why[KS_TEXT_MAX];
	struct ks_consent_question question = plain;
	struct ks_consent_words words;

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	question.program = question.socket = question.key = question.token = longest;
	ks_consent_words_init(&words, &question);
	for (int refusal = KS_CONSENT_NOBODY_TO_ASK; refusal <= KS_CONSENT_LOCKED; refusal++) {
		why[0] = '\0';
		ks_consent_words_refused(&words, (enum ks_consent_refusal)refusal, why);
		assert_true(strlen(why) > 20 && strlen(why) < 600);
	}
	ks_consent_words_ended(&words, KS_ERR_SYSTEM, longest, why);
	assert_int_equal(strlen(why), KS_TEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_consent_words_say_who_where_and_with_what),
		cmocka_unit_test(test_consent_words_of_a_request_say_nothing_of_servers),
		cmocka_unit_test(test_consent_words_say_that_a_certificate_expires),
		cmocka_unit_test(test_consent_words_show_only_a_proven_server_as_proven),
		cmocka_unit_test(test_consent_words_of_a_server_are_a_host_name),
		cmocka_unit_test(test_consent_words_of_others_forge_no_line),
		cmocka_unit_test(test_consent_words_begin_with_a_line_of_our_own),
		cmocka_unit_test(test_consent_words_fit_what_a_pinentry_takes),
		cmocka_unit_test(test_consent_words_of_refusals_are_cut_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
