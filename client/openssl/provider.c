/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider: keystay.so, provider(7): lets OpenSSL 3 and 4 use keys that are on tokens, through keystay-agent.
 *
 * Links libc alone, so that one file serves every version, and programs that bring an OpenSSL of their own (node).
 *
 * Runs in: any program whose OpenSSL configuration names it. Never starts a thread, installs a handler or keeps a
 * descriptor; has no state outside struct ks_provider, so it may be loaded into several library contexts.
 */
#include "client/openssl/provider.h"

__attribute__((visibility("default"))) int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
							      const OSSL_DISPATCH **out, void **provctx)
{
	return ks_provider_start(handle, in, out, provctx);
}
