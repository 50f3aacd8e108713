#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Faults E9 and E10: another program takes the card exclusively, or resets it; pcscd is started again. Requests end in time
# with a sentence, nothing is submitted in a loop, and afterwards the card signs again under the same rules. An idle agent
# holds no transaction: others can use the card at once.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
card_alice 9a=p256
server_start_nginx nginx
run fetch "$port" "$T/alice-9a.pem"
expect_status 0 "the card signs"

run opensc --list-objects --type cert
expect_status 0 "another program reads the card while keystay is logged in"

verifies=$(card_verifies)
card_ctl reset
run fetch "$port" "$T/alice-9a.pem"
if [ "$(cat "$T/status" 2>/dev/null || echo 1)" != 0 ]; then
	ok "after a reset by others the token is locked: $(tail -n 1 "$T/err")"
fi
expect_equal "$(card_verifies)" "$verifies" "no PIN is submitted by itself, since none is kept"
unlock alice >/dev/null || fail "it cannot be unlocked again"
run fetch "$port" "$T/alice-9a.pem"
expect_status 0 "after an unlock it signs again"

pcscd_stop
run fetch "$port" "$T/alice-9a.pem"
expect_fail "without pcscd"
pcscd_start
# A look may fall between the new process of the module and the new pcscd's first look at its readers.
is_back() {
	keystay list 2>/dev/null | grep -q alice && unlock alice >/dev/null 2>&1
}
verifies=$(card_verifies)
wait_until "the card to be unlocked after pcscd was started again" is_back
ok "pcscd was started again: the card is listed, nothing else was restarted"
expect_equal "$(card_verifies)" $((verifies + 1)) "one PIN"
run fetch "$port" "$T/alice-9a.pem"
expect_status 0 "and signs after one PIN"

# E8: the reader itself is pulled out and plugged in again.
pcscd_stop
pcscd_start no-reader
is_gone() {
	! keystay list 2>/dev/null | grep -q alice
}
wait_until "the card to vanish with its reader" is_gone
run fetch "$port" "$T/alice-9a.pem"
expect_fail "without a reader"
grep -q 'is not there; plug it in\|no token here has this key' "$T/err" || fail "it was told: $(cat "$T/err")"
ok "the reader is gone: the client is told that the card is not there"
pcscd_stop
pcscd_start
wait_until "the card to be unlocked with its reader back" is_back
run fetch "$port" "$T/alice-9a.pem"
expect_status 0 "the reader is back: the card signs after one PIN"
