/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_enrol_json: answers and errors of Vault and of step-ca, each as either of them would be read; and as the page of any
 * server that is shown in a sentence.
 *
 * Checks beside memory errors: an answer that is taken has a certificate, every list of certificates is whole DER within
 * the limit, a refusal has words, and what is shown of a server's text moves no cursor.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "enrol/base/http.h"
#include "enrol/drivers/json.h"
#include "enrol/drivers/stepca.h"
#include "enrol/drivers/vault.h"
#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

typedef int read_answer(struct ks_bytes body, const char *whose, struct ks_enrol_answer *ret_answer,
			struct ks_enrol_problem *problem);

static size_t count(const struct ks_buffer *certificates)
{
	struct ks_reader reader = ks_reader(ks_buffer_bytes(certificates));
	size_t n = 0;

	for (; ks_reader_left(&reader) > 0; n++) {
		(void)ks_der_take(&reader, KS_DER_SEQUENCE);
		if (!ks_reader_ok(&reader))
			abort();
	}
	if (n > KS_ENROL_CERTIFICATES_MAX)
		abort();
	return n;
}

static void look_at_answer(read_answer *read, struct ks_bytes body)
{
	KS_CLEANUP(ks_enrol_answer_deinit) struct ks_enrol_answer answer = { 0 };
	struct ks_enrol_problem problem = { 0 };
	int r = read(body, "server x", &answer, &problem);

	if (r < 0) {
		if (problem.code != r || !problem.text[0] || answer.certificates.data || answer.anchors.data)
			abort();
		return;
	}
	size_t n = count(&answer.certificates);
	if (n == 0 || count(&answer.anchors) > n)
		abort();
}

static void look_at_words(const char *text, size_t size)
{
	if (strlen(text) >= size || !ks_text_valid(ks_bytes_text(text)))
		abort();
}

static void look_at_page(struct ks_bytes page, unsigned status, const char *content_type)
{
	struct ks_http_answer answer = { .status = status };
	struct ks_enrol_problem problem = { 0 };

	(void)ks_text_print(answer.content_type, sizeof(answer.content_type), "%s", content_type);
	ks_buffer_put(&answer.body, page);
	if (ks_http_problem(&problem, "server x", &answer) >= 0)
		abort();
	look_at_words(problem.text, sizeof(problem.text));
	ks_http_answer_deinit(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes body = ks_bytes(data, size);
	char words[100];

	look_at_answer(ks_vault_read_answer, body);
	look_at_answer(ks_stepca_read_answer, body);
	ks_json_print_member(body, "errors", words, sizeof(words));
	look_at_words(words, sizeof(words));
	ks_json_print_member(body, "message", words, sizeof(words));
	look_at_words(words, sizeof(words));
	look_at_page(body, 404, "text/html");
	look_at_page(body, 599, "application/json");
	return 0;
}
