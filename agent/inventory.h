/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory: what one worker has reported of its tokens, keys and certificates.
 *
 * Runs in: keystay-agent. The worker is hostile (invariant I4): every number and text of it is bounded, numbers it
 * makes up are refused, certificates that do not parse are left out with a log line. Protocol object: it takes
 * messages and gives structures, it does no I/O.
 *
 * A report (WORKER_TOKEN … WORKER_INVENTORY) is kept apart until it is whole, so that keys and certificates never
 * flicker out of sight while it comes in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/protocol/message.h"
#include "lib/protocol/spki.h"
#include "lib/tls/certificate.h"

struct ks_inventory_key {
	uint32_t number; /* the worker's */
	uint8_t *id;     /* CKA_ID, owned */
	size_t id_size;
	char *label;
	uint8_t *spki_der; /* owned; what spki borrows from */
	struct ks_spki spki;
	bool private_seen;
	bool always_authenticate;
	bool decrypts;
};

struct ks_inventory_certificate {
	uint8_t *id;
	size_t id_size;
	char *label;
	struct ks_certificate *certificate;
};

struct ks_inventory_token {
	uint32_t number; /* the worker's */
	char label[65], manufacturer[65], model[65], serial[65];
	uint32_t pin_flags; /* enum ks_pin_flag */
	uint32_t pin_min, pin_max;
	bool logged_in;
	uint32_t twin; /* 0; 1, 2 … of tokens that say the same of everything: each keeps its own while it is there */
	bool has_place;     /* twin was chosen */
	uint8_t digest[32]; /* of its public objects, as seen while logged out */
	struct ks_inventory_key *keys;
	size_t n_keys;
	struct ks_inventory_certificate *certificates;
	size_t n_certificates;
	size_t n_bytes;      /* of its objects, against KS_OBJECT_BYTES_PER_MODULE */
	size_t n_unreadable; /* certificates and keys that were left out */
};

struct ks_inventory {
	enum ks_token_events events;
	struct ks_inventory_token *tokens;
	size_t n_tokens;
	bool cut;                        /* more was reported than is kept */
	struct ks_inventory_token *news; /* the tokens named since the last WORKER_INVENTORY */
	size_t n_news;
	bool news_cut;
};

void ks_inventory_deinit(struct ks_inventory *inventory);

/* One WORKER_TOKEN, WORKER_KEY, WORKER_CERTIFICATE or WORKER_INVENTORY body. MALFORMED when the worker must be killed
 * for it (unreadable, key before its token, two keys of one number); what is merely too much (KS_TOKENS_PER_MODULE,
 * KS_OBJECTS_PER_MODULE, KS_OBJECT_BYTES_PER_MODULE) is left out. *ret_complete becomes true at WORKER_INVENTORY; only
 * then does inventory change. */
int ks_inventory_take(struct ks_inventory *inventory, uint8_t type, struct ks_bytes body, bool *ret_complete)
	KS_WARN_UNUSED;

/* Do both say the same of themselves, and show the same objects? */
bool ks_inventory_are_twins(const struct ks_inventory_token *a, const struct ks_inventory_token *b);

/* The token was taken out: forgets it and its objects. */
void ks_inventory_drop(struct ks_inventory *inventory, uint32_t number);

/* Borrowed, until the next report is whole; NULL when there is none of that number. */
struct ks_inventory_token *ks_inventory_token(struct ks_inventory *inventory, uint32_t number);
