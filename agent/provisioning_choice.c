/* SPDX-License-Identifier: Apache-2.0 */
/* provisioning_choice: which token is meant; see provisioning_private.h. Runs in: keystay-agent. */
#include <stdio.h>
#include <string.h>

#include "agent/provisioning_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/uri.h"

struct search {
	const struct ks_provisioning *job;
	bool by_uri;
	struct ks_uri uri;
};

static bool is_meant(const struct search *search, const struct ks_slot *slot)
{
	const struct ks_msg_provision *message = &search->job->message;

	if (!slot->token_present)
		return false;
	if (message->by_slot && slot->slot != message->slot)
		return false;
	if (search->by_uri) {
		struct ks_uri uri = ks_slot_uri(slot);
		return ks_uri_matches(&search->uri, &uri);
	}
	if (message->token.size > 0)
		return slot->initialised && (ks_bytes_equal(message->token, ks_bytes_text(slot->label)) ||
					     ks_bytes_equal(message->token, ks_bytes_text(slot->serial)));
	/* Without a name: the only one that it could be done to. */
	return message->by_slot || slot->initialised == (message->operation != KS_PROVISION_INIT);
}

static void put_choice(struct ks_buffer *names, const struct ks_slot *slot)
{
	ks_buffer_printf(names, "%s%s%s%s in slot %llu of module \"%s\"", names->size ? ", " : "",
			 slot->initialised ? "\"" : "a blank token", slot->initialised ? slot->label : "",
			 slot->initialised ? "\"" : "", (unsigned long long)slot->slot, slot->module);
}

static int explain(struct ks_provisioning *job, size_t n_found, const struct ks_buffer *names)
{
	char name[256];
	int size = (int)names->size;
	const char *list = (const char *)names->data;
	const char *problems = ks_slots_problems(job->slots);

	ks_text_escape(job->message.token, name, sizeof(name));
	if (n_found > 1)
		(void)ks_text_print(job->text, sizeof(job->text),
				    "more than one token could be meant: %.*s; name it, or say --module and --slot",
				    size, list);
	else if (job->message.by_slot)
		(void)ks_text_print(job->text, sizeof(job->text),
				    "there is no %stoken in slot %llu; see: keystay token "
				    "list",
				    name[0] ? "such " : "", (unsigned long long)job->message.slot);
	else if (name[0] == '\0' && job->message.operation == KS_PROVISION_INIT)
		(void)ks_text_print(job->text, sizeof(job->text),
				    "no module shows a token that is not initialised; see: keystay token list");
	else
		(void)ks_text_print(job->text, sizeof(job->text), "no token is called \"%s\"; see: keystay token list",
				    name);
	size_t used = strlen(job->text);
	if (n_found == 0 && problems[0])
		(void)ks_text_print(job->text + used, sizeof(job->text) - used, " (%s)", problems);
	return n_found > 1 ? KS_ERR_AMBIGUOUS : KS_ERR_TOKEN_ABSENT;
}

static int find(struct ks_provisioning *job)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer names = { 0 };
	struct search search = { .job = job };
	struct ks_bytes name = job->message.token;
	size_t n_found = 0;

	ks_buffer_init(&names, KS_TEXT_MAX / 2);
	search.by_uri = ks_uri_is_one(name);
	if (search.by_uri) {
		const char *what = "";
		int error = ks_uri_read(name, &search.uri, &what);
		if (error < 0) {
			(void)ks_text_print(job->text, sizeof(job->text), "the PKCS#11 URI cannot be read: %s", what);
			return error;
		}
		ks_uri_keep_token(&search.uri);
	}
	for (size_t i = 0; i < ks_slots_count(job->slots); i++) {
		const struct ks_slot *slot = ks_slots_at(job->slots, i);
		if (!is_meant(&search, slot))
			continue;
		put_choice(&names, slot);
		job->chosen = *slot;
		n_found++;
	}
	ks_uri_deinit(&search.uri);
	return n_found == 1 ? 0 : explain(job, n_found, &names);
}

/* --- can it be done? --------------------------------------------------------------------------------------------- */

static int refuse(struct ks_provisioning *job, int error, const char *text)
{
	(void)ks_text_print(job->text, sizeof(job->text), "token \"%s\" %s", job->chosen.label, text);
	return error;
}

static int check_init(struct ks_provisioning *job)
{
	const struct ks_slot *slot = &job->chosen;
	const char *proof = slot->serial[0] ? slot->serial : slot->label;

	if (job->message.label.size == 0 || job->message.label.size > 32) {
		(void)ks_text_print(job->text, sizeof(job->text), "a token's label has 1 to 32 bytes");
		return KS_ERR_INVALID;
	}
	if (!slot->initialised || (proof[0] && ks_bytes_equal(job->message.erase, ks_bytes_text(proof))))
		return 0;
	(void)ks_text_print(
		job->text, sizeof(job->text),
		"token \"%s\" (serial number %s) is initialised already: its keys and certificates would be "
		"lost for ever; nothing was done",
		slot->label, slot->serial);
	return KS_ERR_DENIED;
}

/* The SO PIN and PUKs have lengths of their own, which no token tells. */
static int check_length(struct ks_provisioning *job)
{
	size_t size = ks_secret_bytes(job->new_pin).size;
	const struct ks_slot *slot = &job->chosen;

	if (job->message.operation == KS_PROVISION_SO_PIN_CHANGE ||
	    (job->message.operation == KS_PROVISION_INIT && size == 0))
		return 0;
	if (size == 0 && (slot->pin_flags & KS_PIN_PAD))
		return 0; /* it is typed at the reader */
	if (size > 0 && size >= slot->pin_min && (slot->pin_max == 0 || size <= slot->pin_max))
		return 0;
	if (slot->pin_max > 0)
		(void)ks_text_print(job->text, sizeof(job->text),
				    "the PIN of token \"%s\" has %u to %u characters; nothing was done", slot->label,
				    slot->pin_min > 0 ? slot->pin_min : 1, slot->pin_max);
	else
		(void)ks_text_print(job->text, sizeof(job->text),
				    "the PIN of token \"%s\" has at least %u characters; nothing was done", slot->label,
				    slot->pin_min > 0 ? slot->pin_min : 1);
	return KS_ERR_PIN_LENGTH;
}

int ks_provisioning_choose(struct ks_provisioning *job)
{
	int error = find(job);
	if (error < 0)
		return error;
	if (job->message.operation == KS_PROVISION_INIT)
		error = check_init(job);
	else if (!job->chosen.initialised)
		error = refuse(job, KS_ERR_INVALID, "is not initialised yet; run: keystay token init");
	else if (job->message.operation == KS_PROVISION_PIN_SET && job->chosen.pin_set)
		error = refuse(
			job, KS_ERR_INVALID,
			"has a PIN already; run: keystay token pin change, or, when it is lost: keystay token pin "
			"unblock");
	return error < 0 ? error : check_length(job);
}
