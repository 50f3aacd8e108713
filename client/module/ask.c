/* SPDX-License-Identifier: Apache-2.0 */
/* ask: see ask.h. Runs in: any program, in all of its threads. */
#include "client/module/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define SOCKET KS_CLIENT_MODULE

/* --- errors ------------------------------------------------------------------------------------------------------ */

/* What is not in it is CKR_FUNCTION_FAILED. */
static const struct {
	int error;
	CK_RV rv;
} rows[] = {
	{ KS_ERR_NO_MEMORY, CKR_HOST_MEMORY },
	{ KS_ERR_TOO_LARGE, CKR_DATA_LEN_RANGE },
	/* the agent or the token is not there */
	{ KS_ERR_NO_AGENT, CKR_DEVICE_REMOVED },
	{ KS_ERR_CLOSED, CKR_DEVICE_REMOVED },
	{ KS_ERR_TOKEN_ABSENT, CKR_DEVICE_REMOVED },
	{ KS_ERR_UNKNOWN_KEY, CKR_KEY_HANDLE_INVALID },
	{ KS_ERR_TOKEN_FAILED, CKR_DEVICE_ERROR },
	{ KS_ERR_MODULE_FAILED, CKR_DEVICE_ERROR },
	{ KS_ERR_WRONG_SIGNATURE, CKR_DEVICE_ERROR },
	/* a person is needed, or has said no */
	{ KS_ERR_TOKEN_LOCKED, CKR_USER_NOT_LOGGED_IN },
	{ KS_ERR_NO_PROMPT, CKR_USER_NOT_LOGGED_IN },
	{ KS_ERR_NEEDS_DIALOG, CKR_USER_NOT_LOGGED_IN },
	{ KS_ERR_PIN_FINAL_TRY, CKR_USER_NOT_LOGGED_IN },
	{ KS_ERR_CANCELLED, CKR_FUNCTION_CANCELED },
	{ KS_ERR_TIMEOUT, CKR_FUNCTION_CANCELED },
	{ KS_ERR_PIN_WRONG, CKR_PIN_INCORRECT },
	{ KS_ERR_PIN_LENGTH, CKR_PIN_LEN_RANGE },
	{ KS_ERR_PIN_EXPIRED, CKR_PIN_EXPIRED },
	{ KS_ERR_PIN_BLOCKED, CKR_PIN_LOCKED },
	/* refused */
	{ KS_ERR_DENIED, CKR_KEY_FUNCTION_NOT_PERMITTED },
	{ KS_ERR_RULE, CKR_KEY_FUNCTION_NOT_PERMITTED },
	{ KS_ERR_RULE_UNPROVABLE, CKR_KEY_FUNCTION_NOT_PERMITTED },
	{ KS_ERR_INPUT_DIGEST, CKR_KEY_FUNCTION_NOT_PERMITTED },
	{ KS_ERR_INPUT_SCHEME, CKR_MECHANISM_INVALID },
	{ KS_ERR_MECHANISM, CKR_MECHANISM_INVALID },
	{ KS_ERR_INPUT_KEY_TYPE, CKR_KEY_TYPE_INCONSISTENT },
	/* no TLS handshake, or none that this key may sign */
	{ KS_ERR_INPUT_UNKNOWN, CKR_DATA_INVALID },
	{ KS_ERR_INPUT_LENGTH, CKR_DATA_INVALID },
	{ KS_ERR_INPUT_PADDING, CKR_DATA_INVALID },
	{ KS_ERR_INPUT_CONTEXT, CKR_DATA_INVALID },
	{ KS_ERR_INPUT_TRUNCATED, CKR_DATA_INVALID },
	{ KS_ERR_INPUT_TRAILING, CKR_DATA_INVALID },
	{ KS_ERR_INPUT_ORDER, CKR_DATA_INVALID },
	{ KS_ERR_INPUT_MISSING, CKR_DATA_INVALID },
	{ KS_ERR_INPUT_MESSAGE, CKR_DATA_INVALID },
	{ KS_ERR_INPUT_VERSION, CKR_DATA_INVALID },
	{ KS_ERR_INPUT_CERTIFICATE, CKR_DATA_INVALID },
	{ KS_ERR_INPUT_NOT_OFFERED, CKR_DATA_INVALID },
};

CK_RV ks_ask_rv(int error)
{
	if (error == 0)
		return CKR_OK;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].error == error)
			return rows[i].rv;
	}
	return CKR_FUNCTION_FAILED;
}

/* One write, so that lines of several threads do not mix. */
static int say(int error, const struct ks_client_error *why)
{
	char shown[KS_TEXT_MAX], line[KS_TEXT_MAX + 32];

	if (error == 0 || !secure_getenv("KEYSTAY_DEBUG"))
		return error;
	ks_text_escape(ks_bytes_text(why->text), shown, sizeof(shown));
	(void)ks_text_print(line, sizeof(line), "keystay-pkcs11: %s\n", shown);
	(void)fputs(line, stderr);
	return error;
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

int ks_ask_key_copy(const struct ks_front *front, const struct ks_key *key, struct ks_ask_key *ret_key)
{
	struct ks_ask_key copy = { .name = strdup(key->name), .epoch = front->epoch };
	if (!copy.name)
		return KS_ERR_NO_MEMORY;
	memcpy(copy.spki_hash, key->spki_hash, sizeof(copy.spki_hash));
	*ret_key = copy;
	return 0;
}

void ks_ask_key_deinit(struct ks_ask_key *key)
{
	free(key->name);
	key->name = NULL;
}

/* --- questions --------------------------------------------------------------------------------------------------- */

int ks_ask_generation(uint64_t *ret_generation)
{
	struct ks_client_error why;

	return say(ks_client_generation(SOCKET, ret_generation, &why), &why);
}

int ks_ask_list(int (*found)(const struct ks_msg_identity *identity, void *userdata), void *userdata,
		uint64_t *ret_generation)
{
	struct ks_client_error why;

	return say(ks_client_list_news(SOCKET, found, userdata, ret_generation, &why), &why);
}

int ks_ask_get(const struct ks_ask_key *key, struct ks_client_identity **ret_identity)
{
	struct ks_client_identity *identity;
	struct ks_client_error why;

	int r = say(ks_client_get_at(SOCKET, key->name, &identity, &why), &why);
	if (r < 0)
		return r;
	if (!ks_bytes_equal(identity->identity.spki_hash, ks_bytes(key->spki_hash, sizeof(key->spki_hash)))) {
		ks_client_identity_free(identity);
		return KS_ERR_UNKNOWN_KEY;
	}
	*ret_identity = identity;
	return 0;
}

int ks_ask_sign(const struct ks_ask_key *key, uint16_t scheme, struct ks_bytes input, uint8_t *signature,
		size_t *ret_size)
{
	struct ks_client_sign request = { .socket = SOCKET, .name = key->name, .scheme = scheme, .input = input };
	struct ks_client_error why;

	memcpy(request.spki_hash, key->spki_hash, sizeof(request.spki_hash));
	return say(ks_client_sign(&request, signature, ret_size, &why), &why);
}

int ks_ask_sign_digest(const struct ks_ask_key *key, uint16_t scheme, struct ks_bytes digest, uint8_t *signature,
		       size_t *ret_size)
{
	struct ks_client_sign_digest request = {
		.socket = SOCKET, .name = key->name, .scheme = scheme, .digest = digest
	};
	struct ks_client_error why;

	memcpy(request.spki_hash, key->spki_hash, sizeof(request.spki_hash));
	return say(ks_client_sign_digest(&request, signature, ret_size, &why), &why);
}
