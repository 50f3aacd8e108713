#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A page of LIST has at most 64 identities, and fewer when these are long: 130 keys with the longest names, labels, URIs
# and rules come in pages that all fit their frames, each key once, and keystay prints them.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin

# The keys are told by tests/integration/hostile_worker.py: no real token has labels like these.
mkdir -p "$T/bin" "$T/worker"
cp "$AGENT" "$T/bin/keystay-agent"
cp "$RIG_FOLDER/hostile_worker.py" "$T/bin/keystay-token"
chmod 755 "$T/bin/keystay-token"
cp "$SOFTHSM" "$T/module.so"
printf '%s\n' "$BUILD/bin/keystay-token" >"$T/worker/real"
echo longest-texts >"$T/worker/mode"
export KEYSTAY_TEST_WORKER=$T/worker
AGENT=$T/bin/keystay-agent
servers=$("$PYTHON" -c 'print(", ".join(".".join(["x" * 60, "y" * 60, f"server-{n}.example"]) for n in range(14)))')
printf '%s\n' '[module "evil"]' "path = $T/module.so" '[key "long"]' 'match = pkcs11:token=evil' \
	"servers = $servers" >"$T/keystay.conf"
agent_start

listed=$(PYTHONPATH=$RIG_FOLDER "$PYTHON" -c '
import wire
with wire.Connection() as connection:
    found, pages = wire.identities(connection)
    names, largest = {one["name"] for one in found}, 0
    connection.send(wire.message(wire.LIST, bytes(12)))
    fields = connection.reply()[3]
    fields.u64(), fields.u32()
    largest = max(len(record.data) for record in fields.records())
print(len(found), len(names), sum(pages), max(pages) < 64, 64 * largest > wire.FRAME_MAX)')
expect_equal "$listed" "130 130 130 True True" \
	"130 keys of which 64 do not fit a frame come in pages of fewer, each key once"
run keystay list --json
expect_status 0 "keystay list --json"
expect_equal "$("$PYTHON" -c 'import json, sys; print(len({key["name"] for key in json.load(sys.stdin)}))' <"$T/out")" \
	130 "keystay lists all of them"
