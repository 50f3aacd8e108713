/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine: keystay.so as an OpenSSL engine, ENGINE_new(3): for programs that were built to use engines (curl --engine,
 * stunnel, OpenVPN of old). OpenSSL 3 alone; version 4 has no engines, and there, as everywhere, the provider serves.
 *
 *	LOAD_CERT_CTRL   the certificate of a name, with libp11's structure, which is what curl hands over
 *
 * Runs in: any program that loads it. Holds no state but the tables that libcrypto wants: each call asks the agent anew.
 */
#include <openssl/engine.h>
#include <openssl/x509.h>

#include "client/client.h"
#include "client/engine/choose.h"
#include "client/engine/key.h"
#include "client/engine/say.h"
#include "client/engine/sign.h"
#include "lib/base/reader.h"

#define CMD_LOAD_CERT ENGINE_CMD_BASE

static const ENGINE_CMD_DEFN commands[] = {
	{ CMD_LOAD_CERT, "LOAD_CERT_CTRL", "gets the certificate of a key from keystay-agent",
	  ENGINE_CMD_FLAG_INTERNAL },
	{ 0, NULL, NULL, 0 },
};

/* As libp11's engine has it, and curl with it. */
struct load_cert {
	const char *name;
	X509 *certificate;
};

/* "keystay:alice" is what the provider's store is asked for; here it means the same as "alice". */
static const char *plain_name(const char *name)
{
	static const char prefix[] = "keystay:";

	if (!name)
		return "";
	for (size_t i = 0; prefix[i] != '\0'; i++) {
		if (name[i] != prefix[i])
			return name;
	}
	return name + sizeof(prefix) - 1;
}

static struct ks_client_identity *get(const char *name)
{
	struct ks_client_identity *identity = NULL;
	struct ks_client_error error;

	if (ks_client_get(plain_name(name), &identity, &error) < 0) {
		(void)ks_say(error.code, error.text);
		return NULL;
	}
	return identity;
}

static EVP_PKEY *load_key(ENGINE *engine, const char *name, UI_METHOD *ui_method, void *callback_data)
{
	(void)ui_method;
	(void)callback_data;
	struct ks_client_identity *identity = get(name);
	if (!identity)
		return NULL;
	EVP_PKEY *pkey = ks_engine_key_new(engine, &identity->identity);
	ks_client_identity_free(identity);
	return pkey;
}

static int load_certificate(struct load_cert *request)
{
	struct ks_client_identity *identity = get(request->name);
	struct ks_msg_certificate record;

	if (!identity)
		return 0;
	struct ks_reader reader = ks_reader(identity->chain);
	request->certificate = NULL;
	if (ks_record_read(&reader, KS_RECORD(certificate), &record, sizeof(record)) == 1) {
		const unsigned char *der = record.der.data;
		request->certificate = d2i_X509(NULL, &der, (long)record.der.size);
	} else {
		(void)ks_say_fail(KS_ERR_NO_CERTIFICATE, "key \"%s\" has no certificate", plain_name(request->name));
	}
	ks_client_identity_free(identity);
	return request->certificate != NULL;
}

static int control(ENGINE *engine, int command, long number, void *pointer, void (*function)(void))
{
	(void)engine;
	(void)number;
	(void)function;
	if (command != CMD_LOAD_CERT)
		return ks_say(KS_ERR_UNSUPPORTED, "keystay's engine does not know this command");
	return pointer ? load_certificate(pointer) : 0;
}

static int init(ENGINE *engine)
{
	(void)engine;
	return 1;
}

static int finish(ENGINE *engine)
{
	(void)engine;
	return 1;
}

static int destroy(ENGINE *engine)
{
	(void)engine;
	ks_engine_sign_deinit();
	ks_engine_key_deinit();
	ks_say_deinit();
	return 1;
}

static int bind(ENGINE *engine, const char *id)
{
	(void)id;
	ks_say_init();
	return ks_engine_key_init() && ks_engine_sign_init() && ENGINE_set_id(engine, "keystay") &&
	       ENGINE_set_name(engine, "keystay: TLS client keys of keystay-agent") &&
	       ENGINE_set_init_function(engine, init) && ENGINE_set_finish_function(engine, finish) &&
	       ENGINE_set_destroy_function(engine, destroy) && ENGINE_set_ctrl_function(engine, control) &&
	       ENGINE_set_cmd_defns(engine, commands) && ENGINE_set_load_privkey_function(engine, load_key) &&
	       ENGINE_set_load_pubkey_function(engine, load_key) &&
	       ENGINE_set_load_ssl_client_cert_function(engine, ks_engine_choose) &&
	       ENGINE_set_pkey_meths(engine, ks_engine_sign_methods);
}

__attribute__((visibility("default"))) int bind_engine(ENGINE *engine, const char *id, const dynamic_fns *fns);
__attribute__((visibility("default"))) unsigned long v_check(unsigned long version);

IMPLEMENT_DYNAMIC_CHECK_FN()
IMPLEMENT_DYNAMIC_BIND_FN(bind)
