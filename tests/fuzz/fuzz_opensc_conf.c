/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSC's configuration: what is made of it is the original with insertions and nothing taken away, or, for what OpenSC
 * would refuse, a text that owes nothing to it. Made anew, it is taken as a configuration that has its default block.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "pkcs11/opensc_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SETTING " use_pin_caching = false; "
#define BLOCK " framework pkcs15 {" SETTING "} "
#define ALONE "app default {" BLOCK "}\n"
#define UNBLOCK " user_pin_unblock_style = set_pin_in_unlogged_session; "
#define BOTH "app default {" BLOCK " pkcs11 {" UNBLOCK "} }\n"

static bool starts_with(struct ks_bytes text, const char *start)
{
	return text.size >= strlen(start) && memcmp(text.data, start, strlen(start)) == 0;
}

static struct ks_bytes behind(struct ks_bytes text, size_t size)
{
	return ks_bytes(text.data + size, text.size - size);
}

/* Nothing is missing, and all stands in its order. */
static bool holds(struct ks_bytes made, struct ks_bytes original)
{
	for (; made.size > 0 && original.size > 0; made = behind(made, 1)) {
		if (made.data[0] == original.data[0])
			original = behind(original, 1);
	}
	return original.size == 0;
}

static void check(struct ks_bytes original, bool unblock)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer again = { 0 };
	const char *alone = unblock ? BOTH : ALONE;

	if (ks_opensc_conf_make(original, unblock, &out) < 0)
		return;
	struct ks_bytes made = ks_buffer_bytes(&out);
	if (!ks_bytes_equal(made, ks_bytes_text(alone)) && !holds(made, original))
		abort();
	if (!memmem(made.data, made.size, SETTING, strlen(SETTING)) ||
	    (unblock && !memmem(made.data, made.size, UNBLOCK, strlen(UNBLOCK))))
		abort();
	if (ks_opensc_conf_make(made, unblock, &again) < 0)
		return;
	struct ks_bytes remade = ks_buffer_bytes(&again);
	/* A second default block would not be looked into; a text that is refused now was so before. */
	if (starts_with(made, alone) && starts_with(behind(remade, strlen(alone)), alone))
		abort();
	if (!holds(remade, made))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(ks_bytes(data, size), false);
	check(ks_bytes(data, size), true);
	return 0;
}
