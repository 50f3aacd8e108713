/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot: which slots of a module are ours to look into, and what they are called.
 *
 * Runs in: keystay-token. The list of keystay.conf (slots = 0, 4, *Yubico*): numbers of slots, and patterns over
 * CK_SLOT_INFO.slotDescription, which with PC/SC is the name of the reader.
 */
#pragma once

#include "pkcs11/module.h"
#include "pkcs11/places.h"

/* Is it such a list? */
bool ks_slot_list_valid(const char *list);

/* Is the slot in the list? No list (NULL): all are. */
bool ks_slot_is_listed(const char *list, CK_SLOT_ID slot, const char *description);

/* "" when the module does not say. */
void ks_slot_describe(const struct ks_module *module, CK_SLOT_ID slot, char ret_description[KS_PLACE_SIZE]);
