/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_scep: any bytes as what a SCEP server answers, and as what keystay-enroll kept of a request that waits.
 *
 * An answer is decrypted although nobody signed it, so that what is inside is looked at as well. Checks beside memory
 * errors: texts are text, each failure has a sentence, what was opened is certificates, and a state that was read is the
 * same when written and read again.
 */
#include "tests/fuzz/fuzz_scep.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "enrol/base/bundle.h"
#include "enrol/drivers/scep_answer.h"
#include "enrol/drivers/scep_caps.h"
#include "enrol/drivers/scep_transaction.h"
#include "lib/base/text.h"
#include "tests/fuzz/scep_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ks_scep_transaction transaction;
static struct ks_scep_ca ca;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void begin(void)
{
	struct ks_enrol_problem problem;
	struct ks_scep_pending pending;

	if (transaction.key)
		return;
	check(ks_scep_transaction_read(ks_bytes(scep_state, sizeof(scep_state)), &transaction, &pending) == 0);
	check(ks_bytes_equal(pending.url, ks_bytes_text(FUZZ_SCEP_URL)));
	check(ks_scep_ca_read(ks_bytes(scep_ca, sizeof(scep_ca)), NULL, "it", &ca, &problem) == 0);
}

static void check_problem(int r, const struct ks_enrol_problem *problem)
{
	check(r < 0 && problem->code == r && problem->text[0] != '\0');
	check(ks_text_valid(ks_bytes_text(problem->text)));
}

static void check_certificates(const struct ks_buffer *certificates)
{
	struct ks_bytes rest = ks_buffer_bytes(certificates), one;
	unsigned n = 0;

	while (ks_bundle_next(&rest, &one))
		n++;
	check(rest.size == 0 && n > 0);
}

static void try_answer(struct ks_bytes input)
{
	struct ks_scep_context context = { &ca, &transaction, input.size % 2 == 0, "the server" };
	KS_CLEANUP(ks_scep_answer_deinit) struct ks_scep_answer answer = { 0 };
	struct ks_enrol_problem problem = { 0 };
	int r = ks_scep_answer_parse(input, "the server", &answer, &problem);

	if (r < 0) {
		check_problem(r, &problem);
		return;
	}
	check(ks_text_valid(ks_bytes_text(answer.fail_text)));
	r = ks_scep_answer_verify(&answer, &context, &problem);
	if (r < 0)
		check_problem(r, &problem);
	check_problem(ks_scep_answer_problem(&answer, "the server", &problem), &problem);
	r = ks_scep_answer_open(&answer, &context, &problem);
	if (r < 0)
		check_problem(r, &problem);
	else
		check_certificates(&answer.certificates);
}

static void try_ca(struct ks_bytes input)
{
	KS_CLEANUP(ks_scep_ca_deinit) struct ks_scep_ca found = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer name = { 0 };
	struct ks_enrol_problem problem = { 0 };
	int r = ks_scep_ca_read(input, NULL, "the server", &found, &problem);

	if (r < 0) {
		check_problem(r, &problem);
		return;
	}
	check(found.recipient != NULL);
	check(ks_scep_ca_put_name(&found, &name) == 0 && name.size > 0);
}

static void try_state(struct ks_bytes input)
{
	KS_CLEANUP(ks_scep_transaction_deinit) struct ks_scep_transaction read = { 0 };
	KS_CLEANUP(ks_scep_transaction_deinit) struct ks_scep_transaction again = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	struct ks_scep_pending pending, pending_again;

	if (ks_scep_transaction_read(input, &read, &pending) < 0)
		return;
	check(strlen(read.id) == KS_SCEP_ID_SIZE - 1);
	check(ks_scep_transaction_put(&read, &pending, &out) == 0);
	check(ks_scep_transaction_read(ks_buffer_bytes(&out), &again, &pending_again) == 0);
	check(ks_bytes_equal(pending.issuer, pending_again.issuer) && strcmp(read.id, again.id) == 0);
}

static void try_caps(struct ks_bytes input)
{
	struct ks_enrol_problem problem = { 0 };
	struct ks_scep_caps caps;

	ks_scep_caps_read(input, &caps);
	int r = ks_scep_caps_check(&caps, false, "the server", &problem);
	if (r < 0)
		check_problem(r, &problem);
	else
		check(caps.aes && caps.sha256);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[FUZZ_SCEP_N_KINDS])(struct ks_bytes) = {
		[FUZZ_SCEP_ANSWER] = try_answer,
		[FUZZ_SCEP_CA] = try_ca,
		[FUZZ_SCEP_STATE] = try_state,
		[FUZZ_SCEP_CAPS] = try_caps,
	};

	if (size == 0 || data[0] >= FUZZ_SCEP_N_KINDS)
		return 0;
	begin();
	kinds[data[0]](ks_bytes(data + 1, size - 1));
	return 0;
}
