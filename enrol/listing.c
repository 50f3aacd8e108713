/* SPDX-License-Identifier: Apache-2.0 */
/* listing: see listing.h. Runs in: keystay-enroll. */
#include "enrol/listing.h"

#include <jansson.h>
#include <string.h>

#include "enrol/console.h"
#include "enrol/enrol.h"
#include "enrol/keys.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

/* One line of it. */
struct row {
	const struct ks_cared_key *key; /* borrowed */
	struct ks_enrol_state state;
	const struct ks_profile *profile; /* borrowed; NULL: none, or one that is not in keystay.conf any more */
	uint64_t due;                     /* 0 = there is no certificate */
	uint64_t now;
};

static void row_deinit(struct row *row)
{
	ks_enrol_state_deinit(&row->state);
}

static int fill(const struct ks_profiles *profiles, const struct ks_cared_key *key, struct row *row,
		struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_enrol_problem none;
	struct ks_client_error error;

	*row = (struct row){ .key = key, .now = ks_clock_wall_s() };
	int r = ks_enrol_state_load(profiles->folder, key->spki, &row->state, problem);
	if (r < 0)
		return r;
	row->profile = ks_enrol_profile(profiles, &row->state, NULL, &none);
	if (key->has_certificate && ks_client_get(key->spki, &found, &error) == 0)
		row->due = ks_enrol_due(found, &row->state);
	return 0;
}

/* The words are promised by the man page. */
static const char *state_word(const struct row *row)
{
	const struct ks_enrol_state *state = &row->state;

	if (!row->key->is_here)
		return "absent";
	if (state->issued.size > 0)
		return "issued";
	if (state->pending.size > 0)
		return "pending";
	if (state->error)
		return state->waits ? "waiting" : "failed";
	if (!row->key->has_certificate)
		return "none";
	if (row->now >= row->key->not_after)
		return "expired";
	return row->now >= row->due ? "due" : "good";
}

/* --- for people -------------------------------------------------------------------------------------------------- */

static void print_time(uint64_t when, uint64_t now, char out[KS_CONSOLE_TIME_MAX])
{
	if (when > 0)
		ks_console_time(when, now, out);
	else
		(void)ks_text_print(out, KS_CONSOLE_TIME_MAX, "-");
}

static void print_row(const struct row *row, FILE *out)
{
	char name[128], until[KS_CONSOLE_TIME_MAX], due[KS_CONSOLE_TIME_MAX], next[KS_CONSOLE_TIME_MAX];
	const struct ks_enrol_state *state = &row->state;

	ks_text_escape(ks_bytes_text(row->key->name), name, sizeof(name));
	print_time(row->key->not_after, row->now, until);
	print_time(row->due, row->now, due);
	(void)fprintf(out, "%-16s %-12s %-8s %-19s %s\n", name, row->profile ? row->profile->name : "-",
		      state_word(row), until, due);
	if (state->error && state->next > row->now) {
		ks_console_time(state->next, row->now, next);
		(void)fprintf(out, "  %s (tried again %s)\n", state->error, next);
	} else if (state->error) {
		(void)fprintf(out, "  %s\n", state->error);
	}
}

/* --- for programs ------------------------------------------------------------------------------------------------ */

static json_t *json_time(uint64_t when)
{
	return when > 0 ? json_integer((json_int_t)when) : json_null();
}

static json_t *json_row(const struct row *row)
{
	const struct ks_enrol_state *state = &row->state;
	char name[512];

	ks_text_escape(ks_bytes_text(row->key->name), name, sizeof(name));
	return json_pack("{s:s,s:s,s:s?,s:s,s:o,s:o,s:o,s:s?,s:i,s:i}", "key", name, "spki", row->key->spki, "profile",
			 row->profile ? row->profile->name : NULL, "state", state_word(row), "not_after",
			 json_time(row->key->not_after), "due", json_time(row->due), "next",
			 json_time(state->next > row->now ? state->next : 0), "error", state->error, "failures",
			 (int)state->n_failures, "previous_keys", (int)state->n_previous);
}

static int print_json(const json_t *list, FILE *out)
{
	return json_dumpf(list, out, JSON_INDENT(2)) == 0 && fputc('\n', out) != EOF ? 0 : KS_ERR_SYSTEM;
}

int ks_listing_print(const struct ks_profiles *profiles, bool as_json, FILE *out, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_cared_keys_deinit) struct ks_cared_keys keys = { 0 };
	KS_CLEANUP(json_decrefp) json_t *list = json_array();
	int r = ks_cared_keys_get(profiles, &keys, problem);

	if (r < 0)
		return r;
	if (!as_json && keys.n > 0)
		(void)fprintf(out, "%-16s %-12s %-8s %-19s %s\n", "KEY", "PROFILE", "STATE", "UNTIL", "DUE");
	for (size_t i = 0; i < keys.n; i++) {
		KS_CLEANUP(row_deinit) struct row row;
		r = fill(profiles, &keys.keys[i], &row, problem);
		if (r < 0)
			return r;
		if (as_json)
			(void)json_array_append_new(list, json_row(&row));
		else
			print_row(&row, out);
	}
	if (!as_json && keys.n == 0)
		(void)fputs("no key has an enrolment profile; see: man keystay-enroll\n", out);
	r = as_json ? print_json(list, out) : 0;
	return r < 0 ? ks_enrol_problem_set(problem, r, "the list cannot be written") : 0;
}
