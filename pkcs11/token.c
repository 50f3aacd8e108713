/* SPDX-License-Identifier: Apache-2.0 */
/* token: see token.h. Runs in: keystay-token. */
#include "pkcs11/token.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"
#include "lib/protocol/message.h"
#include "pkcs11/ckr.h"
#include "pkcs11/label.h"
#include "pkcs11/slot.h"

#define SLOTS_MAX 1024u     /* readers and partitions; most are empty */
#define SLOT_LIST_TRIES 3   /* a card may come between counting and listing */
#define OWN_MODEL "keystay" /* of the tokens of keystay-pkcs11.so, which p11-kit's proxy may lead to */

/* --- one token --------------------------------------------------------------------------------------------------- */

static void token_free(struct ks_token *token)
{
	if (!token)
		return;
	ks_keys_deinit(&token->keys);
	ks_sessions_deinit(&token->sessions);
	free(token);
}

static void set_info(struct ks_token *token, const CK_TOKEN_INFO *info)
{
	token->info = *info;
	ks_label_read(ks_bytes(info->label, sizeof(info->label)), token->label, sizeof(token->label));
	ks_label_read(ks_bytes(info->manufacturerID, sizeof(info->manufacturerID)), token->manufacturer,
		      sizeof(token->manufacturer));
	ks_label_read(ks_bytes(info->model, sizeof(info->model)), token->model, sizeof(token->model));
	ks_label_read(ks_bytes(info->serialNumber, sizeof(info->serialNumber)), token->serial, sizeof(token->serial));
	(void)ks_text_print(token->whose, sizeof(token->whose), "token \"%s\"", token->label);
}

/* NULL when memory runs out. */
static struct ks_token *token_new(const struct ks_tokens *tokens, CK_SLOT_ID slot, const CK_TOKEN_INFO *info)
{
	struct ks_token *token = calloc(1, sizeof(*token));

	if (!token || ks_sessions_init(&token->sessions, tokens->module, slot, info, tokens->n_sessions) < 0) {
		free(token);
		return NULL;
	}
	return token;
}

void ks_token_gone(struct ks_token *token)
{
	ks_sessions_close_all(&token->sessions);
	token->present = false;
	token->logged_in = false;
	token->went = true;
}

int ks_token_refresh(struct ks_token *token, struct ks_problem *problem)
{
	CK_TOKEN_INFO info;

	memset(&info, 0, sizeof(info));
	CK_RV rv = token->sessions.module->calls->C_GetTokenInfo(token->sessions.slot, &info);
	if (rv != CKR_OK) {
		if (ks_ckr_kind(rv) == KS_CKR_ABSENT)
			ks_token_gone(token);
		return ks_ckr_problem(problem, rv, token->whose, "C_GetTokenInfo");
	}
	if (!ks_sessions_is_same_token(&token->sessions.token, &info)) {
		ks_token_gone(token);
		return ks_problem_set(problem, KS_ERR_TOKEN_ABSENT,
				      "%s is not there any more; another one is in its place", token->whose);
	}
	set_info(token, &info);
	return 0;
}

bool ks_token_needs_login(const struct ks_token *token)
{
	return (token->info.flags & CKF_LOGIN_REQUIRED) != 0;
}

uint32_t ks_token_info_pin_flags(const CK_TOKEN_INFO *info)
{
	static const struct {
		CK_FLAGS theirs;
		uint32_t ours;
	} flags[] = {
		{ CKF_LOGIN_REQUIRED, KS_PIN_NEEDED },
		{ CKF_USER_PIN_INITIALIZED, KS_PIN_SET },
		{ CKF_USER_PIN_COUNT_LOW, KS_PIN_COUNT_LOW },
		{ CKF_USER_PIN_FINAL_TRY, KS_PIN_FINAL_TRY },
		{ CKF_USER_PIN_LOCKED, KS_PIN_IS_BLOCKED },
		{ CKF_USER_PIN_TO_BE_CHANGED, KS_PIN_TO_BE_CHANGED },
		{ CKF_PROTECTED_AUTHENTICATION_PATH, KS_PIN_PAD },
	};
	uint32_t ours = 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (info->flags & flags[i].theirs)
			ours |= flags[i].ours;
	}
	return ours;
}

uint32_t ks_token_pin_flags(const struct ks_token *token)
{
	return ks_token_info_pin_flags(&token->info);
}

/* Both 0 and ~0 are used for "I do not know", and some tokens have the two exchanged. */
void ks_token_info_pin_limits(const CK_TOKEN_INFO *info, uint32_t *ret_min, uint32_t *ret_max)
{
	CK_ULONG min = info->ulMinPinLen;
	CK_ULONG max = info->ulMaxPinLen;
	bool has_min = min <= KS_SECRET_MAX && (max == 0 || min <= max);
	bool has_max = max > 0 && max <= KS_SECRET_MAX && min <= max;

	*ret_min = has_min ? (uint32_t)min : 0;
	*ret_max = has_max ? (uint32_t)max : 0;
}

void ks_token_pin_limits(const struct ks_token *token, uint32_t *ret_min, uint32_t *ret_max)
{
	ks_token_info_pin_limits(&token->info, ret_min, ret_max);
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

void ks_tokens_init(struct ks_tokens *tokens, const struct ks_module *module, unsigned n_sessions, const char *slots,
		    struct ks_places *places)
{
	*tokens = (struct ks_tokens){ .module = module, .n_sessions = n_sessions, .slots = slots, .places = places };
}

void ks_tokens_deinit(struct ks_tokens *tokens)
{
	for (size_t i = 0; i < tokens->n; i++)
		token_free(tokens->list[i]);
	*tokens = (struct ks_tokens){ 0 };
}

struct ks_token *ks_tokens_find(const struct ks_tokens *tokens, uint32_t number)
{
	for (size_t i = 0; i < tokens->n; i++) {
		if (tokens->list[i]->number == number && tokens->list[i]->present)
			return tokens->list[i];
	}
	return NULL;
}

/* The slots that have a token. Counting first is also what makes some modules look (OpenSC). ret_slots is given. */
static CK_RV list_slots(const struct ks_module *module, CK_SLOT_ID **ret_slots, CK_ULONG *ret_n)
{
	CK_RV rv = CKR_BUFFER_TOO_SMALL;

	for (int i = 0; i < SLOT_LIST_TRIES && rv == CKR_BUFFER_TOO_SMALL; i++) {
		CK_ULONG n = 0;
		rv = module->calls->C_GetSlotList(CK_TRUE, NULL, &n);
		if (rv != CKR_OK)
			return rv;
		if (n > SLOTS_MAX)
			return CKR_GENERAL_ERROR;
		KS_AUTO_FREE CK_SLOT_ID *slots = calloc(n + 1, sizeof(*slots));
		if (!slots)
			return CKR_HOST_MEMORY;
		CK_ULONG got = n;
		rv = n > 0 ? module->calls->C_GetSlotList(CK_TRUE, slots, &got) : CKR_OK;
		if (rv == CKR_OK && got > n)
			return CKR_GENERAL_ERROR;
		if (rv == CKR_OK) {
			*ret_slots = KS_STEAL(slots);
			*ret_n = got;
		}
	}
	return rv;
}

/* The entry of a token that was found in slot. One that is in its old slot comes before one that has moved, since two
 * tokens may say the same of themselves. seen: those that were found already in this scan. */
static struct ks_token *known_token(const struct ks_tokens *tokens, CK_SLOT_ID slot, const CK_TOKEN_INFO *info,
				    const bool seen[KS_TOKENS_PER_MODULE], size_t *ret_place)
{
	struct ks_token *moved = NULL;

	for (size_t i = 0; i < tokens->n; i++) {
		struct ks_token *token = tokens->list[i];
		if (seen[i] || !ks_sessions_is_same_token(&token->sessions.token, info))
			continue;
		if (token->sessions.slot == slot || !moved) {
			moved = token;
			*ret_place = i;
		}
		if (token->sessions.slot == slot)
			break;
	}
	return moved;
}

/* Room for one more: the longest gone makes way. */
static bool make_room(struct ks_tokens *tokens, bool seen[KS_TOKENS_PER_MODULE])
{
	if (tokens->n < KS_TOKENS_PER_MODULE)
		return true;
	for (size_t i = 0; i < tokens->n; i++) {
		if (seen[i] || tokens->list[i]->present)
			continue;
		ks_places_drop(tokens->places, tokens->list[i]->number);
		token_free(tokens->list[i]);
		tokens->n--;
		memmove(&tokens->list[i], &tokens->list[i + 1], (tokens->n - i) * sizeof(tokens->list[0]));
		memmove(&seen[i], &seen[i + 1], (tokens->n - i) * sizeof(seen[0]));
		seen[tokens->n] = false;
		return true;
	}
	return false;
}

/* One that was out and in again between two looks says the same as before, but its sessions are dead. */
static bool sessions_live(struct ks_token *token)
{
	struct ks_session session;
	bool logged_in;

	if (token->sessions.n_idle == 0 || ks_session_take(&token->sessions, &session) != CKR_OK)
		return true;
	enum ks_ckr_kind kind = ks_ckr_kind(ks_session_is_logged_in(&token->sessions, session, &logged_in));
	ks_session_give_back(&token->sessions, session);
	return kind != KS_CKR_SESSION_LOST && kind != KS_CKR_ABSENT;
}

static bool says_the_same(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b)
{
	return a->flags == b->flags && a->ulMinPinLen == b->ulMinPinLen && a->ulMaxPinLen == b->ulMaxPinLen;
}

/* NULL when there is no room or no memory for it. */
static struct ks_token *append_token(struct ks_tokens *tokens, CK_SLOT_ID slot, const CK_TOKEN_INFO *info,
				     bool seen[KS_TOKENS_PER_MODULE], int *ret_error)
{
	if (!make_room(tokens, seen)) {
		ks_log_warning("more than %u tokens: the others are left out", KS_TOKENS_PER_MODULE);
		return NULL;
	}
	struct ks_token *token = token_new(tokens, slot, info);
	if (!token) {
		*ret_error = KS_ERR_NO_MEMORY;
		return NULL;
	}
	token->number = ++tokens->last_number;
	tokens->list[tokens->n++] = token;
	return token;
}

static int add_token(struct ks_tokens *tokens, CK_SLOT_ID slot, const char *description, const CK_TOKEN_INFO *info,
		     bool seen[KS_TOKENS_PER_MODULE])
{
	size_t place = 0;
	int error = 0;
	struct ks_token *token = known_token(tokens, slot, info, seen, &place);

	if (!token) {
		token = append_token(tokens, slot, info, seen, &error);
		if (!token)
			return error;
		place = tokens->n - 1;
	} else if (token->sessions.slot != slot) {
		ks_token_gone(token);
		token->sessions.slot = slot;
	} else if (token->present && !sessions_live(token)) {
		ks_token_gone(token);
	}
	token->changed = token->changed || !says_the_same(&token->info, info);
	set_info(token, info);
	token->present = true;
	seen[place] = true;
	ks_places_put(tokens->places, token->number, description);
	return 0;
}

static bool is_of_use(const CK_TOKEN_INFO *info)
{
	char model[sizeof(info->model) + 1];

	ks_label_read(ks_bytes(info->model, sizeof(info->model)), model, sizeof(model));
	return (info->flags & CKF_TOKEN_INITIALIZED) && strcmp(model, OWN_MODEL) != 0;
}

/* A hiccup of a call is no removal: the token that was there is still there, and its next use will tell. */
static void keep_known(const struct ks_tokens *tokens, CK_SLOT_ID slot, bool seen[KS_TOKENS_PER_MODULE])
{
	for (size_t i = 0; i < tokens->n; i++)
		seen[i] = seen[i] || (tokens->list[i]->present && tokens->list[i]->sessions.slot == slot);
}

/* A slot that has a token, or had one a moment ago. */
static int look_into(struct ks_tokens *tokens, CK_SLOT_ID slot, bool seen[KS_TOKENS_PER_MODULE])
{
	char description[KS_PLACE_SIZE];
	CK_TOKEN_INFO info;

	ks_slot_describe(tokens->module, slot, description);
	if (!ks_slot_is_listed(tokens->slots, slot, description))
		return 0;
	memset(&info, 0, sizeof(info));
	CK_RV rv = tokens->module->calls->C_GetTokenInfo(slot, &info);
	if (rv != CKR_OK && ks_ckr_kind(rv) != KS_CKR_ABSENT)
		keep_known(tokens, slot, seen);
	/* Gone again, or a card of a kind that the module does not know: as good as an empty reader. */
	if (rv != CKR_OK || !is_of_use(&info))
		return 0;
	return add_token(tokens, slot, description, &info, seen);
}

/* What the watcher of the readers has told the agent already. */
static void forget_removed(const struct ks_tokens *tokens)
{
	for (size_t i = 0; i < tokens->n; i++) {
		struct ks_token *token = tokens->list[i];
		if (!ks_places_is_gone(tokens->places, token->number))
			continue;
		ks_places_drop(tokens->places, token->number);
		ks_token_gone(token);
		token->told = false;
	}
}

static int scan(struct ks_tokens *tokens, struct ks_problem *problem)
{
	KS_AUTO_FREE CK_SLOT_ID *slots = NULL;
	bool seen[KS_TOKENS_PER_MODULE] = { false };
	CK_ULONG n = 0;

	forget_removed(tokens);
	CK_RV rv = list_slots(tokens->module, &slots, &n);
	tokens->broken = rv != CKR_OK && tokens->worked;
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, "module", "C_GetSlotList");
	tokens->worked = true;
	for (CK_ULONG i = 0; i < n; i++) {
		int r = look_into(tokens, slots[i], seen);
		if (r < 0)
			return ks_problem_set(problem, r, "module: %s", ks_error_text(r));
	}
	for (size_t i = 0; i < tokens->n; i++) {
		if (seen[i] || !tokens->list[i]->present)
			continue;
		ks_places_drop(tokens->places, tokens->list[i]->number);
		ks_token_gone(tokens->list[i]);
	}
	return 0;
}

int ks_tokens_scan(struct ks_tokens *tokens, struct ks_problem *problem)
{
	ks_places_set_looking(tokens->places, true);
	int r = scan(tokens, problem);
	ks_places_set_looking(tokens->places, false);
	return r;
}

bool ks_token_note_outcome(struct ks_token *token, int error)
{
	if (error == 0) {
		token->has_signed = true;
		token->n_failures = 0;
		return false;
	}
	if (error != KS_ERR_TOKEN_FAILED || !token->has_signed)
		return false;
	if (token->n_failures == 0)
		token->failing_since_ms = ks_clock_monotonic_ms();
	token->n_failures++;
	return token->n_failures >= KS_SIGN_FAILURES_RENEW &&
	       ks_clock_monotonic_ms() - token->failing_since_ms >= KS_SIGN_FAILING_MS;
}
