#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault E12 on a PIV card: curl signs in with the keys of slot 9A and of slot 9C, which wants its PIN at each signature, over
# TLS 1.3 and TLS 1.2. The card counts: one PIN for each decision; a wrong one costs exactly one try, and nothing repeats it.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
card_begin
card_make alice 9a=p256 9c=rsa2048
prompt_begin
card_configure "${PROMPT_LINES[@]}"
server_start_nginx nginx
card_insert alice
agent_start
keystay cert alice-9a -o "$T/9a.pem"
keystay cert alice-9c -o "$T/9c.pem"
prompt_answers "$PIN"

for version in 1.3 1.2; do
	run fetch "$port" "$T/9a.pem" "--tlsv$version" --tls-max "$version"
	expect_status 0 "9A signs in TLS $version"
	expect_out "client=CN=alice" "the server sees alice with 9A over TLS $version"
done
expect_equal "$(prompt_count)/$(card_verifies)" 1/1 "one dialog and one PIN for both"
for version in 1.3 1.2; do
	run fetch "$port" "$T/9c.pem" "--tlsv$version" --tls-max "$version"
	expect_status 0 "9C signs in TLS $version"
	expect_out "client=CN=alice" "the server sees alice with 9C over TLS $version"
done
expect_equal "$(prompt_count)" 3 "a dialog for each signature with 9C"
expect_equal "$(card_verifies)" 3 "and a PIN for each"
run fetch "$port" "$T/9a.pem"
expect_status 0 "9A still signs"
expect_equal "$(prompt_count)" 3 "without a dialog"

tries=$(card_tries)
verifies=$(card_verifies)
prompt_answers 271828
run fetch "$port" "$T/9c.pem"
expect_fail "a wrong PIN for 9C"
expect_err "PIN is wrong" "is said"
expect_equal "$(card_tries)" $((tries - 1)) "it has cost exactly one try"
expect_equal "$(card_verifies)" $((verifies + 1)) "the card saw it once"
prompt_answers "$PIN"
run keystay unlock --ask alice </dev/null
run fetch "$port" "$T/9c.pem"
expect_status 0 "with the right PIN 9C signs again"
expect_equal "$(card_tries)" 3 "and the card's counter is full again"

# One answer for both: a locked card, and a key that asks each time.
keystay lock >/dev/null
shown=$(prompt_count)
run fetch "$port" "$T/9c.pem"
expect_status 0 "9C on a locked card"
expect_equal "$(prompt_count)" $((shown + 1)) "one dialog unlocks the card and signs"
