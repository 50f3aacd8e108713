/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision_slots: the slots of a module as libp11 finds them, with what is in each, and which one a request means.
 *
 * Runs in: keystay-token --provision. libp11 0.4.12 is used for slots, C_InitToken and PINs, and for nothing that looks
 * at keys: one Ed25519 key on a token makes it blind to all others.
 */
#pragma once

#include <libp11.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/message.h"
#include "pkcs11/module.h"
#include "pkcs11/slot.h"

/* One slot. */
struct ks_provision_slot {
	PKCS11_SLOT *slot; /* borrowed from the list */
	CK_SLOT_ID id;
	char description[KS_PLACE_SIZE];
	bool present;       /* there is a token, of which: */
	CK_TOKEN_INFO info; /* as it was just read */
	char label[65];
	char manufacturer[65];
	char model[65];
	char serial[65];
	char whose[96]; /* "token \"corp\"", or "the blank token in slot 3" */
};

struct ks_provision_slots {
	const struct ks_module *module; /* borrowed */
	PKCS11_CTX *context;            /* borrowed */
	PKCS11_SLOT *found;             /* owned, libp11's */
	unsigned n_found;
	struct ks_provision_slot *list; /* owned: those that may be touched (slot.h) */
	size_t n;
};

void ks_provision_slots_deinit(struct ks_provision_slots *slots);

/* All slots, read now. allowed: as in slot.h. */
int ks_provision_slots_read(const struct ks_module *module, PKCS11_CTX *context, const char *allowed,
			    struct ks_provision_slots *ret_slots, struct ks_problem *problem) KS_WARN_UNUSED;

/* The one that the request is for. TOKEN_ABSENT, AMBIGUOUS. */
int ks_provision_slots_choose(struct ks_provision_slots *slots, const struct ks_msg_worker_provision *request,
			      struct ks_provision_slot **ret_slot, struct ks_problem *problem) KS_WARN_UNUSED;

/* Reads what is in it anew. The token may have been exchanged: TOKEN_ABSENT. initialised: it is another one by right. */
int ks_provision_slot_refresh(const struct ks_module *module, struct ks_provision_slot *slot, bool initialised,
			      struct ks_problem *problem) KS_WARN_UNUSED;

bool ks_provision_slot_has(const struct ks_provision_slot *slot, CK_FLAGS flag);

/* Appends its record to a LIST field. */
void ks_provision_slot_write(const struct ks_provision_slot *slot, struct ks_buffer *list);

/* What libp11 said last, as CK_RV. */
CK_RV ks_provision_rv(void);
