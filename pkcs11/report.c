/* SPDX-License-Identifier: Apache-2.0 */
/* report: see report.h. Runs in: keystay-token. */
#include "pkcs11/report.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/protocol/message.h"
#include "pkcs11/ckr.h"
#include "pkcs11/contents.h"
#include "pkcs11/label.h"

#define FLUSH_SIZE ((size_t)64 << 10)
#define LABEL_RAW_MAX 4096u
#define CERTIFICATES_SIZE ((size_t)2 * KS_OBJECT_BYTES_PER_MODULE) /* with their labels and frames */
#define SESSION_TRIES 2 /* a session of before may be gone; a fresh one is not */

/* One inventory under way. */
struct report {
	struct ks_wire *wire;
	const struct ks_digest *digests;
	unsigned events; /* enum ks_token_events */
	struct ks_buffer out;
	size_t n_objects;  /* of all tokens, against KS_OBJECTS_PER_MODULE */
	size_t n_bytes;    /* told, against KS_OBJECT_BYTES_PER_MODULE */
	size_t n_left_out; /* of the token that is being read */
};

/* One token of it. */
struct reading {
	struct report *report;
	struct ks_token *token;
	struct ks_session session;
	struct ks_keys keys;
	struct ks_handles handles;
	struct ks_object_memory memory;
	struct ks_buffer certificates; /* told after their token, whose digest is made of them */
	struct ks_contents contents;   /* as everybody sees them */
	bool cut;                      /* there is more than was read */
	const char *function;          /* that was called last */
};

static void reading_deinit(struct reading *reading)
{
	ks_keys_deinit(&reading->keys);
	ks_handles_deinit(&reading->handles);
	ks_object_memory_deinit(&reading->memory);
	ks_contents_deinit(&reading->contents);
	ks_buffer_deinit(&reading->certificates);
}

/* --- telling ----------------------------------------------------------------------------------------------------- */

static int tell(struct report *report, uint8_t type, const void *message)
{
	ks_message_write(&report->out, type, message);
	int r = ks_buffer_error(&report->out);
	return r == 0 && report->out.size >= FLUSH_SIZE ? ks_wire_write(report->wire, &report->out) : r;
}

static int tell_token(struct report *report, const struct ks_token *token)
{
	struct ks_msg_worker_token message = {
		KS_MESSAGE_HEAD(0),
		.token = token->number,
		.label = ks_bytes_text(token->label),
		.manufacturer = ks_bytes_text(token->manufacturer),
		.model = ks_bytes_text(token->model),
		.serial = ks_bytes_text(token->serial),
		.pin_flags = ks_token_pin_flags(token),
		.logged_in = token->logged_in,
		.digest = ks_bytes(token->digest, sizeof(token->digest)),
	};

	ks_token_pin_limits(token, &message.pin_min, &message.pin_max);
	return tell(report, KS_MSG_WORKER_TOKEN, &message);
}

static int tell_key(struct report *report, const struct ks_token *token, const struct ks_key *key)
{
	const struct ks_msg_worker_key message = {
		KS_MESSAGE_HEAD(0),
		.token = token->number,
		.key = key->number,
		.object_id = ks_key_id(key),
		.label = ks_bytes_text(key->label),
		.spki = ks_key_spki(key),
		.private_seen = key->private_seen,
		.always_authenticate = key->always_authenticate,
		.decrypts = key->decrypts,
	};

	return tell(report, KS_MSG_WORKER_KEY, &message);
}

static int tell_keys(struct report *report, const struct ks_token *token)
{
	for (size_t i = 0; i < token->keys.n; i++) {
		int r = tell_key(report, token, token->keys.list[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static bool has_room(struct report *report, size_t size)
{
	if (report->n_bytes + size > KS_OBJECT_BYTES_PER_MODULE)
		return false;
	report->n_bytes += size;
	return true;
}

/* All objects of a class, as many as may still be told. */
static CK_RV find_class(struct reading *reading, CK_OBJECT_CLASS class)
{
	struct report *report = reading->report;
	const struct ks_module *module = reading->token->sessions.module;
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) } };
	size_t left = KS_OBJECTS_PER_MODULE - report->n_objects;

	reading->function = "C_FindObjects";
	CK_RV rv = ks_object_find(module, reading->session.handle, template, 1, left, &reading->handles);
	if (rv != CKR_OK)
		return rv;
	report->n_objects += reading->handles.n;
	reading->cut = reading->cut || reading->handles.cut;
	if (reading->handles.cut)
		ks_log_warning("%s: more than %u objects; the others are left out", reading->token->whose,
			       KS_OBJECTS_PER_MODULE);
	reading->function = "C_GetAttributeValue";
	return CKR_OK;
}

/* Objects that vanish while they are read, or that are of no use here, are left out. */
static bool is_of_session(CK_RV rv)
{
	return rv != CKR_OK && ks_ckr_kind(rv) != KS_CKR_OBJECT_LOST;
}

/* Private objects may be among them while somebody is logged in, so nothing is learned then. */
static int see(struct reading *reading, struct ks_bytes object)
{
	if (reading->token->logged_in)
		return 0;
	return ks_contents_add(&reading->contents, reading->report->digests, object);
}

static CK_RV read_keys(struct reading *reading, bool is_private)
{
	const struct ks_module *module = reading->token->sessions.module;

	CK_RV rv = find_class(reading, is_private ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY);
	if (rv != CKR_OK)
		return rv;
	for (size_t i = 0; i < reading->handles.n; i++) {
		struct ks_key *key = NULL;
		int r = ks_key_read(module, reading->session.handle, reading->handles.handles[i], is_private,
				    &reading->memory, &rv, &key);
		if (is_of_session(rv))
			return rv;
		if (r == 0 && !is_private)
			r = see(reading, ks_key_spki(key));
		if (r == 0 && !has_room(reading->report, sizeof(*key) + key->id_size + key->spki_size)) {
			ks_key_free(key);
			r = KS_ERR_LIMIT;
		}
		if (r == 0)
			r = is_private ? ks_keys_add_private(&reading->keys, key) : ks_keys_add(&reading->keys, key);
		if (r < 0 && r != KS_ERR_UNSUPPORTED)
			reading->report->n_left_out++;
	}
	return CKR_OK;
}

static int tell_certificate(struct reading *reading, const struct ks_attribute *id, const struct ks_attribute *label,
			    const struct ks_attribute *value)
{
	char text[KS_KEY_LABEL_SIZE];
	struct ks_bytes der = ks_contents_certificate(value->value);
	struct ks_bytes spki;

	int r = der.size > 0 ? see(reading, der) : 0;
	if (r < 0)
		return r;
	if (der.size == 0 || !has_room(reading->report, der.size + id->value.size)) {
		reading->report->n_left_out++;
		return 0;
	}
	if (ks_spki_of_certificate(der, &spki) == 0) {
		r = ks_keys_learn(&reading->keys, id->value, spki);
		if (r < 0)
			return r;
	}
	ks_label_read(label->value, text, sizeof(text));
	const struct ks_msg_worker_certificate message = {
		KS_MESSAGE_HEAD(0),
		.token = reading->token->number,
		.object_id = id->value,
		.label = ks_bytes_text(text),
		.der = der,
	};
	ks_message_write(&reading->certificates, KS_MSG_WORKER_CERTIFICATE, &message);
	return ks_buffer_error(&reading->certificates);
}

static CK_RV read_certificates(struct reading *reading, int *ret_error)
{
	const struct ks_module *module = reading->token->sessions.module;
	enum { TYPE, ID, LABEL, VALUE, N };

	CK_RV rv = find_class(reading, CKO_CERTIFICATE);
	for (size_t i = 0; rv == CKR_OK && i < reading->handles.n; i++) {
		struct ks_attribute attributes[N] = {
			[TYPE] = { .type = CKA_CERTIFICATE_TYPE, .max = sizeof(CK_CERTIFICATE_TYPE) },
			[ID] = { .type = CKA_ID, .max = KS_KEY_ID_MAX },
			[LABEL] = { .type = CKA_LABEL, .max = LABEL_RAW_MAX },
			[VALUE] = { .type = CKA_VALUE, .max = KS_CERTIFICATE_MAX },
		};
		rv = ks_object_read(module, reading->session.handle, reading->handles.handles[i], attributes, N,
				    &reading->memory);
		if (is_of_session(rv))
			return rv;
		if (rv != CKR_OK || ks_attribute_number(&attributes[TYPE], CKC_X_509) != CKC_X_509) {
			rv = CKR_OK;
			continue;
		}
		*ret_error = tell_certificate(reading, &attributes[ID], &attributes[LABEL], &attributes[VALUE]);
		if (*ret_error < 0)
			return CKR_OK;
	}
	return rv;
}

/* The digest of what everybody sees; while somebody is logged in the one of before stays. */
static CK_RV digest_contents(struct reading *reading, int *ret_error)
{
	struct ks_token *token = reading->token;
	const struct ks_digest *digests = reading->report->digests;
	CK_RV rv = CKR_OK;

	if (token->logged_in)
		return CKR_OK;
	if (!reading->cut) {
		*ret_error = ks_contents_make(&reading->contents, digests, token->digest);
		return CKR_OK;
	}
	/* How much was left out depends on the other tokens. */
	int r = ks_contents_read(token->sessions.module, reading->session.handle, digests, &rv, token->digest);
	*ret_error = r < 0 && rv == CKR_OK ? r : 0;
	return rv;
}

/* The token first, which makes the agent forget what it knew of it. */
static int tell_all(struct reading *reading)
{
	struct report *report = reading->report;

	int r = tell_token(report, reading->token);
	if (r == 0)
		r = ks_wire_write(report->wire, &report->out);
	if (r == 0)
		r = ks_wire_write(report->wire, &reading->certificates);
	return r == 0 ? tell_keys(report, reading->token) : r;
}

/* All objects, in one session. ret_error: of ours, which ends the whole inventory. */
static CK_RV read_in(struct reading *reading, int *ret_error)
{
	struct ks_token *token = reading->token;

	reading->function = "C_GetSessionInfo";
	CK_RV rv = ks_session_is_logged_in(&token->sessions, reading->session, &token->logged_in);
	if (rv == CKR_OK)
		rv = read_keys(reading, false);
	if (rv == CKR_OK)
		rv = read_keys(reading, true);
	if (rv == CKR_OK)
		rv = read_certificates(reading, ret_error);
	if (*ret_error == 0 && rv == CKR_OK)
		rv = digest_contents(reading, ret_error);
	if (*ret_error < 0 || rv != CKR_OK)
		return rv;
	reading->report->n_left_out += ks_keys_finish(&reading->keys, &token->keys);
	ks_keys_deinit(&token->keys);
	token->keys = reading->keys;
	reading->keys = (struct ks_keys){ 0 };
	*ret_error = tell_all(reading);
	return CKR_OK;
}

static CK_RV read_objects(struct report *report, struct ks_token *token, const char **ret_function, int *ret_error)
{
	KS_CLEANUP(reading_deinit)
	struct reading reading = { .report = report, .token = token, .certificates = { .limit = CERTIFICATES_SIZE } };
	size_t n_objects = report->n_objects;

	*ret_function = "C_OpenSession";
	CK_RV rv = ks_session_take(&token->sessions, &reading.session);
	if (rv != CKR_OK)
		return rv;
	rv = read_in(&reading, ret_error);
	*ret_function = reading.function;
	if (rv == CKR_OK) {
		ks_session_give_back(&token->sessions, reading.session);
		return rv;
	}
	report->n_objects = n_objects;
	ks_session_throw_away(&token->sessions, reading.session, ks_ckr_kind(rv) == KS_CKR_SESSION_LOST);
	return rv;
}

/* --- the inventory ----------------------------------------------------------------------------------------------- */

/* A token that cannot be read is told without its objects: it is there, and that it fails is in the log. */
static int report_unreadable(struct report *report, struct ks_token *token, CK_RV rv, const char *function)
{
	struct ks_problem problem;
	static const struct ks_keys none;

	(void)ks_ckr_problem(&problem, rv, token->whose, function);
	ks_log_warning("%s; its keys are not known", problem.text);
	uint32_t last_number = token->keys.last_number;
	ks_keys_deinit(&token->keys);
	token->keys = none;
	token->keys.last_number = last_number;
	token->logged_in = false;
	return tell_token(report, token);
}

static int report_token(struct report *report, struct ks_token *token)
{
	struct ks_mechanisms mechanisms = { 0 };
	const char *function = "C_GetMechanismList";
	int error = 0;

	CK_RV rv = ks_mechanisms_read(token->sessions.module, token->sessions.slot, &mechanisms);
	if (rv != CKR_OK)
		ks_log_warning("%s: C_GetMechanismList failed; mechanisms are tried instead", token->whose);
	token->mechanisms = mechanisms;
	report->n_left_out = 0;
	token->told = true;
	token->changed = false;
	for (int i = 0; i < SESSION_TRIES; i++) {
		rv = read_objects(report, token, &function, &error);
		if (error < 0)
			return error;
		if (ks_ckr_kind(rv) != KS_CKR_SESSION_LOST)
			break;
	}
	if (rv != CKR_OK)
		return report_unreadable(report, token, rv, function);
	if (report->n_left_out > 0)
		ks_log_warning("%s: %zu objects cannot be read and are left out", token->whose, report->n_left_out);
	return 0;
}

static int finish(struct report *report, bool all)
{
	const struct ks_msg_worker_inventory message = { KS_MESSAGE_HEAD(0), .all = all, .events = report->events };

	int r = tell(report, KS_MSG_WORKER_INVENTORY, &message);
	return r == 0 ? ks_wire_write(report->wire, &report->out) : r;
}

static void report_deinit(struct report *report)
{
	ks_buffer_deinit(&report->out);
}

static struct report report_begin(const struct ks_report_place *place)
{
	return (struct report){ .wire = place->wire, .digests = place->digests, .events = atomic_load(place->events) };
}

static int tell_gone(struct report *report, const struct ks_token *token)
{
	const struct ks_msg_worker_event message = { KS_MESSAGE_HEAD(0), .kind = KS_WORKER_EVENT_TOKEN_GONE,
						     .token = token->number };

	return tell(report, KS_MSG_WORKER_EVENT, &message);
}

/* One that was away, if for a moment only, is told as gone: the agent must forget its PIN. */
static int report_news(struct report *report, struct ks_token *token, bool all)
{
	int r = 0;

	if (token->told && token->went) {
		r = tell_gone(report, token);
		token->told = false;
	}
	token->went = false;
	if (r == 0 && token->present && (all || !token->told || token->changed))
		r = report_token(report, token);
	return r;
}

/* One that has lost what it was connected to (p11-kit-client.so, whose server has died) fails for ever. The agent does
 * not wait for the end of such an inventory. */
static int tell_broken(struct report *report)
{
	const struct ks_msg_worker_event message = { KS_MESSAGE_HEAD(0), .kind = KS_WORKER_EVENT_RENEW };

	return tell(report, KS_MSG_WORKER_EVENT, &message);
}

static int report_tokens(const struct ks_report_place *place, struct ks_tokens *tokens, bool all)
{
	KS_CLEANUP(report_deinit) struct report report = report_begin(place);
	struct ks_problem problem;

	if (ks_tokens_scan(tokens, &problem) < 0) {
		ks_log_error("%s", problem.text);
		if (!tokens->worked)
			return KS_ERR_MODULE_FAILED; /* not "no tokens": it was never able to say */
	}
	int r = tokens->broken ? tell_broken(&report) : 0;
	for (size_t i = 0; r == 0 && i < tokens->n; i++)
		r = report_news(&report, tokens->list[i], all);
	return r == 0 ? finish(&report, all) : r;
}

int ks_report_all(const struct ks_report_place *place, struct ks_tokens *tokens)
{
	return report_tokens(place, tokens, true);
}

int ks_report_changes(const struct ks_report_place *place, struct ks_tokens *tokens)
{
	return report_tokens(place, tokens, false);
}

int ks_report_token(const struct ks_report_place *place, struct ks_tokens *tokens, struct ks_token *token)
{
	KS_CLEANUP(report_deinit) struct report report = report_begin(place);
	struct ks_problem problem;

	if (token->present && ks_token_refresh(token, &problem) < 0)
		ks_log_warning("%s", problem.text);
	if (!token->present)
		return report_tokens(place, tokens, false);
	int r = report_token(&report, token);
	return r < 0 ? r : finish(&report, false);
}
