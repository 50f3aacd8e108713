#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# curl with our engine: key and certificate by name, every key type that engines know, TLS 1.3 and TLS 1.2; a PEM
# certificate beside it; libssl's client certificate callback chooses; a digest is refused; no agent is a clear error.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
types=(rsa2048 p256 p384 ed25519)

rig_begin
[ -e "$BUILD/lib/engines-3/keystay.so" ] || skip "this build has no engine"
ca_make
token_make corp
id=10
for type in "${types[@]}"; do
	key_make corp "$type" "$type" $((id += 1))
	certificate_make "$type"
done
server_start_nginx server "ssl_trusted_certificate $T/ca/intermediate.pem;"
agent_start
unlock corp >/dev/null
export OPENSSL_ENGINES=$BUILD/lib/engines-3

# engine_fetch KEY [curl option...]
engine_fetch() {
	local key=$1
	shift
	env "${RIG_PRELOAD[@]}" curl --silent --show-error --cacert "$T/ca/root.pem" --engine keystay --key-type ENG --key "$key" \
		"$@" "https://localhost:$port/"
}

for type in "${types[@]}"; do
	keystay cert "$type" --no-key -o "$T/$type.chain.pem"
	for version in 1.3 1.2; do
		run engine_fetch "$type" --cert-type ENG --cert "$type" "--tlsv$version" --tls-max "$version"
		expect_status 0 "$type signs in TLS $version, certificate by name"
		expect_out "protocol=TLSv$version verified=SUCCESS client=CN=$type" "the server sees $type"
		run engine_fetch "keystay:$type" --cert "$T/$type.chain.pem" "--tlsv$version" --tls-max "$version"
		expect_status 0 "$type signs in TLS $version, certificate from a file"
	done
done

# The engine chooses for libssl: by the server's CA names, the kind of key, purpose and validity.
key_make corp p256 server-only 40
certificate_issue intermediate server "$T/server-only.pub" "/O=Example/CN=server-only" "$T/certs/server-only.pem"
keystay reload >/dev/null
run env "${RIG_PRELOAD[@]}" timeout "$DEADLINE_S" openssl s_client -connect "localhost:$port" -CAfile "$T/ca/root.pem" \
	-verify_return_error -ssl_client_engine keystay -quiet <<<$'GET / HTTP/1.0\r\nHost: localhost\r\n\r'
expect_out "verified=SUCCESS client=CN=" "s_client sends a certificate that the engine chose"
case $(cat "$T/out") in
*CN=server-only*) fail "it chose a certificate that is not for clients" ;;
esac
ok "it chose one for clients"

# Only whole handshakes: a digest has no meaning that could be checked.
head -c 32 /dev/zero >"$T/digest"
run env "${RIG_PRELOAD[@]}" openssl pkeyutl -engine keystay -keyform engine -inkey p256 -sign -in "$T/digest" \
	-out "$T/signature"
expect_fail "a digest is not signed"
expect_err "keystay signs only TLS handshakes; this program handed over a digest" "it says why"
printf 'hello' >"$T/text"
run env "${RIG_PRELOAD[@]}" openssl pkeyutl -engine keystay -keyform engine -inkey ed25519 -sign -rawin -in "$T/text" \
	-out "$T/signature"
expect_fail "a text is not signed"
expect_err "signs only TLS client authentication" "the agent says why"

# What the agent says reaches the program's own words.
run engine_fetch nobody --cert "$T/p256.chain.pem"
expect_fail "a key that nobody knows"
keystay lock >/dev/null
run engine_fetch p256 --cert "$T/p256.chain.pem"
expect_status 35 "a locked token fails the handshake"
expect_err ':keystay::token "corp" is locked; run: keystay unlock corp' "curl prints the agent's next step"
agent_stop
run engine_fetch p256 --cert "$T/p256.chain.pem"
expect_status 58 "without an agent the key cannot be loaded"
agent_start
unlock corp >/dev/null
run engine_fetch p256 --cert "$T/p256.chain.pem"
expect_status 0 "with the agent back it works again"
