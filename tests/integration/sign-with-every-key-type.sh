#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every key type signs in TLS 1.3 and TLS 1.2, and the server sees the right client with its whole chain (the server
# trusts the root alone). curl is given one file, --cert, and nothing else.
#
# usage: sign-with-every-key-type.sh nginx|openssl

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
server=$1
types=(rsa2048 rsa3072 rsa4096 p256 p384 p521 ed25519)

rig_begin
ca_make
token_make corp
id=10
for type in "${types[@]}"; do
	key_make corp "$type" "$type" $((id += 1))
	certificate_make "$type"
done
server_start_"$server" server
agent_start
unlock corp >/dev/null

# What each server says about the client on its page.
seen_nginx() {
	printf 'protocol=TLSv%s verified=SUCCESS client=CN=%s,O=Example issuer=CN=Example Issuing CA,O=Example' "$1" "$2"
}
seen_openssl() {
	printf 'Subject: O=Example, CN=%s' "$2"
}

for type in "${types[@]}"; do
	keystay cert "$type" -o "$T/$type.pem"
	for version in 1.3 1.2; do
		run fetch "$port" "$T/$type.pem" "--tlsv$version" --tls-max "$version"
		expect_status 0 "$type signs in TLS $version"
		[ "$server" != openssl ] || grep -q "Protocol *: TLSv$version" "$T/out" || fail "this was not TLS $version"
		expect_out "$(seen_"$server" "$version" "$type")" "$server sees client $type over TLS $version"
	done
done
