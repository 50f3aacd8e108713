#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every hostile input of tests/hostile, for three kinds of keys, through the real socket: each is refused for its own
# reason, with the token locked and unlocked; no signature is made and the module is not called at all (counted in the
# shim). The good inputs that they are made from are signed, so the refusals mean something.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
hostile=$BUILD/tests/hostile/keystay-hostile
ca_make
token_make corp
id=10
for type in rsa2048 p256 ed25519; do
	key_make corp $type $type $((id += 1))
	certificate_make $type
done
export KEYSTAY_SHIM_SCRIPT=$T/shim.script KEYSTAY_SHIM_COUNTS=$T/shim.counts
: >"$KEYSTAY_SHIM_SCRIPT"
printf '%s\n' '[module "shim"]' "path = $BUILD/tests/fakes/keystay-shim.so" >"$T/keystay.conf"
agent_start
for type in rsa2048 p256 ed25519; do
	keystay cert $type -o "$T/$type.pem"
done

# Each class of the list of faults is there; C10, messages of an oracle, is sent beside them; C9, servers that are not who
# they say, is in refuse-forged-servers.
"$hostile" --list "$T/p256.pem" >"$T/list"
for class in C1 C2 C3 C4 C5 C6 C7 C8 C11; do
	n=$(grep -c "^$class " "$T/list") || fail "there is no input of class $class"
	ok "$class: $n inputs"
done

all_calls() {
	wc -l <"$KEYSTAY_SHIM_COUNTS"
}

for state in locked unlocked; do
	[ $state = locked ] || unlock corp >/dev/null
	before=$(all_calls)
	[ "$before" -gt 0 ] || fail "the shim counts nothing"
	for type in rsa2048 p256 ed25519; do
		run "$hostile" "$T/$type.pem"
		expect_status 0 "$type, $state: every hostile input is refused for its own reason"
		summary=$(tail -n 1 "$T/out")
		[ "${summary%% *}" -ge 200 ] || fail "$type: fewer than 200 inputs: $summary"
		ok "$type, $state: $summary"
	done
	expect_equal "$(all_calls)" "$before" "$state: the module was not called once"
	expect_equal "$(signatures_of corp)" 0 "$state: no signature was made"
done

before=$(shim_calls C_Sign)
for type in rsa2048 p256 ed25519; do
	run "$hostile" --good "$T/$type.pem"
	expect_status 0 "$type: the good inputs that the hostile ones are made from are signed"
	ok "$type: $(tr '\n' ';' <"$T/out")"
done
expect_equal "$(signatures_of corp)" 6 "six signatures were made for the six good inputs"
[ "$(shim_calls C_Sign)" -ge $((before + 6)) ] || fail "the shim does not count signatures"
ok "and the shim counted them"
