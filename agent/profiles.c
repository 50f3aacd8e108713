/* SPDX-License-Identifier: Apache-2.0 */
/* profiles: see profiles.h. Runs in: keystay-agent. */
#include "agent/profiles.h"

#include <stdlib.h>
#include <string.h>

#include "agent/scout.h"
#include "agent/state.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* --- telling ----------------------------------------------------------------------------------------------------- */

static void write_values(const struct ks_settings *settings, struct ks_buffer *profiles, struct ks_buffer *values)
{
	struct ks_settings_profile_value value;
	const char *last = NULL;
	char origin[1024];

	for (size_t i = 0; ks_settings_profile_value_at(settings, i, &value); i++) {
		if (value.profile != last) {
			(void)ks_text_print(origin, sizeof(origin), "%s:%u", value.origin->file, value.origin->line);
			struct ks_msg_profile profile = { .name = ks_bytes_text(value.profile),
							  .origin = ks_bytes_text(origin) };
			ks_record_write(profiles, KS_RECORD(profile), &profile);
			last = value.profile;
		}
		struct ks_msg_profile_value record = { .profile = ks_bytes_text(value.profile),
						       .key = ks_bytes_text(value.key),
						       .value = ks_bytes_text(value.value) };
		ks_record_write(values, KS_RECORD(profile_value), &record);
	}
}

static void write_keys(struct ks_keyring *keyring, struct ks_buffer *keys)
{
	for (size_t i = 0; i < ks_keyring_count(keyring); i++) {
		const struct ks_identity *identity = ks_keyring_at(keyring, i);
		if (!identity->rules || !identity->rules->profile)
			continue;
		struct ks_msg_profile_key record = { .key = ks_bytes_text(identity->name),
						     .spki_hash = ks_bytes(identity->spki_hash, 32),
						     .profile = ks_bytes_text(identity->rules->profile) };
		ks_record_write(keys, KS_RECORD(profile_key), &record);
	}
}

static void answer_profiles(struct ks_request *request)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer profiles = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer values = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer keys = { 0 };
	const struct ks_state *state = request->state;

	write_values(state->settings, &profiles, &values);
	write_keys(state->keyring, &keys);
	if (ks_buffer_error(&profiles) < 0 || ks_buffer_error(&values) < 0 || ks_buffer_error(&keys) < 0) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	if (profiles.size + values.size + keys.size + strlen(state->folder) + 64 > KS_FRAME_MAX) {
		ks_request_fail(request, KS_ERR_LIMIT,
				"the [profile] sections of keystay.conf, and the keys that have one, are too many for "
				"one answer; make them fewer or their values shorter");
		return;
	}
	struct ks_msg_profiles_reply reply = { .folder = ks_bytes_text(state->folder),
					       .profiles = ks_buffer_bytes(&profiles),
					       .values = ks_buffer_bytes(&values),
					       .keys = ks_buffer_bytes(&keys) };
	ks_request_answer(request, KS_MSG_PROFILES_REPLY, &reply);
}

/* Which keys there are is part of the answer. */
void ks_profiles_tell(struct ks_request *request)
{
	ks_scout_then(request, KS_SCOUT_LIST, answer_profiles);
}

/* --- looking again ----------------------------------------------------------------------------------------------- */

struct refreshing {
	sd_event_source *source;
	struct ks_request *request;
};

static void on_drop(struct ks_request *request)
{
	struct refreshing *refreshing = request->pending;

	sd_event_source_disable_unref(refreshing->source);
	free(refreshing);
}

static int on_refresh(sd_event_source *source, void *userdata)
{
	(void)source;
	struct refreshing *refreshing = userdata;
	struct ks_request *request = refreshing->request;

	on_drop(request);
	int error = ks_state_refresh(request->state);
	if (error < 0) {
		ks_request_fail(request, error, NULL);
		return 0;
	}
	struct ks_msg_refresh_reply reply = { .generation = request->state->generation };
	ks_request_answer(request, KS_MSG_REFRESH_REPLY, &reply);
	return 0;
}

/* From the event loop: the list of keys is made anew at once, which nobody further up may be looking at. */
void ks_profiles_refresh(struct ks_request *request)
{
	struct refreshing *refreshing = calloc(1, sizeof(*refreshing));

	if (!refreshing) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	refreshing->request = request;
	if (sd_event_add_defer(request->state->event, &refreshing->source, on_refresh, refreshing) < 0) {
		free(refreshing);
		ks_request_fail(request, KS_ERR_SYSTEM, NULL);
		return;
	}
	request->pending = refreshing;
	request->drop = on_drop;
}
