#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# TLS 1.2 servers without extended master secret (RFC 7627) and with static RSA key exchange are legal: their
# transcripts look different and are signed all the same; only a proof of the server would be impossible.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice rsa2048

printf '%s\n' 'openssl_conf = init' '[init]' 'ssl_conf = ssl' '[ssl]' 'system_default = tls' '[tls]' \
	'Options = -ExtendedMasterSecret' >"$T/no-ems.cnf"
OPENSSL_CONF=$T/no-ems.cnf server_start_openssl no-ems -tls1_2
run fetch "$port" "$T/alice.pem"
expect_status 0 "a server without extended master secret"
expect_out "CN=alice" "a server without extended master secret sees alice"
grep -q 'Extended master secret: no' "$T/out" || fail "this server did use extended master secret"

# Static RSA needs an RSA server certificate.
key_make_file rsa2048 "$T/rsa.key"
openssl pkey -in "$T/rsa.key" -pubout -out "$T/rsa.pub"
sed -i 's/^keyUsage = critical, digitalSignature$/&, keyEncipherment/' "$T/ca/extensions"
certificate_issue intermediate server "$T/rsa.pub" /CN=localhost "$T/rsa.pem"
server_start_openssl static-rsa -tls1_2 -cert "$T/rsa.pem" -key "$T/rsa.key" -cipher AES128-GCM-SHA256
run fetch "$port" "$T/alice.pem" --ciphers AES128-GCM-SHA256
expect_status 0 "a server with static RSA key exchange"
expect_out "CN=alice" "a server with static RSA key exchange sees alice"
expect_out "AES128-GCM-SHA256" "the key exchange was static RSA"
