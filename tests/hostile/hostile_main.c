/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_main: sends everything of tests/hostile to a running agent, for a key that is known to it.
 *
 *	keystay-hostile CERTIFICATE          all hostile inputs and messages; each must be refused with its own code
 *	keystay-hostile --good CERTIFICATE   the two good inputs they are made from; both must be signed
 *	keystay-hostile --list CERTIFICATE   only prints what would be sent; needs no agent
 *
 * CERTIFICATE is a PEM file whose first certificate is of the key, such as "keystay cert NAME" writes. The agent is
 * found as by every client (KEYSTAY_SOCK). Exit codes: 0 all was as it must be, 1 something was signed or refused for
 * another reason, 2 usage, 3 no agent.
 *
 * Runs in: integration tests. Needs no private key: the transcripts are made by hand (transcript_maker.h).
 */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "client/client.h"
#include "client/exchange.h"
#include "client/sha256.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/protocol/frame.h"
#include "tests/hostile/hostile.h"

struct run {
	struct ks_hostile_target target;
	uint8_t spki_hash[KS_SHA256_SIZE];
	struct ks_client client;
	bool is_open;
	unsigned n_refused;
	unsigned n_signed;
	unsigned n_surprises; /* refused, but for another reason */
};

/* --- asking ------------------------------------------------------------------------------------------------------ */

static int open_once(struct run *run)
{
	struct ks_client_error error;

	if (run->is_open)
		return 0;
	int r = ks_client_open(KS_CLIENT_SIGN, &run->client, &error);
	if (r < 0)
		(void)fprintf(stderr, "keystay-hostile: %s\n", error.text);
	run->is_open = r == 0;
	return r;
}

static void close_again(struct run *run)
{
	if (run->is_open)
		ks_client_close(&run->client);
	run->is_open = false;
}

/* ks_client_sign() would do, but for schemes of more than 16 bits. 0: ret_reply is a signature. */
static int ask(struct run *run, struct ks_bytes input, uint32_t scheme, struct ks_msg_sign_reply *ret_reply,
	       struct ks_client_error *ret_error)
{
	struct ks_msg_sign request = {
		.spki_hash = ks_bytes(run->spki_hash, sizeof(run->spki_hash)),
		.scheme = scheme,
		.input = input,
	};

	return ks_client_call(&run->client, KS_MSG_SIGN, &request, KS_MSG_SIGN_REPLY, ret_reply, sizeof(*ret_reply),
			      NULL, ret_error);
}

static int send_input(const struct ks_hostile_input *input, void *userdata)
{
	struct run *run = userdata;
	struct ks_msg_sign_reply reply;
	struct ks_client_error error;

	int r = open_once(run);
	if (r < 0)
		return r;
	r = ask(run, input->input, input->scheme, &reply, &error);
	if (r == 0) {
		(void)printf("SIGNED    %-4s %s\n", input->class, input->name);
		run->n_signed++;
	} else if (r == input->expected || r == input->or_else) {
		run->n_refused++;
	} else {
		(void)printf("SURPRISE  %-4s %s: %s in place of %s: %s\n", input->class, input->name, ks_error_word(r),
			     ks_error_word(input->expected), error.text);
		run->n_surprises++;
		close_again(run);
	}
	return 0;
}

static int print_input(const struct ks_hostile_input *input, void *userdata)
{
	(void)userdata;
	(void)printf("%-4s %-22s 0x%04x %5zu bytes  %s\n", input->class, ks_error_word(input->expected),
		     (unsigned)input->scheme, input->input.size, input->name);
	return 0;
}

/* --- C10: messages of an oracle ---------------------------------------------------------------------------------- */

static bool is_answered_here(uint8_t type)
{
	return type == KS_MSG_SIGN || type == KS_MSG_SIGN_DIGEST || type == KS_MSG_LIST || type == KS_MSG_GET ||
	       type == KS_MSG_EXPLAIN;
}

/* A message of this type whose body is as much of a SIGN as it can be. */
static void put_message(struct run *run, uint8_t type, struct ks_buffer *frame)
{
	size_t position = ks_frame_begin(frame, type);

	ks_buffer_put_u32(frame, KS_PROTOCOL_VERSION);
	ks_buffer_put_u32(frame, 4711);
	ks_buffer_put_string(frame, ks_bytes(run->spki_hash, sizeof(run->spki_hash)));
	ks_buffer_put_u32(frame, run->target.scheme12);
	ks_buffer_put_string(frame, run->target.transcript);
	ks_frame_end(frame, position);
}

static int call_message(struct run *run, uint8_t type, struct ks_frame *ret_reply, struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };
	uint64_t deadline_ms = ks_clock_monotonic_ms() + KS_CLIENT_DEADLINE_MS;

	put_message(run, type, &frame);
	int r = ks_exchange_send(run->client.fd, ks_buffer_bytes(&frame), deadline_ms, ret_error);
	if (r < 0)
		return r;
	return ks_exchange_receive(run->client.fd, &run->client.buffer, deadline_ms,
				   (struct ks_exchange_notice){ .text = NULL }, ret_reply, ret_error);
}

static int send_message(struct run *run, uint8_t type)
{
	struct ks_client_error error = { .code = 0 };
	struct ks_msg_error answer = { .code = 0 };
	struct ks_frame reply = { .type = 0 };

	int r = open_once(run);
	if (r < 0)
		return r;
	r = call_message(run, type, &reply, &error);
	bool is_error = r == 0 && reply.type == KS_MSG_ERROR &&
			ks_message_read(KS_MSG_ERROR, reply.body, &answer, sizeof(answer)) == 0;
	int code = -(int)answer.code;
	if (is_error && (code == KS_ERR_UNKNOWN_MESSAGE || code == KS_ERR_WRONG_SOCKET)) {
		run->n_refused++;
		return 0;
	}
	(void)printf("SURPRISE  C10  message %u: reply %u, %s\n", type, reply.type, ks_error_word(r < 0 ? r : code));
	run->n_surprises++;
	close_again(run);
	return 0;
}

static int send_messages(struct run *run)
{
	for (unsigned type = 0; type <= UINT8_MAX; type++) {
		int r = is_answered_here((uint8_t)type) ? 0 : send_message(run, (uint8_t)type);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the ways to run --------------------------------------------------------------------------------------------- */

static int run_hostile(struct run *run)
{
	int n = ks_hostile_build(&run->target, send_input, run);
	if (n >= 0) {
		int r = send_messages(run);
		n = r < 0 ? r : n;
	}
	close_again(run);
	if (n < 0) /* open_once() has said why */
		return n == KS_ERR_NO_AGENT ? 3 : 1;
	(void)printf("%d inputs and messages: %u refused as they must be, %u signed, %u surprises\n",
		     (int)(run->n_refused + run->n_signed + run->n_surprises), run->n_refused, run->n_signed,
		     run->n_surprises);
	return run->n_signed + run->n_surprises == 0 ? 0 : 1;
}

static int run_one_good(struct run *run, struct ks_bytes input, uint32_t scheme, const char *name)
{
	struct ks_msg_sign_reply reply;
	struct ks_client_error error;

	int r = open_once(run);
	if (r < 0)
		return r == KS_ERR_NO_AGENT ? 3 : 1;
	r = ask(run, input, scheme, &reply, &error);
	if (r < 0) {
		(void)printf("SURPRISE  the good %s input was refused: %s\n", name, error.text);
		return 1;
	}
	(void)printf("the good %s input was signed, %zu bytes\n", name, reply.signature.size);
	return reply.signature.size > 0 ? 0 : 1;
}

static int run_good(struct run *run)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer good13 = { 0 };

	ks_hostile_put_good13(&good13);
	int r = run_one_good(run, ks_buffer_bytes(&good13), run->target.scheme13, "TLS 1.3");
	if (r == 0)
		r = run_one_good(run, run->target.transcript, run->target.scheme12, "TLS 1.2");
	close_again(run);
	return r;
}

/* --- the key ----------------------------------------------------------------------------------------------------- */

/* Appends the DER form of the first certificate of the file. */
static bool read_certificate(const char *path, struct ks_buffer *out)
{
	FILE *file = fopen(path, "r");
	X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
	unsigned char *der = NULL;
	int size = certificate ? i2d_X509(certificate, &der) : 0;

	if (size > 0)
		ks_buffer_put(out, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	X509_free(certificate);
	if (file)
		(void)fclose(file);
	return size > 0 && ks_buffer_error(out) == 0;
}

static int usage(void)
{
	(void)fprintf(stderr, "usage: keystay-hostile [--good | --list] CERTIFICATE.pem\n");
	return 2;
}

static int run_for(const char *mode, struct ks_bytes certificate)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer transcript = { 0 };
	struct run run = { .client = { .fd = -1 } };
	struct ks_bytes der;
	struct ks_spki spki;

	int r = ks_spki_of_certificate(certificate, &der);
	if (r == 0)
		r = ks_spki_read(der, &spki);
	if (r < 0) {
		(void)fprintf(stderr, "keystay-hostile: the key of the certificate: %s\n", ks_error_text(r));
		return 2;
	}
	ks_client_sha256(der, run.spki_hash);
	ks_hostile_put_good12(&transcript, certificate);
	run.target.certificate = certificate;
	run.target.spki = &spki;
	run.target.transcript = ks_buffer_bytes(&transcript);
	ks_hostile_schemes(&spki, &run.target.scheme12, &run.target.scheme13);
	if (!mode)
		return run_hostile(&run);
	if (strcmp(mode, "--good") == 0)
		return run_good(&run);
	return ks_hostile_build(&run.target, print_input, NULL) > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer certificate = { 0 };
	const char *mode = argc == 3 ? argv[1] : NULL;

	if (argc < 2 || argc > 3 || (mode && strcmp(mode, "--good") != 0 && strcmp(mode, "--list") != 0))
		return usage();
	/* A configuration that names keystay's provider is of no use here. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (!read_certificate(argv[argc - 1], &certificate)) {
		(void)fprintf(stderr, "keystay-hostile: %s: no certificate could be read\n", argv[argc - 1]);
		return 2;
	}
	return run_for(mode, ks_buffer_bytes(&certificate));
}
