/* SPDX-License-Identifier: Apache-2.0 */
/* pin: see pin.h. Runs in: keystay-token. */
#include "pkcs11/pin.h"

#include "lib/protocol/message.h"
#include "pkcs11/ckr.h"

static int refuse_blocked(const struct ks_token *token, struct ks_problem *problem)
{
	return ks_problem_set(problem, KS_ERR_PIN_BLOCKED,
			      "%s has blocked its PIN after too many wrong ones; unblock it with its SO PIN or PUK: "
			      "keystay token pin unblock",
			      token->whose);
}

/* Changing it is for the other life of this program (provision.h). */
static int refuse_expired(const struct ks_token *token, struct ks_problem *problem)
{
	return ks_problem_set(problem, KS_ERR_PIN_EXPIRED,
			      "%s: its PIN has expired or was never chosen by its holder; change it: keystay token "
			      "pin change; nothing was tried",
			      token->whose);
}

static int check_flags(const struct ks_token *token, struct ks_pin_terms terms, struct ks_problem *problem)
{
	CK_FLAGS flags = token->info.flags;
	uint32_t told = terms.unattended ? 0 : terms.told;

	if (flags & CKF_USER_PIN_LOCKED)
		return refuse_blocked(token, problem);
	if (flags & CKF_USER_PIN_TO_BE_CHANGED)
		return refuse_expired(token, problem);
	if (flags & CKF_USER_PIN_FINAL_TRY ? (told & KS_PIN_FINAL_TRY) != 0 :
					     !(flags & CKF_USER_PIN_COUNT_LOW) || (told & KS_PIN_TROUBLE) != 0)
		return 0;
	if (flags & CKF_USER_PIN_FINAL_TRY)
		return ks_problem_set(problem, KS_ERR_PIN_FINAL_TRY,
				      "%s: one more wrong PIN would block it; nothing was tried; run: keystay unlock "
				      "%s, which asks by a dialog",
				      token->whose, token->label);
	return ks_problem_set(problem, KS_ERR_PIN_FINAL_TRY,
			      "%s: a wrong PIN was given since the last good one; nothing was tried; run: keystay "
			      "unlock %s, which asks by a dialog",
			      token->whose, token->label);
}

/* A PIN that cannot be right is not worth a try, and some cards count it as one. */
static int check_length(const struct ks_token *token, size_t size, struct ks_problem *problem)
{
	uint32_t min, max;

	if (size == 0 && (token->info.flags & CKF_PROTECTED_AUTHENTICATION_PATH))
		return 0; /* it is typed into the reader */
	ks_token_pin_limits(token, &min, &max);
	if (size > 0 && size >= min && (max == 0 || size <= max))
		return 0;
	if (max > 0)
		return ks_problem_set(problem, KS_ERR_PIN_LENGTH,
				      "%s: its PIN has %u to %u characters; the PIN was not tried", token->whose,
				      min > 0 ? min : 1, max);
	return ks_problem_set(problem, KS_ERR_PIN_LENGTH,
			      "%s: its PIN has at least %u characters; the PIN was not tried", token->whose,
			      min > 0 ? min : 1);
}

int ks_pin_check(struct ks_token *token, struct ks_pin_terms terms, size_t size, struct ks_problem *problem)
{
	int r = ks_token_refresh(token, problem);
	if (r == 0)
		r = check_flags(token, terms, problem);
	return r == 0 ? check_length(token, size, problem) : r;
}

int ks_pin_explain(struct ks_token *token, CK_RV rv, struct ks_problem *problem)
{
	int error = ks_ckr_error(rv);
	/* The flags say what the wrong PIN has cost; that they cannot be read any more changes nothing. */
	bool known = error == KS_ERR_PIN_WRONG && ks_token_refresh(token, NULL) == 0;
	CK_FLAGS flags = known ? token->info.flags : 0;

	if (flags & CKF_USER_PIN_LOCKED)
		return ks_problem_set(problem, KS_ERR_PIN_WRONG,
				      "%s: the PIN is wrong, and that was the last try: it is blocked now; unblock it "
				      "with its SO PIN or PUK: keystay token pin unblock",
				      token->whose);
	if (flags & CKF_USER_PIN_FINAL_TRY)
		return ks_problem_set(problem, KS_ERR_PIN_WRONG, "%s: the PIN is wrong; one more wrong PIN blocks it",
				      token->whose);
	if (error == KS_ERR_PIN_WRONG)
		return ks_problem_set(problem, KS_ERR_PIN_WRONG, "%s: the PIN is wrong", token->whose);
	if (error == KS_ERR_PIN_BLOCKED)
		return refuse_blocked(token, problem);
	if (error == KS_ERR_PIN_EXPIRED)
		return ks_problem_set(problem, error, "%s: its PIN has expired; change it: keystay token pin change",
				      token->whose);
	return ks_ckr_problem(problem, rv, token->whose, "C_Login");
}
