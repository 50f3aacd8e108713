/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_identity: the certificate that keystay-enroll shows a server, and the agent's signature for it.
 *
 * libcurl makes its SSL_CTX in the OpenSSL context of the thread, so a context with our provider and the tap is put
 * there for one exchange: the provider has the agent sign the handshake, the tap hands over the transcript, as in every
 * other program. libcurl shows only the first 256 bytes of one entry of OpenSSL's error queue; what the agent said is
 * taken from the queue before it.
 *
 * Runs in: keystay-enroll, in its one thread.
 */
#include <openssl/err.h>

#include "client/error.h"
#include "client/openssl/provider.h"
#include "client/tls/report.h"
#include "enrol/base/http_exchange.h"
#include "lib/base/text.h"

/* Neither socket signs: what the sign socket says may be of rules that do not concern the CA's server, or of a key that it
 * does not have. */
static int refuse(int code, const struct ks_client_error *of_control, struct ks_client_error *ret_error)
{
	const struct ks_client_error of_sign = *ret_error;

	return ks_client_fail(ret_error, code, "%s (for keystay-enroll: %s)", of_sign.text, of_control->text);
}

/* struct ks_provider.sign: the server of the key's profile is signed for over the control socket, whatever servers the
 * rules name for programs; any other as for any program. */
static int sign(const struct ks_client_sign *request, void *userdata, uint8_t *signature, size_t *ret_size,
		struct ks_client_error *ret_error)
{
	const struct ks_http_identity *identity = userdata;
	struct ks_client_error of_control;

	if (!ks_profile_is_of(identity->profile, request->spki_hash))
		return ks_client_sign(request, signature, ret_size, ret_error);
	int r = ks_client_sign_for_ca(request, signature, ret_size, ret_error);
	if (r != KS_ERR_WRONG_SOCKET)
		return r;
	of_control = *ret_error;
	r = ks_client_sign(request, signature, ret_size, ret_error);
	return r < 0 ? refuse(r, &of_control, ret_error) : r;
}

int ks_http_identity_init(struct ks_http_identity *identity, const struct ks_http_request *request,
			  struct ks_enrol_problem *problem)
{
	const struct ks_client_identity *key = request->identity;
	char why[1024] = "memory ran out";

	identity->alert = -1;
	identity->profile = request->profile;
	int r = ks_openssl_load_with(ks_provider_start, &identity->openssl, why, sizeof(why));
	if (r < 0)
		return ks_enrol_problem_set(problem, r, "%s", why);
	identity->loaded = true;
	struct ks_provider *provider = OSSL_PROVIDER_get0_provider_ctx(identity->openssl.signing);
	provider->sign = sign;
	provider->sign_userdata = identity;
	provider->tap_folder = identity->openssl.folder;
	identity->before = OSSL_LIB_CTX_set0_default(identity->openssl.context);
	r = ks_credentials_make(identity->openssl.context, key, &identity->credentials, why, sizeof(why));
	return r < 0 ? ks_enrol_problem_set(problem, r, "%s", why) : 0;
}

void ks_http_identity_deinit(struct ks_http_identity *identity)
{
	if (!identity->loaded)
		return;
	ks_credentials_deinit(&identity->credentials);
	(void)OSSL_LIB_CTX_set0_default(identity->before);
	ks_openssl_unload(&identity->openssl);
}

/* The index under which an SSL_CTX knows its struct ks_http_identity; -1 when memory runs out. */
static int own_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

/* libssl's info callback. A handshake that failed leaves its reasons in the queue; those of a server that was not
 * verified are libcurl's to tell. */
static void watch(const SSL *ssl, int where, int value)
{
	struct ks_http_identity *identity = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), own_index());

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL)
		identity->alert = value & 0xff;
	if (!(where & SSL_CB_EXIT) || value > 0 || ERR_peek_error() == 0 || identity->text[0] ||
	    SSL_get_verify_result(ssl) != X509_V_OK)
		return;
	identity->agent_said = ks_report_take(identity->text, sizeof(identity->text), &identity->code);
	/* libcurl asks the queue whether it was an error at all. */
	ks_report_raise(identity->text);
}

CURLcode ks_http_identity_use(CURL *curl, void *ssl, void *userdata)
{
	struct ks_http_identity *identity = userdata;

	(void)curl;
	if (own_index() < 0 || SSL_CTX_set_ex_data(ssl, own_index(), identity) != 1)
		return CURLE_OUT_OF_MEMORY;
	SSL_CTX_set_info_callback(ssl, watch);
	if (ks_credentials_use_always(&identity->credentials, ssl) == 0)
		return CURLE_OK;
	identity->agent_said = ks_report_take(identity->text, sizeof(identity->text), &identity->code);
	return CURLE_SSL_CERTPROBLEM;
}
