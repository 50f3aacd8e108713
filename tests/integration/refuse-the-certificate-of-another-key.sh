#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A certificate and a key reference that do not belong together are refused when they are loaded, as with ordinary
# keys, and the token is never asked.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make corp
id=10
for name in alice:p256 bob:p256 carol:rsa2048 dave:rsa2048 erin:ed25519 frank:ed25519; do
	key_make corp "${name#*:}" "${name%:*}" $((id += 1))
	certificate_make "${name%:*}"
done
agent_start
unlock corp >/dev/null
server_start_nginx nginx

# mix CERTIFICATE KEY: one PEM file of two identities.
mix() {
	keystay cert "$1" --no-key >"$T/mixed.pem"
	keystay cert "$2" | sed -n '/BEGIN KEYSTAY KEY/,$p' >>"$T/mixed.pem"
}

for pair in "alice bob" "carol dave" "erin frank" "alice carol"; do
	# shellcheck disable=SC2086 # two words
	mix $pair
	run fetch "$port" "$T/mixed.pem"
	expect_status 58 "curl refuses the pair $pair at load"
	ok "curl refuses the certificate of ${pair% *} with the key of ${pair#* }"
done
# shellcheck disable=SC2086
mix alice bob
run client "$PYTHON" -c 'import ssl, sys
ssl.create_default_context().load_cert_chain(sys.argv[1])' "$T/mixed.pem"
expect_status 1 "Python refuses the pair"
expect_err "KEY_VALUES_MISMATCH" "Python says that the values do not match"
expect_equal "$(signatures_of corp)" 0 "the token made no signature"

mix alice alice
run fetch "$port" "$T/mixed.pem"
expect_status 0 "the right pair, mixed the same way, is taken"
expect_out "client=CN=alice" "the right pair, mixed the same way, is taken"
