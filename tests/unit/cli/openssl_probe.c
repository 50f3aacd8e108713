/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl_probe: says what an ordinary program gets from $OPENSSL_CONF, in one line:
 *
 *	default legacy base fips keystay   those of these providers that are active
 *	rsa=NAME                           who is asked to make RSA keys
 *	sha256=NAME                        who hashes, when it is not default or fips
 *	tls=XXXX                           the lowest TLS version of a fresh SSL_CTX (0000 = not set)
 *
 * With the argument "nodejs" it begins at nodejs_conf, as Node.js does.
 *
 * Runs in: unit tests, as a program of its own, because OpenSSL reads its configuration once.
 */
#include <stdbool.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

static void print_providers(void)
{
	static const char *const names[] = { "default", "legacy", "base", "fips", "other", "keystay" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (OSSL_PROVIDER_available(NULL, names[i]))
			(void)printf("%s ", names[i]);
	}
}

static void print_rsa(void)
{
	EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(NULL, "RSA", NULL);

	(void)printf("rsa=%s ", keymgmt ? OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(keymgmt)) : "none");
	EVP_KEYMGMT_free(keymgmt);
}

static void print_sha256(void)
{
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
	const char *name = md ? OSSL_PROVIDER_get0_name(EVP_MD_get0_provider(md)) : "default";

	if (strcmp(name, "default") != 0 && strcmp(name, "fips") != 0)
		(void)printf("sha256=%s ", name);
	EVP_MD_free(md);
}

static void print_tls(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());

	if (context)
		(void)printf("tls=%04lx\n", (unsigned long)SSL_CTX_get_min_proto_version(context));
	else
		(void)printf("tls=none\n");
	SSL_CTX_free(context);
}

int main(int argc, char **argv)
{
	OPENSSL_INIT_SETTINGS *settings = OPENSSL_INIT_new();
	bool is_node = argc > 1 && strcmp(argv[1], "nodejs") == 0;

	if (!settings || OPENSSL_INIT_set_config_appname(settings, is_node ? "nodejs_conf" : "openssl_conf") != 1)
		return 1;
	if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, settings) != 1)
		return 1;
	OPENSSL_INIT_free(settings);
	/* A provider is loaded on first use only where no configuration names any. */
	print_rsa();
	print_providers();
	print_sha256();
	print_tls();
	return 0;
}
