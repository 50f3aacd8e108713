/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_engine_none: see plugin_front.h; for an OpenSSL without engines. Runs in: plugin_client. */
#include "tests/integration/plugin_front.h"

void *plugin_engine_load(void)
{
	return NULL;
}

EVP_PKEY *plugin_engine_key(void *engine, const char *name)
{
	(void)engine;
	(void)name;
	return NULL;
}

bool plugin_engine_unload(void *engine)
{
	return engine == NULL;
}
