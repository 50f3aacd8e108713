#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A PIV card stays verified after C_Logout and after the end of the program that gave the PIN: any other program could
# then sign with it. After `keystay lock`, after each signature with card-login = per-signature, and after the agent's end
# the card wants its PIN again; and keystay itself goes on with it.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
card_alice 9a=p256
server_start_nginx nginx
verified() {
	card_ctl status verified
}
expect_equal "$(verified)" true "unlocked, the card is verified"
keystay lock >/dev/null
is_reset() {
	[ "$(verified)" = false ]
}
wait_until "the card to be reset after a lock" is_reset
ok "after keystay lock it is not"
unlock alice >/dev/null
run fetch "$port" "$T/alice-9a.pem"
expect_status 0 "and it signs again after one PIN"
expect_equal "$(card_verifies)" 2 "two PINs so far"
agent_stop
wait_until "the card to be reset at the end" is_reset
ok "after the agent's end it is not"

card_configure 'card-login = per-signature' '[agent]' 'keep-pin = yes'
agent_start
unlock alice >/dev/null
for ((i = 0; i < 3; i++)); do
	run fetch "$port" "$T/alice-9a.pem"
	expect_status 0 "signature $i with card-login = per-signature"
	wait_until "the card to be reset after a signature" is_reset
done
ok "with card-login = per-signature it is reset after each"
run keystay status
expect_out "unlocked" "and the token stays unlocked for keystay"
