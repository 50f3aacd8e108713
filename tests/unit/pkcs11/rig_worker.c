/* SPDX-License-Identifier: Apache-2.0 */
/* rig_worker: the part of the rig that starts keystay-token and talks to it. See rig.h. Runs in: unit tests. */
#include "tests/unit/pkcs11/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/protocol/scheme.h"

#define PATIENCE_MS 60000
#define OBJECTS_MAX 4096

const char rig_shim_path[] = "(the shim)";

/* --- the process ------------------------------------------------------------------------------------------------- */

static void add_environment(const struct rig *rig, const struct rig_options *options)
{
	char path[192];

	(void)snprintf(path, sizeof(path), "%s/softhsm2.conf", rig->folder);
	(void)setenv("SOFTHSM2_CONF", path, 1);
	(void)setenv("KEYSTAY_SHIM_SCRIPT", rig->script, 1);
	(void)setenv("KEYSTAY_SHIM_COUNTS", rig->counts, 1);
	(void)unsetenv("OPENSSL_CONF");
	/* A leak check at exit(3) wants ptrace(2), which the worker gives up; it ends by _exit(2) and has none but of a
	 * module that exits. */
	(void)setenv("LSAN_OPTIONS", "detect_leaks=0", 1);
	for (size_t i = 0; i < sizeof(options->environment) / sizeof(options->environment[0]); i++) {
		if (options->environment[i])
			(void)putenv((char *)(uintptr_t)options->environment[i]);
	}
}

static void run_child(const struct rig *rig, const struct rig_options *options, int channel, int log)
{
	const char *path = !options->path ? RIG_SOFTHSM : options->path == RIG_SHIM ? rig->shim : options->path;
	/* Another program in its place, such as a script that runs it under valgrind. */
	const char *other = getenv("KEYSTAY_RIG_TOKEN");
	const char *program = other ? other : KEYSTAY_TOKEN;
	const char *argv[16] = { program,
				 "--module",
				 "test",
				 options->p11_kit ? "--p11-kit" : "--path",
				 options->p11_kit ? options->p11_kit : path,
				 options->sessions ? "--sessions" : NULL,
				 options->sessions };
	size_t n = 0;

	while (argv[n])
		n++;
	for (size_t i = 0; i < sizeof(options->arguments) / sizeof(options->arguments[0]) && options->arguments[i]; i++)
		argv[n++] = options->arguments[i];
	add_environment(rig, options);
	/* Both are far above 3 and do not get into each other's way. What the worker should not have, it is given: a
	 * standard input and one descriptor too many. */
	if (dup2(log, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || dup2(channel, 3) < 0 || dup2(log, 9) < 0)
		_exit(127);
	(void)execv(program, (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int move_up(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, 20);

	assert_true(moved >= 0);
	(void)close(fd);
	return moved;
}

void rig_start(const struct rig *rig, const struct rig_options *options, struct rig_worker *ret_worker)
{
	int channel[2], log[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
	assert_int_equal(pipe2(log, O_CLOEXEC), 0);
	for (int i = 0; i < 2; i++) {
		channel[i] = move_up(channel[i]);
		log[i] = move_up(log[i]);
	}
	*ret_worker = (struct rig_worker){ .fd = channel[0], .log_fd = log[0] };
	ret_worker->keys = calloc(OBJECTS_MAX, sizeof(*ret_worker->keys));
	ret_worker->certificates = calloc(OBJECTS_MAX, sizeof(*ret_worker->certificates));
	assert_non_null(ret_worker->keys);
	assert_non_null(ret_worker->certificates);
	(void)fflush(NULL);
	ret_worker->pid = fork();
	assert_true(ret_worker->pid >= 0);
	if (ret_worker->pid == 0)
		run_child(rig, options, channel[1], log[1]);
	(void)close(channel[1]);
	(void)close(log[1]);
}

void rig_start_ready(const struct rig *rig, const struct rig_options *options, struct rig_worker *ret_worker)
{
	rig_start(rig, options, ret_worker);
	rig_read_inventory(ret_worker);
	assert_true(ret_worker->all);
}

int rig_wait(struct rig_worker *worker)
{
	int status = -1;

	if (worker->fd >= 0)
		(void)close(worker->fd);
	assert_int_equal(waitpid(worker->pid, &status, 0), worker->pid);
	(void)close(worker->log_fd);
	ks_buffer_deinit(&worker->in);
	free(worker->keys);
	free(worker->certificates);
	worker->fd = -1;
	return status;
}

void rig_stop(struct rig_worker *worker)
{
	assert_int_equal(rig_wait(worker), 0);
}

char *rig_read_log(const struct rig_worker *worker)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };

	for (;;) {
		uint8_t *room = ks_buffer_reserve(&text, 4096);
		assert_non_null(room);
		ssize_t n = read(worker->log_fd, room, 4096);
		if (n <= 0)
			return ks_buffer_steal_text(&text);
		ks_buffer_grow(&text, (size_t)n);
	}
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

bool rig_read(struct rig_worker *worker, struct ks_frame *ret_frame)
{
	ks_buffer_consume(&worker->in, worker->held);
	worker->held = 0;
	for (;;) {
		enum ks_frame_state state;
		size_t used;
		assert_int_equal(ks_frame_read(ks_buffer_bytes(&worker->in), &state, ret_frame, &used), 0);
		if (state == KS_FRAME_WHOLE) {
			worker->held = used;
			return true;
		}
		struct pollfd wait = { .fd = worker->fd, .events = POLLIN };
		assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
		uint8_t *room = ks_buffer_reserve(&worker->in, 65536);
		assert_non_null(room);
		ssize_t n = recv(worker->fd, room, 65536, 0);
		if (n <= 0)
			return false;
		ks_buffer_grow(&worker->in, (size_t)n);
	}
}

void rig_send(struct rig_worker *worker, uint8_t type, const void *message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };

	ks_message_write(&out, type, message);
	assert_int_equal(ks_buffer_error(&out), 0);
	assert_int_equal(send(worker->fd, out.data, out.size, MSG_NOSIGNAL), (ssize_t)out.size);
}

/* --- the inventory ----------------------------------------------------------------------------------------------- */

static void copy_text(char *out, size_t size, struct ks_bytes text)
{
	assert_true(text.size < size);
	memcpy(out, text.data, text.size);
	out[text.size] = '\0';
}

#define READ(frame, message)                                                                                           \
	assert_int_equal(ks_message_read((frame)->type, (frame)->body, &(message), sizeof(message)), 0)

static void forget_objects(struct rig_worker *worker, uint32_t token)
{
	size_t n = 0;

	for (size_t i = 0; i < worker->n_keys; i++) {
		if (worker->keys[i].token != token)
			worker->keys[n++] = worker->keys[i];
	}
	worker->n_keys = n;
	n = 0;
	for (size_t i = 0; i < worker->n_certificates; i++) {
		if (worker->certificates[i].token != token)
			worker->certificates[n++] = worker->certificates[i];
	}
	worker->n_certificates = n;
}

/* A token that is named is forgotten with all that it had. */
static void take_token(struct rig_worker *worker, const struct ks_frame *frame)
{
	struct ks_msg_worker_token message;

	READ(frame, message);
	forget_objects(worker, message.token);
	size_t place = 0;
	while (place < worker->n_tokens && worker->tokens[place].number != message.token)
		place++;
	if (place == worker->n_tokens)
		worker->n_tokens++;
	assert_true(worker->n_tokens <= 16);
	struct rig_token *token = &worker->tokens[place];
	*token = (struct rig_token){ .number = message.token,
				     .pin_flags = message.pin_flags,
				     .pin_min = message.pin_min,
				     .pin_max = message.pin_max,
				     .logged_in = message.logged_in };
	memcpy(token->digest, message.digest.data, sizeof(token->digest));
	copy_text(token->label, sizeof(token->label), message.label);
	copy_text(token->manufacturer, sizeof(token->manufacturer), message.manufacturer);
	copy_text(token->model, sizeof(token->model), message.model);
	copy_text(token->serial, sizeof(token->serial), message.serial);
}

static void take_key(struct rig_worker *worker, const struct ks_frame *frame)
{
	struct ks_msg_worker_key message;

	READ(frame, message);
	assert_true(worker->n_keys < OBJECTS_MAX);
	/* Two keys of one number would make the agent kill the worker. */
	for (size_t i = 0; i < worker->n_keys; i++)
		assert_false(worker->keys[i].token == message.token && worker->keys[i].number == message.key);
	struct rig_found_key *key = &worker->keys[worker->n_keys++];
	*key = (struct rig_found_key){ .token = message.token,
				       .number = message.key,
				       .id_size = message.object_id.size,
				       .spki_size = message.spki.size,
				       .private_seen = message.private_seen,
				       .always_authenticate = message.always_authenticate,
				       .decrypts = message.decrypts };
	memcpy(key->id, message.object_id.data, message.object_id.size);
	memcpy(key->spki, message.spki.data, message.spki.size);
	copy_text(key->label, sizeof(key->label), message.label);
}

static void take_certificate(struct rig_worker *worker, const struct ks_frame *frame)
{
	struct ks_msg_worker_certificate message;

	READ(frame, message);
	assert_true(worker->n_certificates < OBJECTS_MAX);
	struct rig_found_certificate *certificate = &worker->certificates[worker->n_certificates++];
	*certificate = (struct rig_found_certificate){ .token = message.token,
						       .id_size = message.object_id.size,
						       .der_size = message.der.size };
	memcpy(certificate->id, message.object_id.data, message.object_id.size);
	memcpy(certificate->der_start, message.der.data, message.der.size < 64 ? message.der.size : 64);
	copy_text(certificate->label, sizeof(certificate->label), message.label);
}

static void take_event(struct rig_worker *worker, const struct ks_frame *frame)
{
	struct ks_msg_worker_event message;
	size_t place = 0;

	READ(frame, message);
	assert_int_equal(message.id, 0);
	assert_true(worker->n_heard < sizeof(worker->heard) / sizeof(worker->heard[0]));
	worker->heard[worker->n_heard++] = message;
	if (message.kind != KS_WORKER_EVENT_TOKEN_GONE)
		return;
	forget_objects(worker, message.token);
	while (place < worker->n_tokens && worker->tokens[place].number != message.token)
		place++;
	if (place < worker->n_tokens)
		worker->tokens[place] = worker->tokens[--worker->n_tokens];
}

static bool take_inventory(struct rig_worker *worker, const struct ks_frame *frame)
{
	struct ks_msg_worker_inventory message;

	switch (frame->type) {
	case KS_MSG_WORKER_TOKEN:
		take_token(worker, frame);
		return true;
	case KS_MSG_WORKER_KEY:
		take_key(worker, frame);
		return true;
	case KS_MSG_WORKER_CERTIFICATE:
		take_certificate(worker, frame);
		return true;
	case KS_MSG_WORKER_INVENTORY:
		READ(frame, message);
		assert_int_equal(message.id, 0);
		worker->all = message.all;
		worker->events = message.events;
		worker->n_inventories++;
		return true;
	case KS_MSG_WORKER_EVENT:
		take_event(worker, frame);
		return true;
	default:
		return false;
	}
}

void rig_read_inventory(struct rig_worker *worker)
{
	struct ks_frame frame;

	do {
		assert_true(rig_read(worker, &frame));
		assert_true(take_inventory(worker, &frame));
	} while (frame.type != KS_MSG_WORKER_INVENTORY);
}

void rig_await_event(struct rig_worker *worker, enum ks_worker_event kind, uint32_t token)
{
	struct ks_frame frame;

	do {
		assert_true(rig_read(worker, &frame));
		assert_true(take_inventory(worker, &frame));
	} while (frame.type != KS_MSG_WORKER_EVENT);
	assert_int_equal(worker->heard[worker->n_heard - 1].kind, kind);
	assert_int_equal(worker->heard[worker->n_heard - 1].token, token);
}

const struct rig_token *rig_find_token(const struct rig_worker *worker, const char *label)
{
	for (size_t i = 0; i < worker->n_tokens; i++) {
		if (strcmp(worker->tokens[i].label, label) == 0)
			return &worker->tokens[i];
	}
	return NULL;
}

int rig_await(struct rig_worker *worker, uint32_t id, uint8_t type, struct ks_frame *ret_frame)
{
	uint32_t version, their_id;
	struct ks_frame frame;

	do {
		assert_true(rig_read(worker, &frame));
	} while (take_inventory(worker, &frame));
	assert_true(ks_message_head(frame.body, &version, &their_id));
	assert_int_equal(version, KS_PROTOCOL_VERSION);
	assert_int_equal(their_id, id);
	worker->error[0] = '\0';
	worker->not_given = frame.type == KS_MSG_WORKER_NOT_GIVEN;
	if (worker->not_given) {
		struct ks_msg_worker_not_given not_given;
		READ(&frame, not_given);
		assert_true(not_given.text.size > 0);
		copy_text(worker->error, sizeof(worker->error), not_given.text);
		return -(int)not_given.code;
	}
	if (frame.type == KS_MSG_ERROR) {
		struct ks_msg_error error;
		READ(&frame, error);
		assert_true(error.text.size > 0); /* always a sentence */
		copy_text(worker->error, sizeof(worker->error), error.text);
		return -(int)error.code;
	}
	assert_int_equal(frame.type, type);
	if (ret_frame)
		*ret_frame = frame;
	return 0;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

int rig_login(struct rig_worker *worker, uint32_t token, const char *pin, const struct rig_login *how)
{
	static const struct rig_login plain;
	static const uint8_t none[32];
	const char *serial = "";
	const uint8_t *digest = none;

	if (!how)
		how = &plain;
	for (size_t i = 0; i < worker->n_tokens; i++) {
		if (worker->tokens[i].number != token)
			continue;
		serial = worker->tokens[i].serial;
		digest = worker->tokens[i].digest;
	}
	digest = how->digest ? how->digest : digest;
	const struct ks_msg_worker_login message = { KS_MESSAGE_HEAD(++worker->last_id),
						     .token = token,
						     .told = how->final_try ? KS_PIN_TROUBLE :
							     how->count_low ? KS_PIN_COUNT_LOW :
									      0,
						     .unattended = how->unattended,
						     .serial = ks_bytes_text(how->serial ? how->serial : serial),
						     .digest = ks_bytes(digest, sizeof(none)),
						     .pin = ks_bytes_text(pin) };
	rig_send(worker, KS_MSG_WORKER_LOGIN, &message);
	return rig_await(worker, message.id, KS_MSG_WORKER_LOGIN_REPLY, NULL);
}

int rig_logout(struct rig_worker *worker, uint32_t token)
{
	const struct ks_msg_worker_logout message = { KS_MESSAGE_HEAD(++worker->last_id), .token = token };

	rig_send(worker, KS_MSG_WORKER_LOGOUT, &message);
	return rig_await(worker, message.id, KS_MSG_WORKER_LOGOUT_REPLY, NULL);
}

/* A whole inventory: what is not in it is gone. */
int rig_rescan(struct rig_worker *worker)
{
	const struct ks_msg_worker_rescan message = { KS_MESSAGE_HEAD(++worker->last_id), .all = true };

	worker->n_tokens = 0;
	worker->n_keys = 0;
	worker->n_certificates = 0;
	rig_send(worker, KS_MSG_WORKER_RESCAN, &message);
	return rig_await(worker, message.id, KS_MSG_WORKER_RESCAN_REPLY, NULL);
}

int rig_look(struct rig_worker *worker)
{
	const struct ks_msg_worker_rescan message = { KS_MESSAGE_HEAD(++worker->last_id) };

	rig_send(worker, KS_MSG_WORKER_RESCAN, &message);
	return rig_await(worker, message.id, KS_MSG_WORKER_RESCAN_REPLY, NULL);
}

uint32_t rig_ask_signature(struct rig_worker *worker, uint32_t token, uint32_t key, uint32_t scheme,
			   struct ks_bytes input)
{
	const struct ks_msg_worker_sign message = { KS_MESSAGE_HEAD(++worker->last_id), .token = token, .key = key,
						    .scheme = scheme, .input = input };

	rig_send(worker, KS_MSG_WORKER_SIGN, &message);
	return message.id;
}

bool rig_verify(const struct rig_found_key *key, uint32_t scheme, struct ks_bytes input, struct ks_bytes signature)
{
	const struct ks_scheme *row = ks_scheme_find(scheme);
	const unsigned char *der = key->spki;
	EVP_PKEY *public_key = d2i_PUBKEY(NULL, &der, (long)key->spki_size);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *of_key = NULL;

	assert_non_null(row);
	assert_non_null(public_key);
	bool good = EVP_DigestVerifyInit_ex(context, &of_key, ks_hash_name(row->hash), NULL, NULL, public_key, NULL) ==
		    1;
	if (good && row->signing == KS_SIGNING_RSA_PSS)
		good = EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, RSA_PSS_SALTLEN_DIGEST) == 1;
	good = good && EVP_DigestVerify(context, signature.data, signature.size, input.data, input.size) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(public_key);
	return good;
}

static const char signed_input[] =
	"an input of a length that is no block's: the worker signs what the agent lets through";

/* Waits for the answer to a request for a signature of signed_input. */
static int take_signature(struct rig_worker *worker, uint32_t id, const struct rig_found_key *key, uint32_t scheme)
{
	struct ks_msg_worker_sign_reply reply;
	struct rig_found_key of = *key; /* an inventory on the way moves the others */
	struct ks_frame frame;

	int r = rig_await(worker, id, KS_MSG_WORKER_SIGN_REPLY, &frame);
	if (r < 0)
		return r;
	READ(&frame, reply);
	return rig_verify(&of, scheme, ks_bytes(signed_input, sizeof(signed_input)), reply.signature) ?
		       0 :
		       KS_ERR_WRONG_SIGNATURE;
}

int rig_sign(struct rig_worker *worker, const struct rig_found_key *key, uint32_t scheme)
{
	uint32_t id = rig_ask_signature(worker, key->token, key->number, scheme,
					ks_bytes(signed_input, sizeof(signed_input)));

	return take_signature(worker, id, key, scheme);
}

int rig_sign_with_pin(struct rig_worker *worker, const struct rig_found_key *key, uint32_t scheme, const char *pin,
		      const struct rig_login *how)
{
	const struct ks_msg_worker_sign_with_pin message = { KS_MESSAGE_HEAD(++worker->last_id),
							     .token = key->token,
							     .key = key->number,
							     .scheme = scheme,
							     .told = how && how->final_try ? KS_PIN_TROUBLE : 0,
							     .unattended = how && how->unattended,
							     .input = ks_bytes(signed_input, sizeof(signed_input)),
							     .pin = ks_bytes_text(pin) };

	rig_send(worker, KS_MSG_WORKER_SIGN_WITH_PIN, &message);
	return take_signature(worker, message.id, key, scheme);
}

const struct rig_found_key *rig_key_by_label(const struct rig_worker *worker, const char *label)
{
	for (size_t i = 0; i < worker->n_keys; i++) {
		if (strcmp(worker->keys[i].label, label) == 0)
			return &worker->keys[i];
	}
	fail_msg("no key \"%s\" in the inventory", label);
	return NULL;
}
