#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault E7: another program writes another certificate into a card that is plugged in: the next "keystay cert" has it,
# without a replug. One that is expired is said to be so.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
card_begin
card_make alice
card_insert alice
server_start_nginx nginx
card_configure
agent_start
keystay cert alice-9a -o "$T/old.pem"

# issue SERIAL-NAME [OPTION...]
serial_of() {
	openssl x509 -in "$1" -noout -serial
}

certificate_issue intermediate client "$T/cards/alice/9a.pub" "/O=Example/CN=alice" "$T/new.pem"
[ "$(serial_of "$T/new.pem")" != "$(serial_of "$T/old.pem")" ] || fail "the certificates are the same"
card_rewrite 9a "$T/new.pem"
has_new() {
	keystay cert alice-9a -o "$T/now.pem" && [ "$(serial_of "$T/now.pem")" = "$(serial_of "$T/new.pem")" ]
}
run has_new
expect_status 0 "locked: the next cert has the new certificate"
ok "locked: the next cert has the new certificate"
expect_equal "$(card_verifies)" 0 "without a PIN"

unlock alice >/dev/null
run fetch "$port" "$T/now.pem"
expect_status 0 "it signs"
certificate_issue intermediate client "$T/cards/alice/9a.pub" "/O=Example/CN=alice" "$T/new.pem"
card_rewrite 9a "$T/new.pem"
begin_ms=$(clock_ms)
wait_until "the new certificate" has_new
say "figure: unlocked: a rewritten certificate was seen after $(($(clock_ms) - begin_ms)) ms"
cat "$T/agent.log"
