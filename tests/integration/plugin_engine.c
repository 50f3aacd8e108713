/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_engine: see plugin_front.h. Runs in: plugin_client. */
#include "tests/integration/plugin_front.h"

#include <openssl/engine.h>
#include <stdio.h>
#include <stdlib.h>

void *plugin_engine_load(void)
{
	char path[4096];
	const char *folder = getenv("OPENSSL_ENGINES");

	ENGINE_load_dynamic();
	ENGINE *engine = ENGINE_by_id("dynamic");
	(void)snprintf(path, sizeof(path), "%s/keystay.so", folder ? folder : ".");
	if (engine && ENGINE_ctrl_cmd_string(engine, "SO_PATH", path, 0) == 1 &&
	    ENGINE_ctrl_cmd_string(engine, "LIST_ADD", "0", 0) == 1 &&
	    ENGINE_ctrl_cmd_string(engine, "LOAD", NULL, 0) == 1 && ENGINE_init(engine) == 1)
		return engine;
	(void)ENGINE_free(engine);
	return NULL;
}

EVP_PKEY *plugin_engine_key(void *engine, const char *name)
{
	return ENGINE_load_private_key(engine, name, NULL, NULL);
}

bool plugin_engine_unload(void *engine)
{
	return ENGINE_finish(engine) == 1 && ENGINE_free(engine) == 1;
}
