/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module whose every answer is taken from the input: an inventory, a login, a signature with each key that it
 * showed, a change (a new key, a certificate that is stored, something removed), a logout. Whatever it says, nothing is read or written out of bounds, what is told is well-formed, and it ends.
 *
 * Each call takes one byte: its return value (low bits), and whether lengths and counts are far too large (high bit).
 * Then comes what the call answers; when the input is used up every call fails.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/reader.h"
#include "lib/base/secret.h"
#include "lib/protocol/message.h"
#include "pkcs11/keygen.h"
#include "pkcs11/remove.h"
#include "pkcs11/report.h"
#include "pkcs11/sign.h"
#include "pkcs11/store.h"
#include "pkcs11/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 16384u /* what is told about so much fits into a socket that nobody reads meanwhile */
#define HUGE_COUNT 0x7fffffffUL
#define MARK_UNAVAILABLE 0xffffu

static struct {
	struct ks_reader reader;
	CK_TOKEN_INFO info;
	bool has_info;
	bool large; /* of the call under way */
} input;

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* --- the module -------------------------------------------------------------------------------------------------- */

static CK_RV next_rv(void)
{
	static const CK_RV values[] = { CKR_OK,
					CKR_OK,
					CKR_ATTRIBUTE_TYPE_INVALID,
					CKR_SESSION_HANDLE_INVALID,
					CKR_OBJECT_HANDLE_INVALID,
					CKR_MECHANISM_INVALID,
					CKR_GENERAL_ERROR,
					0xdeadbeef };

	uint8_t byte = ks_reader_u8(&input.reader);
	input.large = byte & 0x80;
	return ks_reader_ok(&input.reader) ? values[byte & 7] : CKR_DEVICE_ERROR;
}

static void fill(void *out, size_t size)
{
	struct ks_bytes bytes = ks_reader_take(&input.reader, size);

	if (bytes.size > 0)
		memcpy(out, bytes.data, bytes.size);
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *n)
{
	CK_RV rv = next_rv();
	CK_ULONG room = slots ? *n : 0;
	(void)present;

	*n = input.large ? HUGE_COUNT : ks_reader_u8(&input.reader) & 3u;
	for (CK_ULONG i = 0; i < room && i < *n; i++)
		slots[i] = ks_reader_u8(&input.reader);
	return rv;
}

/* Every second slot has bytes that are no text. No input is spent on it. */
static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	memset(info, slot & 1u ? 0xff : ' ', sizeof(*info));
	info->flags = CKF_TOKEN_PRESENT;
	return slot == 7 ? CKR_DEVICE_ERROR : CKR_OK;
}

/* The same token each time, unless the byte says that it was changed. */
static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv = next_rv();
	(void)slot;

	if (!input.has_info || input.large) {
		fill(input.info.label, sizeof(input.info.label));
		fill(input.info.manufacturerID, sizeof(input.info.manufacturerID));
		fill(input.info.model, sizeof(input.info.model));
		fill(input.info.serialNumber, sizeof(input.info.serialNumber));
		input.info.flags = CKF_TOKEN_INITIALIZED | ks_reader_u32(&input.reader);
		input.info.ulMinPinLen = ks_reader_u8(&input.reader);
		input.info.ulMaxPinLen = ks_reader_u8(&input.reader);
		input.info.ulMaxSessionCount = ks_reader_u8(&input.reader);
		input.has_info = true;
	}
	*info = input.info;
	return rv;
}

static CK_RV get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *n)
{
	CK_RV rv = next_rv();
	CK_ULONG room = list ? *n : 0;
	(void)slot;

	*n = input.large ? HUGE_COUNT : ks_reader_u8(&input.reader);
	for (CK_ULONG i = 0; i < room && i < *n; i++)
		list[i] = ks_reader_u16(&input.reader);
	return rv;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
			  CK_SESSION_HANDLE *session)
{
	(void)slot;
	(void)flags;
	(void)application;
	(void)notify;
	*session = 1;
	return next_rv();
}

static CK_RV of_session(CK_SESSION_HANDLE session)
{
	(void)session;
	return next_rv();
}

static CK_RV of_slot(CK_SLOT_ID slot)
{
	(void)slot;
	return next_rv();
}

static CK_RV get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	CK_RV rv = next_rv();
	(void)session;

	info->state = ks_reader_u8(&input.reader);
	return rv;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG size)
{
	(void)session;
	(void)user;
	(void)pin;
	(void)size;
	return next_rv();
}

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
	(void)session;
	(void)template;
	(void)n;
	return next_rv();
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *n)
{
	CK_RV rv = next_rv();
	(void)session;

	*n = ks_reader_u8(&input.reader) & 7u;
	for (CK_ULONG i = 0; i < *n && i < room; i++)
		objects[i] = ks_reader_u8(&input.reader);
	if (input.large)
		*n = HUGE_COUNT;
	return rv;
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG n)
{
	CK_RV rv = next_rv();
	(void)session;
	(void)object;

	for (CK_ULONG i = 0; i < n; i++) {
		if (template[i].pValue) {
			fill(template[i].pValue, template[i].ulValueLen);
			template[i].ulValueLen = input.large ? HUGE_COUNT : template[i].ulValueLen;
		} else {
			CK_ULONG length = ks_reader_u16(&input.reader);
			template[i].ulValueLen = input.large                ? HUGE_COUNT :
						 length == MARK_UNAVAILABLE ? CK_UNAVAILABLE_INFORMATION :
									      length;
		}
	}
	return rv;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	(void)session;
	(void)mechanism;
	(void)key;
	return next_rv();
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature, CK_ULONG *signature_size)
{
	CK_RV rv = next_rv();
	(void)session;

	/* All that it was given can be read. */
	for (CK_ULONG i = 0; i < size; i++)
		(void)*(volatile CK_BYTE *)&data[i];
	CK_ULONG length = ks_reader_u16(&input.reader) % (*signature_size + 1);
	fill(signature, length);
	*signature_size = input.large ? HUGE_COUNT : length;
	return rv;
}

static CK_RV generate_key_pair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public,
			       CK_ULONG n_public, CK_ATTRIBUTE *private, CK_ULONG n_private,
			       CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
	CK_RV rv = next_rv();
	(void)session;
	(void)mechanism;
	(void)public;
	(void)n_public;
	(void)private;
	(void)n_private;

	*public_key = ks_reader_u8(&input.reader);
	*private_key = ks_reader_u8(&input.reader);
	return rv;
}

static CK_RV create_object(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *object)
{
	CK_RV rv = next_rv();
	(void)session;

	/* All that it was given can be read. */
	for (CK_ULONG i = 0; i < n; i++) {
		for (CK_ULONG at = 0; at < template[i].ulValueLen; at++)
			(void)((volatile CK_BYTE *)template[i].pValue)[at];
	}
	*object = ks_reader_u8(&input.reader);
	return rv;
}

static CK_RV set_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG n)
{
	(void)session;
	(void)object;
	(void)template;
	(void)n;
	return next_rv();
}

static CK_RV destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	(void)session;
	(void)object;
	return next_rv();
}

static CK_FUNCTION_LIST calls = {
	.C_GetSlotList = get_slot_list,
	.C_GetSlotInfo = get_slot_info,
	.C_GetTokenInfo = get_token_info,
	.C_GetMechanismList = get_mechanism_list,
	.C_OpenSession = open_session,
	.C_CloseSession = of_session,
	.C_CloseAllSessions = of_slot,
	.C_GetSessionInfo = get_session_info,
	.C_Login = login,
	.C_Logout = of_session,
	.C_FindObjectsInit = find_objects_init,
	.C_FindObjects = find_objects,
	.C_FindObjectsFinal = of_session,
	.C_GetAttributeValue = get_attribute_value,
	.C_SignInit = sign_init,
	.C_Sign = sign,
	.C_GenerateKeyPair = generate_key_pair,
	.C_CreateObject = create_object,
	.C_SetAttributeValue = set_attribute_value,
	.C_DestroyObject = destroy_object,
};

/* --- what is asked ----------------------------------------------------------------------------------------------- */

/* All that was told: whole frames of messages that the agent can read. */
static void check_told(int fd)
{
	static uint8_t told[4u << 20];
	size_t used = 0;
	ssize_t n;

	while ((n = recv(fd, told + used, sizeof(told) - used, MSG_DONTWAIT)) > 0)
		used += (size_t)n;
	struct ks_bytes left = ks_bytes(told, used);
	while (left.size > 0) {
		union {
			struct ks_msg_worker_token token;
			struct ks_msg_worker_key key;
			struct ks_msg_worker_certificate certificate;
			struct ks_msg_worker_inventory inventory;
		} message;
		enum ks_frame_state state;
		struct ks_frame frame;
		size_t whole;
		check(ks_frame_read(left, &state, &frame, &whole) == 0 && state == KS_FRAME_WHOLE);
		const struct ks_message_spec *spec = ks_message_spec(frame.type);
		check(spec && spec->struct_size <= sizeof(message));
		check(ks_message_read(frame.type, frame.body, &message, spec->struct_size) == 0);
		left.data += whole;
		left.size -= whole;
	}
}

static void sign_with(const struct ks_token *token, const struct ks_digest *digests, struct ks_key *key)
{
	size_t n_schemes;
	const struct ks_scheme *schemes = ks_schemes(&n_schemes);
	bool no_session = false;

	for (size_t i = 0; i < n_schemes; i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer signature = { 0 };
		struct ks_problem problem = { .error = 0, .text = "" };
		const struct ks_sign_request request = {
			.digests = digests,
			.sessions = (struct ks_sessions *)(uintptr_t)&token->sessions,
			.mechanisms = &token->mechanisms,
			.token_label = token->label,
			.login_required = ks_token_needs_login(token),
			.logged_in = token->logged_in,
			.key = key,
			.scheme = &schemes[i],
			.input = ks_bytes("input", 5),
			.ret_no_session = &no_session,
		};
		int r = ks_sign(&request, &signature, &problem);
		check(r == 0 ? signature.size > 0 : problem.error == r && problem.text[0] != '\0');
	}
}

static int make(struct ks_token *token, const struct ks_digest *digests, struct ks_bytes id, struct ks_problem *problem)
{
	struct ks_keygen_made made;
	const struct ks_keygen wanted = {
		.algorithm = KS_KEY_EC, .bits = 256, .label = ks_bytes("new", 3), .object_id = id, .digests = digests
	};

	int r = ks_keygen(token, &wanted, &made, problem);
	check(r < 0 || (made.spki_size > 0 && made.id_size <= sizeof(made.id)));
	return r;
}

/* What the input says: nothing, a key with an id or without, a certificate, or something to be removed. */
static void change(struct ks_token *token, const struct ks_digest *digests)
{
	struct ks_problem problem = { .error = 0, .text = "" };
	const struct ks_key *key = token->keys.n > 0 ? token->keys.list[0] : NULL;
	uint8_t der[512];
	uint32_t n = 0;
	int r = 0;

	switch (ks_reader_u8(&input.reader) % 5) {
	case 1:
		r = make(token, digests, ks_bytes("\x09", 1), &problem);
		break;
	case 2:
		r = make(token, digests, KS_BYTES_NONE, &problem);
		break;
	case 3: {
		size_t size = ks_reader_u16(&input.reader) % sizeof(der);
		memset(der, 0, sizeof(der));
		fill(der, size);
		const struct ks_store wanted = { .object_id = key ? ks_key_id(key) : KS_BYTES_NONE,
						 .der = ks_bytes(der, size) };
		r = ks_store(token, &wanted, &problem);
		break;
	}
	case 4: {
		const struct ks_remove wanted = { .object_id = key ? ks_key_id(key) : KS_BYTES_NONE,
						  .spki = key ? ks_key_spki(key) : KS_BYTES_NONE,
						  .keys = true,
						  .certificates = true,
						  .digests = digests };
		r = ks_remove(token, &wanted, &n, &problem);
		break;
	}
	default:
		break;
	}
	check(r == 0 || (problem.error == r && problem.text[0] != '\0'));
}

static void ask(const struct ks_report_place *place, struct ks_tokens *tokens, const struct ks_digest *digests)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *pin = NULL;
	uint8_t digits[] = { '1', '2', '3', '4' };

	check(ks_secret_new(&pin) == 0 && ks_secret_take(pin, digits, sizeof(digits)) == 0);
	/* A module that cannot even list its slots is given up. */
	int all = ks_report_all(place, tokens);
	check(all == 0 || all == KS_ERR_MODULE_FAILED);
	for (size_t i = 0; i < tokens->n; i++) {
		struct ks_token *token = tokens->list[i];
		struct ks_problem problem = { .error = 0, .text = "" };
		bool submitted;
		if (!token->present)
			continue;
		const struct ks_user_login user = { .pin = pin,
						    .digests = digests,
						    .serial = ks_bytes_text(token->serial),
						    .digest = ks_bytes(token->digest, sizeof(token->digest)) };
		int r = ks_user_login(token, &user, &submitted, &problem);
		check(r == 0 || problem.error == r);
		if (token->present)
			all = ks_report_token(place, tokens, token);
		for (size_t k = 0; token->present && k < token->keys.n; k++)
			sign_with(token, digests, token->keys.list[k]);
		if (token->present)
			change(token, digests);
		check(all == 0 || all == KS_ERR_MODULE_FAILED);
		r = token->present ? ks_user_logout(token, &problem) : 0;
		check(r == 0 || problem.error != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ks_module module = { .calls = &calls, .threads = true };
	static struct ks_digest *digests; /* fetched once */
	struct ks_tokens tokens;
	struct ks_places places;
	struct ks_wire wire;
	atomic_uint events = KS_EVENTS_NONE;
	int ends[2];

	if (size > INPUT_MAX)
		return 0;
	if (!digests)
		check(ks_digest_new(&digests) == 0);
	ks_log_init("fuzz_module", KS_LOG_ERROR - 1);
	memset(&input, 0, sizeof(input));
	input.reader = ks_reader(ks_bytes(data, size));
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	check(ks_wire_init(&wire, ends[0]) == 0);
	const struct ks_report_place place = { .wire = &wire, .digests = digests, .events = &events };
	check(ks_places_init(&places) == 0);
	ks_tokens_init(&tokens, &module, 2, NULL, &places);
	ask(&place, &tokens, digests);
	check_told(ends[1]);
	ks_tokens_deinit(&tokens);
	ks_wire_deinit(&wire);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return 0;
}
