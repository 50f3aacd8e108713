/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_enrol_state: any bytes as what is left of a key's state file after a full disk or an editor.
 *
 * Checks beside memory errors: what is taken is written again as JSON that is taken again and written as the same; lists
 * and times are within their limits.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "enrol/drivers/json.h"
#include "enrol/state_json.h"
#include "lib/base/cleanup.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" /* of make_enrol_corpus.py */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static char *write_again(const struct ks_enrol_state *state)
{
	KS_CLEANUP(json_decrefp) json_t *object = ks_enrol_state_to_json(state);
	char *text = object ? json_dumps(object, JSON_SORT_KEYS) : NULL;

	require(text != NULL);
	return text;
}

/* 0 and a state, which is to be let go of either way. */
static int read_text(const char *text, size_t size, struct ks_enrol_state *state)
{
	json_error_t error;
	KS_CLEANUP(json_decrefp) json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

	*state = (struct ks_enrol_state){ .spki = DIGITS };
	return object ? ks_enrol_state_from_json(object, state) : KS_ERR_MALFORMED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state state = { 0 };
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state again = { 0 };

	if (read_text((const char *)data, size, &state) < 0)
		return 0;
	require(state.n_previous <= KS_ENROL_PREVIOUS_MAX && state.code <= 0 && strcmp(state.spki, DIGITS) == 0);
	require(state.next <= INT64_MAX && state.failed_at <= INT64_MAX && state.installed_at <= INT64_MAX);
	KS_AUTO_FREE char *text = write_again(&state);
	require(read_text(text, strlen(text), &again) == 0);
	KS_AUTO_FREE char *text_again = write_again(&again);
	require(strcmp(text, text_again) == 0);
	return 0;
}
