#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault E11: a card that answers slowly is waited for; one that never answers costs the requests that wait for it, at the
# deadline, and nothing else: another token signs meanwhile, and the card signs again when it answers again.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
card_begin
card_make alice 9a=p256
token_make corp
key_make corp p256 bob 02
certificate_make bob
server_start_nginx nginx
card_configure 'deadline = 3s' '[module "softhsm"]' "path = $SOFTHSM"
card_insert alice
agent_start
unlock alice >/dev/null
unlock corp >/dev/null
keystay cert alice-9a -o "$T/alice.pem"
keystay cert bob -o "$T/bob.pem"

card_ctl delay 300
run fetch "$port" "$T/alice.pem"
expect_status 0 "a slow card (300 ms for each APDU) signs"
card_ctl delay 0
card_ctl hang-next 0
fetch "$port" "$T/alice.pem" >"$T/page" 2>&1 &
curl=$!
card_wait hanging true
run fetch "$port" "$T/bob.pem"
expect_status 0 "while the card hangs, another token signs"
kill -0 "$curl" 2>/dev/null || fail "the request to the card has ended too early"
wait "$curl" && fail "a card that never answers cannot have signed"
grep -q 'did not answer within 3 s' "$T/page" || fail "the request does not say why it ended: $(cat "$T/page")"
ok "a card that never answers costs its request alone, at the deadline"
card_ctl release
can_unlock() {
	unlock alice >/dev/null 2>&1
}
wait_until "the card to be unlocked again" can_unlock
run fetch "$port" "$T/alice.pem"
expect_status 0 "when it answers again it signs again"
