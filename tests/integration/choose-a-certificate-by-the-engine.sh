#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A program that leaves the choice of its certificate to the engine gets one that the server asks for: by the names of its
# CAs, by the type of key, for clients (EKU), valid now, and of several the one that is valid longest. When none fits,
# the handshake goes on without one.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
[ -x "$BUILD/tests/integration/engine_chooser" ] || skip "this OpenSSL has no engines"
ca_make
# Another CA, with its own root.
key_make_file p256 "$T/ca/other.key"
openssl x509 -new -key "$T/ca/other.key" -subj "/O=Other/CN=Other CA" -days 60 -extfile "$T/ca/extensions" \
	-extensions ca -out "$T/ca/other.pem" 2>"$T/ca/out" || fail "$(cat "$T/ca/out")"
token_make corp
for key in "p256 ours 01" "rsa2048 ours-rsa 02" "p256 theirs 03" "p256 server-only 04" "p256 expired 05" "p256 longer 06"; do
	# shellcheck disable=SC2086 # three words
	key_make corp $key
done
# days CA KIND NAME DAYS: its certificate; a negative number is one that has expired.
days() {
	openssl x509 -new -force_pubkey "$T/$3.pub" -subj "/CN=$3" -days "$4" -CA "$T/ca/$1.pem" -CAkey "$T/ca/$1.key" \
		-extfile "$T/ca/extensions" -extensions "$2" -out "$T/certs/$3.pem" 2>"$T/ca/out" || fail "$(cat "$T/ca/out")"
}
days intermediate client ours 20
days intermediate client ours-rsa 10
days other client theirs 90
days intermediate server server-only 80
days intermediate client expired -1
days intermediate client longer 30
agent_start
unlock corp >/dev/null
export OPENSSL_ENGINES=$BUILD/lib/engines-3
chooses() {
	run env "${RIG_PRELOAD[@]}" "$BUILD/tests/integration/engine_chooser" "$port" "$T/ca/root.pem"
}

server_start_openssl ours
chooses
expect_status 0 "a server that names our root"
expect_out longer "the longest valid one of ours"
server_start_openssl rsa -client_sigalgs RSA-PSS+SHA256
chooses
expect_status 0 "a server that knows RSA only"
expect_out ours-rsa "the RSA key"
server_start_openssl rsa12 -client_sigalgs RSA+SHA256 -tls1_2
chooses
expect_status 0 "the same in TLS 1.2"
expect_out ours-rsa "the RSA key"
process_start_until theirs '^ACCEPT .*:([0-9]+)$' openssl s_server -accept 127.0.0.1:0 -cert "$T/ca/server-leaf.pem" \
	-key "$T/ca/server.key" -cert_chain "$T/ca/intermediate.pem" -CAfile "$T/ca/other.pem" -Verify 4 \
	-verify_return_error -www || fail "openssl s_server did not start"
port=${BASH_REMATCH[1]}
chooses
expect_status 0 "a server that names another CA"
expect_out theirs "the certificate of that CA"
server_start_openssl nothing -client_sigalgs ed25519
chooses
expect_fail "a server for which there is no key"
