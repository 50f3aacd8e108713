/* SPDX-License-Identifier: Apache-2.0 */
/* user: see user.h. Runs in: keystay-token. */
#include "pkcs11/user.h"

#include <stdint.h>
#include <string.h>

#include "pkcs11/ckr.h"

#define SESSION_TRIES (KS_SESSIONS_MAX + 1) /* all that are idle may be of a card that was taken out meanwhile */

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

	/* The only C_Login as CKU_USER. Cryptoki has no const; a NULL PIN stands for the reader's own keys. */
	CK_RV rv = sessions->module->calls->C_Login(
		session.handle, CKU_USER, bytes.size > 0 ? (CK_UTF8CHAR *)(uintptr_t)bytes.data : NULL, bytes.size);
	return rv; /* CKR_USER_ALREADY_LOGGED_IN is no success: such a token has not looked at the PIN */
}

static bool is_known(const uint8_t digest[KS_CONTENTS_SIZE])
{
	static const uint8_t never_seen[KS_CONTENTS_SIZE];

	return memcmp(digest, never_seen, KS_CONTENTS_SIZE) != 0;
}

/* Is it still the card that the PIN was asked for? Nobody is logged in. A token that shows nothing to compare with, since
 * it was never seen logged out, is taken as it is. */
static int compare_contents(struct ks_token *token, struct ks_session session, const struct ks_user_login *login,
			    struct ks_problem *problem)
{
	uint8_t now[KS_CONTENTS_SIZE];
	CK_RV rv = CKR_OK;

	if (login->digest.size != KS_CONTENTS_SIZE)
		return ks_problem_set(problem, KS_ERR_MALFORMED, "%s: the digest has a wrong length", token->whose);
	if (!is_known(login->digest.data) && !is_known(token->digest))
		return 0;
	int r = ks_contents_read(token->sessions.module, session.handle, login->digests, &rv, now);
	if (r < 0 && rv != CKR_OK)
		return ks_ckr_problem(problem, rv, token->whose, "C_FindObjects");
	if (r < 0)
		return ks_problem_set(problem, r, "%s: %s", token->whose, ks_error_text(r));
	if (memcmp(now, login->digest.data, KS_CONTENTS_SIZE) == 0)
		return 0;
	return ks_problem_set(problem, KS_ERR_CHANGED,
			      "%s: its contents are not those that the PIN was asked for (another card, or a "
			      "certificate was rewritten); nothing was tried",
			      token->whose);
}

static int check(struct ks_token *token, const struct ks_user_login *login, struct ks_problem *problem)
{
	int r = ks_token_refresh(token, problem);
	if (r < 0)
		return r;
	if (!ks_bytes_equal(login->serial, ks_bytes_text(token->serial)))
		return ks_problem_set(problem, KS_ERR_TOKEN_ABSENT,
				      "%s: the PIN was given for a token with another serial number", token->whose);
	return ks_pin_check(token, login->terms, ks_secret_bytes(login->pin).size, problem);
}

int ks_user_login(struct ks_token *token, const struct ks_user_login *login, bool *ret_submitted,
		  struct ks_problem *problem)
{
	struct ks_session session;
	bool logged_in = false;

	*ret_submitted = false;
	int r = check(token, login, problem);
	if (r < 0)
		return r;
	CK_RV rv = take_live_session(&token->sessions, &session, &logged_in);
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, token->whose, "C_OpenSession");
	/* Left over from a login that the agent has closed: it must not make any PIN a good one. */
	if (logged_in)
		(void)token->sessions.module->calls->C_Logout(session.handle);
	r = compare_contents(token, session, login, problem);
	if (r < 0) {
		ks_session_throw_away(&token->sessions, session, false);
		return r;
	}
	*ret_submitted = true;
	rv = submit(&token->sessions, session, login->pin);
	if (rv == CKR_OK) {
		ks_session_give_back(&token->sessions, session);
		return 0;
	}
	ks_session_throw_away(&token->sessions, session, ks_ckr_kind(rv) == KS_CKR_SESSION_LOST);
	return ks_pin_explain(token, rv, problem);
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
