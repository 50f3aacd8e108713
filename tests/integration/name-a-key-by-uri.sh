#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay:NAME where OpenSSL takes URIs: the key, its certificate and the whole chain, for openssl's own commands and for
# a TLS handshake that names nothing but the URI; and for a curl that is new enough (KEYSTAY_TEST_CURL names another).

CURL=${KEYSTAY_TEST_CURL:-curl}
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice
server_start_openssl server
cat "$T/certs/alice.pem" "$T/ca/intermediate.pem" >"$T/chain.pem"

# blocks FILE: its PEM blocks without what stands around them.
blocks() {
	sed -n '/^-----BEGIN/,/^-----END/p' "$1"
}

run client openssl storeutl -noout keystay:alice
expect_status 0 "a store of openssl's opens it"
expect_out "Total found: 3" "it holds a key, its certificate and the issuer's"
run client openssl storeutl -certs keystay:alice
expect_status 0 "openssl storeutl -certs"
expect_out "Total found: 2" "its certificates alone are two"
blocks "$T/out" >"$T/blocks"
cmp -s "$T/blocks" "$T/chain.pem" || fail "the chain is another one: $(cat "$T/out")"
ok "they are the chain, leaf first"
run client openssl storeutl -keys -noout keystay:alice
expect_out "Total found: 1" "its keys alone are one"
run client openssl x509 -in keystay:alice -noout -subject
expect_status 0 "openssl x509"
expect_out "CN = alice" "openssl x509 reads the leaf"
run client openssl pkey -in keystay:alice -pubout
expect_status 0 "openssl pkey"
cmp -s "$T/out" "$T/alice.pub" || fail "the public key is another one"
ok "openssl pkey reads the key"
run client openssl storeutl -crls keystay:alice
expect_err "keystay: URIs give keys and certificates, nothing else" "there are no revocation lists in it"
run client openssl x509 -in keystay:nobody -noout
expect_fail "a key that nobody knows"
expect_err 'no key is called "nobody"' "it says that nobody is not known"

for version in 1_3 1_2; do
	run client timeout "$DEADLINE_S" openssl s_client -connect "localhost:$port" "-tls$version" -CAfile "$T/ca/root.pem" \
		-verify_return_error -cert keystay:alice -cert_chain keystay:alice -key keystay:alice -ign_eof \
		<<<$'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n'
	expect_status 0 "s_client with nothing but the URI over TLS ${version/_/.}"
	expect_out "Subject: O=Example, CN=alice" "the server sees alice over TLS ${version/_/.}"
done

# curl_fetch VERSION OPTION...: a curl without any configuration of OpenSSL's.
curl_fetch() {
	env "${RIG_PRELOAD[@]}" OPENSSL_MODULES="$BUILD/lib/ossl-modules" "$CURL" -q --silent --show-error \
		--max-time "$DEADLINE_S" --cacert "$T/ca/root.pem" "--tlsv$1" --tls-max "$1" --engine keystay --key-type PROV \
		--key keystay:alice "${@:2}" "https://localhost:$port/"
}
number=$("$CURL" --version | head -n 1 | cut -d' ' -f2)
if [ "$(printf '%s\n' 8.12 "$number" | sort -V | head -n 1)" = 8.12 ]; then
	# curl sends the leaf of a URI alone, so this server knows the issuer; and takes what follows a colon for a password.
	server_start_nginx nginx "ssl_trusted_certificate $T/ca/intermediate.pem;"
	for version in 1.3 1.2; do
		for certificate in "$T/alice.pem" 'keystay\:alice'; do
			run curl_fetch $version --cert-type "$([ -e "$certificate" ] && echo PEM || echo PROV)" --cert "$certificate"
			expect_status 0 "curl --key-type PROV"
			expect_out "protocol=TLSv$version verified=SUCCESS client=CN=alice" \
				"the server sees alice with curl's --cert ${certificate##*/} over TLS $version"
		done
	done
else
	skip_part "curl $number is older than 8.12, whose --key-type PROV takes URIs"
fi

# A key without a certificate: its URI gives the key, and says what is missing.
agent_stop
key_make corp p256 bare 02
agent_start
unlock corp >/dev/null
run client openssl storeutl -noout keystay:bare
expect_out "Total found: 1" "a key without a certificate is a key"
run client openssl x509 -in keystay:bare -noout
expect_fail "the certificate of a key that has none"
expect_err 'key "bare" has no certificate yet; see: keystay show bare' "it says that there is none"
