/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_inventory: what a hostile worker says of its tokens, frame after frame, and the keyring that comes of it.
 *
 * Beside crashes: an inventory stays within its limits, numbers are unique, names and URIs are unique text of their
 * length, and every identity is found by its name, its URI and its hash.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/inventory.h"
#include "agent/keyring_private.h"
#include "agent/settings_private.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/frame.h"
#include "lib/protocol/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

/* Until the first frame that would end the worker. */
static void take_all(struct ks_inventory *inventory, struct ks_bytes input)
{
	for (;;) {
		struct ks_frame frame;
		enum ks_frame_state state;
		size_t used;
		bool complete;
		if (ks_frame_read(input, &state, &frame, &used) < 0 || state != KS_FRAME_WHOLE)
			return;
		if (ks_inventory_take(inventory, frame.type, frame.body, &complete) < 0)
			return;
		input = ks_bytes(input.data + used, input.size - used);
	}
}

static void check_inventory(struct ks_inventory *inventory)
{
	must(inventory->n_tokens <= KS_TOKENS_PER_MODULE, "tokens are limited");
	for (size_t i = 0; i < inventory->n_tokens; i++)
		must(ks_inventory_token(inventory, inventory->tokens[i].number) == &inventory->tokens[i],
		     "numbers of tokens are unique");
}

static void check_keyring(struct ks_keyring *keyring)
{
	char why[KS_TEXT_MAX];

	for (size_t i = 0; i < ks_keyring_count(keyring); i++) {
		struct ks_identity *identity = ks_keyring_at(keyring, i);
		struct ks_identity *found = NULL;
		must(strlen(identity->name) <= 256 && ks_text_valid(ks_bytes_text(identity->name)), "names are text");
		must(strlen(identity->uri) <= 1024 && ks_text_valid(ks_bytes_text(identity->uri)), "URIs are text");
		must(identity->n_locations > 0, "a key is somewhere");
		must(ks_keyring_by_name(keyring, ks_bytes_text(identity->name), &found, why, sizeof(why)) == 0 &&
			     found == identity,
		     "an identity is found by its name");
		must(ks_keyring_by_name(keyring, ks_bytes_text(identity->uri), &found, why, sizeof(why)) == 0 &&
			     found == identity,
		     "an identity is found by its URI");
		found = ks_keyring_by_hash(keyring, identity->spki_hash);
		must(!found || found == identity, "an identity is found by its hash");
		ks_keyring_chain(keyring, identity);
		must(identity->n_chain <= KS_CHAIN_MAX && (identity->n_chain > 0) == (identity->certificate != NULL),
		     "a chain begins with the leaf");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char configuration[] =
		"[key \"corp\"]\nmatch = pkcs11:token=corp\n[key \"client\"]\neku = clientAuth\n";
	const struct ks_settings_source source = { .file = "f", .text = configuration, .size = strlen(configuration) };
	KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = NULL;
	KS_CLEANUP(ks_inventory_deinit) struct ks_inventory inventory = { 0 };
	static const struct ks_overlay none;
	struct ks_settings_error error;

	ks_log_init("fuzz", KS_LOG_ERROR);
	take_all(&inventory, ks_bytes(data, size));
	check_inventory(&inventory);
	must(ks_settings_read_memory(&source, 1, &settings, &error) == 0, "the configuration is good");
	const struct ks_keyring_source worker = { .module = "m", .inventory = &inventory };
	KS_CLEANUP(ks_keyring_freep) struct ks_keyring *keyring = NULL;
	must(ks_keyring_build(settings, &worker, 1, &none, &keyring) == 0, "a keyring can be built of everything");
	check_keyring(keyring);
	return 0;
}
