/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state: what is known of one key's certificate beyond what the agent knows: how it was asked for, how far that is,
 * what went wrong.
 *
 * Runs in: keystay-enroll. One JSON file a key, FOLDER/enrol/HEX.json (HEX: SHA-256 of its SubjectPublicKeyInfo),
 * written as a whole with fsync: at any kill the last one or this one is there. Each step that cannot be taken back
 * stands here before it is done: a key before it is made, an answer before it is installed, a hook before the swap that
 * it follows. Holds no secret but SCEP's transient key, in what a driver keeps; mode 0600.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enrol/base/problem.h"
#include "lib/base/buffer.h"
#include "lib/protocol/limits.h"

#define KS_STATE_HASH_TEXT 65 /* 64 hexadecimal digits and a NUL */

/* A key that another one has replaced, and when it may go. */
struct ks_enrol_state_previous {
	char spki[KS_STATE_HASH_TEXT];
	uint64_t remove_after;
};

/* Texts are owned, NULL when there are none; buffers are empty when there is none. */
struct ks_enrol_state {
	char spki[KS_STATE_HASH_TEXT]; /* of the key whose state it is */
	char *key;                     /* the name it had last */
	char *profile;                 /* that was named at `keystay enroll`; keystay.conf goes before it */
	char *subject, *san;           /* that were named there; they go before the profile's */

	/* an order that is under way */
	struct ks_buffer request; /* CertificationRequest of what is pending */
	struct ks_buffer pending; /* of the driver; wiped */
	uint64_t pending_since;
	unsigned n_polls;
	struct ks_buffer issued; /* the judged chain, leaf first, DER: to be installed */

	/* the second key of a rekey; issued, pending and request are then of it */
	char *new_id;                      /* CKA_ID in hexadecimal digits: written before the key is made */
	char *new_token;                   /* PKCS#11 URI of the token it is made on */
	char new_spki[KS_STATE_HASH_TEXT]; /* "" = not made, or not known to be */

	struct ks_enrol_state_previous previous[KS_ENROL_PREVIOUS_MAX];
	size_t n_previous;

	bool hook_due;   /* the swap was begun: programs have not been told */
	char *installed; /* path of its PEM file */
	uint64_t installed_at;

	/* how it went last */
	unsigned n_failures; /* in a row */
	uint64_t next;       /* not before then; 0 = no bound but the certificate's own */
	uint64_t failed_at;
	bool waits;  /* for a token or a person: nothing is wrong */
	char *error; /* one or two sentences; NULL = it went well */
	int code;    /* KS_ERR_* of it */
};

void ks_enrol_state_deinit(struct ks_enrol_state *state);

/* Forgets an order that is under way, but not the second key. */
void ks_enrol_state_forget_order(struct ks_enrol_state *state);
void ks_enrol_state_forget_failure(struct ks_enrol_state *state);
/* Of the second key. */
void ks_enrol_state_forget_new_key(struct ks_enrol_state *state);
/* What went wrong; without its words when memory runs out. */
void ks_enrol_state_note_failure(struct ks_enrol_state *state, const struct ks_enrol_problem *problem);
/* A copy of text; NULL makes it none. NO_MEMORY, with the old one in place. */
int ks_enrol_state_set(char **field, const char *text) KS_WARN_UNUSED;

/* What stands in the file; a new state where there is none. A file that cannot be understood is set aside
 * (HEX.json.bad) and said, and the state is new. spki: 64 lower-case digits. */
int ks_enrol_state_load(const char *folder, const char *spki, struct ks_enrol_state *ret_state,
			struct ks_enrol_problem *problem) KS_WARN_UNUSED;
int ks_enrol_state_save(const char *folder, const struct ks_enrol_state *state, struct ks_enrol_problem *problem)
	KS_WARN_UNUSED;
int ks_enrol_state_remove(const char *folder, const char *spki, struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* Is there one of this key? Also when that cannot be looked at. */
bool ks_enrol_state_exists(const char *folder, const char *spki);

/* Of a key that is not here: is there nothing to wait for? No order, no key but itself, and no certificate: what was
 * installed has been removed, as `keystay token remove` does, and not by pulling a card; or it never had one, and
 * nobody has typed anything for it. */
bool ks_enrol_state_is_over(const char *folder, const struct ks_enrol_state *state);

/* The keys that have a state file: given, n * KS_STATE_HASH_TEXT bytes, sorted. */
int ks_enrol_state_list(const char *folder, char (**ret_hashes)[KS_STATE_HASH_TEXT], size_t *ret_n,
			struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* One keystay-enroll at a key: a descriptor that holds the lock until it is closed. BUSY after wait_ms. Makes
 * FOLDER/enrol where it is missing. */
int ks_enrol_state_lock(const char *folder, const char *spki, uint64_t wait_ms, int *ret_fd,
			struct ks_enrol_problem *problem) KS_WARN_UNUSED;
