#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The key in slot 9A of a PIV card signs through OpenSC and a real pcscd: for each type of key the card is listed, is
# given one PIN, and curl gets its page in TLS 1.3 and TLS 1.2. The card itself counts: one PIN for all of it, no try
# lost.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

rig_begin
ca_make
card_begin
server_start_nginx nginx
card_configure

for type in p256 p384 rsa2048; do
	card_make "$type" "9a=$type"
	card_insert "$type"
	agent_start
	expect_equal "$(card_verifies)" 0 "$type: looking at the card costs no PIN"
	run keystay list
	expect_out "$type-9a" "$type: the key of slot 9A is listed before any PIN"
	keystay cert "$type-9a" -o "$T/$type.pem"
	run fetch "$port" "$T/$type.pem"
	expect_fail "$type: no signature before the PIN"
	expect_err "token \"$type\" is locked; run: keystay unlock $type" "$type: curl says how to unlock the card"
	expect_equal "$(card_ctl status authenticates)" 0 "$type: and the card was not asked"

	before=$(card_tries)
	unlock "$type" >/dev/null
	for version in 1.3 1.2; do
		run fetch "$port" "$T/$type.pem" "--tlsv$version" --tls-max "$version"
		expect_status 0 "$type signs in TLS $version"
		expect_out "protocol=TLSv$version verified=SUCCESS client=CN=$type,O=Example issuer=CN=Example Issuing CA" \
			"nginx sees the holder of the $type card over TLS $version"
	done
	expect_equal "$(card_verifies)" 1 "$type: the card was given exactly one PIN"
	expect_equal "$(card_tries)" "$before" "$type: its counter is what it was"
	expect_equal "$(card_signatures)" 2 "$type: it made exactly the two signatures"
	agent_stop
	card_remove
done
