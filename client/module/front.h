/* SPDX-License-Identifier: Apache-2.0 */
/*
 * front: all that this module remembers, and the one lock before it.
 *
 * Remembered are slots, public halves, certificates, sessions: what the agent told and what the program opened.
 * Nothing secret, nothing that the agent would not tell again. The lock is never held while the agent is asked: who
 * asks leaves, comes back, and looks whether what it came from is still there (ks_front_return()).
 *
 *	ks_front_enter() ── ks_front_leave() ── the agent is asked ── ks_front_return() ── ks_front_leave()
 *
 * A child of fork() has nothing of it until it calls C_Initialize itself (PKCS#11 2.40 section 5.4); a lock that was
 * held by another thread at the moment of the fork is made anew there.
 *
 * Runs in: any program, in all of its threads.
 */
#pragma once

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/spki.h"

struct ks_operation; /* sign.h */

/* One token of the agent. Stays, without token, when the token goes. */
struct ks_slot {
	CK_SLOT_ID id;
	char *identity; /* owned: what tells this token from all others */
	char label[33]; /* of the token, cut to what CK_TOKEN_INFO has room for */
	char serial[17];
	bool present;
	size_t place;   /* of its best key; slots are listed in this order */
	bool seen;      /* while a list is taken over */
	bool event;     /* present changed and C_WaitForSlotEvent has not told it yet */
	bool logged_in; /* what the program believes; nothing depends on it */
};

/* One identity of the agent on a token. */
struct ks_key {
	struct ks_slot *slot;
	char *name; /* owned */
	uint8_t spki_hash[32];
	uint8_t *spki_der;   /* owned */
	struct ks_spki spki; /* borrows from spki_der */
	bool digest;         /* key and socket allow SIGN_DIGEST */
	uint32_t n_certificates;
	size_t place; /* among all that are listed, the best one first (client/best.h) */
	bool listed;
	uint64_t fetched; /* generation of the list for which its certificates were asked for */
};

/* One object. Its handle is its place in the array, plus one, until C_Finalize. */
struct ks_object {
	CK_OBJECT_CLASS class;
	struct ks_slot *slot;
	struct ks_key *key; /* NULL for the certificate of an issuer */
	/* certificates */
	uint8_t *der; /* owned */
	size_t der_size;
	char *label;         /* owned, of an issuer; the others are called as their key */
	uint8_t id[32];      /* SHA-256 of the SubjectPublicKeyInfo */
	uint64_t generation; /* of the list for which it was told last */
};

struct ks_session {
	CK_SESSION_HANDLE handle;
	struct ks_slot *slot;
	CK_FLAGS flags;
	bool searching;
	CK_OBJECT_HANDLE *found; /* owned */
	size_t n_found, next_found;
	struct ks_operation *operation; /* owned; NULL when none is active, or while it is at the agent */
	bool signing;                   /* it is at the agent */
};

struct ks_front {
	uint64_t epoch;      /* one more with each C_Initialize */
	uint64_t generation; /* of the list that slots and keys are from; 0 = none */
	uint64_t looked_ms;  /* when it was last known to be true */
	uint64_t n_looks;    /* begun so far */
	uint64_t last_look;  /* the newest that was taken over */
	struct ks_slot **slots;
	size_t n_slots;
	struct ks_key **keys;
	size_t n_keys;
	struct ks_object **objects;
	size_t n_objects;
	struct ks_session **sessions;
	size_t n_sessions;
	CK_SESSION_HANDLE last_session;
};

/* CKR_CRYPTOKI_ALREADY_INITIALIZED, or a front without anything in it. */
CK_RV ks_front_init(void) KS_WARN_UNUSED;

/* Forgets everything and wakes those who wait. */
CK_RV ks_front_deinit(void) KS_WARN_UNUSED;

/* Takes the lock; CKR_CRYPTOKI_NOT_INITIALIZED without it, also in a child that has not called C_Initialize. */
CK_RV ks_front_enter(struct ks_front **ret_front) KS_WARN_UNUSED;
void ks_front_leave(void);

/* The lock again, after the agent was asked. CKR_CRYPTOKI_NOT_INITIALIZED when there was a C_Finalize meanwhile,
 * whatever came after it: pointers from before are gone then. */
CK_RV ks_front_return(uint64_t epoch, struct ks_front **ret_front) KS_WARN_UNUSED;

/* Gives the lock away until deadline_ms (monotonic) or until C_Finalize, which gives CKR_CRYPTOKI_NOT_INITIALIZED,
 * without the lock. */
CK_RV ks_front_wait(uint64_t epoch, uint64_t deadline_ms) KS_WARN_UNUSED;

/* --- what is in it, with the lock -------------------------------------------------------------------------------- */

/* NULL when there is none. */
struct ks_slot *ks_front_slot(const struct ks_front *front, CK_SLOT_ID id);
struct ks_session *ks_front_session(const struct ks_front *front, CK_SESSION_HANDLE handle);
struct ks_object *ks_front_object(const struct ks_front *front, CK_OBJECT_HANDLE handle);

/* Appends; the element is taken. NO_MEMORY leaves it with the caller. */
int ks_front_add_slot(struct ks_front *front, struct ks_slot *slot) KS_WARN_UNUSED;
int ks_front_add_key(struct ks_front *front, struct ks_key *key) KS_WARN_UNUSED;
int ks_front_add_object(struct ks_front *front, struct ks_object *object) KS_WARN_UNUSED;
int ks_front_add_session(struct ks_front *front, struct ks_session *session) KS_WARN_UNUSED;

/* Ends it, with what it had under way. */
void ks_front_drop_session(struct ks_front *front, struct ks_session *session);

void ks_slot_free(struct ks_slot *slot);
void ks_key_free(struct ks_key *key);
void ks_object_free(struct ks_object *object);
