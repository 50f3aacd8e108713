/* SPDX-License-Identifier: Apache-2.0 */
/* ring: see ring.h. */
#include "tests/unit/agent/ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"

#define MODULES "[module \"m0\"]\npath = /0.so\n[module \"m1\"]\npath = /1.so\n[module \"m2\"]\npath = /2.so\n"

static void check(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "the test's keyring could not be made: %s\n", what);
	abort();
}

void ring_init(struct ring *ring)
{
	*ring = (struct ring){ 0 };
}

void ring_deinit(struct ring *ring)
{
	ks_keyring_free(ring->keyring);
	ks_settings_free(ring->settings);
	for (size_t i = 0; i < ring->n_overlay; i++)
		ks_certificate_unref(ring->overlay[i]);
	for (size_t i = 0; i < RING_MODULES; i++)
		ks_inventory_deinit(&ring->inventories[i]);
}

void ring_build_enforced(struct ring *ring, const char *enforce, const char *configuration)
{
	static const char *const names[RING_MODULES] = { "m0", "m1", "m2" };
	struct ks_keyring_source sources[RING_MODULES];
	const struct ks_settings_source texts[] = {
		{ .file = "etc", .text = enforce, .size = strlen(enforce), .may_enforce = true },
		{ .file = "modules", .text = MODULES, .size = strlen(MODULES) },
		{ .file = "user", .text = configuration, .size = strlen(configuration) },
	};
	const struct ks_overlay overlay = { .certificates = ring->overlay,
					    .n_certificates = ring->n_overlay,
					    .lists = ring->lists,
					    .n_lists = ring->n_lists,
					    .answers = ring->answers,
					    .n_answers = ring->n_answers };
	struct ks_settings_error error;

	for (size_t i = 0; i < RING_MODULES; i++) {
		if (ring->inventories[i].n_news > 0)
			check(report_end(&ring->inventories[i], false) == 0, "report");
		sources[i] = (struct ks_keyring_source){ .module = names[i], .inventory = &ring->inventories[i] };
	}
	ks_keyring_free(ring->keyring);
	ks_settings_free(ring->settings);
	check(ks_settings_read_memory(texts, 3, &ring->settings, &error) == 0, error.text);
	check(ks_keyring_build(ring->settings, sources, RING_MODULES, &overlay, &ring->keyring) == 0, "keyring");
}

void ring_build(struct ring *ring, const char *configuration)
{
	ring_build_enforced(ring, "", configuration ? configuration : "");
}

void ring_token(struct ring *ring, size_t module, const struct test_token *token)
{
	check(report_token(&ring->inventories[module], token) == 0, "token");
}

void ring_key(struct ring *ring, size_t module, const struct test_object *object, EVP_PKEY *key)
{
	check(report_key(&ring->inventories[module], object, key) == 0, "key");
}

void ring_certificate(struct ring *ring, size_t module, const struct test_object *object,
		      const struct test_certificate *certificate)
{
	check(report_certificate(&ring->inventories[module], object, certificate) == 0, "certificate");
}

void ring_file(struct ring *ring, const struct test_certificate *certificate)
{
	check(ring->n_overlay < sizeof(ring->overlay) / sizeof(ring->overlay[0]), "too many files");
	ring->overlay[ring->n_overlay++] = test_certificate_new(certificate);
}

const char *ring_names(struct ring *ring)
{
	static char names[4096];
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; i < ks_keyring_count(ring->keyring) && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? " " : "",
					 ks_keyring_at(ring->keyring, i)->name);
	return names;
}

struct ks_identity *ring_find(struct ring *ring, const char *name)
{
	struct ks_identity *identity = NULL;
	char why[KS_TEXT_MAX];

	check(ks_keyring_by_name(ring->keyring, ks_bytes_text(name), &identity, why, sizeof(why)) == 0, why);
	return identity;
}

struct ks_identity *ring_of(struct ring *ring, EVP_PKEY *key)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
	uint8_t hash[32];

	test_spki(key, &spki);
	check(ks_sha256(ks_buffer_bytes(&spki), hash) == 0, "hash");
	return ks_keyring_by_hash(ring->keyring, hash);
}
