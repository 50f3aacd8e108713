/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_csr: any text as a subject and as alternative names, a line feed between them.
 *
 * Checks beside memory errors: what can be written from them, the agent's reader takes; what is refused has a sentence.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/csr_text.h"
#include "lib/protocol/csr.h"
#include "lib/tls/signable.h"
#include "tests/fuzz/tls_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check(const char *subject_text, const char *names_text)
{
	struct ks_buffer subject = { 0 }, names = { 0 }, info = { 0 };
	struct ks_csr_problem problem = { "" };
	const struct ks_spki spki = tls_key();
	struct ks_signable signable;
	struct ks_signable_refusal refusal;

	int r = ks_csr_subject_put(&subject, subject_text, &problem);
	if (r == 0 && names_text)
		r = ks_csr_names_put(&names, names_text, &problem);
	require(r == 0 || problem.text[0] != '\0');
	struct ks_csr csr = { .spki = spki.der,
			      .subject = ks_buffer_bytes(&subject),
			      .names = ks_buffer_bytes(&names) };
	if (r == 0 && ks_csr_put_info(&info, &csr) == 0)
		require(ks_signable_check_request(ks_buffer_bytes(&info), 0x0403, &spki, &signable, &refusal) == 0);
	ks_buffer_deinit(&subject);
	ks_buffer_deinit(&names);
	ks_buffer_deinit(&info);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	char *names = strchr(text, '\n');
	if (names)
		*names++ = '\0';
	check(text, names);
	free(text);
	return 0;
}
