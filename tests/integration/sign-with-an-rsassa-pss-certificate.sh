#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A certificate of type RSASSA-PSS on an RSA key of the token: the identity says so, signs rsa_pss_pss_sha256 and
# nothing else.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make corp
key_make corp rsa2048 alice 01
"$PYTHON" "$RIG_FOLDER/public_key.py" --rsassa-pss "$T/alice.pub" >"$T/alice-pss.pub"
certificate_issue intermediate client "$T/alice-pss.pub" "/O=Example/CN=alice" "$T/certs/alice.pem"
openssl x509 -in "$T/certs/alice.pem" -noout -text | grep -q 'Public Key Algorithm: rsassaPss' ||
	fail "the certificate is not of type RSASSA-PSS"
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"

run keystay show alice
expect_out "RSA-PSS-2048" "keystay show names the type"
server_start_nginx nginx
for version in 1.3 1.2; do
	run fetch "$port" "$T/alice.pem" "--tlsv$version" --tls-max "$version"
	expect_status 0 "the handshake of TLS $version"
	expect_out "protocol=TLSv$version verified=SUCCESS client=CN=alice" "nginx sees alice over TLS $version"
done
for version in 1.3 1.2; do
	server_start_openssl "pss-$version" "-tls${version/./_}" -client_sigalgs rsa_pss_pss_sha256
	run fetch "$port" "$T/alice.pem"
	expect_status 0 "rsa_pss_pss_sha256 in TLS $version"
	expect_out "CN=alice" "rsa_pss_pss_sha256 in TLS $version"
done
server_start_openssl rsae -tls1_3 -client_sigalgs rsa_pss_rsae_sha256
run fetch "$port" "$T/alice.pem"
expect_fail "rsa_pss_rsae_sha256 does not fit this certificate"
ok "a server that wants rsa_pss_rsae alone gets no signature"
