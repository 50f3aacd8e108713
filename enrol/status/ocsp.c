/* SPDX-License-Identifier: Apache-2.0 */
/* ocsp: see ocsp.h. Runs in: keystay-enroll. */
#include "enrol/status/ocsp.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>

#include "enrol/base/url.h"
#include "lib/base/cleanup.h"

/* RFC 5019 section 5. */
#define GET_MAX_BYTES 255u

KS_DEFINE_CLEANUP(OCSP_RESPONSE *, OCSP_RESPONSE_free)
KS_DEFINE_CLEANUP(OCSP_BASICRESP *, OCSP_BASICRESP_free)
KS_DEFINE_CLEANUP(OCSP_CERTID *, OCSP_CERTID_free)

void ks_ocsp_request_deinit(struct ks_ocsp_request *request)
{
	OCSP_REQUEST_free(request->request);
	ks_buffer_deinit(&request->der);
	*request = (struct ks_ocsp_request){ 0 };
}

static int fill(struct ks_ocsp_request *made, const struct ks_certificate *leaf, const struct ks_certificate *issuer)
{
	KS_CLEANUP(OCSP_CERTID_freep)
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), ks_certificate_x509(leaf), ks_certificate_x509(issuer));
	unsigned char *der = NULL;

	made->request = OCSP_REQUEST_new();
	if (!made->request || !id)
		return KS_ERR_NO_MEMORY;
	if (!OCSP_request_add0_id(made->request, id))
		return KS_ERR_NO_MEMORY;
	id = NULL; /* it is the request's */
	if (made->has_nonce && OCSP_request_add1_nonce(made->request, NULL, -1) != 1)
		return KS_ERR_INTERNAL;
	int size = i2d_OCSP_REQUEST(made->request, &der);
	if (size <= 0)
		return KS_ERR_NO_MEMORY;
	ks_buffer_put(&made->der, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	return ks_buffer_error(&made->der);
}

int ks_ocsp_request_make(const struct ks_certificate *leaf, const struct ks_certificate *issuer, bool with_nonce,
			 struct ks_ocsp_request *ret_request)
{
	KS_CLEANUP(ks_ocsp_request_deinit) struct ks_ocsp_request made = { .has_nonce = with_nonce };

	ERR_set_mark();
	int r = fill(&made, leaf, issuer);
	ERR_pop_to_mark();
	if (r < 0)
		return r;
	*ret_request = made;
	made = (struct ks_ocsp_request){ 0 };
	return 0;
}

int ks_ocsp_request_url(const struct ks_ocsp_request *request, const char *url, char **ret_url)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	struct ks_bytes der = ks_buffer_bytes(&request->der);
	size_t size = strlen(url);

	if (der.size * 4 / 3 + size > GET_MAX_BYTES)
		return KS_ERR_TOO_LARGE;
	ks_buffer_printf(&out, "%s%s", url, size > 0 && url[size - 1] == '/' ? "" : "/");
	int r = ks_url_put_base64(&out, der);
	if (r == 0 && out.size > GET_MAX_BYTES)
		r = KS_ERR_TOO_LARGE;
	if (r < 0)
		return r;
	*ret_url = ks_buffer_steal_text(&out);
	return *ret_url ? 0 : KS_ERR_NO_MEMORY;
}

enum ks_ocsp_nonce ks_ocsp_request_nonce(const struct ks_ocsp_request *request, struct ks_bytes response)
{
	const unsigned char *next = response.data;

	ERR_set_mark();
	KS_CLEANUP(OCSP_RESPONSE_freep) OCSP_RESPONSE *outer = d2i_OCSP_RESPONSE(NULL, &next, (long)response.size);
	KS_CLEANUP(OCSP_BASICRESP_freep) OCSP_BASICRESP *basic = outer ? OCSP_response_get1_basic(outer) : NULL;
	/* 1: the same, 2: neither has one, 3: the answer alone has one, 0: another one, -1: the request alone. */
	int found = basic ? OCSP_check_nonce(request->request, basic) : -1;
	ERR_pop_to_mark();
	if (found == 1)
		return KS_OCSP_NONCE_OURS;
	return found == 0 ? KS_OCSP_NONCE_OTHER : KS_OCSP_NONCE_NONE;
}
