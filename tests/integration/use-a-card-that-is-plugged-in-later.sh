#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The agent runs, and a card is plugged in: within two seconds its key is listed under its name, and it signs after one
# PIN; nothing is restarted. The same for the second time, for another card, and for a second reader. The time that each
# took is printed; pcscd's own (it asks a virtual reader each 0.4 s) is in it.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
card_begin 2
for name in alice bob carol; do
	card_make $name
done
server_start_nginx nginx
card_configure
agent_start
run keystay list
grep -q . "$T/out" && grep -q 9a "$T/out" && fail "a card is listed and none is there"
worker=$(module_pid opensc)

# plug NAME: and wait until its key is listed; took_ms.
plug() {
	local begin=${EPOCHREALTIME/./}
	card_ctl insert "$T/cards/$1"
	until keystay list 2>/dev/null | grep -q "$1-9a"; do
		[ $((${EPOCHREALTIME/./} - begin)) -lt 10000000 ] || fail "$1 is not listed"
	done
	took_ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
	times+=("$took_ms")
	[ $took_ms -le 2000 ] || fail "it took $took_ms ms until $1 was listed"
	ok "$1 is listed $took_ms ms after it was plugged in"
}

times=()
for turn in 1 2 3; do
	plug alice
	expect_equal "$(status_of 'tokens["alice"]["state"]')" locked "turn $turn: it is locked"
	unlock alice >/dev/null
	keystay cert alice-9a -o "$T/alice.pem"
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "turn $turn: alice signs"
	expect_equal "$(card_verifies)" $turn "turn $turn: after one PIN"
	expect_equal "$(card_tries)" 3 "turn $turn: no try is lost"
	card_remove
done
plug bob
on_reader 1 plug carol
unlock carol >/dev/null
keystay cert carol-9a -o "$T/carol.pem"
run fetch "$port" "$T/carol.pem"
expect_status 0 "a card in a second reader signs"
expect_out "client=CN=carol" "as what it is"
expect_equal "$(module_pid opensc)" "$worker" "no process was started again for all of that"
median=$(printf '%s\n' "${times[@]}" | sort -n | sed -n "$(((${#times[@]} + 1) / 2))p")
say "figure: plugged in until listed: median $median ms, of: ${times[*]} ms"
