/* SPDX-License-Identifier: Apache-2.0 */
/* asked: see asked.h. Runs in: keystay-tunnel, keystay-explain, and any program that loads the engine. */
#include "client/tls/asked.h"

#include <stdlib.h>

#include "lib/base/clock.h"

void ks_asked_deinit(struct ks_asked *asked)
{
	free(asked->names);
	free(asked->schemes);
}

static int read_names(const STACK_OF(X509_NAME) * ca_names, struct ks_asked *asked)
{
	int n = ca_names ? sk_X509_NAME_num(ca_names) : 0;

	if (n <= 0)
		return 0;
	asked->names = calloc((size_t)n, sizeof(*asked->names));
	if (!asked->names)
		return KS_ERR_NO_MEMORY;
	for (int i = 0; i < n; i++) {
		const unsigned char *der;
		size_t size;
		if (X509_NAME_get0_der(sk_X509_NAME_value(ca_names, i), &der, &size) != 1)
			return KS_ERR_NO_MEMORY;
		asked->names[i] = ks_bytes(der, size);
	}
	asked->best.ca_names = asked->names;
	asked->best.n_ca_names = (size_t)n;
	return 0;
}

static int read_schemes(SSL *ssl, struct ks_asked *asked)
{
	int n = SSL_get_sigalgs(ssl, -1, NULL, NULL, NULL, NULL, NULL);

	if (n <= 0)
		return 0;
	asked->schemes = calloc((size_t)n, sizeof(*asked->schemes));
	if (!asked->schemes)
		return KS_ERR_NO_MEMORY;
	for (int i = 0; i < n; i++) {
		unsigned char signature, hash;
		if (SSL_get_sigalgs(ssl, i, NULL, NULL, NULL, &signature, &hash) != 0)
			asked->schemes[asked->best.n_schemes++] = (uint16_t)(hash << 8 | signature);
	}
	asked->best.schemes = asked->schemes;
	return 0;
}

int ks_asked_read(SSL *ssl, const STACK_OF(X509_NAME) * ca_names, struct ks_asked *ret_asked)
{
	struct ks_asked asked = { .best.now_s = ks_clock_wall_s() };

	int r = read_names(ca_names, &asked);
	if (r == 0 && ssl)
		r = read_schemes(ssl, &asked);
	if (r < 0) {
		ks_asked_deinit(&asked);
		return r;
	}
	if (ssl)
		asked.best.tls_version = (uint16_t)SSL_version(ssl);
	*ret_asked = asked;
	return 0;
}
