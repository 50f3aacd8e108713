#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Two keys may sign for *.corp.example and for good.corp.example alone, by servers of one CA. All forged handshakes of
# tests/forge go to the agent, with the token locked and unlocked: each is refused in words, no signature is made, the
# module is not called once, no dialog opens. The good handshakes that they are made from are signed, and the reply
# names the server that was proven.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
send=("$PYTHON" "$SOURCE_FOLDER/tests/forge/send.py")
"$PYTHON" -c 'import cryptography' 2>/dev/null || skip "python3-cryptography is not installed"
ca_make
token_make corp
for name in alice exact; do
	key_make corp p256 $name 0$((id = ${id:-0} + 1))
	certificate_make $name
done
mkdir "$T/forge"
"${send[@]}" make "$T/forge" "$T/certs/alice.pem" "$T/certs/exact.pem"

export KEYSTAY_SHIM_SCRIPT=$T/shim.script KEYSTAY_SHIM_COUNTS=$T/shim.counts
: >"$KEYSTAY_SHIM_SCRIPT"
prompt_begin
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" "${PROMPT_LINES[@]}" \
	'[key "alice"]' 'match = pkcs11:object=alice' 'servers = *.corp.example' "server-ca = $T/forge/root.pem" \
	'[key "exact"]' 'match = pkcs11:object=exact' 'servers = good.corp.example' "server-ca = $T/forge/root.pem" \
	>"$T/keystay.conf"
agent_start
keystay list >/dev/null

all_calls() {
	wc -l <"$KEYSTAY_SHIM_COUNTS"
}

for state in locked unlocked; do
	[ $state = locked ] || unlock corp >/dev/null
	before=$(all_calls)
	[ "$before" -gt 0 ] || fail "the shim counts nothing"
	run "${send[@]}" forged "$T/forge"
	expect_status 0 "$state: every forged case is refused"
	summary=$(tail -n 1 "$T/out")
	[ "${summary%% *}" -ge 600 ] || fail "fewer than 600 cases: $summary"
	ok "$state: $summary"
	expect_equal "$(all_calls)" "$before" "$state: the module was not called once"
	expect_equal "$(shim_calls C_Sign)" 0 "$state: C_Sign was not called"
	expect_equal "$(signatures_of corp)" 0 "$state: no signature was made"
	expect_equal "$(prompt_count)" 0 "$state: no dialog was opened"
done

run "${send[@]}" good "$T/forge"
expect_status 0 "every good case is signed and its server named"
summary=$(tail -n 1 "$T/out")
ok "$summary"
expect_equal "$(signatures_of corp)" "${summary%% *}" "as many signatures were made as there are good cases"
expect_equal "$(shim_calls C_Sign)" "${summary%% *}" "and the shim counted them"
