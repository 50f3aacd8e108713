/* SPDX-License-Identifier: Apache-2.0 */
/* user: see user.h. Runs in: keystay-token. */
#include "pkcs11/user.h"

#include <stdint.h>

#include "pkcs11/ckr.h"

#define SESSION_TRIES (KS_SESSIONS_MAX + 1) /* all that are idle may be of a card that was taken out meanwhile */

/* --- before a PIN is given --------------------------------------------------------------------------------------- */

static int check_flags(const struct ks_token *token, const struct ks_user_login *login, struct ks_problem *problem)
{
	CK_FLAGS flags = token->info.flags;

	if (flags & CKF_USER_PIN_LOCKED)
		return ks_problem_set(
			problem, KS_ERR_PIN_BLOCKED,
			"%s has blocked its PIN after too many wrong ones; unblock it with its SO PIN or PUK",
			token->whose);
	if ((flags & CKF_USER_PIN_FINAL_TRY) && (!login->final_try || login->unattended))
		return ks_problem_set(problem, KS_ERR_PIN_FINAL_TRY,
				      "%s: one more wrong PIN would block it; nothing was tried", token->whose);
	if ((flags & CKF_USER_PIN_COUNT_LOW) && login->unattended)
		return ks_problem_set(
			problem, KS_ERR_PIN_FINAL_TRY,
			"%s: a wrong PIN was given since the last good one, so the kept PIN is not tried; "
			"run: keystay unlock",
			token->whose);
	return 0;
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

/* A session that is known to live, so that the one login is not wasted on a dead one. */
static CK_RV take_live_session(struct ks_sessions *sessions, struct ks_session *ret_session, bool *ret_logged_in)
{
	CK_RV rv = CKR_SESSION_HANDLE_INVALID;

	for (unsigned i = 0; i < SESSION_TRIES && ks_ckr_kind(rv) == KS_CKR_SESSION_LOST; i++) {
		rv = ks_session_take(sessions, ret_session);
		if (rv != CKR_OK)
			return rv;
		rv = ks_session_is_logged_in(sessions, *ret_session, ret_logged_in);
		if (rv != CKR_OK)
			ks_session_throw_away(sessions, *ret_session, ks_ckr_kind(rv) == KS_CKR_SESSION_LOST);
	}
	return rv;
}

/* --- login ------------------------------------------------------------------------------------------------------- */

static CK_RV submit(const struct ks_sessions *sessions, struct ks_session session, const struct ks_secret *pin)
{
	struct ks_bytes bytes = ks_secret_bytes(pin);

	/* The only C_Login. Cryptoki has no const; a NULL PIN stands for the reader's own keys. */
	CK_RV rv = sessions->module->calls->C_Login(
		session.handle, CKU_USER, bytes.size > 0 ? (CK_UTF8CHAR *)(uintptr_t)bytes.data : NULL, bytes.size);
	return rv; /* CKR_USER_ALREADY_LOGGED_IN is no success: such a token has not looked at the PIN */
}

static int explain(struct ks_token *token, CK_RV rv, struct ks_problem *problem)
{
	/* The flags say what the wrong PIN has cost; that they cannot be read any more changes nothing. */
	bool known = ks_ckr_error(rv) == KS_ERR_PIN_WRONG && ks_token_refresh(token, NULL) == 0;
	CK_FLAGS flags = known ? token->info.flags : 0;

	if (flags & CKF_USER_PIN_LOCKED)
		return ks_problem_set(problem, KS_ERR_PIN_WRONG,
				      "%s: the PIN is wrong, and that was the last try: it is "
				      "blocked now; unblock it with its SO PIN or PUK",
				      token->whose);
	if (flags & CKF_USER_PIN_FINAL_TRY)
		return ks_problem_set(problem, KS_ERR_PIN_WRONG, "%s: the PIN is wrong; one more wrong PIN blocks it",
				      token->whose);
	if (ks_ckr_error(rv) == KS_ERR_PIN_WRONG)
		return ks_problem_set(problem, KS_ERR_PIN_WRONG, "%s: the PIN is wrong", token->whose);
	return ks_ckr_problem(problem, rv, token->whose, "C_Login");
}

int ks_user_login(struct ks_token *token, const struct ks_user_login *login, bool *ret_submitted,
		  struct ks_problem *problem)
{
	struct ks_session session;
	bool logged_in = false;

	*ret_submitted = false;
	int r = ks_token_refresh(token, problem);
	if (r < 0)
		return r;
	if (!ks_bytes_equal(login->serial, ks_bytes_text(token->serial)))
		return ks_problem_set(problem, KS_ERR_TOKEN_ABSENT,
				      "%s: the PIN was given for a token with another serial number", token->whose);
	r = check_flags(token, login, problem);
	if (r == 0)
		r = check_length(token, ks_secret_bytes(login->pin).size, problem);
	if (r < 0)
		return r;
	CK_RV rv = take_live_session(&token->sessions, &session, &logged_in);
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, token->whose, "C_OpenSession");
	/* Left over from a login that the agent has closed: it must not make any PIN a good one. */
	if (logged_in)
		(void)token->sessions.module->calls->C_Logout(session.handle);
	*ret_submitted = true;
	rv = submit(&token->sessions, session, login->pin);
	if (rv == CKR_OK) {
		ks_session_give_back(&token->sessions, session);
		return 0;
	}
	ks_session_throw_away(&token->sessions, session, ks_ckr_kind(rv) == KS_CKR_SESSION_LOST);
	return explain(token, rv, problem);
}

/* --- logout ------------------------------------------------------------------------------------------------------ */

static bool is_out(CK_RV rv)
{
	enum ks_ckr_kind kind = ks_ckr_kind(rv);

	return rv == CKR_OK || kind == KS_CKR_LOGGED_OUT || kind == KS_CKR_SESSION_LOST || kind == KS_CKR_ABSENT;
}

/* C_Logout, and then the end of all sessions, which is a logout of its own: one of the two works in any module. A fresh
 * session then says whether it did. */
int ks_user_logout(struct ks_token *token, struct ks_problem *problem)
{
	struct ks_session session;
	bool logged_in = false;

	CK_RV rv = ks_session_take(&token->sessions, &session);
	if (rv == CKR_OK) {
		rv = token->sessions.module->calls->C_Logout(session.handle);
		ks_session_give_back(&token->sessions, session);
	}
	ks_sessions_close_all(&token->sessions);
	token->logged_in = false;
	if (is_out(rv))
		return 0;
	CK_RV look = take_live_session(&token->sessions, &session, &logged_in);
	if (look == CKR_OK)
		ks_session_give_back(&token->sessions, session);
	if (is_out(look) && !logged_in)
		return 0;
	return ks_ckr_problem(problem, rv, token->whose, "C_Logout");
}
