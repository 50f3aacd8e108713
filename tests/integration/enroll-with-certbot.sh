#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `protocol = exec` with docs/examples/exec/certbot.sh: certbot brings the request of a key on a token to an ACME CA
# (pebble), and the certificate comes back by its standard output: enrolled, renewed, and in use. What certbot says when it
# fails is told, and the old certificate stays.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=rig_pebble.sh
. "$RIG_FOLDER/rig_pebble.sh"
rig_begin
command -v certbot >/dev/null || skip "certbot is not installed"
[[ $T != *' '* ]] || skip "command = is split at spaces, and the path of this story's folder has one"
ca_make
pebble_start
token_make corp
key_make corp p256 alice 01
cp "$SOURCE_FOLDER/docs/examples/exec/certbot.sh" "$T/certbot.sh"

# configure OPTION...: of certbot. The names are taken for proven (rig_pebble.sh), so what would prove them does nothing.
configure() {
	agent_configure '[profile "acme"]' 'protocol = exec' 'san = dns:alice.corp.example' 'timeout = 1m' \
		"command = /usr/bin/env REQUESTS_CA_BUNDLE=$T/ca/root.pem $T/certbot.sh --server $pebble_url $*" \
		'[key "alice"]' 'match = pkcs11:token=corp;object=alice' 'profile = acme'
}
proof='--manual --manual-auth-hook /bin/true --preferred-challenges http'
configure --register-unsafely-without-email "$proof"
agent_start
unlock corp >/dev/null

run keystay enroll alice
expect_status 0 "keystay enroll with certbot"
keystay cert alice --no-key >"$T/chain.pem"
expect_equal "$(openssl x509 -in "$T/chain.pem" -noout -pubkey)" "$(cat "$T/alice.pub")" \
	"the certificate is of the key on the token"
expect_equal "$(openssl x509 -in "$T/chain.pem" -noout -ext subjectAltName | tail -n 1)" \
	"    DNS:alice.corp.example" "with the name that was asked for"
openssl x509 -in "$T/chain.pem" -noout -issuer | grep -q Pebble || fail "it is not of pebble"
expect_equal "$(grep -c 'BEGIN CERTIFICATE' "$T/chain.pem")" 2 "with pebble's intermediate"
[ -e "$HOME/.config/keystay-certbot/logs/letsencrypt.log" ] || fail "certbot's log is not where its example says"

before=$(openssl x509 -in "$T/chain.pem" -noout -serial)
run keystay renew alice --force
expect_status 0 "keystay renew with certbot"
[ "$(keystay cert alice --no-key | openssl x509 -noout -serial)" != "$before" ] || fail "nothing was renewed"
ok "and a renewal brings another one"

before=$(keystay cert alice --no-key | openssl x509 -noout -serial)
configure --no-such-option
keystay reload >/dev/null
run keystay renew alice --force
expect_fail "certbot with a wrong option"
expect_err "failed with exit code 2; it said:" "certbot's failure is told with its exit code"
expect_err "unrecognized arguments: --no-such-option" "and with its last words"
expect_equal "$(keystay cert alice --no-key | openssl x509 -noout -serial)" "$before" "the old certificate stays"
