/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: libkeystay, the way to the agent for everything that runs in other people's programs.
 *
 * libc only, no state, no threads, no signal handlers, no locale: each call makes a fresh connection (so forks, threads
 * and agents that were restarted are no matter), waits with a deadline and closes it. Never raises SIGPIPE.
 * Safe to call from several threads and after fork().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"

/* What went wrong, for a person: one sentence with the next step, without a final newline. */
struct ks_client_error {
	int code; /* KS_ERR_* */
	char text[KS_TEXT_MAX];
};

/* --- one connection ---------------------------------------------------------------------------------------------- */

struct ks_client {
	int fd; /* -1 when closed */
	uint32_t next_id;
	struct ks_buffer buffer; /* the last reply; replies borrow from it */
};

enum ks_client_socket {
	KS_CLIENT_SIGN,    /* lib/base/path.h: ks_path_sign_socket() */
	KS_CLIENT_MODULE,  /* ks_path_module_socket(): a sign socket, for keystay-pkcs11.so */
	KS_CLIENT_CONTROL, /* ks_path_control_socket(); its listener must belong to this user or to root */
};

/* NO_AGENT with a sentence that says how to start one, or UNTRUSTED_AGENT. */
int ks_client_open(enum ks_client_socket socket, struct ks_client *ret_client, struct ks_client_error *ret_error)
	KS_WARN_UNUSED;
void ks_client_close(struct ks_client *client);

/* Sends request (version and id are filled in) and reads its reply, of type reply_type and size reply_size. An error
 * reply becomes its code and text. What the reply points to is borrowed until the next call or close. The frame that
 * carried a SECRET field is wiped.
 * notice: after KS_CLIENT_NOTICE_MS, when standard error is a terminal without a dialog on it, this line is written to
 * it; NULL = nothing. Gives up after KS_CLIENT_DEADLINE_MS, with UNLOCK after KS_CLIENT_UNLOCK_DEADLINE_MS. */
int ks_client_call(struct ks_client *client, uint8_t type, void *request, uint8_t reply_type, void *ret_reply,
		   size_t reply_size, const char *notice, struct ks_client_error *ret_error) KS_WARN_UNUSED;

/* --- what plug-ins need ------------------------------------------------------------------------------------------ */

/* One identity with its chain. message and buffer belong together; ks_client_identity_free(). */
struct ks_client_identity {
	struct ks_msg_identity identity;
	struct ks_bytes chain;   /* LIST of certificate records, leaf first */
	struct ks_bytes issuer;  /* of a chain of the leaf alone: the certificate of who issued it; or none */
	struct ks_buffer buffer; /* owned */
};

/* name as in GET, or "auto": the best one, as client/choose.h finds it. */
int ks_client_get(const char *name, struct ks_client_identity **ret_identity, struct ks_client_error *ret_error)
	KS_WARN_UNUSED;
int ks_client_get_at(enum ks_client_socket socket, const char *name, struct ks_client_identity **ret_identity,
		     struct ks_client_error *ret_error) KS_WARN_UNUSED;
void ks_client_identity_free(struct ks_client_identity *identity);
/* DER of its certificate; none. Borrowed from identity. */
struct ks_bytes ks_client_identity_leaf(const struct ks_client_identity *identity);

/* Calls found for each identity, page by page; a negative return ends it. Starts again when the list changes. */
int ks_client_list(int (*found)(const struct ks_msg_identity *identity, void *userdata), void *userdata,
		   struct ks_client_error *ret_error) KS_WARN_UNUSED;

int ks_client_list_at(enum ks_client_socket socket,
		      int (*found)(const struct ks_msg_identity *identity, void *userdata), void *userdata,
		      struct ks_client_error *ret_error) KS_WARN_UNUSED;

/* The same, and which generation of the list it is (docs/protocol.md, LIST). */
int ks_client_list_news(enum ks_client_socket socket,
			int (*found)(const struct ks_msg_identity *identity, void *userdata), void *userdata,
			uint64_t *ret_generation, struct ks_client_error *ret_error) KS_WARN_UNUSED;

/* The generation alone, for who has a list and asks whether it is still true. Makes the agent look for nothing. */
int ks_client_generation(enum ks_client_socket socket, uint64_t *ret_generation, struct ks_client_error *ret_error)
	KS_WARN_UNUSED;

/* What the rules of keystay.conf say to a signature (EXPLAIN). Texts as the agent gave them: escape before showing. */
struct ks_client_policy {
	enum ks_verdict verdict; /* ALLOW, ASK or DENY */
	char text[KS_TEXT_MAX];  /* why, one sentence */
	char rule[513];          /* the rule that decides, or "" */
	char key[257];           /* short name */
};

/* name as in GET; server is taken for proven, "" = none could be. Nobody is asked and nothing is signed. */
int ks_client_explain(enum ks_client_socket socket, const char *name, const char *server, bool digest,
		      struct ks_client_policy *ret_policy, struct ks_client_error *ret_error) KS_WARN_UNUSED;

/* Has the agent read anew what lies in its state folder: certs/ and status/ (REFRESH). Returns when it has. */
int ks_client_refresh(struct ks_client_error *ret_error) KS_WARN_UNUSED;

struct ks_client_sign {
	enum ks_client_socket socket; /* SIGN, or MODULE */
	const char *name;             /* of the key, for the notice; may be NULL */
	uint8_t spki_hash[32];
	uint16_t scheme;
	struct ks_bytes input;      /* the whole to-be-signed input */
	struct ks_bytes transcript; /* or none */
};

/* Hints (terminal, display, KEYSTAY_PROMPT=never) are taken from the environment. Writes at most KS_SIGNATURE_MAX
 * bytes to signature. */
int ks_client_sign(const struct ks_client_sign *request, uint8_t *signature, size_t *ret_size,
		   struct ks_client_error *ret_error) KS_WARN_UNUSED;

/* The signature of a certificate request (docs/protocol.md, SIGN_REQUEST), over the control socket. info is the whole
 * CertificationRequestInfo (lib/protocol/csr.h). */
struct ks_client_sign_request {
	const char *name; /* as above */
	uint8_t spki_hash[32];
	uint16_t scheme;
	struct ks_bytes info;
};

int ks_client_sign_request(const struct ks_client_sign_request *request, uint8_t *signature, size_t *ret_size,
			   struct ks_client_error *ret_error) KS_WARN_UNUSED;

/* The signature of what a client of CMP signs (docs/protocol.md, SIGN_CMP), over the control socket. part is the whole
 * ProtectedPart (RFC 4210 section 5.1.3) or CertRequest (RFC 4211 section 4.1). */
struct ks_client_sign_cmp {
	const char *name; /* as above */
	uint8_t spki_hash[32];
	uint16_t scheme;
	struct ks_bytes part;
};

int ks_client_sign_cmp(const struct ks_client_sign_cmp *request, uint8_t *signature, size_t *ret_size,
		       struct ks_client_error *ret_error) KS_WARN_UNUSED;

/* A handshake with the server of the key's enrolment profile, over the control socket (docs/protocol.md, SIGN_FOR_CA).
 * request->socket does not matter. WRONG_SOCKET where the key has no such profile, or this is not proven to be its server:
 * then a sign socket has the rules for it. */
int ks_client_sign_for_ca(const struct ks_client_sign *request, uint8_t *signature, size_t *ret_size,
			  struct ks_client_error *ret_error) KS_WARN_UNUSED;

/* For clients that have nothing but a digest (docs/protocol.md, SIGN_DIGEST). INPUT_DIGEST unless key and socket say
 * `allow = tls, digest`. */
struct ks_client_sign_digest {
	enum ks_client_socket socket;
	const char *name; /* as above */
	uint8_t spki_hash[32];
	uint16_t scheme;
	struct ks_bytes digest; /* as long as the scheme's hash */
};

int ks_client_sign_digest(const struct ks_client_sign_digest *request, uint8_t *signature, size_t *ret_size,
			  struct ks_client_error *ret_error) KS_WARN_UNUSED;
