/* SPDX-License-Identifier: Apache-2.0 */
/* catalogue: see catalogue.h. Runs in: keystay-agent. */
#include "agent/catalogue.h"

#include <stdlib.h>
#include <string.h>

#include "agent/policy.h"
#include "agent/scout.h"
#include "agent/settled.h"
#include "agent/standing.h"
#include "agent/state.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* NULL: the configuration has lost it, and nothing is shown any more. */
static const struct ks_settings_socket *socket_of(const struct ks_request *request)
{
	return ks_request_socket(request);
}

/* The order of [key] sections is what the person prefers. */
static uint32_t rank_of(const struct ks_settings *settings, const struct ks_settings_key *section)
{
	return (uint32_t)(section && section != settings->others ? (size_t)(section - settings->keys) :
								   settings->n_keys);
}

/* What describe() makes itself. */
struct texts {
	char token_label[65];
	char rules[2049];
};

/* Those of the key, and those of the way that the client came by. */
static void put_rules(const struct ks_identity *identity, const struct ks_settings_socket *socket, char out[2049])
{
	const char *of_key = identity->rules ? identity->rules->words : "";

	if (!ks_text_print(out, 2049, "%s%s%s", of_key, of_key[0] && socket->words[0] ? "; " : "", socket->words))
		(void)ks_text_print(out, 2049, "%s", of_key);
}

static struct ks_msg_identity describe(struct ks_state *state, const struct ks_settings_socket *socket,
				       struct ks_identity *identity, struct texts *texts)
{
	char *token_label = texts->token_label;
	struct ks_token token;
	enum ks_token_state token_state = KS_TOKEN_ABSENT;
	bool found_usable = false;
	token_label[0] = '\0';

	/* Of several places the first that can be used now, which is the one that changes are made to (token_change.c). */
	for (size_t i = 0; i < identity->n_locations; i++) {
		if (!ks_state_token_of(state, &identity->locations[i], &token))
			continue;
		enum ks_token_state here = ks_state_of_token(&token);
		bool usable = here == KS_TOKEN_OPEN || here == KS_TOKEN_UNLOCKED;
		if (token_label[0] == '\0' || (usable && !found_usable)) {
			token_state = here;
			found_usable = usable;
			memcpy(token_label, token.inventory->label, 65);
		}
	}
	ks_keyring_chain(state->keyring, identity);
	put_rules(identity, socket, texts->rules);
	const struct ks_certificate *leaf = identity->certificate;
	return (struct ks_msg_identity){
		.name = ks_bytes_text(identity->name),
		.spki_hash = ks_bytes(identity->spki_hash, sizeof(identity->spki_hash)),
		.spki = identity->spki.der,
		.key_type = ks_bytes_text(identity->key_type),
		.uri = ks_bytes_text(identity->uri),
		.label = ks_bytes_text(identity->label),
		.token = ks_bytes_text(token_label),
		.module = ks_bytes_text(identity->module),
		.state = token_state,
		.n_certificates = (uint32_t)identity->n_chain,
		.subject = ks_bytes_text(leaf ? ks_certificate_subject(leaf) : ""),
		.issuer = ks_bytes_text(leaf ? ks_certificate_issuer(leaf) : ""),
		.not_before = leaf ? (uint64_t)ks_certificate_not_before(leaf) : 0,
		.not_after = leaf ? (uint64_t)ks_certificate_not_after(leaf) : 0,
		.rules = ks_bytes_text(texts->rules),
		.digest = ks_policy_allows_digest(identity->rules, socket),
		.bound = ks_policy_looks_at_servers(identity->rules, socket),
		.client_auth = leaf && ks_certificate_allows(leaf, "clientAuth"),
		.rank = rank_of(state->settings, identity->rules),
		.no_pss = ks_no_pss_has(&state->no_pss, identity->spki_hash),
		.revoked = identity->revoked,
		.revocation = identity->revocation.state,
		.revocation_said = ks_standing_said(identity),
		.revocation_until = ks_standing_until(identity),
		.unproven_refused = ks_standing_is_unproven(identity),
	};
}

static void answer_list(struct ks_request *request)
{
	struct ks_state *state = request->state;
	struct ks_msg_list list;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer page = { 0 };

	int error = ks_message_read(KS_MSG_LIST, request->body, &list, sizeof(list));
	if (error < 0) {
		ks_request_fail(request, error, NULL);
		return;
	}
	if (list.generation != 0 && list.generation != state->generation) {
		ks_request_fail(request, KS_ERR_CHANGED, NULL);
		return;
	}
	const struct ks_settings_socket *socket = socket_of(request);
	size_t total = 0; /* of those that this socket has */
	size_t written = 0;
	ks_buffer_init(&page, KS_FRAME_MAX);
	for (size_t i = 0; socket && i < ks_keyring_count(state->keyring); i++) {
		struct texts texts;
		struct ks_identity *identity = ks_keyring_at(state->keyring, i);
		if (!ks_settings_socket_has(socket, identity->name))
			continue;
		if (total++ < list.offset || written >= KS_LIST_PAGE || page.size >= KS_FRAME_MAX / 2)
			continue;
		struct ks_msg_identity record = describe(state, socket, identity, &texts);
		ks_record_write(&page, KS_RECORD(identity), &record);
		written++;
	}
	error = ks_buffer_error(&page);
	if (error < 0) {
		ks_request_fail(request, error, NULL);
		return;
	}
	struct ks_msg_list_reply reply = { .generation = state->generation,
					   .total = (uint32_t)total,
					   .identities = ks_buffer_bytes(&page) };
	ks_request_answer(request, KS_MSG_LIST_REPLY, &reply);
}

static void answer_get(struct ks_request *request)
{
	struct ks_state *state = request->state;
	struct ks_msg_get get;
	struct ks_identity *identity;
	char why[KS_TEXT_MAX];
	struct texts texts;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer record = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer chain = { 0 };

	int error = ks_message_read(KS_MSG_GET, request->body, &get, sizeof(get));
	if (error < 0) {
		ks_request_fail(request, error, NULL);
		return;
	}
	const struct ks_settings_socket *socket = socket_of(request);
	if (!socket) {
		ks_request_fail(request, KS_ERR_UNKNOWN_KEY, "this socket is not configured any more");
		return;
	}
	error = ks_keyring_by_name_at(state->keyring, socket, get.name, &identity, why, sizeof(why));
	if (error < 0) {
		ks_request_fail(request, error, "%s", why);
		return;
	}
	struct ks_msg_identity description = describe(state, socket, identity, &texts);
	ks_record_write(&record, KS_RECORD(identity), &description);
	for (size_t i = 0; i < identity->n_chain; i++) {
		struct ks_msg_certificate certificate = { .der = ks_certificate_der(identity->chain[i]) };
		ks_record_write(&chain, KS_RECORD(certificate), &certificate);
	}
	error = ks_buffer_error(&record) < 0 ? ks_buffer_error(&record) : ks_buffer_error(&chain);
	if (error < 0) {
		ks_request_fail(request, error, NULL);
		return;
	}
	const struct ks_certificate *issuer = identity->n_chain == 1 ? ks_keyring_issuer(state->keyring, identity) :
								       NULL;
	struct ks_msg_get_reply reply = { .identity = ks_buffer_bytes(&record),
					  .chain = ks_buffer_bytes(&chain),
					  .issuer = issuer ? ks_certificate_der(issuer) : KS_BYTES_NONE };
	ks_request_answer(request, KS_MSG_GET_REPLY, &reply);
}

void ks_catalogue_list(struct ks_request *request)
{
	struct ks_msg_list list;

	/* The first page looks around; the others must fit to it. */
	if (ks_message_read(KS_MSG_LIST, request->body, &list, sizeof(list)) == 0 && list.offset == 0)
		ks_scout_then(request, KS_SCOUT_LIST, answer_list);
	else
		ks_settled_then(request, answer_list);
}

void ks_catalogue_get(struct ks_request *request)
{
	ks_scout_then(request, KS_SCOUT_CERTIFICATE, answer_get);
}
