/* SPDX-License-Identifier: Apache-2.0 */
/* openssl: see openssl.h. Runs in: keystay-tunnel, keystay-explain, keystay-enroll. */
#include "client/tls/openssl.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "client/tls/report.h"

/* Where the provider is: beside the program in a build tree, as far from it as the installation was told, and at last
 * where it was told. Only by paths that stand in this program or come from its own. */
static char *find_modules(void)
{
	static const char *const from_here[] = { KEYSTAY_MODULES_IN_BUILD, KEYSTAY_MODULES_FROM_BIN };
	KS_AUTO_FREE char *own = NULL;

	if (ks_path_own_folder(&own) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(from_here) / sizeof(from_here[0]); i++) {
		KS_AUTO_FREE char *folder = ks_path_join(own, from_here[i]);
		KS_AUTO_FREE char *file = folder ? ks_path_join(folder, "keystay.so") : NULL;
		if (file && access(file, R_OK) == 0)
			return KS_STEAL(folder);
	}
	return ks_text_copy(ks_bytes_text(KEYSTAY_MODULES));
}

static int load_providers(struct ks_openssl *openssl, OSSL_provider_init_fn *builtin, char *why, size_t why_size)
{
	const char *folder = openssl->folder = find_modules();

	if (!folder)
		return KS_ERR_NO_MEMORY;
	openssl->context = OSSL_LIB_CTX_new();
	if (!openssl->context || OSSL_PROVIDER_set_default_search_path(openssl->context, folder) != 1)
		return KS_ERR_NO_MEMORY;
	if (builtin && OSSL_PROVIDER_add_builtin(openssl->context, "keystay", builtin) != 1)
		return KS_ERR_NO_MEMORY;
	openssl->base = OSSL_PROVIDER_load(openssl->context, "default");
	openssl->signing = openssl->base ? OSSL_PROVIDER_load(openssl->context, "keystay") : NULL;
	if (!openssl->signing) {
		(void)ks_text_print(why, why_size, "keystay's OpenSSL provider cannot be loaded from %s: ", folder);
		ks_report_append(why, why_size);
		return KS_ERR_NOT_FOUND;
	}
	/* Without the tap signatures are made all the same; only a rule that asks for a proven server refuses then. */
	openssl->tap = OSSL_PROVIDER_load(openssl->context, "keystay-tap");
	if (openssl->tap && EVP_set_default_properties(openssl->context, "?keystay.tap=yes") != 1)
		return KS_ERR_NO_MEMORY;
	ERR_clear_error();
	return 0;
}

int ks_openssl_load(struct ks_openssl *ret_openssl, char *why, size_t why_size)
{
	return ks_openssl_load_with(NULL, ret_openssl, why, why_size);
}

int ks_openssl_load_with(OSSL_provider_init_fn *provider, struct ks_openssl *ret_openssl, char *why, size_t why_size)
{
	struct ks_openssl openssl = { .context = NULL };

	(void)ks_text_print(why, why_size, "memory ran out");
	/* libssl would read openssl.cnf into its own context, where it may name our provider once more. */
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return KS_ERR_NO_MEMORY;
	int r = load_providers(&openssl, provider, why, why_size);
	if (r < 0) {
		ks_openssl_unload(&openssl);
		return r;
	}
	*ret_openssl = openssl;
	return 0;
}

void ks_openssl_unload(struct ks_openssl *openssl)
{
	OSSL_PROVIDER_unload(openssl->tap);
	OSSL_PROVIDER_unload(openssl->signing);
	OSSL_PROVIDER_unload(openssl->base);
	OSSL_LIB_CTX_free(openssl->context);
	free(openssl->folder);
}

int ks_openssl_trust(SSL_CTX *ssl, const char *ca_file, char *why, size_t why_size)
{
	if ((ca_file ? SSL_CTX_load_verify_file(ssl, ca_file) : SSL_CTX_set_default_verify_paths(ssl)) == 1)
		return 0;
	(void)ks_text_print(why, why_size,
			    "no CA certificates can be read from %s: ", ca_file ? ca_file : "the system's folder");
	ks_report_append(why, why_size);
	return KS_ERR_NOT_FOUND;
}

static bool is_address(const char *host)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
	bool result = address != NULL;

	ASN1_OCTET_STRING_free(address);
	ERR_clear_error();
	return result;
}

int ks_openssl_expect(SSL *ssl, const char *server_name)
{
	if (is_address(server_name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server_name) == 1 ? 0 : KS_ERR_NO_MEMORY;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* A macro that casts const away; what it calls copies the name. */
	return SSL_set1_host(ssl, server_name) == 1 && SSL_set_tlsext_host_name(ssl, (uintptr_t)server_name) == 1 ?
		       0 :
		       KS_ERR_NO_MEMORY;
}

int ks_openssl_wait(SSL *ssl, int fd, int result, unsigned timeout_ms)
{
	int wanted = SSL_get_error(ssl, result);
	struct pollfd poll_fd = { .fd = fd };

	if (wanted == SSL_ERROR_WANT_READ)
		poll_fd.events = POLLIN;
	else if (wanted == SSL_ERROR_WANT_WRITE)
		poll_fd.events = POLLOUT;
	else
		return -1;
	return poll(&poll_fd, 1, (int)timeout_ms) == 1;
}
