/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message: typed structs for every message of lib/protocol/messages.def and the codec that follows that table.
 *
 * struct ks_msg_sign, ks_msg_sign_reply … hold their fields as C values; BYTES, TEXT, SECRET and LIST fields are
 * borrowed runs of bytes. Every message starts with version and id (a reply repeats the id).
 * Pure: bytes in, bytes out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/reader.h"
#include "lib/protocol/limits.h"

/* TOKEN_LOCKED needs a PIN, TOKEN_OPEN needs none ever. */
enum ks_token_state {
	KS_TOKEN_LOCKED = 0,
	KS_TOKEN_UNLOCKED = 1,
	KS_TOKEN_OPEN = 2,
	KS_TOKEN_BLOCKED = 3, /* the token refuses its PIN until it is reset */
	KS_TOKEN_ABSENT = 4,
};

/* What is known of a certificate's revocation. Only GOOD says that it is good. */
enum ks_revocation_state {
	KS_REVOCATION_NOT_LOOKED_AT = 0, /* revocation = off, or there is no certificate */
	KS_REVOCATION_GOOD = 1,          /* a fresh answer or list of its CA */
	KS_REVOCATION_REVOKED = 2,
	KS_REVOCATION_UNKNOWN = 3,   /* its CA's responder does not know it */
	KS_REVOCATION_OUTDATED = 4,  /* there was an answer, whose time is over */
	KS_REVOCATION_NO_ANSWER = 5, /* the certificate names whom to ask, and there is no answer yet */
	KS_REVOCATION_NO_SOURCE = 6, /* it names nobody */
};

enum ks_module_state {
	KS_MODULE_STARTING = 0,
	KS_MODULE_READY = 1,
	KS_MODULE_WAITING = 2, /* died, is started again after a pause */
	KS_MODULE_FAILED = 3,  /* its file is missing or must not be loaded */
};

/* What the rules say to a signature (EXPLAIN_REPLY). */
enum ks_verdict {
	KS_VERDICT_ALLOW = 1,
	KS_VERDICT_ASK = 2, /* a person is asked first */
	KS_VERDICT_DENY = 3,
	KS_VERDICT_PROVE = 4, /* the agent's own, never on the wire: the server has to be looked at first */
};

/* From CK_TOKEN_INFO flags (PKCS#11 2.40 section 3.2). */
enum ks_pin_flag {
	KS_PIN_NEEDED = 1 << 0,    /* CKF_LOGIN_REQUIRED */
	KS_PIN_SET = 1 << 1,       /* CKF_USER_PIN_INITIALIZED */
	KS_PIN_COUNT_LOW = 1 << 2, /* a wrong PIN was given since the last good one */
	KS_PIN_FINAL_TRY = 1 << 3, /* one more wrong PIN blocks the token */
	KS_PIN_IS_BLOCKED = 1 << 4,
	KS_PIN_TO_BE_CHANGED = 1 << 5,
	KS_PIN_PAD = 1 << 6, /* CKF_PROTECTED_AUTHENTICATION_PATH */

	/* Of the SO PIN; only where a token is provisioned. */
	KS_PIN_SO_COUNT_LOW = 1 << 7,
	KS_PIN_SO_FINAL_TRY = 1 << 8,
	KS_PIN_SO_IS_BLOCKED = 1 << 9,
	KS_PIN_SO_TO_BE_CHANGED = 1 << 10,

	KS_PIN_TROUBLE = KS_PIN_COUNT_LOW | KS_PIN_FINAL_TRY, /* the next PIN is a person's, who was told */
};

/* What is done to a token that is provisioned, and which PINs that takes. */
enum ks_provision {
	KS_PROVISION_LIST = 1, /* all slots and what is in them: none */
	KS_PROVISION_INIT = 2, /* so_pin: that of before, or of a blank token its first; new_pin: the user's, or none */
	KS_PROVISION_PIN_SET = 3,       /* so_pin, new_pin: the user's first one */
	KS_PROVISION_PIN_CHANGE = 4,    /* pin, new_pin */
	KS_PROVISION_PIN_UNBLOCK = 5,   /* so_pin (a PIV card's PUK), new_pin */
	KS_PROVISION_SO_PIN_CHANGE = 6, /* so_pin, new_pin: the new SO PIN (or PUK) */
};

/* How a worker learns that tokens come and go. */
enum ks_token_events {
	KS_EVENTS_NONE = 0,    /* not at all: its module tells nothing */
	KS_EVENTS_SLOTS = 1,   /* C_WaitForSlotEvent (PKCS#11 2.40 section 5.5) */
	KS_EVENTS_READERS = 2, /* PC/SC itself, beside the module: also while the module hangs */
};

enum ks_worker_event {
	KS_WORKER_EVENT_CHANGED = 1,    /* a token may have come */
	KS_WORKER_EVENT_TOKEN_GONE = 2, /* its card was taken out of the reader */
	KS_WORKER_EVENT_RENEW = 3,      /* only a new process sees what there is now (pcscd was started again) */
};

/* What became of a request that is worth a record. */
enum ks_audit_outcome {
	KS_AUDIT_SIGNED = 1,
	KS_AUDIT_DENIED,    /* by a rule, or because the input is not what may be signed */
	KS_AUDIT_CANCELLED, /* by a person, or because the client went away */
	KS_AUDIT_FAILED,
	KS_AUDIT_DONE, /* what is no signature: a token was unlocked or locked */
};

enum ks_monitor_kind {
	KS_MONITOR_ASKED = 1,
	KS_MONITOR_WAITS = 2,
	KS_MONITOR_ANSWERED = 3,
};

enum ks_prompt_kind {
	KS_PROMPT_PIN = 1,     /* an entry field */
	KS_PROMPT_CONFIRM = 2, /* two buttons */
	KS_PROMPT_SHOW = 3,    /* text, until the agent closes it or the person cancels (a PIN typed at the reader) */
};

/* Which socket a message belongs to. */
enum ks_message_where {
	KS_ON_ANY = 0,
	KS_ON_SIGN,
	KS_ON_CONTROL,
	KS_ON_WORKER,
	KS_ON_HELPER, /* the channels of keystay-prompt and keystay-prove */
};

enum ks_message_type {
#define MESSAGE(struct_name, NAME, number, where) KS_MSG_##NAME = (number),
#include "lib/protocol/messages.def"
};

#define MESSAGE(struct_name, NAME, number, where)                                                                      \
	struct ks_msg_##struct_name {                                                                                  \
		uint32_t version;                                                                                      \
		uint32_t id;
#define RECORD(struct_name) struct ks_msg_##struct_name {
#define BOOL(struct_name, field) bool field;
#define U32(struct_name, field) uint32_t field;
#define U64(struct_name, field) uint64_t field;
#define BYTES(struct_name, field, max) struct ks_bytes field;
#define FIXED(struct_name, field, size) struct ks_bytes field;
#define TEXT(struct_name, field, max) struct ks_bytes field;
#define SECRET(struct_name, field, max) struct ks_bytes field;
#define LIST(struct_name, field, record) struct ks_bytes field;
#define END(struct_name)                                                                                               \
	}                                                                                                              \
	;
#include "lib/protocol/messages.def"

enum ks_field_kind {
	KS_FIELD_BOOL,
	KS_FIELD_U32,
	KS_FIELD_U64,
	KS_FIELD_BYTES, /* FIXED is BYTES with min == max */
	KS_FIELD_TEXT,  /* ks_text_valid(); the codec refuses anything else on both sides */
	KS_FIELD_SECRET,
	KS_FIELD_LIST,
};

struct ks_field_spec {
	const char *name;
	enum ks_field_kind kind;
	uint16_t offset;                      /* in the struct */
	uint32_t min;                         /* bytes; 0 but for FIXED */
	uint32_t max;                         /* bytes; 0 for numbers */
	const struct ks_message_spec *record; /* of a LIST */
};

struct ks_message_spec {
	const char *name; /* "sign_reply" */
	uint8_t type;     /* 0 for a record */
	enum ks_message_where where;
	uint16_t struct_size;
	uint8_t n_fields;   /* without version and id */
	uint32_t max_total; /* largest sum of all BYTES fields; 0 = no such rule */
	const struct ks_field_spec *fields;
};

/* The table's row of a message type; NULL when unknown. */
const struct ks_message_spec *ks_message_spec(uint8_t type);

/* All rows, messages and records, for tests and tools; n is set. */
const struct ks_message_spec *ks_message_specs(size_t *ret_n);

/* Appends one whole frame. message points to the ks_msg_* struct of that type; its version is taken as it stands, so
 * set KS_PROTOCOL_VERSION (KS_MESSAGE_HEAD does). Too large or invalid fields leave an error in the buffer. */
void ks_message_write(struct ks_buffer *buffer, uint8_t type, const void *message);

/* Reads a frame's body into the ks_msg_* struct of that type, whose size must be size. Bytes after the last known
 * field are ignored (docs/protocol.md section 3). MALFORMED, TOO_LARGE, UNKNOWN_MESSAGE, or VERSION; after VERSION
 * version and id are set and nothing else. Lists are only bounded here, their records are checked as they are read. */
int ks_message_read(uint8_t type, struct ks_bytes body, void *ret_message, size_t size) KS_WARN_UNUSED;

/* The version and id at the start of any body, for error replies to messages that cannot be read. false if absent. */
bool ks_message_head(struct ks_bytes body, uint32_t *ret_version, uint32_t *ret_id);

/* Appends one record to the contents of a LIST field that is being built in buffer. spec: KS_RECORD(identity). */
void ks_record_write(struct ks_buffer *list, const struct ks_message_spec *spec, const void *record);

/* Takes the next record from a LIST. 1: one was read; 0: the list has ended; negative: MALFORMED or TOO_LARGE. */
int ks_record_read(struct ks_reader *list, const struct ks_message_spec *spec, void *ret_record, size_t size)
	KS_WARN_UNUSED;

/* The row of a record. */
#define KS_RECORD(name) (&ks_record_spec_##name)
extern const struct ks_message_spec ks_record_spec_anchors;
extern const struct ks_message_spec ks_record_spec_identity;
extern const struct ks_message_spec ks_record_spec_certificate;
extern const struct ks_message_spec ks_record_spec_module_status;
extern const struct ks_message_spec ks_record_spec_certificate_status;
extern const struct ks_message_spec ks_record_spec_refusal_count;
extern const struct ks_message_spec ks_record_spec_slot_status;
extern const struct ks_message_spec ks_record_spec_token_status;
extern const struct ks_message_spec ks_record_spec_profile;
extern const struct ks_message_spec ks_record_spec_profile_value;
extern const struct ks_message_spec ks_record_spec_profile_key;
extern const struct ks_message_spec ks_record_spec_monitor_event;

#define KS_MESSAGE_HEAD(request_id) .version = KS_PROTOCOL_VERSION, .id = (request_id)

/* In a designated initializer: where the person is who may be asked, and for how long, out of a message or a struct
 * ks_hints with the same fields. */
#define KS_MESSAGE_PERSON(from)                                                                                        \
	.wait_ms = (from).wait_ms, .program = (from).program, .tty = (from).tty, .term = (from).term,                  \
	.display = (from).display, .wayland_display = (from).wayland_display
