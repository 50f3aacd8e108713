#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Faults E5, D17 and E7: another card with the same label and serial number is not taken for the one that a PIN was asked
# for, neither while the dialog is open nor when the PIN is kept: that card never sees the PIN. A certificate that another
# program rewrites is noticed at the next use, without a replug.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
card_begin
card_make alice 9a=p256
card_make mallory 9a=p256 like=alice
prompt_begin
card_configure "${PROMPT_LINES[@]}" 'keep-pin = yes'
server_start_nginx nginx
card_insert alice
agent_start
keystay cert alice-9a -o "$T/alice.pem"

prompt_holds "$PIN"
fetch "$port" "$T/alice.pem" >"$T/page" 2>&1 &
curl=$!
prompt_wait 1
card_swap mallory
wait "$curl" && fail "curl signed in with another card"
ok "swapped while the dialog is open: curl gets an error: $(tail -n 1 "$T/page")"
expect_equal "$(card_verifies)" 0 "the other card saw no PIN"
wait_until "the dialog for the first card to be closed" prompt_is_gone

card_swap alice
prompt_answers "$PIN"
run fetch "$port" "$T/alice.pem"
expect_status 0 "the right card signs"
card_swap mallory
run fetch "$port" "$T/alice.pem"
expect_fail "the other card, with a kept PIN of the first"
expect_equal "$(card_verifies)" 0 "it saw no PIN"

card_swap alice
is_back() {
	keystay list 2>/dev/null | grep -q alice
}
wait_until "alice to be back" is_back
run fetch "$port" "$T/alice.pem"
expect_status 0 "alice signs again"
keystay cert alice-9a --no-key -o "$T/before.pem"
openssl x509 -in "$T/before.pem" -pubkey -noout >"$T/renewed.pub"
certificate_issue intermediate client "$T/renewed.pub" "/O=Example/CN=renewed" "$T/renewed.pem"
card_rewrite 9a "$T/renewed.pem"
has_renewed() {
	keystay list >/dev/null 2>&1
	keystay cert "$(keystay list --json | "$PYTHON" -c 'import json, sys
keys = json.load(sys.stdin)
keys = keys.get("keys", keys) if isinstance(keys, dict) else keys
print(keys[0]["name"])')" --no-key 2>/dev/null | openssl x509 -noout -subject | grep -q renewed
}
wait_until "the rewritten certificate to be noticed" has_renewed
ok "a certificate that another program has rewritten is noticed without a replug"
