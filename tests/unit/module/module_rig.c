/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_rig: see module_rig.h. Errors of the test's own machinery end it at once, with the place.
 *
 * Runs in: unit tests.
 */
#include "tests/unit/module/module_rig.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/rsa.h>

#include "lib/base/cleanup.h"
#include "lib/base/container.h"
#include "lib/protocol/scheme.h"

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                          \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* --- the agent --------------------------------------------------------------------------------------------------- */

static void answer_list(struct module_rig *rig, int fd, struct ks_bytes body)
{
	struct ks_msg_list request;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	uint32_t n = 0;

	MUST(ks_message_read(KS_MSG_LIST, body, &request, sizeof(request)) == 0);
	(void)pthread_mutex_lock(&rig->mutex);
	atomic_fetch_add(request.offset == 0 ? &rig->n_lists : &rig->n_generations, 1);
	for (size_t i = 0; i < SOFTWARE_N_KINDS && !rig->gone; i++) {
		struct software_key *key = &rig->token.keys[i];
		char uri[128];
		(void)snprintf(uri, sizeof(uri), "pkcs11:token=%s;serial=1;object=%s;type=private", rig->token_label,
			       key->name);
		struct ks_msg_identity identity = { .name = ks_bytes_text(key->name),
						    .spki_hash = ks_bytes(key->spki_hash, 32),
						    .spki = ks_buffer_bytes(&key->spki),
						    .uri = ks_bytes_text(uri),
						    .token = ks_bytes_text(rig->token_label),
						    .module = ks_bytes_text("softhsm"),
						    .state = KS_TOKEN_UNLOCKED,
						    .n_certificates = 2,
						    .digest = rig->digest };
		n++;
		if (request.offset == 0)
			ks_record_write(&list, KS_RECORD(identity), &identity);
	}
	struct ks_msg_list_reply reply = { KS_MESSAGE_HEAD(request.id), .generation = rig->generation, .total = n,
					   .identities = ks_buffer_bytes(&list) };
	(void)pthread_cond_broadcast(&rig->changed);
	(void)pthread_mutex_unlock(&rig->mutex);
	fake_agent_reply(fd, KS_MSG_LIST_REPLY, &reply);
}

static void sign_digest(const struct software_key *key, const struct ks_scheme *scheme, struct ks_bytes digest,
			uint8_t *signature, size_t *size)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);

	MUST(ctx && EVP_PKEY_sign_init(ctx) == 1);
	MUST(EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(ks_hash_name(scheme->hash))) == 1);
	if (scheme->signing == KS_SIGNING_RSA_PSS) {
		MUST(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1);
		MUST(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
	}
	MUST(EVP_PKEY_sign(ctx, signature, size, digest.data, digest.size) == 1);
	EVP_PKEY_CTX_free(ctx);
}

static void answer_digest(struct module_rig *rig, int fd, struct ks_bytes body)
{
	struct ks_msg_sign_digest request;
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size = sizeof(signature);

	MUST(ks_message_read(KS_MSG_SIGN_DIGEST, body, &request, sizeof(request)) == 0);
	const struct ks_scheme *scheme = ks_scheme_find(request.scheme);
	MUST(scheme);
	atomic_fetch_add(request.digest.size > 0 ? &rig->n_digests : &rig->n_empty_digests, 1);
	rig->last_digest_scheme = scheme->code;
	if (!rig->digest) {
		fake_agent_refuse(fd, request.id, KS_ERR_INPUT_DIGEST, "only a digest");
		return;
	}
	if (request.digest.size != ks_hash_size(scheme->hash)) {
		fake_agent_refuse(fd, request.id, KS_ERR_INPUT_LENGTH, "not a digest of this hash");
		return;
	}
	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		const struct software_key *key = &rig->token.keys[i];
		if (memcmp(key->spki_hash, request.spki_hash.data, 32) == 0)
			sign_digest(key, scheme, request.digest, signature, &size);
	}
	struct ks_msg_sign_reply reply = { KS_MESSAGE_HEAD(request.id), .signature = ks_bytes(signature, size) };
	fake_agent_reply(fd, KS_MSG_SIGN_REPLY, &reply);
}

static void gather(struct module_rig *rig)
{
	(void)pthread_mutex_lock(&rig->mutex);
	rig->gathered++;
	(void)pthread_cond_broadcast(&rig->changed);
	while (rig->gather > 0 && rig->gathered < rig->gather)
		(void)pthread_cond_wait(&rig->changed, &rig->mutex);
	(void)pthread_mutex_unlock(&rig->mutex);
}

struct connection {
	struct module_rig *rig;
	int fd;
};

/* The client makes a connection for each request, and its type is the fifth byte. */
static void *serve_one(void *argument)
{
	struct connection *connection = argument;
	struct module_rig *rig = connection->rig;
	KS_AUTO_CLOSE int fd = connection->fd;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	uint8_t head[5], type;
	struct ks_bytes body;

	free(connection);
	if (recv(fd, head, sizeof(head), MSG_PEEK | MSG_WAITALL) != (ssize_t)sizeof(head)) {
		/* the client went away */
	} else if (head[4] == KS_MSG_LIST && fake_agent_read(fd, &buffer, &type, &body)) {
		answer_list(rig, fd, body);
	} else if (head[4] == KS_MSG_SIGN_DIGEST && fake_agent_read(fd, &buffer, &type, &body)) {
		answer_digest(rig, fd, body);
	} else {
		if (head[4] == KS_MSG_SIGN)
			gather(rig);
		(void)pthread_mutex_lock(&rig->mutex);
		rig->software(&rig->token.agent, fd);
		(void)pthread_mutex_unlock(&rig->mutex);
	}
	(void)pthread_mutex_lock(&rig->mutex);
	atomic_fetch_sub(&rig->n_serving, 1);
	(void)pthread_cond_broadcast(&rig->changed);
	(void)pthread_mutex_unlock(&rig->mutex);
	return NULL;
}

static void serve(struct fake_agent *agent, int fd)
{
	struct software_token *token = KS_CONTAINER(agent, struct software_token, agent);
	struct connection *connection = calloc(1, sizeof(*connection));
	pthread_t thread;

	MUST(connection);
	connection->rig = KS_CONTAINER(token, struct module_rig, token);
	connection->fd = dup(fd);
	MUST(connection->fd >= 0);
	atomic_fetch_add(&connection->rig->n_serving, 1);
	MUST(pthread_create(&thread, NULL, serve_one, connection) == 0);
	(void)pthread_detach(thread);
}

/* --- the rig ----------------------------------------------------------------------------------------------------- */

void module_rig_load(struct module_rig *rig)
{
	rig->library = dlopen(KEYSTAY_MODULE, RTLD_NOW | RTLD_LOCAL);
	if (!rig->library)
		(void)fprintf(stderr, "%s\n", dlerror());
	MUST(rig->library);
	union {
		void *pointer;
		CK_RV (*call)(CK_FUNCTION_LIST **list);
	} get = { .pointer = dlsym(rig->library, "C_GetFunctionList") };
	MUST(get.pointer && get.call(&rig->calls) == CKR_OK);
}

void module_rig_unload(struct module_rig *rig)
{
	MUST(dlclose(rig->library) == 0);
	rig->library = NULL;
}

void module_rig_start(struct module_rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	(void)pthread_mutex_init(&rig->mutex, NULL);
	(void)pthread_cond_init(&rig->changed, NULL);
	rig->generation = 1;
	rig->token_label = "corp";
	software_token_start(&rig->token);
	rig->software = rig->token.agent.serve;
	rig->token.agent.serve = serve;
	module_rig_load(rig);
}

void module_rig_stop(struct module_rig *rig)
{
	(void)rig->calls->C_Finalize(NULL);
	(void)dlclose(rig->library);
	module_rig_release(rig);
	(void)pthread_mutex_lock(&rig->mutex);
	while (atomic_load(&rig->n_serving) > 0)
		(void)pthread_cond_wait(&rig->changed, &rig->mutex);
	(void)pthread_mutex_unlock(&rig->mutex);
	software_token_stop(&rig->token);
}

void module_rig_tell(struct module_rig *rig, bool gone, bool digest)
{
	(void)pthread_mutex_lock(&rig->mutex);
	rig->generation++;
	rig->gone = gone;
	rig->digest = digest;
	(void)pthread_mutex_unlock(&rig->mutex);
}

void module_rig_wait_gathered(struct module_rig *rig, unsigned n)
{
	(void)pthread_mutex_lock(&rig->mutex);
	while (rig->gathered < n)
		(void)pthread_cond_wait(&rig->changed, &rig->mutex);
	(void)pthread_mutex_unlock(&rig->mutex);
}

void module_rig_wait_compared(struct module_rig *rig, unsigned n)
{
	(void)pthread_mutex_lock(&rig->mutex);
	while (atomic_load(&rig->n_generations) < n)
		(void)pthread_cond_wait(&rig->changed, &rig->mutex);
	(void)pthread_mutex_unlock(&rig->mutex);
}

void module_rig_release(struct module_rig *rig)
{
	(void)pthread_mutex_lock(&rig->mutex);
	rig->gather = 0;
	(void)pthread_cond_broadcast(&rig->changed);
	(void)pthread_mutex_unlock(&rig->mutex);
}

CK_SESSION_HANDLE module_rig_open(struct module_rig *rig)
{
	CK_SESSION_HANDLE session;
	CK_SLOT_ID slots[4];
	CK_ULONG n = 0;

	MUST(rig->calls->C_Initialize(NULL) == CKR_OK);
	MUST(rig->calls->C_GetSlotList(CK_TRUE, NULL, &n) == CKR_OK && n == 1);
	MUST(rig->calls->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK);
	MUST(rig->calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session) == CKR_OK);
	return session;
}

CK_OBJECT_HANDLE module_rig_find(struct module_rig *rig, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
				 const char *label)
{
	char text[64];
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_LABEL, text, strlen(label) } };
	CK_OBJECT_HANDLE found[2] = { CK_INVALID_HANDLE };
	CK_ULONG n = 0;

	(void)snprintf(text, sizeof(text), "%s", label);
	MUST(rig->calls->C_FindObjectsInit(session, wanted, 2) == CKR_OK);
	MUST(rig->calls->C_FindObjects(session, found, 2, &n) == CKR_OK);
	MUST(rig->calls->C_FindObjectsFinal(session) == CKR_OK);
	return n == 1 ? found[0] : CK_INVALID_HANDLE;
}

struct module_value module_rig_get(struct module_rig *rig, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
				   CK_ATTRIBUTE_TYPE type)
{
	struct module_value value = { .size = 0 };
	CK_ATTRIBUTE attribute = { type, value.data, sizeof(value.data) };

	value.rv = rig->calls->C_GetAttributeValue(session, object, &attribute, 1);
	value.size = attribute.ulValueLen;
	return value;
}

struct ks_bytes module_rig_input(void)
{
	static uint8_t input[130];

	memset(input, ' ', sizeof(input));
	memcpy(input + 64, "TLS 1.3, client CertificateVerify", 34);
	return ks_bytes(input, sizeof(input));
}
