#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# `keystay enroll` and `keystay renew` by EST, as a person has them: a key gets its first certificate with a password, after a
# CA that had to think; renewals show the certificate that is there, though the key's rules do not name the CA's server.
# What a CA sends that is not of this key, or not of a CA that it named, is never used.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_est.sh"
. "$RIG_FOLDER/rig_enrol.sh"
ca_make
token_make corp
key_make corp p256 alice 01
est_start
chmod 600 "$T/est.secret"

# configure [LABEL] [LINE...]: the profile, with these lines in it.
configure() {
	local label=${1:-}
	[ $# -eq 0 ] || shift
	agent_configure '[profile "corp"]' 'protocol = est' "url = $est_url" "tls-ca = $T/ca/root.pem" \
		'subject = /O=Example/CN=alice' 'san = dns:alice.example' 'user = device' "secret-file = $T/est.secret" \
		${label:+"label = $label"} "$@" \
		'[key "alice"]' 'match = pkcs11:token=corp;object=alice' 'servers = www.example' "server-ca = $T/ca/root.pem" \
		'profile = corp'
}

# manner [LABEL] [LINE...]: the same from now on.
manner() {
	configure "$@"
	keystay reload >/dev/null
}

# public_key_of NAME: of the certificate that the agent shows.
public_key_of() {
	keystay cert "$1" --no-key | openssl x509 -noout -pubkey
}

configure soon
agent_start
unlock corp >/dev/null

# --- the first one ---------------------------------------------------------------------------------------------------

run keystay enroll alice
expect_status 4 "the CA has not decided"
est_requests >"$T/out"
expect_out "POST simpleenroll soon user=device cert=None 202" "the CA has not decided"
signed=$(signatures_of corp)
is_renewed() {
	keystay renew alice >"$T/renewed" 2>&1 && keystay cert alice --no-key >/dev/null 2>&1
}
est_requests >/dev/null
wait_until "the same request again" is_renewed
grep POST "$EST_LOG" >"$T/out"
expect_out "POST simpleenroll soon user=device cert=None 200" "the very same request, when the CA said"
expect_equal "$(signatures_of corp)" "$signed" "nothing was signed for that"
manner
first=$(serial_of alice)
expect_equal "$(public_key_of alice)" "$(cat "$T/alice.pub")" "the key on the token has a certificate"
keystay cert alice --no-key >"$T/out"
expect_equal "$(grep -c BEGIN "$T/out")" 2 "and shows it with the CA's intermediate, which only /cacerts had"

# --- renewed ---------------------------------------------------------------------------------------------------------

est_requests >/dev/null
run keystay renew alice
expect_status 0 "a renewal that is not due"
expect_equal "$(est_requests)" "" "asks nobody"
run keystay renew alice --force
expect_status 0 "a renewal"
expect_equal "$(est_requests)" "GET cacerts - user=None cert=None 200
POST simplereenroll - user=None cert=alice 200" "shows the certificate: the CA's server is one of its key's"
second=$(serial_of alice)
[ "$second" != "$first" ] || fail "it is the old certificate"
expect_equal "$(public_key_of alice)" "$(cat "$T/alice.pub")" "the new one is of the same key"

# Whoever signs in there can have another key certified: for programs the rules of the key hold.
keystay cert alice -o "$T/alice.pem"
signed=$(signatures_of corp)
run fetch "${est_url##*:}" "$T/alice.pem"
expect_fail "a program that signs in at the CA"
expect_err "is for the servers www.example; this one was proven to be localhost" "is refused by the key's rules"
expect_equal "$(signatures_of corp)" "$signed" "and nothing is signed"

# --- what must not be used -------------------------------------------------------------------------------------------

# useless LABEL TEXT SENTENCE: a renewal fails with TEXT, and the old certificate stays.
useless() {
	manner "$1"
	run keystay renew alice --force
	expect_status 1 "$3"
	expect_err "$2" "$3"
	expect_equal "$(serial_of alice)" "$second" "the old certificate stays: $3"
}
useless other-key 'key' "a certificate of another key"
useless other-ca 'CA' "a certificate of another CA"
useless pop 'tls-unique' "a server with a proof of its own"
useless redirect 'Redirects are not followed' "a redirect"
useless giant 'more than 256 KiB' "an answer without end"

# --- the secret ------------------------------------------------------------------------------------------------------

run keystay enroll alice --force --secret-fd 9 9<&-
expect_status 1 "a descriptor that is not open"
expect_err "descriptor 9 is not open" "is called that"
manner echo
run keystay enroll alice --force
expect_status 1 "a server that says what it was sent"
expect_err 'it says: "you sent Basic …, which is …"' "is quoted without that"
grep -q 'you sent Basic' "$STATE"/enrol/*.json || fail "the state does not know why it failed"
! grep -r -e s3cret -e "$(printf device:s3cret | base64)" "$STATE" || fail "the state has the password"
ok "nor is it in the state"
