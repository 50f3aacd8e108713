#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Faults E3 and E4 on a real pcscd with a PIV card: a card that is plugged in later is listed and usable without a restart
# of anything; taken out, its keys vanish and its PIN is forgotten, also a kept one; put back, it works again with one PIN.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
card_begin
card_make alice 9a=p256
prompt_begin
card_configure "${PROMPT_LINES[@]}" 'keep-pin = yes'
server_start_nginx nginx
agent_start
expect_equal "$(status_of 'len(tokens)')" 0 "no card, no token"

now_ms() {
	date +%s%3N
}
is_listed() {
	keystay list 2>/dev/null | grep -q alice
}
is_gone() {
	! is_listed
}
began=$(now_ms)
card_insert alice
inserted=$(now_ms)
wait_until "the card to be listed" is_listed
ok "a card that is plugged in is listed (the reader noticed after $((inserted - began)) ms, listed $(($(now_ms) - inserted)) ms later)"
name=$(keystay list --json | "$PYTHON" -c 'import json,sys; print(json.load(sys.stdin)[0]["name"])' 2>/dev/null || keystay list | awk 'NR==2{print $1}')
keystay cert "$name" -o "$T/alice.pem"
prompt_answers "$PIN"
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl signs in with the card"
expect_equal "$(prompt_count)" 1 "by one dialog"
expect_equal "$(card_verifies)" 1 "the card saw one PIN"

for ((i = 2; i < 5; i++)); do
	card_remove
	wait_until "the card to be gone" is_gone
	run fetch "$port" "$T/alice.pem"
	expect_fail "without the card"
	began=$(now_ms)
	card_insert alice
	inserted=$(now_ms)
	wait_until "the card to be listed again" is_listed
	say "replugged: seen after $((inserted - began)) ms, listed $(($(now_ms) - inserted)) ms later"
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "curl signs in again"
	expect_equal "$(prompt_count)" $i "by one dialog more: even a kept PIN is forgotten with the card"
	expect_equal "$(card_verifies)" $i "and one PIN more"
done
