/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provisioning_tries: PINs that are given for provisioning, counted (invariant I6); see provisioning_private.h.
 *
 * Runs in: keystay-agent. The user's PIN has the count of agent/tries.h that logins have. The SO PIN has one of its own:
 * the same token under another model, so that no wrong SO PIN keeps anybody from signing.
 */
#include <string.h>

#include "agent/login.h"
#include "agent/provisioning_private.h"
#include "agent/tries.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/token_kind.h"

#define SO_FLAGS (KS_PIN_SO_COUNT_LOW | KS_PIN_SO_FINAL_TRY)

struct name {
	struct ks_token_id id;
	char model[96], label[96];
};

static const uint8_t no_digest[KS_TOKEN_DIGEST_SIZE];

static const struct ks_token_id *name_of(const struct ks_slot *slot, bool of_so, struct name *name)
{
	(void)ks_text_print(name->model, sizeof(name->model), "%s%s", slot->model, of_so ? " / SO PIN" : "");
	(void)ks_text_print(name->label, sizeof(name->label), "%s%s", slot->label, of_so ? " / SO PIN" : "");
	name->id = (struct ks_token_id){ .module = slot->module,
					 .manufacturer = slot->manufacturer,
					 .model = name->model,
					 .serial = slot->serial,
					 .label = name->label,
					 .digest = no_digest };
	return &name->id;
}

bool ks_provisioning_gives_user_pin(const struct ks_provisioning *job)
{
	return job->message.operation == KS_PROVISION_PIN_CHANGE;
}

/* A blank token has none yet. */
bool ks_provisioning_gives_so_pin(const struct ks_provisioning *job)
{
	switch (job->message.operation) {
	case KS_PROVISION_INIT:
		return job->chosen.initialised;
	case KS_PROVISION_PIN_SET:
	case KS_PROVISION_PIN_UNBLOCK:
	case KS_PROVISION_SO_PIN_CHANGE:
		return true;
	default:
		return false;
	}
}

const char *ks_provisioning_pin_word(const struct ks_provisioning *job)
{
	if (ks_provisioning_gives_user_pin(job))
		return "PIN";
	return ks_token_kind_is_piv(ks_bytes_text(job->chosen.manufacturer), ks_bytes_text(job->chosen.model)) ?
		       "PUK" :
		       "SO PIN";
}

static unsigned count_of(const struct ks_provisioning *job)
{
	struct name name;

	return ks_tries_count(job->owner->tries, name_of(&job->chosen, ks_provisioning_gives_so_pin(job), &name));
}

static uint32_t trouble_of(const struct ks_provisioning *job)
{
	return job->chosen.pin_flags & (ks_provisioning_gives_so_pin(job) ? (uint32_t)SO_FLAGS : KS_PIN_TROUBLE);
}

int ks_provisioning_may_try(struct ks_provisioning *job)
{
	bool of_so = ks_provisioning_gives_so_pin(job), of_user = ks_provisioning_gives_user_pin(job);
	uint32_t blocked = of_so ? KS_PIN_SO_IS_BLOCKED : KS_PIN_IS_BLOCKED;
	const char *word = ks_provisioning_pin_word(job);

	if (!of_so && !of_user)
		return 0;
	if (job->chosen.pin_flags & blocked) {
		(void)ks_text_print(job->text, sizeof(job->text),
				    "token \"%s\" has blocked its %s after too many wrong "
				    "ones%s; nothing was tried",
				    job->chosen.label, word, of_user ? "; run: keystay token pin unblock" : "");
		return KS_ERR_PIN_BLOCKED;
	}
	unsigned count = count_of(job);
	if (trouble_of(job) == 0 && count <= KS_TRIES_PLAIN_MAX)
		return 0;
	(void)ks_text_print(
		job->text, sizeof(job->text),
		"token \"%s\": a wrong %s was given since the last good one (%u counted here); the next one is tried "
		"after a yes in a dialog of the agent, and none may be shown here; nothing was tried",
		job->chosen.label, word, count);
	return KS_ERR_NEEDS_DIALOG;
}

void ks_provisioning_describe_try(const struct ks_provisioning *job, char *out, size_t size)
{
	const char *word = ks_provisioning_pin_word(job);
	bool last = trouble_of(job) & (KS_PIN_FINAL_TRY | KS_PIN_SO_FINAL_TRY);
	char label[128], program[128];

	ks_text_escape(ks_bytes_text(job->chosen.label), label, sizeof(label));
	ks_text_escape(ks_bytes_text(job->program), program, sizeof(program));
	(void)ks_text_print(
		out, size, "%s (pid %d) has the %s of token \"%s\", to be tried.\n\n%u were given without success.\n%s",
		program, (int)job->pid, word, label, count_of(job),
		last ? "This is the last try: one more wrong one blocks it for ever." :
		       "After too many wrong ones the token blocks it for ever.");
}

int ks_provisioning_count(struct ks_provisioning *job)
{
	struct name name;

	if (!ks_provisioning_gives_so_pin(job) && !ks_provisioning_gives_user_pin(job))
		return 0;
	int error =
		ks_tries_submitting(job->owner->tries, name_of(&job->chosen, ks_provisioning_gives_so_pin(job), &name));
	job->counted = job->pin_used = error == 0;
	if (error < 0)
		(void)ks_text_print(job->text, sizeof(job->text),
				    "nothing was tried: the count of PINs cannot be written to %s: %s",
				    ks_tries_file(job->owner->tries), ks_error_text(error));
	return error;
}

void ks_provisioning_count_outcome(struct ks_provisioning *job, int error, bool given)
{
	struct ks_tries *tries = job->owner->tries;
	struct name name;
	int r = 0;

	if (job->counted && error == 0)
		r = ks_tries_succeeded(tries, name_of(&job->chosen, ks_provisioning_gives_so_pin(job), &name));
	else if (job->counted && !given)
		r = ks_tries_not_submitted(tries, name_of(&job->chosen, ks_provisioning_gives_so_pin(job), &name));
	job->counted = false;
	/* A new user PIN starts from nothing, on the token too. */
	if (r == 0 && error == 0 && job->message.operation != KS_PROVISION_SO_PIN_CHANGE)
		r = ks_tries_succeeded(tries, name_of(&job->chosen, false, &name));
	if (r < 0)
		ks_log_warning("the count of PINs in %s was not brought up to date: %s", ks_tries_file(tries),
			       ks_error_text(r));
}

bool ks_provisioning_may_have_set_pin(const struct ks_provisioning *job, int error, bool given)
{
	if (error == 0)
		return true;
	if (!given)
		return false;
	/* A token that is initialised has no PIN, whatever is wrong with the new one. */
	return job->message.operation == KS_PROVISION_INIT ||
	       (error != KS_ERR_PIN_WRONG && error != KS_ERR_PIN_BLOCKED && error != KS_ERR_PIN_LENGTH &&
		error != KS_ERR_UNSUPPORTED);
}

void ks_provisioning_forget_pins(const struct ks_provisioning *job)
{
	const struct ks_slot *slot = &job->chosen;

	if (job->message.operation == KS_PROVISION_SO_PIN_CHANGE)
		return;
	for (size_t i = 0; i < job->owner->unlock.n_entries; i++) {
		struct ks_unlock_entry *entry = job->owner->unlock.entries[i];
		if (strcmp(entry->module, slot->module) != 0 || strcmp(entry->serial, slot->serial) != 0 ||
		    strcmp(entry->label, slot->label) != 0)
			continue;
		ks_login_revoke(job->owner, entry);
		(void)ks_unlock_close(entry);
	}
}
