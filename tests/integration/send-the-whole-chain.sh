#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The chain is put together from certs/ beside keystay.conf, by public key and issuer, whatever the files are called:
# leaf first, root left out. Without the intermediates the server, which trusts the root alone, refuses.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make corp
key_make corp p256 alice 01
# A second intermediate below the first.
key_make_file p256 "$T/ca/lower.key"
openssl pkey -in "$T/ca/lower.key" -pubout -out "$T/ca/lower.pub"
certificate_issue intermediate ca "$T/ca/lower.pub" "/O=Example/CN=Example Lower CA" "$T/ca/lower.pem"
certificate_issue lower client "$T/alice.pub" "/O=Example/CN=alice" "$T/certs/zz-leaf.pem"
# Several certificates in one file, the root among them, in no good order.
rm "$T/certs/intermediate.pem"
cat "$T/ca/root.pem" "$T/ca/intermediate.pem" "$T/ca/lower.pem" >"$T/certs/some-authorities.crt"
server_start_nginx nginx
agent_start
unlock corp >/dev/null

keystay cert alice -o "$T/alice.pem"
subjects=$(openssl crl2pkcs7 -nocrl -certfile "$T/alice.pem" | openssl pkcs7 -print_certs -noout |
	sed -n 's/^subject=O = Example, //p' | tr '\n' ';')
expect_equal "$subjects" "CN = alice;CN = Example Lower CA;CN = Example Issuing CA;" \
	"keystay cert writes leaf and both intermediates, and no root"
for version in 1.3 1.2; do
	run fetch "$port" "$T/alice.pem" --tls-max $version
	expect_status 0 "the server accepts the chain over TLS $version"
	expect_out "verified=SUCCESS client=CN=alice,O=Example issuer=CN=Example Lower CA" \
		"the server could verify the chain over TLS $version"
done

rm "$T/certs/some-authorities.crt"
keystay reload >/dev/null
keystay cert alice -o "$T/alice.pem"
run fetch "$port" "$T/alice.pem"
expect_out "400 The SSL certificate error" "without the intermediates the server refuses"
