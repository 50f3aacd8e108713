/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make_scep_corpus: writes tests/fuzz/scep_state.h (a transaction of SCEP and the CA that it is at) and the corpus of
 * fuzz_scep, whose answers are for that transaction.
 *
 *	ninja make_scep_corpus && tests/fuzz/make_scep_corpus tests/fuzz       (the program, then the folder of the source)
 *
 * All keys are made anew, so header and corpus belong together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/provider.h>

#include "enrol/drivers/scep_message.h"
#include "enrol/drivers/scep_transaction.h"
#include "tests/fuzz/fuzz_scep.h"
#include "tests/unit/enrol/scep_fake_ca.h"

static const char *folder;
static struct fake_party ca, leaf;
static struct ks_scep_transaction transaction;
static struct fake_request request;

static FILE *open_file(const char *name)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "we");
	if (!file) {
		perror(path);
		exit(1);
	}
	return file;
}

static void write_input(const char *name, enum fuzz_scep_kind kind, struct ks_bytes bytes)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "corpus/scep/%s", name);
	FILE *file = open_file(path);
	(void)fputc((int)kind, file);
	(void)fwrite(bytes.data, 1, bytes.size, file);
	(void)fclose(file);
}

static void write_array(FILE *file, const char *name, struct ks_bytes bytes)
{
	(void)fprintf(file, "\nstatic const uint8_t %s[] = {", name);
	for (size_t i = 0; i < bytes.size; i++)
		(void)fprintf(file, "%s0x%02x,", i % 18 == 0 ? "\n\t" : " ", bytes.data[i]);
	(void)fprintf(file, "\n};\n");
}

static void write_header(struct ks_bytes state, struct ks_bytes ca_der)
{
	FILE *file = open_file("scep_state.h");

	(void)fprintf(file,
		      "/* SPDX-License-Identifier: Apache-2.0 */\n"
		      "/*\n * scep_state: a transaction of SCEP that waits, and the certificate of its CA, for "
		      "fuzz_scep. Written by\n * make_scep_corpus.c; the key in it is good for nothing else.\n */\n"
		      "/* clang-format off */\n#pragma once\n\n#include <stdint.h>\n");
	write_array(file, "scep_state", state);
	write_array(file, "scep_ca", ca_der);
	(void)fclose(file);
}

static void write_answer(const char *name, struct fake_answer answer)
{
	struct ks_buffer out = { 0 };
	X509 *certificates[] = { leaf.certificate, ca.certificate };

	answer.signer = &ca;
	answer.certificates = certificates;
	answer.n_certificates = 2;
	fake_answer_put(&answer, &request, &out);
	write_input(name, FUZZ_SCEP_ANSWER, ks_buffer_bytes(&out));
	ks_buffer_deinit(&out);
}

static void write_answers(void)
{
	write_answer("answer-success", (struct fake_answer){ .status = "0" });
	write_answer("answer-success-triple-des", (struct fake_answer){ .status = "0", .cipher = EVP_des_ede3_cbc() });
	write_answer("answer-success-single-des", (struct fake_answer){ .status = "0", .cipher = EVP_des_cbc() });
	write_answer("answer-success-of-garbage", (struct fake_answer){ .status = "0", .garbage_content = true });
	write_answer("answer-success-for-another",
		     (struct fake_answer){ .status = "0", .other_recipient = ca.certificate });
	write_answer("answer-success-with-signer", (struct fake_answer){ .status = "0", .signer_inside = true });
	write_answer("answer-pending", (struct fake_answer){ .status = "3", .bare = true });
	write_answer("answer-pending-with-empty-content", (struct fake_answer){ .status = "3" });
	write_answer("answer-failure", (struct fake_answer){ .status = "2", .fail_info = "2", .bare = true });
	write_answer("answer-failure-with-text",
		     (struct fake_answer){ .status = "2", .fail_info = "4", .fail_text = "no \x1b[1m such thing" });
	write_answer("answer-with-two-signers", (struct fake_answer){ .status = "0", .two_signers = true });
	write_answer("answer-of-md5", (struct fake_answer){ .status = "3", .bare = true, .digest = EVP_md5() });
	write_answer("answer-with-a-short-nonce", (struct fake_answer){ .status = "3", .short_nonce = true });
}

static void write_rest(struct ks_bytes state, struct ks_bytes ca_der)
{
	X509 *both[] = { ca.certificate, leaf.certificate };
	struct ks_buffer bundle = { 0 };

	fake_put_certificates(both, 2, &bundle);
	write_input("ca-one-certificate", FUZZ_SCEP_CA, ca_der);
	write_input("ca-bundle", FUZZ_SCEP_CA, ks_buffer_bytes(&bundle));
	write_input("state", FUZZ_SCEP_STATE, state);
	write_input("state-cut-off", FUZZ_SCEP_STATE, ks_bytes(state.data, state.size - 9));
	write_input("caps", FUZZ_SCEP_CAPS, ks_bytes_text("AES\r\nPOSTPKIOperation\r\nSHA-256\r\nRenewal\r\nDES3"));
	write_input("caps-standard", FUZZ_SCEP_CAPS, ks_bytes_text("SCEPStandard"));
	ks_buffer_deinit(&bundle);
}

int main(int argc, char **argv)
{
	const struct fake_certificate ca_wanted = { "CA", NULL, FAKE_CA, "RSA", 2048, 20000 };
	const struct fake_certificate leaf_wanted = { "alice", &ca, FAKE_CLIENT, "EC", 0, 20000 };
	struct ks_buffer state = { 0 }, ca_der = { 0 };

	folder = argc == 2 ? argv[1] : ".";
	if (!OSSL_PROVIDER_load(NULL, "default") || !OSSL_PROVIDER_load(NULL, "legacy"))
		return 1;
	fake_party_make(&ca_wanted, &ca);
	fake_party_make(&leaf_wanted, &leaf);
	fake_put_certificates(&ca.certificate, 1, &ca_der);
	struct ks_bytes name = ks_bytes_text("0\x0d"
					     "1\x0b"
					     "0\x09\x06\x03U\x04\x03\x0c\x02"
					     "al");
	struct ks_scep_pending pending = { ks_bytes_text(FUZZ_SCEP_URL), name, name };
	if (ks_scep_transaction_begin(KS_BYTES_NONE, &transaction) < 0 ||
	    ks_scep_transaction_put(&transaction, &pending, &state) < 0)
		return 1;
	(void)snprintf(request.id, sizeof(request.id), "%s", transaction.id);
	request.signer = transaction.certificate;
	write_header(ks_buffer_bytes(&state), ks_buffer_bytes(&ca_der));
	write_answers();
	write_rest(ks_buffer_bytes(&state), ks_buffer_bytes(&ca_der));
	return 0;
}
