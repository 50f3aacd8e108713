/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider: keystay-tap.so, an OpenSSL provider that watches the handshakes of its program, so that the agent can prove
 * which server a TLS 1.3 signature is for (DESIGN section 6). It is taken instead of the default provider's SHA-2 where
 * a configuration says default_properties = ?keystay.tap=yes; without it, or displaced by other properties, signatures
 * are made all the same and are merely "unverified".
 *
 * Never says "fips=yes": where a program or the system demands that, its FIPS provider hashes and nothing is seen.
 *
 * Runs in: any program that loads it. Built for one major version of libcrypto: in a program with another one, or with
 * one of its own inside, a second libcrypto would hash; there it refuses before it calls anything of it.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/tap/digest.h"
#include "client/tap/latest.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_ready;
static atomic_uint n_instances;

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
	(void)provctx;
	*no_cache = 0;
	return operation == OSSL_OP_DIGEST ? ks_tap_digests : NULL;
}

static void teardown(void *provctx)
{
	struct ks_tap *tap = provctx;

	EVP_MD_free(tap->sha256);
	EVP_MD_free(tap->sha384);
	OSSL_LIB_CTX_free(tap->context);
	free(tap);
	ks_latest_forget();
	if (atomic_fetch_sub(&n_instances, 1) == 1)
		ks_stream_forget_all();
}

static const OSSL_PARAM *gettable_params(void *provctx)
{
	static const OSSL_PARAM gettable[] = { OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
					       OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
					       OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL), OSSL_PARAM_END };

	(void)provctx;
	return gettable;
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
	OSSL_PARAM *at = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);

	(void)provctx;
	if (at && !OSSL_PARAM_set_utf8_ptr(at, "keystay TLS transcript tap"))
		return 0;
	at = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION);
	if (at && !OSSL_PARAM_set_utf8_ptr(at, KEYSTAY_VERSION))
		return 0;
	at = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
	return !at || OSSL_PARAM_set_int(at, 1);
}

static const OSSL_DISPATCH functions[] = {
	{ OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown },
	{ OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable_params },
	{ OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params },
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
	{ 0, NULL },
};

/* --- the libcrypto that loads us --------------------------------------------------------------------------------- */

struct core {
	const OSSL_CORE_HANDLE *handle;
	OSSL_FUNC_core_get_params_fn *get_params;
	OSSL_FUNC_core_new_error_fn *new_error;
	OSSL_FUNC_core_set_error_debug_fn *set_debug;
	OSSL_FUNC_core_vset_error_fn *vset_error;
};

static void read_core(struct core *core, const OSSL_DISPATCH *upcalls)
{
	for (; upcalls->function_id != 0; upcalls++) {
		switch (upcalls->function_id) {
		case OSSL_FUNC_CORE_GET_PARAMS:
			core->get_params = OSSL_FUNC_core_get_params(upcalls);
			break;
		case OSSL_FUNC_CORE_NEW_ERROR:
			core->new_error = OSSL_FUNC_core_new_error(upcalls);
			break;
		case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
			core->set_debug = OSSL_FUNC_core_set_error_debug(upcalls);
			break;
		case OSSL_FUNC_CORE_VSET_ERROR:
			core->vset_error = OSSL_FUNC_core_vset_error(upcalls);
			break;
		default:
			break;
		}
	}
}

static bool refuse(const struct core *core, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(const struct core *core, const char *format, ...)
{
	va_list arguments;

	if (!core->new_error || !core->set_debug || !core->vset_error)
		return false;
	core->new_error(core->handle);
	core->set_debug(core->handle, "keystay", 0, "OSSL_provider_init");
	va_start(arguments, format);
	core->vset_error(core->handle, ERR_R_INIT_FAIL, format, arguments);
	va_end(arguments);
	return false;
}

/* "3.0.22" of the program's libcrypto is asked of itself; then whether our calls reach the same one. */
static bool is_our_libcrypto(const struct core *core)
{
	char *version = NULL;
	OSSL_PARAM params[] = {
		{ OSSL_PROV_PARAM_CORE_VERSION, OSSL_PARAM_UTF8_PTR, &version, sizeof(version), 0 },
		{ NULL, 0, NULL, 0, 0 },
	};

	if (!core->get_params || !core->get_params(core->handle, params) || !version)
		return refuse(core, "keystay-tap.so: this libcrypto does not say its version");
	if (strtol(version, NULL, 10) != OPENSSL_VERSION_MAJOR)
		return refuse(core,
			      "keystay-tap.so is made for OpenSSL %d, this program has OpenSSL %s; without the tap "
			      "signatures are made all the same, but not proven to be for a server",
			      OPENSSL_VERSION_MAJOR, version);
	if (strcmp(version, OpenSSL_version(OPENSSL_VERSION_STRING)) != 0)
		return refuse(core,
			      "this program has an OpenSSL %s inside, which keystay-tap.so cannot reach (it gets %s); "
			      "without the tap signatures are made all the same, but not proven to be for a server",
			      version, OpenSSL_version(OPENSSL_VERSION_STRING));
	return true;
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static void make_ready(void)
{
	is_ready = ks_stream_init() && ks_latest_init();
}

/* The default provider alone, in a context of its own: no configuration is read, so nothing can lead back to us. */
static int start(struct ks_tap *tap)
{
	tap->context = OSSL_LIB_CTX_new();
	if (!tap->context)
		return 0;
	tap->sha256 = EVP_MD_fetch(tap->context, "SHA2-256", "provider=default");
	tap->sha384 = EVP_MD_fetch(tap->context, "SHA2-384", "provider=default");
	return tap->sha256 && tap->sha384;
}

__attribute__((visibility("default"))) ks_tap_find keystay_tap_find;

size_t keystay_tap_find(const uint8_t *digest, size_t digest_size, uint8_t *buffer, size_t room)
{
	return ks_latest_find(digest, digest_size, buffer, room);
}

__attribute__((visibility("default"))) OSSL_provider_init_fn OSSL_provider_init;

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
		       void **provctx)
{
	struct core core = { .handle = handle };

	read_core(&core, in);
	if (!is_our_libcrypto(&core) || pthread_once(&once, make_ready) != 0 || !is_ready)
		return 0;
	struct ks_tap *tap = calloc(1, sizeof(*tap));
	if (!tap)
		return 0;
	(void)atomic_fetch_add(&n_instances, 1);
	if (!start(tap)) {
		teardown(tap);
		return 0;
	}
	*out = functions;
	*provctx = tap;
	return 1;
}
