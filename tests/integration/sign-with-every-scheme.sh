#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every signature scheme of docs/protocol.md section 9, forced by a server that accepts no other; and both transcript
# hashes of TLS 1.3 with a key of another size.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make corp
id=10
for type in rsa2048 p256 p384 p521 ed25519; do
	key_make corp $type $type $((id += 1))
	certificate_make $type
done
agent_start
unlock corp >/dev/null
for type in rsa2048 p256 p384 p521 ed25519; do
	keystay cert $type -o "$T/$type.pem"
done

# VERSION KEY SCHEME, as openssl s_server -client_sigalgs names it. In TLS 1.2 a scheme names no curve.
while read -r version key scheme; do
	server_start_openssl server "-tls${version/./_}" -client_sigalgs "$scheme"
	run fetch "$port" "$T/$key.pem" --tls-max "$version"
	expect_status 0 "$key signs $scheme in TLS $version"
	expect_out "CN=$key" "$key signs $scheme in TLS $version"
	process_stop "$started"
done <<-'LIST'
	1.2 rsa2048 RSA+SHA256
	1.2 rsa2048 RSA+SHA384
	1.2 rsa2048 RSA+SHA512
	1.2 rsa2048 rsa_pss_rsae_sha256
	1.2 rsa2048 rsa_pss_rsae_sha384
	1.2 rsa2048 rsa_pss_rsae_sha512
	1.2 p256 ECDSA+SHA256
	1.2 p256 ECDSA+SHA384
	1.2 p384 ECDSA+SHA256
	1.2 p384 ECDSA+SHA384
	1.2 p521 ECDSA+SHA256
	1.2 p521 ECDSA+SHA512
	1.2 ed25519 ed25519
	1.3 rsa2048 rsa_pss_rsae_sha256
	1.3 rsa2048 rsa_pss_rsae_sha384
	1.3 rsa2048 rsa_pss_rsae_sha512
	1.3 p256 ecdsa_secp256r1_sha256
	1.3 p384 ecdsa_secp384r1_sha384
	1.3 p521 ecdsa_secp521r1_sha512
	1.3 ed25519 ed25519
LIST

# The hash in the TLS 1.3 input is that of the cipher suite, whatever the scheme.
for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256; do
	server_start_openssl server -tls1_3 -ciphersuites $suite
	for key in p256 p384 ed25519; do
		run fetch "$port" "$T/$key.pem"
		expect_status 0 "$key signs with $suite"
		expect_out "CN=$key" "$key signs with $suite"
	done
	process_stop "$started"
done

# A HelloRetryRequest makes another transcript, and the same kind of input.
server_start_openssl server -tls1_3 -groups P-521
run fetch "$port" "$T/p256.pem"
expect_status 0 "p256 signs after a HelloRetryRequest"
expect_out "CN=p256" "p256 signs after a HelloRetryRequest"
process_stop "$started"

# A server that offers SHA-1 alone gets no signature.
server_start_openssl server -tls1_2 -client_sigalgs RSA+SHA1 -cipher 'ALL:@SECLEVEL=0'
run fetch "$port" "$T/rsa2048.pem" --tls-max 1.2 --ciphers 'ALL:@SECLEVEL=0'
expect_fail "SHA-1 is refused"
ok "SHA-1 is refused"
