/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unlock: which tokens may be used now, until when, and the PINs that the user allowed us to keep.
 *
 * Runs in: keystay-agent. Owns every PIN of the agent (struct ks_secret). Knows nothing of workers: whether a token is
 * really logged in is its worker's to say; whether it may be used is decided here, and here first: on expiry and on
 * lock the agent refuses before the worker is told to log out (DESIGN section 7).
 *
 *	LOCKED --open()--> UNLOCKED --close(), expiry, spent(), removal--> LOCKED
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "lib/base/error.h"
#include "lib/base/secret.h"

#define KS_TOKEN_DIGEST_SIZE 32u

/* What makes a token the same token again (DESIGN section 8). number tells tokens apart that are equal in all else. */
struct ks_token_id {
	const char *module, *manufacturer, *model, *serial, *label; /* borrowed */
	const uint8_t *digest; /* of its public objects, KS_TOKEN_DIGEST_SIZE bytes, borrowed */
	uint32_t twin;         /* 0; 1, 2 … for further tokens of one worker that are equal in all else */
};

struct ks_unlock_entry {
	char *module, *manufacturer, *model, *serial, *label; /* owned */
	uint8_t digest[KS_TOKEN_DIGEST_SIZE];
	uint32_t twin;
	bool has_twin;          /* once there was another like it: a new process may take the one for the other */
	unsigned n_users;       /* ks_unlock_hold(): somebody keeps a pointer over a wait */
	bool held;              /* a person locked it: only a person unlocks it, no PIN from a file */
	uint64_t cool_until_ms; /* monotonic: a person said no to its dialog, it is not shown again by itself */
	bool context_busy;      /* a signature with a PIN of its own is under way: one at a time */
	bool unlocked;
	bool once;              /* unlock-for = 0: good for one signature */
	struct ks_secret *pin;  /* kept for another login, or NULL */
	pid_t warmed;           /* the worker that was given the kept PIN while another token signed */
	uint64_t until_boot_ms; /* on the boot clock; 0 = no end by time */
	sd_event_source *timer;
	uint64_t n_signatures;
	uint64_t n_seen; /* of them, when it was last logged out for card-login = per-signature */
	struct ks_unlock *owner;
	uint64_t last_use;  /* counted: who was asked for the longest ago? */
	uint64_t iteration; /* of the event loop, when it was last asked for */
};

struct ks_unlock {
	sd_event *event;
	struct ks_unlock_entry **entries;
	size_t n_entries;
	uint64_t n_uses;
	/* The entry has just become locked by time: tell its worker. */
	void (*expired)(struct ks_unlock_entry *entry, void *userdata);
	void *userdata;
};

void ks_unlock_init(struct ks_unlock *unlock, sd_event *event,
		    void (*expired)(struct ks_unlock_entry *entry, void *userdata), void *userdata);
void ks_unlock_deinit(struct ks_unlock *unlock);

/* The entry of a token, made when there is none. Stays valid until the next return to the event loop, or as long as it
 * is unlocked or somebody holds it. Past KS_UNLOCK_ENTRIES the one that was asked for the longest ago, is locked and not
 * held makes way, so that a module that makes up tokens cannot grow us; NULL when there is none, or when memory runs
 * out. Entries never move within the array. */
struct ks_unlock_entry *ks_unlock_entry(struct ks_unlock *unlock, const struct ks_token_id *id);

/* Who keeps a pointer over a wait holds it; each hold has its release. */
void ks_unlock_hold(struct ks_unlock_entry *entry);
void ks_unlock_release(struct ks_unlock_entry *entry);

/* The id of an entry, borrowed from it. */
struct ks_token_id ks_unlock_id(const struct ks_unlock_entry *entry);

/* After a good login. unlock_for_ms 0 = one signature. pin is taken, or NULL when it is not to be kept. */
int ks_unlock_open(struct ks_unlock_entry *entry, uint64_t unlock_for_ms, struct ks_secret *pin) KS_WARN_UNUSED;

/* The rules became narrower: a PIN that may no longer be kept is forgotten, and what is open ends no later than
 * unlock_for_ms from now. */
void ks_unlock_narrow(struct ks_unlock_entry *entry, uint64_t unlock_for_ms, bool keep_pin);

/* A kept PIN is kept no longer; what is open stays open. */
void ks_unlock_forget_pin(struct ks_unlock_entry *entry);

/* Forgets the PIN and refuses from now on. Returns whether it was unlocked. Does not call expired(). */
bool ks_unlock_close(struct ks_unlock_entry *entry);

/* A signature was made: counts it, and closes an entry that was good for one. Returns true when that closed it. */
bool ks_unlock_spent(struct ks_unlock_entry *entry);

/* Seconds left, rounded up; 0 when locked or without an end by time. */
uint64_t ks_unlock_left_s(const struct ks_unlock_entry *entry);
