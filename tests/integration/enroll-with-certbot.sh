#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `protocol = exec` with docs/examples/exec/certbot.sh: certbot brings the request of a key on a token to an ACME CA
# (pebble), and the certificate comes back by its standard output. What certbot says when it fails is told.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=rig_pebble.sh
. "$RIG_FOLDER/rig_pebble.sh"
rig_begin
command -v certbot >/dev/null || skip "certbot is not installed"
[[ $T != *' '* ]] || skip "command = is split at spaces, and the path of this story's folder has one"
TRY=$BUILD/try/enrol-try
ca_make
pebble_start
token_make corp
key_make corp p256 alice 01
agent_start
unlock corp >/dev/null
keystay csr alice --san dns:alice.corp.example -o "$T/alice.csr"
openssl req -in "$T/alice.csr" -outform DER -out "$T/alice.der"
cp "$SOURCE_FOLDER/docs/examples/exec/certbot.sh" "$T/certbot.sh"

# enrol OPTION...: of certbot; certificates in $T/got-certificates.pem.
enrol() {
	rm -f "$T"/got-*
	run "$TRY" enrol protocol=exec key=alice csr="$T/alice.der" out="$T/got" timeout-ms=60000 \
		command="/usr/bin/env REQUESTS_CA_BUNDLE=$T/ca/root.pem $T/certbot.sh --server $pebble_url $*"
}

enrol --register-unsafely-without-email --manual --manual-auth-hook /bin/true --preferred-challenges http
expect_status 0 "certbot"
expect_err "issued: 2 certificates" "certbot's chain is read"
expect_equal "$(openssl x509 -in "$T/got-certificates.pem" -noout -pubkey)" "$(cat "$T/alice.pub")" \
	"the certificate is of the key on the token"
expect_equal "$(openssl x509 -in "$T/got-certificates.pem" -noout -ext subjectAltName | tail -n 1)" \
	"    DNS:alice.corp.example" "with the name that was asked for"
openssl x509 -in "$T/got-certificates.pem" -noout -issuer | grep -q Pebble || fail "it is not of pebble"
ok "and of pebble"
ls "$HOME/.config/keystay-certbot/logs" >/dev/null || fail "certbot's logs are not where they are said to be"
enrol --register-unsafely-without-email --manual --manual-auth-hook /bin/true --preferred-challenges http
expect_err "issued: 2 certificates" "and again, as for a renewal"

enrol --register-unsafely-without-email --no-such-option
expect_status 1 "certbot with a wrong option"
expect_err "failed with exit code 2; it said:" "certbot's failure is told with its exit code"
expect_err "unrecognized arguments: --no-such-option" "and with its last words"
