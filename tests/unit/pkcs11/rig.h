/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig: SoftHSM tokens in a temporary folder, and keystay-token as its own process in front of them, driven as the agent
 * drives it.
 *
 * Whatever a test cannot go on without ends it (fail()). Tokens are written by a child process, so that no module is
 * ever loaded into a test program, and nothing opens a token beside the worker.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <p11-kit/pkcs11.h>
#include <sys/types.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/frame.h"
#include "lib/protocol/message.h"

#define RIG_PIN "rig-7291-pin"
#define RIG_SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

/* --- tokens ------------------------------------------------------------------------------------------------------ */

struct rig {
	char folder[128];
	char shim[160];   /* a copy of keystay-shim.so in the folder */
	char script[160]; /* KEYSTAY_SHIM_SCRIPT */
	char counts[160]; /* KEYSTAY_SHIM_COUNTS */
};

/* What a child process writes tokens with. */
struct rig_writer {
	CK_FUNCTION_LIST *calls;
	CK_SESSION_HANDLE session; /* of the last token, logged in */
};

void rig_init(struct rig *rig);
void rig_deinit(struct rig *rig);

/* Runs fill in a child process with SoftHSM loaded. */
void rig_write(const struct rig *rig, void (*fill)(struct rig_writer *writer, void *userdata), void *userdata);

/* For fill functions; a failure ends the child, and with it the test. */
void rig_write_token(struct rig_writer *writer, const char *label);

enum rig_parts { RIG_PUBLIC = 1, RIG_PRIVATE = 2, RIG_CERTIFICATE = 4, RIG_ALL = 7 };

struct rig_key {
	EVP_PKEY *key;
	const char *label;
	uint8_t id;
	unsigned parts;
	bool always_authenticate;
	bool no_sign;
};

void rig_write_key(const struct rig_writer *writer, const struct rig_key *key);
void rig_write_certificate(const struct rig_writer *writer, struct ks_bytes id, const char *label, struct ks_bytes der);

/* Keys of OpenSSL: "RSA2048", "P-256", "P-384", "P-521", "ED25519"; given. */
EVP_PKEY *rig_new_key(const char *type);

/* A self-signed certificate; appended. */
void rig_put_certificate(struct ks_buffer *buffer, EVP_PKEY *key, const char *name);

/* --- the shim ---------------------------------------------------------------------------------------------------- */

/* Replaces the script (NULL: none). */
void rig_script(const struct rig *rig, const char *script);

/* How often was it asked? line: "C_Login", or "C_SignInit 0x1041"; the start of a line counts. */
unsigned rig_count(const struct rig *rig, const char *line);

/* --- the worker -------------------------------------------------------------------------------------------------- */

struct rig_token {
	uint32_t number;
	char label[65], manufacturer[65], model[65], serial[65];
	uint32_t pin_flags, pin_min, pin_max;
	bool logged_in;
	uint8_t digest[32];
};

struct rig_found_key {
	uint32_t token, number;
	uint8_t id[256];
	size_t id_size;
	char label[257];
	uint8_t spki[KS_SPKI_MAX];
	size_t spki_size;
	bool private_seen, always_authenticate, decrypts;
};

struct rig_found_certificate {
	uint32_t token;
	uint8_t id[256];
	size_t id_size;
	char label[257];
	size_t der_size;
	uint8_t der_start[64];
};

struct rig_worker {
	pid_t pid;
	int fd;
	int log_fd;
	struct ks_buffer in;
	size_t held;
	uint32_t last_id;
	/* what the last inventory said, as the agent would put it together */
	struct rig_token tokens[16];
	size_t n_tokens;
	struct rig_found_key *keys;
	size_t n_keys;
	struct rig_found_certificate *certificates;
	size_t n_certificates;
	bool all; /* of the last WORKER_INVENTORY */
	unsigned n_inventories;
	uint32_t events;                      /* enum ks_token_events, of the last WORKER_INVENTORY */
	struct ks_msg_worker_event heard[64]; /* WORKER_EVENTs, in their order */
	size_t n_heard;
	bool not_given;   /* the last error said that the token was not given the PIN */
	char error[1024]; /* the sentence of the last KS_MSG_ERROR */
};

struct rig_options {
	const char *path; /* NULL: SoftHSM; RIG_SHIM: the copy of the shim */
	const char *p11_kit;
	const char *sessions;
	const char *arguments[6];   /* more than those */
	const char *environment[8]; /* "NAME=VALUE", more than the rig's own */
};

extern const char rig_shim_path[];
#define RIG_SHIM rig_shim_path

/* Starts keystay-token; does not wait for anything. */
void rig_start(const struct rig *rig, const struct rig_options *options, struct rig_worker *ret_worker);

/* Starts it and reads the first inventory. */
void rig_start_ready(const struct rig *rig, const struct rig_options *options, struct rig_worker *ret_worker);

/* Closes the channel, waits for the end, which has to come with exit code 0. */
void rig_stop(struct rig_worker *worker);

/* For workers that died or were to die by themselves. Returns the status of waitpid(2). */
int rig_wait(struct rig_worker *worker);

/* Everything that it printed until its end; given. */
char *rig_read_log(const struct rig_worker *worker);

/* The next frame; false when the channel was closed. Fails the test after a minute. */
bool rig_read(struct rig_worker *worker, struct ks_frame *ret_frame);

/* Sends one message. */
void rig_send(struct rig_worker *worker, uint8_t type, const void *message);

/* Reads up to WORKER_INVENTORY, or up to the next WORKER_EVENT, which must be of this kind. */
void rig_read_inventory(struct rig_worker *worker);
void rig_await_event(struct rig_worker *worker, enum ks_worker_event kind, uint32_t token);

/* Is the token among those of the inventory that were not told to be gone since? */
const struct rig_token *rig_find_token(const struct rig_worker *worker, const char *label);

/* Reads (and takes in inventories) up to the answer to id. 0 when it is of that type, else the error as KS_ERR_*. */
int rig_await(struct rig_worker *worker, uint32_t id, uint8_t type, struct ks_frame *ret_frame);

struct rig_login {
	const char *serial;    /* NULL: the token's */
	const uint8_t *digest; /* NULL: the token's */
	bool final_try;        /* a dialog told of all that there is */
	bool count_low;        /* ... of wrong PINs alone */
	bool unattended;
};

int rig_login(struct rig_worker *worker, uint32_t token, const char *pin, const struct rig_login *how);
int rig_logout(struct rig_worker *worker, uint32_t token);

/* Reads every token anew. rig_look: those alone that have come. */
int rig_rescan(struct rig_worker *worker);
int rig_look(struct rig_worker *worker);

/* Sends SIGN, returns its id. */
uint32_t rig_ask_signature(struct rig_worker *worker, uint32_t token, uint32_t key, uint32_t scheme,
			   struct ks_bytes input);

/* Signs a made-up input and verifies what comes back with the key of the inventory, by OpenSSL. */
int rig_sign(struct rig_worker *worker, const struct rig_found_key *key, uint32_t scheme);

/* The same with a PIN of its own, for keys with CKA_ALWAYS_AUTHENTICATE. how: NULL or its flags. */
int rig_sign_with_pin(struct rig_worker *worker, const struct rig_found_key *key, uint32_t scheme, const char *pin,
		      const struct rig_login *how);
bool rig_verify(const struct rig_found_key *key, uint32_t scheme, struct ks_bytes input, struct ks_bytes signature);

const struct rig_found_key *rig_key_by_label(const struct rig_worker *worker, const char *label);

/* NULL: there is none. */
const struct rig_found_key *rig_find_key(const struct rig_worker *worker, const char *label);
struct ks_bytes rig_id(const struct rig_found_key *key);
struct ks_bytes rig_spki(const struct rig_found_key *key);

/* --- changes, of the first token --------------------------------------------------------------------------------- */

struct rig_new_key {
	uint32_t type, bits; /* as in WORKER_KEYGEN */
	const char *label;
	struct ks_bytes id;
};

struct rig_made {
	uint8_t id[256];
	size_t id_size;
	uint8_t spki[KS_SPKI_MAX];
	size_t spki_size;
};

int rig_keygen(struct rig_worker *worker, const struct rig_new_key *key, struct rig_made *ret_made);
int rig_store(struct rig_worker *worker, struct ks_bytes id, const char *label, struct ks_bytes der);

/* How many objects, or the error. */
enum rig_removal { RIG_KEYS = 1, RIG_CERTIFICATES = 2 };
int rig_remove(struct rig_worker *worker, struct ks_bytes id, struct ks_bytes spki, unsigned what,
	       struct ks_bytes hash);

/* SoftHSM itself, asked by the user in a process of its own, has no object with this attribute. No worker may run. */
void rig_expect_none(const struct rig *rig, CK_ATTRIBUTE_TYPE type, struct ks_bytes value);
