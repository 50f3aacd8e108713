/* SPDX-License-Identifier: Apache-2.0 */
/* provisioning_end: its record and its answer; see provisioning_private.h. Runs in: keystay-agent. */
#include <stdlib.h>

#include "agent/monitor.h"
#include "agent/provisioning_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

static enum ks_audit_outcome outcome_of(int error)
{
	if (error == 0)
		return KS_AUDIT_DONE;
	return error == KS_ERR_CANCELLED ? KS_AUDIT_CANCELLED : KS_AUDIT_FAILED;
}

static const char *operation_name(uint32_t operation)
{
	static const char *const names[] = { [KS_PROVISION_INIT] = "token init",
					     [KS_PROVISION_PIN_SET] = "PIN set",
					     [KS_PROVISION_PIN_CHANGE] = "PIN change",
					     [KS_PROVISION_PIN_UNBLOCK] = "PIN unblock",
					     [KS_PROVISION_SO_PIN_CHANGE] = "SO PIN change" };

	return operation < sizeof(names) / sizeof(names[0]) && names[operation] ? names[operation] : "nothing known";
}

static void tell(struct ks_provisioning *job, enum ks_monitor_kind kind, const char *text)
{
	const struct ks_monitor_event event = { .kind = kind,
						.request = job->number,
						.socket = job->socket,
						.program = job->program,
						.uid = job->uid,
						.pid = job->pid,
						.purpose = "provision",
						.outcome = kind == KS_MONITOR_ANSWERED ? outcome_of(job->error) : 0,
						.text = text };

	if (job->message.operation != KS_PROVISION_LIST)
		ks_monitor_tell(job->owner->monitor, &event);
}

void ks_provisioning_tell_asked(struct ks_provisioning *job)
{
	job->number = ks_monitor_number(job->owner->monitor);
	tell(job, KS_MONITOR_ASKED, "");
}

void ks_provisioning_tell_wait(struct ks_provisioning *job, const char *what)
{
	tell(job, KS_MONITOR_WAITS, what);
}

void ks_provisioning_free(struct ks_provisioning *job)
{
	struct ks_provisioning **link = &job->owner->provisionings;

	while (*link && *link != job)
		link = &(*link)->next;
	if (*link)
		*link = job->next;
	ks_state_wait_no_more(&job->waiter);
	sd_event_source_disable_unref(job->timer);
	ks_prompt_cancel(job->prompt);
	ks_audit_forget(job->audit);
	ks_worker_call_cancel(job->call);
	ks_worker_free(job->provisioner);
	ks_slots_free(job->slots);
	ks_secret_free(job->so_pin);
	ks_secret_free(job->pin);
	ks_secret_free(job->new_pin);
	free(job);
}

static void answer(struct ks_provisioning *job)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	struct ks_request *request = job->request;
	char text[KS_TEXT_MAX];
	int error = job->error;

	(void)ks_text_print(text, sizeof(text), "%s", job->text);
	if (job->has_after)
		ks_slot_write(&list, &job->after);
	ks_provisioning_free(job);
	if (!request)
		return;
	request->drop = NULL;
	request->pending = NULL;
	struct ks_msg_provision_reply reply = { .text = ks_bytes_text(text), .slots = ks_buffer_bytes(&list) };
	if (error < 0)
		ks_request_fail(request, error, "%s", text);
	else
		ks_request_answer(request, KS_MSG_PROVISION_REPLY, &reply);
}

static void on_recorded(int error, const char *text, void *userdata)
{
	struct ks_provisioning *job = userdata;

	job->audit = NULL;
	if (error < 0 && job->error == 0) {
		job->error = error;
		(void)ks_text_print(job->text, sizeof(job->text), "it was done, but %s", text);
	}
	answer(job);
}

/* The record says in words what was done; what was done stays so. */
void ks_provisioning_end(struct ks_provisioning *job)
{
	char text[KS_TEXT_MAX];

	(void)ks_text_print(text, sizeof(text), "%s%s%.3000s", operation_name(job->message.operation),
			    job->text[0] ? ": " : "", job->text);
	if (job->error < 0)
		ks_log_notice("token \"%s\" of module \"%s\": %s [%s]", job->chosen.label, job->chosen.module, text,
			      ks_error_word(job->error));
	else
		ks_log_info("token \"%s\" of module \"%s\": %s", job->chosen.label, job->chosen.module, text);
	tell(job, KS_MONITOR_ANSWERED, job->error < 0 ? job->text : "");
	const struct ks_audit_record what = {
		.outcome = outcome_of(job->error),
		.purpose = "provision",
		.socket = job->socket,
		.program = job->program,
		.uid = job->uid,
		.gid = job->gid,
		.pid = job->pid,
		.token = job->has_after ? job->after.label : job->chosen.label,
		.pin_used = job->pin_used,
		.holds_anyway = job->error == 0,
		.error = job->error,
		.text = text,
	};
	ks_audit_done *done = job->request ? on_recorded : NULL;
	int r = ks_audit_write(job->owner->audit, &what, done, job, done ? &job->audit : NULL);
	if (r < 0 && done)
		on_recorded(r, "its record cannot be written: memory ran out", job);
	else if (!done)
		ks_provisioning_free(job);
}
