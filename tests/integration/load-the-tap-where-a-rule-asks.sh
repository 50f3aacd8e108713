#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A key with `servers`: plain `keystay run curl` and `keystay env` load the tap by themselves, so that the agent gets the
# TLS 1.3 handshake and can prove the server. Not with --no-tap, not where no rule asks, not without an agent.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_tap.sh
. "$RIG_FOLDER/rig_tap.sh"
rig_alice
server_start_nginx server
tap_begin
page=(curl -q --silent --show-error --max-time "$DEADLINE_S" --cacert "$T/ca/root.pem" --cert "$T/alice.pem" --tlsv1.3
	"https://localhost:$port/")

# tap_of OPTION...: what `keystay env` says.
tap_of() {
	keystay env --json "$@" | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["tap"])'
}
expect_equal "$(tap_of)" False "no rule asks for a server: no tap"
expect_equal "$(tap_of --tap)" True "unless it is said"
run "${untapped[@]}" "${page[@]}"
expect_out "verified=SUCCESS client=CN=alice" "curl signs"
expect_transcript none "without a rule"

agent_configure '[key "alice"]' 'match = pkcs11:object=alice' 'servers = localhost' "server-ca = $T/ca/root.pem"
keystay reload >/dev/null
expect_equal "$(tap_of)" True "a rule asks for a server: the tap is loaded"
expect_equal "$(tap_of --no-tap)" False "unless it is forbidden"
run "${untapped[@]}" "${page[@]}"
expect_out "verified=SUCCESS client=CN=alice" "plain keystay run curl signs for the server that was proven"
expect_transcript 1.3 "with a rule"
run env "${RIG_PRELOAD[@]}" KEYSTAY_SOCK="$T/watched.sock" "$KEYSTAY" run --no-tap -- "${page[@]}"
expect_fail "without the tap nothing is proven, so nothing is signed"
run keystay run --tap --no-tap true
expect_status 2 "both at once"
agent_stop
expect_equal "$(tap_of)" False "without an agent there is no tap"
