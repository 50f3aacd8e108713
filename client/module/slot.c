/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot: C_GetSlotList, C_GetSlotInfo, C_GetTokenInfo, C_WaitForSlotEvent (PKCS#11 2.40 section 5.5).
 *
 * One slot for each token of the agent (docs/adr/0012-one-slot-for-each-token.md). A slot stays when its token goes.
 *
 * Runs in: any program, in all of its threads. Has no thread of its own: who waits for events compares the
 * generation of the agent's list once a second, in the thread that the program gave it.
 */
#include "client/module/cryptoki.h"

#include "client/module/front.h"
#include "client/module/look.h"
#include "client/module/padded.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

/* Of keystay, as the token's own is not told: hosts show it, and URIs may name it. */
#define MANUFACTURER "keystay"
#define MODEL "keystay"

/* The agent asks for PINs itself, so a program that insists on a login has none to ask for:
 * PROTECTED_AUTHENTICATION_PATH without LOGIN_REQUIRED. */
#define TOKEN_FLAGS (CKF_TOKEN_INITIALIZED | CKF_WRITE_PROTECTED | CKF_PROTECTED_AUTHENTICATION_PATH)

static CK_VERSION version(void)
{
	return (CK_VERSION){ .major = 0, .minor = 0 };
}

/* Those with a token first, the one with the best key first of all; the others as they came. */
static bool is_before(const struct ks_slot *a, const struct ks_slot *b)
{
	return a->present != b->present ? a->present : a->present && a->place < b->place;
}

/* A program that takes the first certificate it finds looks at slots in this order. A person has a handful. */
static void sort_in(const struct ks_front *front, CK_SLOT_ID *slots, CK_ULONG n, const struct ks_slot *slot)
{
	for (; n > 0 && is_before(slot, ks_front_slot(front, slots[n - 1])); n--)
		slots[n] = slots[n - 1];
	slots[n] = slot->id;
}

static CK_RV list_slots(const struct ks_front *front, bool present_only, CK_SLOT_ID *slots, CK_ULONG *count)
{
	CK_ULONG n = 0, room = slots ? *count : 0;

	for (size_t i = 0; i < front->n_slots; i++) {
		if (present_only && !front->slots[i]->present)
			continue;
		if (slots && n < room)
			sort_in(front, slots, n, front->slots[i]);
		n++;
	}
	*count = n;
	return slots && n > room ? CKR_BUFFER_TOO_SMALL : CKR_OK;
}

CK_RV ks_GetSlotList(CK_BBOOL token_present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count)
{
	struct ks_front *front;

	CK_RV rv = ks_front_enter(&front);
	if (rv != CKR_OK)
		return rv;
	/* NULL is where new slots may appear; the call that follows it must see the same ones. */
	if (!slots || front->looked_ms == 0)
		rv = ks_look(front, KS_LOOK_AROUND);
	if (rv != CKR_OK)
		return rv;
	rv = count ? list_slots(front, token_present, slots, count) : CKR_ARGUMENTS_BAD;
	ks_front_leave();
	return rv;
}

/* The lock, and the slot after a look. */
static CK_RV enter_slot(CK_SLOT_ID id, struct ks_slot **ret_slot)
{
	struct ks_front *front;

	CK_RV rv = ks_front_enter(&front);
	if (rv != CKR_OK)
		return rv;
	rv = ks_look(front, KS_LOOK_OLD);
	if (rv != CKR_OK)
		return rv;
	*ret_slot = ks_front_slot(front, id);
	if (*ret_slot)
		return CKR_OK;
	ks_front_leave();
	return CKR_SLOT_ID_INVALID;
}

CK_RV ks_GetSlotInfo(CK_SLOT_ID id, CK_SLOT_INFO_PTR info)
{
	struct ks_slot *slot;
	char description[sizeof(info->slotDescription) + 1];

	CK_RV rv = enter_slot(id, &slot);
	if (rv != CKR_OK)
		return rv;
	if (info) {
		*info = (CK_SLOT_INFO){ .hardwareVersion = version(), .firmwareVersion = version() };
		info->flags = CKF_REMOVABLE_DEVICE | (slot->present ? CKF_TOKEN_PRESENT : 0);
		(void)ks_text_print(description, sizeof(description), "keystay: %s", slot->label);
		ks_padded(info->slotDescription, sizeof(info->slotDescription), description);
		ks_padded(info->manufacturerID, sizeof(info->manufacturerID), MANUFACTURER);
	} else {
		rv = CKR_ARGUMENTS_BAD;
	}
	ks_front_leave();
	return rv;
}

static void describe_token(const struct ks_front *front, const struct ks_slot *slot, CK_TOKEN_INFO *info)
{
	CK_ULONG n_sessions = 0;

	for (size_t i = 0; i < front->n_sessions; i++)
		n_sessions += front->sessions[i]->slot == slot;
	*info = (CK_TOKEN_INFO){
		.flags = TOKEN_FLAGS,
		.ulMaxSessionCount = CK_EFFECTIVELY_INFINITE,
		.ulSessionCount = n_sessions,
		.ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
		.ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
		.ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
		.ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
		.hardwareVersion = version(),
		.firmwareVersion = version(),
	};
	ks_padded(info->label, sizeof(info->label), slot->label);
	ks_padded(info->manufacturerID, sizeof(info->manufacturerID), MANUFACTURER);
	ks_padded(info->model, sizeof(info->model), MODEL);
	ks_padded(info->serialNumber, sizeof(info->serialNumber), slot->serial);
	ks_padded(info->utcTime, sizeof(info->utcTime), "");
}

CK_RV ks_GetTokenInfo(CK_SLOT_ID id, CK_TOKEN_INFO_PTR info)
{
	struct ks_front *front;

	CK_RV rv = ks_front_enter(&front);
	if (rv != CKR_OK)
		return rv;
	rv = ks_look(front, KS_LOOK_OLD);
	if (rv != CKR_OK)
		return rv;
	const struct ks_slot *slot = ks_front_slot(front, id);
	if (!slot)
		rv = CKR_SLOT_ID_INVALID;
	else if (!slot->present)
		rv = CKR_TOKEN_NOT_PRESENT;
	else if (!info)
		rv = CKR_ARGUMENTS_BAD;
	else
		describe_token(front, slot, info);
	ks_front_leave();
	return rv;
}

/* --- events ------------------------------------------------------------------------------------------------------ */

static bool take_event(struct ks_front *front, CK_SLOT_ID *ret_slot)
{
	for (size_t i = 0; i < front->n_slots; i++) {
		if (!front->slots[i]->event)
			continue;
		front->slots[i]->event = false;
		*ret_slot = front->slots[i]->id;
		return true;
	}
	return false;
}

CK_RV ks_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR ret_slot, CK_VOID_PTR reserved)
{
	struct ks_front *front;

	if (!ret_slot || reserved)
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = ks_front_enter(&front);
	if (rv != CKR_OK)
		return rv;
	uint64_t epoch = front->epoch;
	for (;;) {
		rv = ks_look(front, KS_LOOK_NEWS);
		if (rv != CKR_OK)
			return rv;
		if (take_event(front, ret_slot))
			break;
		if (flags & CKF_DONT_BLOCK) {
			rv = CKR_NO_EVENT;
			break;
		}
		rv = ks_front_wait(epoch, ks_clock_monotonic_ms() + KS_LOOK_MS);
		if (rv != CKR_OK)
			return rv;
	}
	ks_front_leave();
	return rv;
}
