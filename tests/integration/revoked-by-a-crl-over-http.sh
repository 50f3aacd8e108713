#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A certificate that names a revocation list: `keystay renew` gets it over HTTP, verifies and keeps it. A fresh list
# without the certificate says that it is good, which revocation = require takes; one with it stops its key. Lists of
# somebody else, of the past, or without an end count for nothing.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=rig_status.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/rig_status.sh"
status_alone "$@"
rig_begin
ca_make
status_begin
token_make corp
key_make corp p256 alice 01
status_issue listed alice
agent_configure '[key "alice"]' 'match = pkcs11:object=alice' 'revocation = require'
server_start_nginx server
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"
folder=$XDG_STATE_HOME/keystay/status
served=$said/served/issuing.crl

# serve [OPTION...]: a list as it is now, in DER.
serve() {
	ca_says -gencrl "$@" -out "$said/issuing.pem"
	openssl crl -in "$said/issuing.pem" -outform DER -out "$served"
}
refused() {
	run fetch "$port" "$T/alice.pem"
	expect_fail "$1"
}
signs() {
	run fetch "$port" "$T/alice.pem"
	expect_out "CN=alice" "$1"
}

refused "require: before there is a list nothing is signed"
ask
expect_status 1 "there is none"
expect_err "revocation list http://127.0.0.1:$front_port/issuing.crl" "and it says which"
serve
front_manner
ask
expect_status 0 "a list"
front_was_asked "file /issuing.crl" "is got once"
expect_equal "$(revocation_of alice)" good "she is not on it"
signs "so she signs"
front_manner
run keystay renew
front_was_asked "" "and it is not got again before half of its time is over"
kept=$(sha256sum <"$folder"/*.crl)

# --- what counts for nothing -----------------------------------------------------------------------------------------

cp "$served" "$T/first.crl"
openssl ca -config "$said/conf" -cert "$T/ca/root.pem" -keyfile "$T/ca/root.key" -gencrl -out "$said/other.pem" \
	2>/dev/null
openssl crl -in "$said/other.pem" -outform DER -out "$served"
ask
expect_status 1 "a list of another CA"
expect_err "it is not signed by the CA of the certificate" "counts for nothing"
printf 'no list' >"$served"
ask
expect_err "is no revocation list that can be read" "nor does what is none"
serve -crl_lastupdate 20200101000000Z -crl_nextupdate 20200102000000Z
ask
expect_err "it has expired" "nor an old one"
front_manner pour
ask
expect_err "answered with more than 4096 KiB" "nor one without an end"
front_manner
expect_equal "$(sha256sum <"$folder"/*.crl)" "$kept" "the good one stays"
signs "and she signs"
cp "$said/issuing.pem" "$said/outdated.pem"

# --- revoked ---------------------------------------------------------------------------------------------------------

ca_says -revoke "$T/certs/alice.pem"
serve
cp "$said/issuing.pem" "$served" # PEM, from a server that does not know better
ask
expect_status 0 "the list is got again"
expect_equal "$(revocation_of alice)" revoked "she is on it"
refused "and signs nothing"
expect_err 'key "alice": its certificate was revoked on 20' "it says why"
cp "$T/first.crl" "$served"
ask
expect_equal "$(revocation_of alice)" revoked "the list of before replaces no newer one"

# --- another certificate ---------------------------------------------------------------------------------------------

mv "$T/certs/alice.pem" "$T/certs/revoked.pem"
status_issue listed alice
keystay reload >/dev/null
unlock corp >/dev/null
rm "$T/alice.pem"
keystay cert alice -o "$T/alice.pem"
signs "another certificate of her key signs, the list is of it as well"
