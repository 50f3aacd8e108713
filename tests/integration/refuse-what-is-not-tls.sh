#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# openssl req, dgst, pkeyutl and cms with such a key end with a clear error and a normal exit code, never a crash, and
# make no signature: the agent signs TLS client authentication and nothing else.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
ca_make
token_make corp
id=10
for type in rsa2048 p256 ed25519; do
	key_make corp $type $type $((id += 1))
	certificate_make $type
done
agent_start
unlock corp >/dev/null
echo "transfer 1,000,000 to the bearer" >"$T/text"
openssl dgst -sha256 -binary <"$T/text" >"$T/digest"

# refused COMMAND...: and the reason is in OpenSSL's error text.
refused() {
	fails "$@"
	grep -q 'keystay.* signs only TLS' "$T/err" || fail "$type: openssl $2 does not say why: $(cat "$T/err")"
	ok "$type: openssl $2 ends with: $(grep -m 1 keystay "$T/err" | cut -d: -f 2-)"
}
# fails COMMAND...: by itself.
fails() {
	run client "$@"
	expect_fail "$type: openssl $2"
	[ -s "$T/err" ] || fail "$type: openssl $2 says nothing"
	! grep -qiE 'invalid pointer|double free|segmentation|sanitizer' "$T/err" || fail "$type: openssl $2 crashed"
}

for type in rsa2048 p256 ed25519; do
	keystay cert $type -o "$T/$type.pem"
	refused openssl req -new -key "$T/$type.pem" -subj /CN=mallory -out "$T/made"
	refused openssl x509 -new -key "$T/$type.pem" -subj /CN=mallory -out "$T/made"
	if [ $type = ed25519 ]; then
		# OpenSSL 3.0 itself signs neither CMS nor S/MIME with Ed25519.
		fails openssl cms -sign -in "$T/text" -signer "$T/$type.pem" -out "$T/made"
		fails openssl smime -sign -in "$T/text" -signer "$T/$type.pem" -out "$T/made"
		refused openssl pkeyutl -sign -rawin -inkey "$T/$type.pem" -in "$T/text" -out "$T/made"
	else
		refused openssl cms -sign -in "$T/text" -signer "$T/$type.pem" -out "$T/made"
		refused openssl smime -sign -in "$T/text" -signer "$T/$type.pem" -out "$T/made"
		refused openssl pkeyutl -sign -inkey "$T/$type.pem" -in "$T/digest" -out "$T/made"
		refused openssl dgst -sha256 -sign "$T/$type.pem" -out "$T/made" "$T/text"
	fi
	if [ $type = rsa2048 ]; then
		openssl pkeyutl -encrypt -certin -inkey "$T/certs/$type.pem" -in "$T/digest" -out "$T/sealed"
		fails openssl pkeyutl -decrypt -inkey "$T/$type.pem" -in "$T/sealed" -out "$T/made"
		ok "$type: there is no decryption: $(tail -n 1 "$T/err" | cut -d: -f 3-6)"
	fi
	run client openssl pkey -in "$T/$type.pem" -out "$T/made"
	expect_fail "$type: the private key cannot be written to a file"
	! grep -q 'PRIVATE KEY' "$T/made" || fail "$type: openssl pkey wrote a private key"
	ok "$type: the private key cannot be written to a file"
	run client openssl pkey -in "$T/$type.pem" -pubout
	expect_status 0 "$type: the public key can be had"
	cmp -s "$T/out" "$T/$type.pub" || fail "$type: the public key is another one"
	ok "$type: the public key can be had"
done
expect_equal "$(signatures_of corp)" 0 "the token made no signature"
