/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of lib/tls/cmp_part.h, signature_algorithm.h and of what signable.h says to messages of CMP. The inputs are the
 * files of tests/fuzz/corpus, named by what must become of them (tests/fuzz/make_request_corpus.py writes them).
 */
#include "lib/tls/cmp_part.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"
#include "lib/protocol/csr.h"
#include "lib/tls/signable.h"
#include "lib/tls/signature_algorithm.h"
#include "tests/fuzz/tls_key.h"

#define P256 0x0403

static int ask(struct ks_bytes input, struct ks_signable *ret_signable, struct ks_signable_refusal *ret_refusal)
{
	const struct ks_spki spki = tls_key();

	return ks_signable_check_cmp(input, P256, &spki, ret_signable, ret_refusal);
}

static bool is_taken_for_something_else(struct ks_bytes input)
{
	const struct ks_spki spki = tls_key();
	struct ks_signable signable;
	struct ks_signable_refusal refusal;

	return ks_signable_check(input, P256, &spki, &signable, &refusal) == 0 ||
	       ks_signable_check_request(input, P256, &spki, &signable, &refusal) == 0;
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static void read_file(const char *folder, const char *name, struct ks_buffer *out)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s/%s", KEYSTAY_CORPUS, folder, name);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	ks_buffer_reset(out);
	for (size_t n = 1; n > 0;) {
		uint8_t *room = ks_buffer_reserve(out, 4096);
		n = fread(room, 1, 4096, file);
		ks_buffer_grow(out, n);
	}
	assert_int_equal(fclose(file), 0);
}

/* each is given every file; how many there were. */
static unsigned for_each(const char *folder, void (*each)(const char *name, struct ks_bytes input))
{
	char path[4096];
	unsigned n = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", KEYSTAY_CORPUS, folder);
	DIR *files = opendir(path);
	assert_non_null(files);
	for (struct dirent *entry = readdir(files); entry; entry = readdir(files)) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
		if (entry->d_name[0] == '.')
			continue;
		read_file(folder, entry->d_name, &input);
		each(entry->d_name, ks_buffer_bytes(&input));
		n++;
	}
	assert_int_equal(closedir(files), 0);
	return n;
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

static unsigned n_accepted;

static void check_by_name(const char *name, struct ks_bytes input)
{
	struct ks_signable signable = { .kind = (enum ks_signable_kind)99 };
	struct ks_signable_refusal refusal = { "" };
	bool is_good = strncmp(name, "accepted-", 9) == 0;
	int r = ask(input, &signable, &refusal);

	if (is_good ? r < 0 : (r != KS_ERR_INPUT_CMP || refusal.text[0] == '\0'))
		fail_msg("%s: %d %s", name, r, refusal.text);
	assert_int_equal(signable.kind, is_good ? KS_SIGNABLE_CMP : 99);
	assert_true(!is_good || signable.cmp[0]);
	if (is_good && is_taken_for_something_else(input))
		fail_msg("%s is also something else", name);
	n_accepted += is_good;
}

static void test_cmp_part_takes_what_a_client_signs_and_nothing_else(void **state)
{
	(void)state;
	n_accepted = 0;
	unsigned n = for_each("cmp_part", check_by_name);
	assert_true(n_accepted >= 17);
	assert_true(n - n_accepted >= 120);
}

static void refuse(const char *name, struct ks_bytes input)
{
	struct ks_signable signable;
	struct ks_signable_refusal refusal;

	if (ask(input, &signable, &refusal) == 0)
		fail_msg("%s was taken for CMP", name);
}

/* The good inputs of all other readers are among these. */
static void test_cmp_part_takes_nothing_that_others_take(void **state)
{
	(void)state;
	static const char *const folders[] = { "certificate_verify13", "transcript12", "transcript13", "request10",
					       "certificate",          "x509",         "spki",         "der" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		assert_true(for_each(folders[i], refuse) > 3);
}

static void check_lengths(const char *name, struct ks_bytes input)
{
	struct ks_signable signable;
	struct ks_signable_refusal refusal;

	if (strncmp(name, "accepted-", 9) != 0)
		return;
	for (size_t size = 0; size < input.size; size++)
		assert_int_equal(ask(ks_bytes(input.data, size), &signable, &refusal), KS_ERR_INPUT_CMP);
	for (unsigned byte = 0; byte < 256; byte++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer longer = { 0 };
		ks_buffer_put(&longer, input);
		ks_buffer_put_u8(&longer, (uint8_t)byte);
		assert_int_equal(ask(ks_buffer_bytes(&longer), &signable, &refusal), KS_ERR_INPUT_CMP);
	}
}

static void test_cmp_part_reads_to_the_last_byte(void **state)
{
	(void)state;
	(void)for_each("cmp_part", check_lengths);
}

/* One bit of a good input: whatever it is then, it is nothing that another reader takes. */
static void change_bits(const char *name, struct ks_bytes input)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer changed = { 0 };

	if (strncmp(name, "accepted-", 9) != 0)
		return;
	ks_buffer_put(&changed, input);
	for (size_t i = 0; i < input.size * 8; i++) {
		changed.data[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_false(is_taken_for_something_else(ks_buffer_bytes(&changed)));
		changed.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

static void test_cmp_part_is_a_bit_away_from_nothing_else(void **state)
{
	(void)state;
	(void)for_each("cmp_part", change_bits);
}

static void test_cmp_part_says_what_is_asked_for(void **state)
{
	(void)state;
	static const struct {
		const char *file, *words;
	} cases[] = {
		{ "accepted-a-key-update.bin", "a key update (kur) of CMP, for this key" },
		{ "accepted-a-key-update-for-another-key-of-the-agent.bin",
		  "a key update (kur) of CMP, for another key of type P-256" },
		{ "accepted-a-revocation.bin",
		  "a revocation (rr) of CMP, of the certificate with the serial number 4711" },
		{ "accepted-a-confirmation.bin", "a confirmation (certConf) of CMP" },
		{ "accepted-a-poll.bin", "a poll (pollReq) of CMP" },
		{ "accepted-a-request-of-crmf.bin", "a certificate request (CRMF), for this key" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
		struct ks_signable signable;
		struct ks_signable_refusal refusal;
		read_file("cmp_part", cases[i].file, &input);
		assert_int_equal(ask(ks_buffer_bytes(&input), &signable, &refusal), 0);
		assert_string_equal(signable.cmp, cases[i].words);
	}
}

static void test_cmp_part_gives_the_key_as_others_write_it(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	struct ks_signable_refusal refusal;
	uint8_t memory[KS_SPKI_MAX];
	struct ks_cmp_part part;
	struct ks_spki spki;

	read_file("cmp_part", "accepted-a-key-update.bin", &input);
	assert_int_equal(ks_cmp_part_read(ks_buffer_bytes(&input), &part, &refusal), 0);
	assert_int_equal(ks_cmp_part_key(&part, memory, &spki), 0);
	assert_true(ks_bytes_equal(spki.der, ks_bytes(tls_key_spki, sizeof(tls_key_spki))));
	part.key.size = KS_SPKI_MAX;
	assert_int_equal(ks_cmp_part_key(&part, memory, &spki), KS_ERR_INPUT_CMP);
}

static void test_cmp_part_is_bounded(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer contents = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	struct ks_signable signable;
	struct ks_signable_refusal refusal;

	while (contents.size < KS_CMP_PART_MAX)
		ks_der_put(&contents, KS_DER_NULL, KS_BYTES_NONE);
	ks_der_put(&input, KS_DER_SEQUENCE, ks_buffer_bytes(&contents));
	assert_int_equal(ask(ks_buffer_bytes(&input), &signable, &refusal), KS_ERR_INPUT_CMP);
	assert_non_null(strstr(refusal.text, "at most 16384 are signed"));
}

static void test_cmp_part_of_another_scheme_is_refused(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	const struct ks_spki spki = tls_key();
	struct ks_signable signable;
	struct ks_signable_refusal refusal;
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);

	read_file("cmp_part", "accepted-a-poll.bin", &input);
	for (size_t i = 0; i < n; i++) {
		int r = ks_signable_check_cmp(ks_buffer_bytes(&input), schemes[i].code, &spki, &signable, &refusal);
		assert_int_equal(r == 0, schemes[i].code == P256);
	}
	assert_int_equal(ks_signable_check_cmp(ks_buffer_bytes(&input), 0x0203, &spki, &signable, &refusal),
			 KS_ERR_INPUT_SCHEME);
}

/* What lib/protocol/csr.c writes for one scheme is the algorithm of it, and of no other signature. */
static void test_signature_algorithm_is_that_of_one_signature(void **state)
{
	(void)state;
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);

	for (size_t i = 0; i < n; i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer csr = { 0 };
		assert_int_equal(ks_csr_put(&csr, KS_BYTES_NONE, &schemes[i], ks_bytes("x", 1)), 0);
		struct ks_reader outer = ks_reader(ks_buffer_bytes(&csr));
		struct ks_reader parts = ks_reader(ks_der_take(&outer, KS_DER_SEQUENCE));
		struct ks_bytes algorithm = ks_der_take_any(&parts, NULL);
		for (size_t j = 0; j < n; j++)
			assert_int_equal(ks_signature_algorithm_is(algorithm, &schemes[j]),
					 schemes[i].signing == schemes[j].signing &&
						 schemes[i].hash == schemes[j].hash);
		assert_false(ks_signature_algorithm_is(ks_bytes(algorithm.data, algorithm.size - 1), &schemes[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cmp_part_takes_what_a_client_signs_and_nothing_else),
		cmocka_unit_test(test_cmp_part_takes_nothing_that_others_take),
		cmocka_unit_test(test_cmp_part_reads_to_the_last_byte),
		cmocka_unit_test(test_cmp_part_is_a_bit_away_from_nothing_else),
		cmocka_unit_test(test_cmp_part_says_what_is_asked_for),
		cmocka_unit_test(test_cmp_part_gives_the_key_as_others_write_it),
		cmocka_unit_test(test_cmp_part_is_bounded),
		cmocka_unit_test(test_cmp_part_of_another_scheme_is_refused),
		cmocka_unit_test(test_signature_algorithm_is_that_of_one_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
