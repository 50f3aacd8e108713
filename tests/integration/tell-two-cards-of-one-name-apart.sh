#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault E6: two cards with the same label, once even with the same serial number, in two readers. Both are listed under
# names of their own, "unlock" with the label alone says which names there are, each PIN goes to the card that was named,
# and each key is signed with by its own card.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
card_begin 2
card_make alice
card_make twin like=alice
card_make cousin
certificate_issue intermediate client "$T/cards/cousin/9a.pub" "/O=Example/CN=alice" "$T/cousin.pem"
card_insert cousin
card_ctl rewrite-certificate 9a "$T/cousin.pem"
card_remove
card_insert alice
server_start_nginx nginx

both_are_listed() {
	[ "$(keystay list --json 2>/dev/null | grep -c '"name"')" -eq 2 ]
}

# reader_of NAME: which reader has the card with the key of this name.
reader_of() {
	local reader name
	keystay cert --no-key "$1" -o "$T/which.pem" 2>/dev/null || keystay cert "$1" -o "$T/which.pem"
	openssl x509 -in "$T/which.pem" -noout -pubkey >"$T/which.pub"
	for reader in 0 1; do
		name=$(on_reader $reader card_ctl status card | tr -d '"')
		if cmp -s "$T/which.pub" "$T/cards/$name/9a.pub"; then
			echo $reader
		fi
	done
}

for other in cousin twin; do
	on_reader 1 card_insert $other
	card_configure
	agent_start
	wait_until "both cards to be listed" both_are_listed
	mapfile -t names < <(keystay list --json | sed -n 's/.*"name": *"\([^"]*\)".*/\1/p')
	expect_equal "${#names[@]}" 2 "$other: both keys are listed"
	[ "${names[0]}" != "${names[1]}" ] || fail "$other: both are called ${names[0]}"
	say "they are called: ${names[*]}"
	before=("$(on_reader 0 card_verifies)" "$(on_reader 1 card_verifies)")
	run unlock alice
	expect_fail "$other: unlock by a label that two cards have"
	expect_err "more than one" "$other: says that there are two"
	for name in "${names[@]}"; do
		reader=$(reader_of "$name")
		run unlock "$name"
		expect_status 0 "$other: unlock $name"
		before[reader]=$((before[reader] + 1))
		expect_equal "$(on_reader 0 card_verifies) $(on_reader 1 card_verifies)" "${before[*]}" \
			"$other: the PIN of $name went to the card in reader $reader alone"
		keystay cert "$name" -o "$T/$name.pem"
		signed=$(on_reader "$reader" card_signatures)
		run fetch "$port" "$T/$name.pem"
		expect_status 0 "$other: $name signs"
		expect_equal "$(on_reader "$reader" card_signatures)" $((signed + 1)) "$other: by its own card"
	done
	agent_stop
	on_reader 1 card_remove
done
