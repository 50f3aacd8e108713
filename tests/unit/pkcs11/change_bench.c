/* SPDX-License-Identifier: Apache-2.0 */
/* change_bench: see change_bench.h. Runs in: unit tests. */
#include "tests/unit/pkcs11/change_bench.h"

#include <unistd.h>

#include "lib/protocol/spki.h"

struct rig rig;
struct rig_worker worker;
EVP_PKEY *old_key;
struct rig_made made;

void change_fill(struct rig_writer *writer, void *userdata)
{
	const struct rig_key old = { .key = old_key, .label = "old", .id = 1, .parts = RIG_ALL };
	(void)userdata;

	rig_write_token(writer, "corp");
	rig_write_key(writer, &old);
}

int change_setup(void **state)
{
	(void)state;
	old_key = rig_new_key("P-256");
	rig_init(&rig);
	rig_write(&rig, change_fill, NULL);
	return 0;
}

int change_teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(old_key);
	rig_deinit(&rig);
	return 0;
}

void change_start(const char *script)
{
	const struct rig_options options = { .path = RIG_SHIM };

	rig_script(&rig, NULL);
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	rig_script(&rig, script);
	(void)unlink(rig.counts);
}

int keygen(uint32_t type, uint32_t bits, const char *label, struct ks_bytes id)
{
	return rig_keygen(&worker, &(struct rig_new_key){ type, bits, label, id }, &made);
}

int make_p256(void)
{
	return keygen(KS_KEY_EC, 256, MADE, KS_BYTES_NONE);
}
