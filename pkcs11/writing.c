/* SPDX-License-Identifier: Apache-2.0 */
/* writing: see writing.h. Runs in: keystay-token. */
#include "pkcs11/writing.h"

#include <string.h>

#include "pkcs11/ckr.h"
#include "pkcs11/label.h"

/* --- the session ------------------------------------------------------------------------------------------------- */

void ks_writing_deinit(struct ks_writing *writing)
{
	if (writing->session != CK_INVALID_HANDLE)
		(void)writing->module->calls->C_CloseSession(writing->session);
	writing->session = CK_INVALID_HANDLE;
	ks_object_memory_deinit(&writing->memory);
}

/* A token with room for so many sessions and no more: all but one of the warm ones are given up for this. */
static CK_RV open_session(struct ks_token *token, CK_SESSION_HANDLE *ret_session)
{
	const struct ks_sessions *sessions = &token->sessions;
	const CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;

	CK_RV rv = sessions->module->calls->C_OpenSession(sessions->slot, flags, NULL, NULL, ret_session);
	if (ks_ckr_kind(rv) != KS_CKR_SESSION_FULL)
		return rv;
	ks_sessions_close_idle(&token->sessions);
	return sessions->module->calls->C_OpenSession(sessions->slot, flags, NULL, NULL, ret_session);
}

static int check_state(const struct ks_writing *writing, struct ks_problem *problem)
{
	const struct ks_token *token = writing->token;
	CK_SESSION_INFO info;

	memset(&info, 0, sizeof(info));
	CK_RV rv = writing->module->calls->C_GetSessionInfo(writing->session, &info);
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, token->whose, "C_GetSessionInfo");
	if (info.state == CKS_RW_USER_FUNCTIONS || !ks_token_needs_login(token))
		return 0;
	return ks_problem_set(problem, KS_ERR_TOKEN_LOCKED, "%s is locked; run: keystay unlock %s", token->whose,
			      token->label);
}

int ks_writing_begin(struct ks_token *token, struct ks_writing *ret_writing, struct ks_problem *problem)
{
	struct ks_writing writing = { .token = token, .module = token->sessions.module };

	int r = ks_token_refresh(token, problem);
	if (r < 0)
		return r;
	CK_RV rv = open_session(token, &writing.session);
	if (rv == CKR_TOKEN_WRITE_PROTECTED)
		return ks_problem_set(problem, KS_ERR_UNSUPPORTED, "%s is write-protected", token->whose);
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, token->whose, "C_OpenSession");
	r = check_state(&writing, problem);
	if (r < 0) {
		ks_writing_deinit(&writing);
		return r;
	}
	*ret_writing = writing;
	return 0;
}

CK_RV ks_writing_find(const struct ks_writing *writing, CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type,
		      struct ks_bytes value, struct ks_handles *handles)
{
	/* Cryptoki has no const. */
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ type, (void *)(uintptr_t)value.data, value.size },
	};

	return ks_object_find(writing->module, writing->session, template, 2, KS_WRITING_FOUND_MAX, handles);
}

/* --- what it cannot do ------------------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static void read_manufacturer(const CK_TOKEN_INFO *info, char text[65])
{
	ks_label_read(ks_bytes(info->manufacturerID, sizeof(info->manufacturerID)), text, 65);
}

bool ks_writing_is_opensc_piv(const struct ks_module *module, const CK_TOKEN_INFO *info)
{
	char manufacturer[65];

	read_manufacturer(info, manufacturer);
	return begins(module->description, "OpenSC") && begins(manufacturer, "piv");
}

static bool is_yubico(const struct ks_module *module, const CK_TOKEN_INFO *info)
{
	char manufacturer[65];

	read_manufacturer(info, manufacturer);
	return begins(manufacturer, "Yubico") || strstr(module->description, "YubiKey") != NULL;
}

static bool is_opensc(const struct ks_module *module, const CK_TOKEN_INFO *info)
{
	(void)info;
	return begins(module->description, "OpenSC");
}

bool ks_writing_is_tpm2(const struct ks_module *module)
{
	return begins(module->description, "TPM2");
}

static bool is_tpm2(const struct ks_module *module, const CK_TOKEN_INFO *info)
{
	(void)info;
	return ks_writing_is_tpm2(module);
}

static const struct {
	bool (*is)(const struct ks_module *module, const CK_TOKEN_INFO *info);
	const char *hints[KS_WRITING_PIN + 1];
} vendors[] = {
	{ ks_writing_is_opensc_piv,
	  { [KS_WRITING_KEY] = "; a PIV card makes keys for its management key alone; run: yubico-piv-tool -a generate "
			       "-s 9a -A ECCP256 (for a YubiKey), or: piv-tool -A M:9B:03 -G 9A:11",
	    [KS_WRITING_CERTIFICATE] = "; a PIV card takes certificates for its management key alone; run: "
				       "yubico-piv-tool -a import-certificate -s 9a -i FILE (for a YubiKey), or: "
				       "piv-tool -A M:9B:03 -C 9A -i FILE",
	    [KS_WRITING_REMOVAL] = "; run: yubico-piv-tool -a delete-certificate -s 9a (for a YubiKey)",
	    [KS_WRITING_PIN] = "; run, for a YubiKey: yubico-piv-tool -a change-puk, or -a reset to begin anew" } },
	{ is_yubico,
	  { [KS_WRITING_KEY] = "; run: yubico-piv-tool -a generate -s 9a -A ECCP256",
	    [KS_WRITING_CERTIFICATE] = "; run: yubico-piv-tool -a import-certificate -s 9a -i FILE",
	    [KS_WRITING_REMOVAL] = "; run: yubico-piv-tool -a delete-certificate -s 9a",
	    [KS_WRITING_PIN] = "; run: yubico-piv-tool -a change-puk, or -a reset to begin anew" } },
	{ is_opensc,
	  { [KS_WRITING_KEY] = "; run: pkcs15-init --generate-key ec/prime256v1 --auth-id 01",
	    [KS_WRITING_CERTIFICATE] = "; run: pkcs15-init --store-certificate FILE",
	    [KS_WRITING_REMOVAL] = "; run: pkcs15-init --delete-objects",
	    [KS_WRITING_PIN] = "; run: pkcs15-init, or the card's own program" } },
	{ is_tpm2,
	  { [KS_WRITING_KEY] = "; run: tpm2_ptool addkey --algorithm ecc256 --label TOKEN",
	    [KS_WRITING_CERTIFICATE] = "; run: tpm2_ptool addcert",
	    [KS_WRITING_REMOVAL] = "; run: tpm2_ptool objdel",
	    [KS_WRITING_PIN] = "; run: tpm2_ptool addtoken, or tpm2_ptool changepin" } },
};

const char *ks_writing_hint(const struct ks_module *module, const CK_TOKEN_INFO *info, enum ks_writing_what what)
{
	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++) {
		if (vendors[i].is(module, info))
			return vendors[i].hints[what];
	}
	return "";
}

/* The session's user is logged in: a token that says otherwise wants another user (a PIV card its management key). */
static bool cannot(CK_RV rv)
{
	switch (rv) {
	case CKR_ACTION_PROHIBITED:
	case CKR_ATTRIBUTE_READ_ONLY:
	case CKR_ATTRIBUTE_TYPE_INVALID:
	case CKR_ATTRIBUTE_VALUE_INVALID:
	case CKR_DEVICE_MEMORY:
	case CKR_SESSION_READ_ONLY:
	case CKR_TEMPLATE_INCOMPLETE:
	case CKR_TEMPLATE_INCONSISTENT:
	case CKR_TOKEN_WRITE_PROTECTED:
	case CKR_USER_NOT_LOGGED_IN:
	case CKR_USER_TYPE_INVALID:
		return true;
	default:
		return ks_ckr_kind(rv) == KS_CKR_MECHANISM;
	}
}

int ks_writing_refused(const struct ks_token *token, CK_RV rv, const char *function, enum ks_writing_what what,
		       struct ks_problem *problem)
{
	static const char *const verbs[] = {
		[KS_WRITING_KEY] = "does not make such a key",
		[KS_WRITING_CERTIFICATE] = "does not take the certificate",
		[KS_WRITING_REMOVAL] = "does not remove it",
		[KS_WRITING_PIN] = "does not do this to a PIN",
	};
	char words[128];

	if (!cannot(rv))
		return ks_ckr_problem(problem, rv, token->whose, function);
	ks_ckr_describe(rv, words, sizeof(words));
	return ks_problem_set(problem, KS_ERR_UNSUPPORTED, "%s %s: %s%s", token->whose, verbs[what], words,
			      ks_writing_hint(token->sessions.module, &token->info, what));
}
