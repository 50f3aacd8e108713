/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing_message: what a client asks to be signed, of whichever message: one struct for signing.c's story, who
 * understands it, and its words.
 *
 * Runs in: keystay-agent.
 */
#include "agent/signing_private.h"

static int read_digest(struct ks_signing_job *signing)
{
	const struct ks_request *request = signing->request;
	struct ks_msg_sign_digest digest;

	int error = ks_message_read(KS_MSG_SIGN_DIGEST, request->body, &digest, sizeof(digest));
	if (error < 0)
		return error;
	signing->is_digest = true;
	signing->message = (struct ks_msg_sign){ .spki_hash = digest.spki_hash,
						 .scheme = digest.scheme,
						 .input = digest.digest,
						 KS_MESSAGE_PERSON(digest) };
	return 0;
}

static int read_request(struct ks_signing_job *signing)
{
	struct ks_msg_sign_request message;

	int error = ks_message_read(KS_MSG_SIGN_REQUEST, signing->request->body, &message, sizeof(message));
	if (error < 0)
		return error;
	signing->is_request = true;
	signing->message = (struct ks_msg_sign){ .spki_hash = message.spki_hash,
						 .scheme = message.scheme,
						 .input = message.request,
						 KS_MESSAGE_PERSON(message) };
	return 0;
}

static int read_cmp(struct ks_signing_job *signing)
{
	struct ks_msg_sign_cmp message;

	int error = ks_message_read(KS_MSG_SIGN_CMP, signing->request->body, &message, sizeof(message));
	if (error < 0)
		return error;
	signing->is_cmp = true;
	signing->message = (struct ks_msg_sign){ .spki_hash = message.spki_hash,
						 .scheme = message.scheme,
						 .input = message.part,
						 KS_MESSAGE_PERSON(message) };
	return 0;
}

/* What SIGN has, for the server of the key's enrolment profile alone (policy.c). */
static int read_for_ca(struct ks_signing_job *signing)
{
	struct ks_msg_sign_for_ca message;

	int error = ks_message_read(KS_MSG_SIGN_FOR_CA, signing->request->body, &message, sizeof(message));
	if (error < 0)
		return error;
	signing->is_for_ca = true;
	signing->message = (struct ks_msg_sign){ .spki_hash = message.spki_hash,
						 .scheme = message.scheme,
						 .input = message.input,
						 .transcript = message.transcript,
						 KS_MESSAGE_PERSON(message) };
	return 0;
}

int ks_signing_read_message(struct ks_signing_job *signing)
{
	const struct ks_request *request = signing->request;

	if (request->type == KS_MSG_SIGN_DIGEST)
		return read_digest(signing);
	if (request->type == KS_MSG_SIGN_REQUEST)
		return read_request(signing);
	if (request->type == KS_MSG_SIGN_CMP)
		return read_cmp(signing);
	if (request->type == KS_MSG_SIGN_FOR_CA)
		return read_for_ca(signing);
	return ks_message_read(KS_MSG_SIGN, request->body, &signing->message, sizeof(signing->message));
}

bool ks_signing_is_for_a_certificate(const struct ks_signing_job *signing)
{
	return signing->is_request || signing->is_cmp;
}

int ks_signing_understand(const struct ks_signing_job *signing, const struct ks_spki *spki,
			  struct ks_signable *ret_signable, struct ks_signable_refusal *ret_refusal)
{
	const struct ks_msg_sign *message = &signing->message;

	return (signing->is_digest  ? ks_signable_check_digest :
		signing->is_request ? ks_signable_check_request :
		signing->is_cmp     ? ks_signable_check_cmp :
				  ks_signable_check)(message->input, message->scheme, spki, ret_signable, ret_refusal);
}

const char *ks_signing_what_it_signs(const struct ks_signing_job *signing)
{
	if (signing->is_request)
		return "certificate requests of its own here";
	if (signing->is_cmp)
		return "messages of CMP (kur, rr, certConf, pollReq) and its own CertRequest here";
	return signing->is_digest ? "TLS client authentication and digests" : "TLS client authentication";
}

const char *ks_signing_purpose_words(const struct ks_signing_job *signing)
{
	if (signing->is_digest)
		return "a bare digest, which nobody can check";
	if (signing->is_request)
		return "a certificate request";
	if (signing->is_cmp)
		return signing->cmp;
	return signing->kind == KS_SIGNABLE_TLS13_CLIENT ? "TLS 1.3 client authentication" :
							   "TLS 1.2 client authentication";
}
