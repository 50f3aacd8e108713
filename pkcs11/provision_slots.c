/* SPDX-License-Identifier: Apache-2.0 */
/* provision_slots: see provision_slots.h. Runs in: keystay-token --provision. */
#include "pkcs11/provision_slots.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/protocol/uri.h"
#include "pkcs11/ckr.h"
#include "pkcs11/label.h"
#include "pkcs11/token.h"

#define SLOTS_MAX 1024u /* readers and partitions; most are empty */

/* libp11 raises CK_RV as reasons of a library of its own. */
CK_RV ks_provision_rv(void)
{
	CK_RV rv = CKR_GENERAL_ERROR;
	unsigned long error;

	while ((error = ERR_get_error()) != 0) {
		if (ERR_GET_LIB(error) == ERR_get_CKR_code())
			rv = (CK_RV)ERR_GET_REASON(error);
	}
	return rv;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

void ks_provision_slots_deinit(struct ks_provision_slots *slots)
{
	if (slots->found)
		PKCS11_release_all_slots(slots->context, slots->found, slots->n_found);
	free(slots->list);
	*slots = (struct ks_provision_slots){ 0 };
}

bool ks_provision_slot_has(const struct ks_provision_slot *slot, CK_FLAGS flag)
{
	return slot->present && (slot->info.flags & flag) != 0;
}

static void set_info(struct ks_provision_slot *slot, const CK_TOKEN_INFO *info)
{
	slot->present = true;
	slot->info = *info;
	ks_label_read(ks_bytes(info->label, sizeof(info->label)), slot->label, sizeof(slot->label));
	ks_label_read(ks_bytes(info->manufacturerID, sizeof(info->manufacturerID)), slot->manufacturer,
		      sizeof(slot->manufacturer));
	ks_label_read(ks_bytes(info->model, sizeof(info->model)), slot->model, sizeof(slot->model));
	ks_label_read(ks_bytes(info->serialNumber, sizeof(info->serialNumber)), slot->serial, sizeof(slot->serial));
	if (ks_provision_slot_has(slot, CKF_TOKEN_INITIALIZED))
		(void)ks_text_print(slot->whose, sizeof(slot->whose), "token \"%s\"", slot->label);
	else
		(void)ks_text_print(slot->whose, sizeof(slot->whose), "the blank token in slot %lu", slot->id);
}

/* Of libp11's own reading the flags alone are left, and no lengths of PINs. */
static void read_token(const struct ks_module *module, struct ks_provision_slot *slot)
{
	CK_TOKEN_INFO info;

	memset(&info, 0, sizeof(info));
	if (slot->slot->token && module->calls->C_GetTokenInfo(slot->id, &info) == CKR_OK)
		set_info(slot, &info);
}

int ks_provision_slot_refresh(const struct ks_module *module, struct ks_provision_slot *slot, bool initialised,
			      struct ks_problem *problem)
{
	CK_TOKEN_INFO info;

	memset(&info, 0, sizeof(info));
	CK_RV rv = module->calls->C_GetTokenInfo(slot->id, &info);
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, slot->whose, "C_GetTokenInfo");
	if (!initialised && !ks_sessions_is_same_token(&slot->info, &info))
		return ks_problem_set(problem, KS_ERR_TOKEN_ABSENT,
				      "%s is not there any more; another one is in its place", slot->whose);
	set_info(slot, &info);
	return 0;
}

static int read_list(struct ks_provision_slots *slots, const char *allowed)
{
	slots->list = calloc((size_t)slots->n_found + 1, sizeof(*slots->list));
	if (!slots->list)
		return KS_ERR_NO_MEMORY;
	for (unsigned i = 0; i < slots->n_found; i++) {
		struct ks_provision_slot *slot = &slots->list[slots->n];
		*slot = (struct ks_provision_slot){ .slot = &slots->found[i],
						    .id = PKCS11_get_slotid_from_slot(&slots->found[i]) };
		ks_label_read(ks_bytes_text(slots->found[i].description), slot->description, sizeof(slot->description));
		if (!ks_slot_is_listed(allowed, slot->id, slot->description))
			continue;
		read_token(slots->module, slot);
		slots->n++;
	}
	return 0;
}

int ks_provision_slots_read(const struct ks_module *module, PKCS11_CTX *context, const char *allowed,
			    struct ks_provision_slots *ret_slots, struct ks_problem *problem)
{
	struct ks_provision_slots slots = { .module = module, .context = context };
	unsigned n = 0;

	ERR_clear_error();
	/* Counted first: libp11 calls it an error when there are none. */
	if (PKCS11_update_slots(context, NULL, &n) < 0)
		return ks_ckr_problem(problem, ks_provision_rv(), "module", "C_GetSlotList");
	if (n > SLOTS_MAX)
		return ks_problem_set(problem, KS_ERR_LIMIT, "module: it has more than %u slots", SLOTS_MAX);
	if (n > 0 && PKCS11_enumerate_slots(context, &slots.found, &slots.n_found) < 0)
		return ks_ckr_problem(problem, ks_provision_rv(), "module", "C_GetSlotInfo");
	int r = read_list(&slots, allowed);
	if (r < 0) {
		ks_provision_slots_deinit(&slots);
		return ks_problem_set(problem, r, "module: %s", ks_error_text(r));
	}
	*ret_slots = slots;
	return 0;
}

/* --- which one is meant ------------------------------------------------------------------------------------------ */

static int match_uri(const struct ks_provision_slot *slot, struct ks_bytes text, bool *ret_fits,
		     struct ks_problem *problem)
{
	KS_CLEANUP(ks_uri_deinit) struct ks_uri pattern = { .storage = NULL };
	const struct ks_uri subject = ks_uri_of_token(slot->label, slot->manufacturer, slot->model, slot->serial);
	const char *why = NULL;

	int r = ks_uri_read(text, &pattern, &why);
	if (r < 0)
		return ks_problem_set(problem, r, "the token's PKCS#11 URI cannot be read: %s",
				      why ? why : ks_error_text(r));
	*ret_fits = ks_uri_matches(&pattern, &subject);
	return 0;
}

/* Is it the one that is called so? */
static int match_name(const struct ks_provision_slot *slot, struct ks_bytes name, bool *ret_fits,
		      struct ks_problem *problem)
{
	if (ks_uri_is_one(name))
		return match_uri(slot, name, ret_fits, problem);
	*ret_fits = ks_bytes_equal(name, ks_bytes_text(slot->label)) ||
		    ks_bytes_equal(name, ks_bytes_text(slot->serial));
	return 0;
}

/* With no name given, what makes sense: INIT is for a blank token, unless one is to be erased; the others are not. */
static bool makes_sense(const struct ks_provision_slot *slot, const struct ks_msg_worker_provision *request)
{
	bool wants_blank = request->operation == KS_PROVISION_INIT && request->erase.size == 0;

	return request->by_slot || ks_provision_slot_has(slot, CKF_TOKEN_INITIALIZED) != wants_blank;
}

static int fits(const struct ks_provision_slot *slot, const struct ks_msg_worker_provision *request, bool *ret_fits,
		struct ks_problem *problem)
{
	*ret_fits = false;
	if (!slot->present || (request->by_slot && slot->id != request->slot))
		return 0;
	if (request->token.size > 0)
		return match_name(slot, request->token, ret_fits, problem);
	*ret_fits = makes_sense(slot, request);
	return 0;
}

int ks_provision_slots_choose(struct ks_provision_slots *slots, const struct ks_msg_worker_provision *request,
			      struct ks_provision_slot **ret_slot, struct ks_problem *problem)
{
	struct ks_provision_slot *chosen = NULL;

	for (size_t i = 0; i < slots->n; i++) {
		bool fit = false;
		int r = fits(&slots->list[i], request, &fit, problem);
		if (r < 0)
			return r;
		if (fit && chosen)
			return ks_problem_set(problem, KS_ERR_AMBIGUOUS,
					      "more than one token fits (slots %lu and %lu); name it by its serial "
					      "number or its slot",
					      chosen->id, slots->list[i].id);
		if (fit)
			chosen = &slots->list[i];
	}
	if (!chosen)
		return ks_problem_set(problem, KS_ERR_TOKEN_ABSENT, "no token of this name is in any slot");
	*ret_slot = chosen;
	return 0;
}

/* --- telling ----------------------------------------------------------------------------------------------------- */

static uint32_t pin_flags(const struct ks_provision_slot *slot)
{
	static const struct {
		CK_FLAGS theirs;
		uint32_t ours;
	} of_so[] = {
		{ CKF_SO_PIN_COUNT_LOW, KS_PIN_SO_COUNT_LOW },
		{ CKF_SO_PIN_FINAL_TRY, KS_PIN_SO_FINAL_TRY },
		{ CKF_SO_PIN_LOCKED, KS_PIN_SO_IS_BLOCKED },
		{ CKF_SO_PIN_TO_BE_CHANGED, KS_PIN_SO_TO_BE_CHANGED },
	};
	uint32_t flags = ks_token_info_pin_flags(&slot->info);

	for (size_t i = 0; i < sizeof(of_so) / sizeof(of_so[0]); i++) {
		if (slot->info.flags & of_so[i].theirs)
			flags |= of_so[i].ours;
	}
	return flags;
}

void ks_provision_slot_write(const struct ks_provision_slot *slot, struct ks_buffer *list)
{
	struct ks_msg_slot_status record = {
		.slot = slot->id,
		.description = ks_bytes_text(slot->description),
		.token_present = slot->present,
		.initialised = ks_provision_slot_has(slot, CKF_TOKEN_INITIALIZED),
		.pin_set = ks_provision_slot_has(slot, CKF_USER_PIN_INITIALIZED),
		.label = ks_bytes_text(slot->label),
		.manufacturer = ks_bytes_text(slot->manufacturer),
		.model = ks_bytes_text(slot->model),
		.serial = ks_bytes_text(slot->serial),
	};

	if (slot->present) {
		record.pin_flags = pin_flags(slot);
		ks_token_info_pin_limits(&slot->info, &record.pin_min, &record.pin_max);
	}
	ks_record_write(list, KS_RECORD(slot_status), &record);
}
