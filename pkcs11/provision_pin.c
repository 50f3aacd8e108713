/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provision_pin: see provision_pin.h. Runs in: keystay-token --provision.
 *
 * Tokens are initialised and PINs set by libp11. Logins are made here: PKCS11_login() keeps a copy of the PIN in ordinary
 * memory until its slot is released (libp11 0.4.12, prev_pin; invariant I7), and takes a token that is logged in already
 * for one that has looked at the PIN. Who is logged in is the same for all sessions of a process, so libp11's own have it.
 */
#include "pkcs11/provision_pin.h"

#include <string.h>

#include "lib/base/text.h"
#include "pkcs11/ckr.h"
#include "pkcs11/token.h"
#include "pkcs11/writing.h"

#define LABEL_SIZE sizeof(((CK_TOKEN_INFO *)NULL)->label)

/* --- whose PIN it is --------------------------------------------------------------------------------------------- */

struct role {
	const char *name;
	CK_USER_TYPE user;
	CK_FLAGS low, final, locked;
	uint32_t told_low, told_final;
};

static const struct role user_role = { "PIN",
				       CKU_USER,
				       CKF_USER_PIN_COUNT_LOW,
				       CKF_USER_PIN_FINAL_TRY,
				       CKF_USER_PIN_LOCKED,
				       KS_PIN_COUNT_LOW,
				       KS_PIN_FINAL_TRY };
static const struct role so_role = {
	"SO PIN",           CKU_SO, CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED, KS_PIN_SO_COUNT_LOW,
	KS_PIN_SO_FINAL_TRY
};
/* The same to the token; to the person it is another word. */
static const struct role puk_role = { "PUK",
				      CKU_SO,
				      CKF_SO_PIN_COUNT_LOW,
				      CKF_SO_PIN_FINAL_TRY,
				      CKF_SO_PIN_LOCKED,
				      KS_PIN_SO_COUNT_LOW,
				      KS_PIN_SO_FINAL_TRY };

static bool is_opensc(const struct ks_module *module)
{
	return strncmp(module->description, "OpenSC", strlen("OpenSC")) == 0;
}

static const struct role *role_of(const struct ks_provision_task *task)
{
	switch (task->request->operation) {
	case KS_PROVISION_PIN_CHANGE:
		return &user_role;
	case KS_PROVISION_PIN_UNBLOCK:
		return is_opensc(task->module) ? &puk_role : &so_role;
	default:
		return &so_role;
	}
}

static const struct ks_secret *pin_of(const struct ks_provision_task *task)
{
	return role_of(task) == &user_role ? task->pin : task->so_pin;
}

/* --- may it be done? --------------------------------------------------------------------------------------------- */

static bool is_blank(const struct ks_provision_task *task)
{
	return !ks_provision_slot_has(task->slot, CKF_TOKEN_INITIALIZED);
}

/* What the module cannot do is known beforehand of one kind of card alone. No PIN need be risked to hear it. */
static int check_ability(const struct ks_provision_task *task, struct ks_problem *problem)
{
	const struct ks_provision_slot *slot = task->slot;
	uint32_t operation = task->request->operation;

	if (ks_provision_slot_has(slot, CKF_WRITE_PROTECTED))
		return ks_problem_set(problem, KS_ERR_UNSUPPORTED, "%s is write-protected", slot->whose);
	if (is_blank(task) && operation != KS_PROVISION_INIT)
		return ks_problem_set(problem, KS_ERR_INVALID, "%s is to be initialised first: keystay token init",
				      slot->whose);
	if (operation != KS_PROVISION_PIN_CHANGE && operation != KS_PROVISION_PIN_UNBLOCK &&
	    ks_writing_is_opensc_piv(task->module, &slot->info))
		return ks_problem_set(problem, KS_ERR_UNSUPPORTED,
				      "%s is a PIV card: OpenSC initialises none, nor does it change a PUK%s; nothing "
				      "was tried",
				      slot->whose, ks_writing_hint(task->module, &slot->info, KS_WRITING_PIN));
	return 0;
}

/* By what nobody types by mistake. */
static int check_erase(const struct ks_provision_task *task, struct ks_problem *problem)
{
	const struct ks_provision_slot *slot = task->slot;
	bool has_serial = slot->serial[0] != '\0';
	const char *name = has_serial ? slot->serial : slot->label;
	struct ks_bytes erase = task->request->erase;

	if (is_blank(task) || (name[0] != '\0' && ks_bytes_equal(erase, ks_bytes_text(name))))
		return 0;
	return ks_problem_set(problem, KS_ERR_DENIED,
			      "%s is initialised already, and all keys and certificates on it would be lost; to erase "
			      "it, name its %s, which is %s; nothing was done",
			      slot->whose, has_serial ? "serial number" : "label", name[0] != '\0' ? name : "missing");
}

static int check_label(const struct ks_provision_task *task, struct ks_problem *problem)
{
	size_t size = task->request->label.size;

	if (size > 0 && size <= LABEL_SIZE)
		return 0;
	return ks_problem_set(problem, KS_ERR_INVALID, "a token's label has 1 to %zu bytes; nothing was done",
			      LABEL_SIZE);
}

static int check_flags(const struct ks_provision_task *task, struct ks_problem *problem)
{
	const struct role *role = role_of(task);
	const struct ks_provision_slot *slot = task->slot;
	uint32_t told = task->request->told;

	if (is_blank(task))
		return 0;
	if (ks_provision_slot_has(slot, role->locked))
		return ks_problem_set(
			problem, KS_ERR_PIN_BLOCKED,
			"%s has blocked its %s after too many wrong ones; nothing was tried%s", slot->whose, role->name,
			role == &user_role ? "; unblock it by its SO PIN or PUK: keystay token pin unblock" : "");
	if (ks_provision_slot_has(slot, role->final) && !(told & role->told_final))
		return ks_problem_set(problem, KS_ERR_PIN_FINAL_TRY,
				      "%s: one more wrong %s would block it; nothing was tried", slot->whose,
				      role->name);
	if (ks_provision_slot_has(slot, role->low) && !(told & (role->told_low | role->told_final)))
		return ks_problem_set(problem, KS_ERR_PIN_FINAL_TRY,
				      "%s: a wrong %s was given since the last good one; nothing was tried",
				      slot->whose, role->name);
	return 0;
}

/* An empty one is typed at the reader's own keys, where there are such. */
static int check_text(const struct ks_provision_task *task, const struct ks_secret *secret, const char *name,
		      struct ks_problem *problem)
{
	const char *whose = task->slot->whose;
	size_t size = ks_secret_bytes(secret).size;

	if (size == 0 && !ks_provision_slot_has(task->slot, CKF_PROTECTED_AUTHENTICATION_PATH))
		return ks_problem_set(problem, KS_ERR_PIN_LENGTH, "%s: no %s was given; nothing was tried", whose,
				      name);
	if (size >= KS_SECRET_MAX || !ks_secret_text(secret))
		return ks_problem_set(problem, KS_ERR_PIN_LENGTH,
				      "%s: a %s of this length or form cannot be given to it; nothing was tried", whose,
				      name);
	return 0;
}

/* Of an SO PIN that a token has already the length is not looked at: the limits are of the user's PIN. */
static int check_length(const struct ks_provision_task *task, const struct ks_secret *secret, const char *name,
			struct ks_problem *problem)
{
	size_t size = ks_secret_bytes(secret).size;
	uint32_t min, max;

	int r = check_text(task, secret, name, problem);
	if (r < 0 || size == 0)
		return r;
	ks_token_info_pin_limits(&task->slot->info, &min, &max);
	if (size >= min && (max == 0 || size <= max))
		return 0;
	if (max > 0)
		return ks_problem_set(problem, KS_ERR_PIN_LENGTH,
				      "%s: its %s has %u to %u characters; nothing was tried", task->slot->whose, name,
				      min > 0 ? min : 1, max);
	return ks_problem_set(problem, KS_ERR_PIN_LENGTH, "%s: its %s has at least %u characters; nothing was tried",
			      task->slot->whose, name, min > 0 ? min : 1);
}

static int check_init(const struct ks_provision_task *task, struct ks_problem *problem)
{
	int r = check_erase(task, problem);
	if (r == 0)
		r = check_label(task, problem);
	if (r == 0 && ks_secret_bytes(task->so_pin).size == 0)
		r = ks_problem_set(problem, KS_ERR_PIN_LENGTH, "%s: no SO PIN was given; nothing was done",
				   task->slot->whose);
	if (r == 0)
		r = is_blank(task) ? check_length(task, task->so_pin, "SO PIN", problem) :
				     check_text(task, task->so_pin, "SO PIN", problem);
	if (r == 0 && ks_secret_bytes(task->new_pin).size > 0)
		r = check_length(task, task->new_pin, "PIN", problem);
	return r;
}

static int check_pins(const struct ks_provision_task *task, struct ks_problem *problem)
{
	const struct role *role = role_of(task);
	bool of_so = task->request->operation == KS_PROVISION_SO_PIN_CHANGE;

	if (task->request->operation == KS_PROVISION_INIT)
		return check_init(task, problem);
	int r = role == &user_role ? check_length(task, task->pin, role->name, problem) :
				     check_text(task, task->so_pin, role->name, problem);
	return r == 0 ? check_length(task, task->new_pin, of_so ? "SO PIN" : "PIN", problem) : r;
}

/* --- sessions and logins ----------------------------------------------------------------------------------------- */

/* NULL: typed at the reader. */
static const char *text_of(const struct ks_secret *secret)
{
	return ks_secret_bytes(secret).size > 0 ? ks_secret_text(secret) : NULL;
}

/* Of our own, which is also the proof that libp11 can have one: it would wait for ever where it cannot. */
static int open_session(const struct ks_provision_task *task, CK_SESSION_HANDLE *ret_session,
			struct ks_problem *problem)
{
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

	(void)PKCS11_open_session(task->slot->slot, 1); /* read-write ones from now on */
	CK_RV rv = task->module->calls->C_OpenSession(task->slot->id, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
						      &session);
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, task->slot->whose, "C_OpenSession");
	/* A session is with one token: from here on no other one can get the PIN. */
	int r = ks_provision_slot_refresh(task->module, task->slot, false, problem);
	if (r < 0) {
		(void)task->module->calls->C_CloseSession(session);
		return r;
	}
	*ret_session = session;
	return 0;
}

static void close_session(const struct ks_provision_task *task, CK_SESSION_HANDLE session)
{
	(void)task->module->calls->C_Logout(session);
	(void)task->module->calls->C_CloseSession(session);
}

static CK_RV login(const struct ks_provision_task *task, CK_SESSION_HANDLE session, CK_USER_TYPE user,
		   const struct ks_secret *secret, struct ks_problem *problem)
{
	struct ks_bytes pin = ks_secret_bytes(secret);

	problem->not_given = false;
	return task->module->calls->C_Login(session, user, pin.size > 0 ? (CK_UTF8CHAR *)(uintptr_t)pin.data : NULL,
					    pin.size);
}

/* What a call said that was given the PIN of this role. */
static int explain(struct ks_provision_task *task, CK_RV rv, const char *function, struct ks_problem *problem)
{
	const struct role *role = role_of(task);
	struct ks_provision_slot *slot = task->slot;
	char words[128];

	if (rv == CKR_PIN_LOCKED)
		return ks_problem_set(problem, KS_ERR_PIN_BLOCKED, "%s has blocked its %s after too many wrong ones",
				      slot->whose, role->name);
	if (rv == CKR_PIN_INCORRECT) {
		/* What it has cost; that it cannot be read any more changes nothing. */
		(void)!ks_provision_slot_refresh(task->module, slot, false, NULL);
		return ks_problem_set(problem, KS_ERR_PIN_WRONG, "%s: the %s is wrong%s", slot->whose, role->name,
				      ks_provision_slot_has(slot, role->locked) ?
					      ", and that was the last try: it is blocked now" :
				      ks_provision_slot_has(slot, role->final) ? "; one more wrong one blocks it" :
										 "");
	}
	if (ks_ckr_kind(rv) != KS_CKR_MECHANISM && rv != CKR_USER_TYPE_INVALID)
		return ks_ckr_problem(problem, rv, slot->whose, function);
	ks_ckr_describe(rv, words, sizeof(words));
	return ks_problem_set(problem, KS_ERR_UNSUPPORTED, "%s does not do this to a PIN: %s%s", slot->whose, words,
			      ks_writing_hint(task->module, &slot->info, KS_WRITING_PIN));
}

/* What a call said after the PIN of this role was the right one: it is the new one that is not liked. */
static int explain_new(struct ks_provision_task *task, CK_RV rv, const char *function, struct ks_problem *problem)
{
	char words[128];

	if (rv != CKR_PIN_INVALID && rv != CKR_PIN_LEN_RANGE && rv != CKR_PIN_TOO_WEAK)
		return explain(task, rv, function, problem);
	ks_ckr_describe(rv, words, sizeof(words));
	return ks_problem_set(problem, KS_ERR_PIN_LENGTH, "%s does not take the new PIN: %s", task->slot->whose, words);
}

/* --- operations -------------------------------------------------------------------------------------------------- */

static int set_user_pin(struct ks_provision_task *task, struct ks_problem *problem)
{
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

	int r = open_session(task, &session, problem);
	if (r < 0)
		return r;
	CK_RV rv = login(task, session, CKU_SO, task->so_pin, problem);
	if (rv != CKR_OK)
		r = explain(task, rv, "C_Login", problem);
	else if (PKCS11_init_pin(task->slot->slot->token, text_of(task->new_pin)) < 0)
		r = explain_new(task, ks_provision_rv(), "C_InitPIN", problem);
	close_session(task, session);
	return r;
}

/* The same, for both kinds of PIN. A token may want its PIN changed before anything else. */
static int change_pin(struct ks_provision_task *task, struct ks_problem *problem)
{
	const struct ks_secret *old_pin = pin_of(task);
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

	int r = open_session(task, &session, problem);
	if (r < 0)
		return r;
	CK_RV rv = login(task, session, role_of(task)->user, old_pin, problem);
	if (rv != CKR_OK && rv != CKR_PIN_EXPIRED)
		r = explain(task, rv, "C_Login", problem);
	else if (PKCS11_change_pin(task->slot->slot, text_of(old_pin), text_of(task->new_pin)) < 0)
		r = explain_new(task, ks_provision_rv(), "C_SetPIN", problem);
	close_session(task, session);
	return r;
}

/* OpenSC, as opensc_conf.c has told it, takes a PUK for the old PIN while nobody is logged in; the SO PIN of other tokens
 * lets its holder set a new one. */
static int unblock_pin(struct ks_provision_task *task, struct ks_problem *problem)
{
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

	if (!is_opensc(task->module))
		return set_user_pin(task, problem);
	int r = open_session(task, &session, problem);
	if (r < 0)
		return r;
	problem->not_given = false;
	if (PKCS11_change_pin(task->slot->slot, text_of(task->so_pin), text_of(task->new_pin)) < 0)
		r = explain_new(task, ks_provision_rv(), "C_SetPIN", problem);
	close_session(task, session);
	return r;
}

/* libp11 hands the label on as it is, and Cryptoki wants it padded. */
static int init_token(struct ks_provision_task *task, struct ks_problem *problem)
{
	struct ks_bytes label = task->request->label;
	char padded[LABEL_SIZE + 1];

	memset(padded, ' ', LABEL_SIZE);
	padded[LABEL_SIZE] = '\0';
	memcpy(padded, label.data, label.size);
	problem->not_given = false;
	if (PKCS11_init_token(task->slot->slot->token, ks_secret_text(task->so_pin), padded) < 0) {
		CK_RV rv = ks_provision_rv();
		/* tpm2-pkcs11's way to say that it initialises nothing twice. */
		bool never_twice = rv == CKR_ARGUMENTS_BAD && !is_blank(task);
		return explain(task, never_twice ? CKR_FUNCTION_NOT_SUPPORTED : rv, "C_InitToken", problem);
	}
	int r = ks_provision_slot_refresh(task->module, task->slot, true, problem);
	if (r < 0 || ks_secret_bytes(task->new_pin).size == 0)
		return r;
	r = set_user_pin(task, problem);
	if (r == 0)
		return 0;
	const struct ks_problem why = *problem;
	return ks_problem_set(problem, why.error,
			      "%s was initialised, but has no user PIN yet (%s); set one: keystay token pin set",
			      task->slot->whose, why.text);
}

static const struct {
	int (*run)(struct ks_provision_task *task, struct ks_problem *problem);
	const char *done;
} operations[] = {
	[KS_PROVISION_INIT] = { init_token, "was initialised" },
	[KS_PROVISION_PIN_SET] = { set_user_pin, "has a new PIN" },
	[KS_PROVISION_PIN_CHANGE] = { change_pin, "has a new PIN" },
	[KS_PROVISION_PIN_UNBLOCK] = { unblock_pin, "is unblocked and has a new PIN" },
	[KS_PROVISION_SO_PIN_CHANGE] = { change_pin, "has a new SO PIN" },
};

#define N_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

int ks_provision_pin_do(struct ks_provision_task *task, char *text, size_t size, struct ks_problem *problem)
{
	uint32_t operation = task->request->operation;

	problem->not_given = true;
	if (operation >= N_OPERATIONS || !operations[operation].run)
		return ks_problem_set(problem, KS_ERR_INVALID, "operation %u on a token is not known", operation);
	int r = check_ability(task, problem);
	if (r == 0)
		r = check_pins(task, problem);
	if (r == 0)
		r = check_flags(task, problem);
	if (r == 0)
		r = operations[operation].run(task, problem);
	if (r < 0)
		return r;
	r = ks_provision_slot_refresh(task->module, task->slot, operation == KS_PROVISION_INIT, problem);
	if (r < 0)
		return r;
	bool with_pin = operation == KS_PROVISION_INIT && ks_secret_bytes(task->new_pin).size > 0;
	(void)ks_text_print(text, size, "%s %s%s", task->slot->whose, operations[operation].done,
			    with_pin ? " and has a PIN" : "");
	return 0;
}
