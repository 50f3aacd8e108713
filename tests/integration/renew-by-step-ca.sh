#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A key on a token and smallstep's step-ca: `keystay renew` by POST /renew with the old certificate, and by POST /rekey for
# another key that is made on the token, both over mutual TLS that our own agent signs for. The first certificate is step's
# own; what step-ca refuses, and a certificate that has expired, are told.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=rig_stepca.sh
. "$RIG_FOLDER/rig_stepca.sh"
rig_begin
stepca_start -lifetime 5m -backdate 1m
ca_make
token_make corp
key_make corp p256 alice 01
key_make corp p256 bob 02
server_ca=$T/ca/root.pem

# configure [LINE...]: of the profile.
configure() {
	agent_configure '[profile "step"]' 'protocol = step-ca' "$@" \
		'[key "alice"]' 'match = pkcs11:token=corp;object=alice' 'profile = step' \
		'[key "bob"]' 'match = pkcs11:token=corp;object=bob' 'profile = step'
}
configure "url = $stepca_url" "tls-ca = $stepca_root"
agent_start
unlock corp >/dev/null

# reconfigure [LINE...]
reconfigure() {
	configure "$@"
	keystay reload >/dev/null
}

# import KEY REQUEST [LIFETIME]: a first certificate, where keystay keeps those that are renewed.
import() {
	mkdir -p "$XDG_STATE_HOME/keystay/certs"
	stepca_sign "$2" ${3:+"$3"} >"$XDG_STATE_HOME/keystay/certs/$1.pem"
	keystay reload >/dev/null
}

# leaf_of KEY FIELD: of the certificate that the agent shows.
leaf_of() {
	keystay cert "$1" --no-key | openssl x509 -noout "-$2"
}

# The first one takes a one-time token.
run keystay enroll alice --subject /CN=alice
expect_fail "a first certificate"
expect_err 'step-ca renews a certificate that holds, and that of key "alice" is not there yet' \
	"without a certificate it says what step-ca wants first"
expect_err 'step ca sign req.pem crt.pem; keystay token import alice' "and how to get it"
keystay csr alice --subject /CN=alice -o "$T/alice.csr"
import alice "$T/alice.csr"
expect_equal "$(stepca_requests POST /renew)" 0 "nothing was asked in vain"

# The same key.
before=$(leaf_of alice serial)
key=$(leaf_of alice pubkey)
run keystay renew alice --force
expect_status 0 "keystay renew by step-ca"
[ "$(leaf_of alice serial)" != "$before" ] || fail "the agent shows the old certificate: $(cat "$T/err")"
ok "the agent shows another certificate"
expect_equal "$(stepca_requests POST /renew)" 1 "by one request"
grep -q 'request POST /renew client=CN=alice' "$T/stepca.log" || fail "step-ca did not see the old certificate"
expect_equal "$(leaf_of alice pubkey)" "$key" "of the same key"
keystay cert alice --no-key >"$T/chain.pem"
openssl verify -purpose sslclient -CAfile "$stepca_root" -untrusted "$T/chain.pem" "$T/chain.pem" >"$T/verify" ||
	fail "the new chain does not verify: $(cat "$T/verify")"
ok "with a chain that verifies"
run keystay renew alice --force
expect_status 0 "the new one renews itself in turn"
expect_equal "$(stepca_requests POST /renew)" 2 "the new one renews itself in turn"

# Another key, signed for with the old one. Dates of certificates are whole seconds, and of two keys the newer counts.
begun=$(date +%s)
is_later() {
	[ "$(date +%s)" -gt "$begun" ]
}
wait_until "another second" is_later
before=$(leaf_of alice serial)
reconfigure "url = $stepca_url/" "tls-ca = $stepca_root" 'rekey = yes'
run keystay renew alice --force
expect_status 0 "keystay renew with rekey = yes"
expect_equal "$(stepca_requests POST /rekey)" 1 "step-ca rekeys, by one request"
[ "$(leaf_of alice serial)" != "$before" ] || fail "the agent shows the old certificate: $(cat "$T/err")"
[ "$(leaf_of alice pubkey)" != "$key" ] || fail "the key is the same"
ok "the agent shows a certificate of another key"
expect_equal "$(leaf_of alice subject)" "subject=CN = alice" "with the name of the old one"
reconfigure "url = $stepca_url" "tls-ca = $stepca_root"
run keystay renew alice --force
expect_status 0 "the new key renews in turn"
expect_equal "$(stepca_requests POST /renew)" 3 "the new key renews in turn"

# What does not work, and why; the old certificate stays.
before=$(leaf_of alice serial)
reconfigure "url = $stepca_url/nowhere/" "tls-ca = $stepca_root"
run keystay renew alice --force
expect_fail "a wrong url"
expect_err "step-ca $stepca_url/nowhere/renew answered 404" "a wrong url is told"
reconfigure "url = $stepca_url" "tls-ca = $server_ca"
run keystay renew alice --force
expect_fail "another CA"
expect_err "nothing was sent" "a server of another CA gets nothing"
expect_equal "$(stepca_requests POST /renew)" 3 "not even a request"
reconfigure "url = $stepca_url" "tls-ca = $stepca_root"
keystay csr bob --subject /CN=bob -o "$T/bob.csr"
import bob "$T/bob.csr" 2s
ends_at=$(date +%s --date "$(leaf_of bob enddate | cut -d= -f2)")
expired() {
	[ "$(date +%s)" -gt "$ends_at" ]
}
wait_until "the end of two seconds" expired
run keystay renew bob --force
expect_fail "an expired certificate"
expect_err 'that of key "bob" expired on 20' "a certificate that has expired renews nothing: it says so, and since when"
expect_equal "$(stepca_requests POST /renew)" 3 "without a request"
expect_equal "$(leaf_of alice serial)" "$before" "and what was there is there"
